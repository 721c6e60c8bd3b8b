"""What static checkers see of the face of the domain. Checked, never run."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, assert_type

from pydantic import BaseModel

from plugbus.capabilities import (
    BACKEND,
    EXECUTOR,
    IMAGE_SIZE,
    STORAGE,
    TRACKING,
    VISION,
    Action,
    ActionCall,
    ActionFailed,
    ActionPipeline,
    ActionRunner,
    Annotation,
    AsyncEventStream,
    Backend,
    BackendClient,
    BaseAction,
    BaseStep,
    BaseStepContext,
    ConversionPath,
    ConversionReport,
    Converter,
    ConverterOffer,
    ConverterRegistry,
    Custom,
    DataType,
    DataUnit,
    DropPolicy,
    EpochEnd,
    EventStream,
    Executor,
    ExecutorTraits,
    ImageItem,
    ItemStream,
    JobRecord,
    JsonCheckpointStore,
    LoggingStep,
    LossCount,
    MetricsRecorded,
    NoResult,
    Orchestrator,
    PipelineRun,
    PluginCapability,
    PluginEnvironment,
    PluginEvent,
    ProgressModel,
    ProgressSnapshot,
    RunContext,
    RunDirectory,
    RunEngine,
    RunResult,
    RunSpec,
    RunStatus,
    RunStore,
    RuntimeContext,
    RunTracking,
    Step,
    StepContribution,
    StepRegistry,
    StepResult,
    StepsSummary,
    Storage,
    StoredFile,
    TrackingBackend,
    TrackingClient,
    TypeOffer,
    TypeRegistry,
    WorkEvent,
    YOLODataset,
    action_names,
    convert,
    encode_event,
    find_action,
    params_schema,
    plugin_config,
    validate_params,
)
from plugbus.capabilities.testing import FakeTracking, FakeTrackingClient
from plugbus.kernel import Capability, CustomEvent, Event, EventBus, Kernel, PluginContext, ServiceLocator

if TYPE_CHECKING:
    from collections.abc import Mapping


class Params(BaseModel):
    epochs: int = 1


class Result(BaseModel):
    loss: float


class Train(BaseAction[Params]):
    action_name = "train"
    result_model = Result

    def execute(self) -> Result:
        assert_type(self.params, Params)
        assert_type(self.params.epochs, int)
        assert_type(self.ctx, RuntimeContext)
        assert_type(self.ctx.env.get_int("SIZE"), int)
        assert_type(self.ctx.env.get_str("NAME", default=None), str | None)
        assert_type(RuntimeContext(env={"SIZE": 3}).env, PluginEnvironment)
        assert_type(self.ctx.current_run, RunContext)
        self.set_progress(1, None, "train")
        self.set_metrics({"loss": 0.5}, step=1)
        self.log("loaded", {"rows": 3}, "rows.csv")
        self.logger.info("%d rows", 3)
        return Result(loss=0.5)


P = TypeVar("P", bound=BaseModel)


class Repeated(BaseAction[P], Generic[P]):
    result_model = NoResult

    def execute(self) -> P:
        return self.params


class RepeatedParams(Repeated[Params]):
    pass


def actions(services: ServiceLocator) -> None:
    assert_type(find_action(services, "digits.train"), type[BaseAction[Any]])
    assert_type(Action("digits.train"), Capability[type[BaseAction[Any]]])
    assert_type(action_names(services), tuple[str, ...])
    assert_type(validate_params(Train, {"epochs": 1}), BaseModel)
    assert_type(RepeatedParams(Params(), RuntimeContext()).execute(), Params)
    assert_type(Train(Params(), RuntimeContext()).params, Params)
    services.provide(Action("digits.train"), Train)
    services.provide(Action("digits.repeated"), RepeatedParams)


def executors(services: ServiceLocator, ctx: PluginContext, executor: Executor) -> None:
    assert_type(EXECUTOR, Capability[Executor])
    assert_type(services.get(EXECUTOR), Executor)
    assert_type(services.find(EXECUTOR), Executor | None)
    assert_type(services.all(EXECUTOR), tuple[Executor, ...])
    assert_type(ctx.get_service(EXECUTOR), Executor | None)
    assert_type(ctx.get(EXECUTOR), Executor)
    assert_type(executor.traits, ExecutorTraits)
    assert_type(executor.submit(ActionCall(Train, {"epochs": 1})), Future[Any])
    assert_type(executor.execute(Train, Params(), job_id="job"), Any)
    ctx.provide(EXECUTOR, executor)


def body(spec: RunSpec, /, *, context: RunContext) -> Mapping[str, float]:
    assert_type(context.tracking, RunTracking)
    assert_type(context.artifact_dir, Path)
    context.tracking.log_param("model.depth", 3)
    context.tracking.log_metric("loss", 0.5, step=1)
    return {"loss": 0.5}


def result_body(spec: RunSpec, /, *, context: RunContext) -> RunResult:
    return RunResult({"loss": 0.5}, RunStatus.SKIPPED, "nothing to do")


def runs(services: ServiceLocator, bus: EventBus, kernel: Kernel) -> None:
    assert_type(TRACKING, Capability[TrackingBackend])
    assert_type(services.get(TRACKING).create_client(), TrackingClient)
    store = RunStore("artifacts")
    engine = RunEngine(store, services.get(TRACKING), bus)
    assert_type(engine.run(RunSpec("digits"), body), RunResult)
    assert_type(engine.run(RunSpec("digits"), result_body).status, RunStatus)
    assert_type(ActionRunner(kernel, store).run("digits.train", Params()), RunResult)
    assert_type(store.latest("digits", "train"), RunDirectory)
    assert_type([one.run_id for one in store], list[str])
    # A fake is a tracking like any other.
    fake: TrackingBackend = FakeTracking()
    RunEngine(store, fake, bus)
    assert_type(FakeTracking().client, FakeTrackingClient)


def events(bus: EventBus) -> None:
    bus.subscribe(MetricsRecorded, lambda event: event.values.keys())
    bus.subscribe(ActionFailed, lambda event: event.error.with_traceback(None))
    bus.subscribe(WorkEvent, lambda event: event.job_id)
    assert_type(PluginEvent.EpochEnd(1, 0.5), EpochEnd)
    assert_type(PluginEvent.custom("mine", 3), CustomEvent)
    assert_type(encode_event(EpochEnd(1, 0.5)), dict[str, Any])


def labels() -> None:
    assert_type(VISION, Capability[object])
    assert_type(Backend("CUDA"), Capability[object])
    assert_type(Custom("mine"), Capability[object])
    assert_type(PluginCapability.Vision, Capability[object])
    assert_type(PluginCapability.Backend("CUDA"), Capability[object])
    assert_type(PluginCapability.parse("vision"), Capability[Any])


def configuration(ctx: PluginContext) -> None:
    assert_type(plugin_config(ctx, Params), Params)


def streams(bus: EventBus) -> None:
    with EventStream(bus, WorkEvent, drop=DropPolicy.NEWEST) as stream:
        assert_type(stream.get(timeout=1.0), Event | None)
        for event in stream:
            assert_type(event, Event)


async def async_streams(bus: EventBus) -> None:
    async with AsyncEventStream(bus) as stream:
        assert_type(await stream.get(), Event | None)
        async for event in stream:
            assert_type(event, Event)


class Shared(BaseStepContext):
    """What the steps below share."""


class Anywhere(BaseStep[BaseStepContext]):
    """A step of any workflow."""

    @property
    def name(self) -> str:
        return "anywhere"

    @property
    def progress_weight(self) -> float:
        return 1.0

    def execute(self, context: BaseStepContext) -> StepResult:
        return StepResult()


class Later(BaseStep[Shared]):
    """A step that is awaited."""

    @property
    def name(self) -> str:
        return "later"

    @property
    def progress_weight(self) -> float:
        return 1.0

    async def execute(self, context: Shared) -> StepResult:
        return StepResult()

    async def rollback(self, context: Shared, result: StepResult) -> None:
        assert_type(context, Shared)


async def workflows(context: Shared, services: ServiceLocator, ctx: PluginContext) -> None:
    registry = StepRegistry[Shared]()
    registry.register(Anywhere())
    registry.insert_after("anywhere", LoggingStep(Later()))
    assert_type(registry.get_steps(), list[BaseStep[Shared]])
    orchestrator = Orchestrator(registry, context, lambda current, total: None, checkpoints=JsonCheckpointStore("x"))
    assert_type(orchestrator, Orchestrator[Shared])
    assert_type(orchestrator.context, Shared)
    assert_type(orchestrator.execute()["steps_executed"], int)
    assert_type(await orchestrator.execute_async(), StepsSummary)
    assert_type(Anywhere().execute(context), StepResult)
    assert_type(Step("a.b"), Capability[StepContribution])
    assert_type(StepRegistry[Shared].from_services(services, "a.b", [Later()]), StepRegistry[Shared])
    StepRegistry[Shared].from_services(ctx, "a.b")
    ctx.provide(Step("a.b"), StepContribution(Later(), before="anywhere"))


def datasets(services: ServiceLocator, ctx: PluginContext) -> None:
    types = TypeRegistry(services)
    assert_type(types.get("yolo"), type[DataType])
    assert_type(types.find("yolo"), type[DataType] | None)
    assert_type(TypeOffer(YOLODataset), Capability[type[DataType]])
    ctx.provide(TypeOffer(YOLODataset), YOLODataset)
    assert_type(services.get(IMAGE_SIZE)(Path("x.png")), tuple[int, int])
    registry = ConverterRegistry(services, types=types)
    assert_type(registry.plan(YOLODataset, "coco"), ConversionPath)
    assert_type(ConverterOffer("x"), Capability[Converter])
    report = convert("x", YOLODataset, "coco", output="y", image_size=lambda path: (len(path.name), 1))
    assert_type(report, ConversionReport)
    assert_type(report.losses, tuple[LossCount, ...])
    with ItemStream(lambda: iter([ImageItem(name="x.png")])) as stream:
        for item in stream:
            assert_type(item.annotations, tuple[Annotation, ...])


def pipelines(pipeline: ActionPipeline) -> None:
    assert_type(pipeline.run({"epochs": 1}), PipelineRun)
    assert_type(pipeline.validate_initial_params(), list[str])
    assert_type(pipeline.edges, tuple[tuple[str, str], ...])


def records(services: ServiceLocator, ctx: RuntimeContext) -> None:
    assert_type(services.get(BACKEND), BackendClient)
    assert_type(ctx.current_backend.job("x"), JobRecord)
    for unit in ctx.current_backend.data_units(1):
        assert_type(unit, DataUnit)
    assert_type(services.get(STORAGE), Storage)
    assert_type(ctx.current_storage.put(Path("x"), "y"), StoredFile)
    model = ProgressModel({"train": 1.0})
    assert_type(model.snapshot(), ProgressSnapshot)
    assert_type(model.remaining(), float | None)


def forms(model: type[BaseModel]) -> None:
    assert_type(params_schema(model), dict[str, Any])
