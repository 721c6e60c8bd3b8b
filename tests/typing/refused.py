"""What static checkers refuse. Checked, never run.

Each fault is named for both checkers: mypy refuses an ignore whose fault is not there, and the test beside this file
compares pyright's faults, line by line, with the rules that are named after ``pyright:``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from plugbus.capabilities import (
    EXECUTOR,
    TRACKING,
    ActionCall,
    BaseAction,
    BaseStep,
    BaseStepContext,
    Executor,
    Orchestrator,
    RunContext,
    RunEngine,
    RunSpec,
    StepRegistry,
    StepResult,
)
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import Capability, CustomEvent, Event, EventBus, Kernel, PluginContext, PluginLoaded, ServiceLocator

if TYPE_CHECKING:
    from plugbus.capabilities import RunStore


class Store(ABC):
    @abstractmethod
    def read(self) -> bytes: ...


class DiskStore(Store):
    def read(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class Saved(Event):
    path: str


STORE: Capability[Store] = Capability("store", contract=Store)


class Params(BaseModel):
    epochs: int = 1


class Train(BaseAction[Params]):
    def execute(self) -> None:
        self.set_progress(self.params.epoch, 1)  # type: ignore[attr-defined] # pyright: reportAttributeAccessIssue
        self.set_metrics({"loss": "low"})  # type: ignore[dict-item] # pyright: reportArgumentType


class WrongParams(BaseAction[int]):  # type: ignore[type-var] # pyright: reportInvalidTypeArguments
    def execute(self) -> None: ...


def on_saved(event: Saved) -> None: ...


def on_nothing() -> None: ...


def services(locator: ServiceLocator) -> None:
    locator.get(STORE).write()  # type: ignore[attr-defined] # pyright: reportAttributeAccessIssue
    locator.find(STORE).read()  # type: ignore[union-attr] # pyright: reportOptionalMemberAccess
    locator.get("store").read()  # type: ignore[attr-defined] # pyright: reportAttributeAccessIssue
    number: int = locator.get(STORE)  # type: ignore[assignment] # pyright: reportAssignmentType
    store: Store = locator.get(EXECUTOR)  # type: ignore[assignment] # pyright: reportAssignmentType
    locator.get(3)  # type: ignore[call-overload] # pyright: reportCallIssue reportArgumentType
    locator.prefer(STORE, store)  # type: ignore[arg-type] # pyright: reportArgumentType
    locator.prefer(number, "")  # type: ignore[arg-type] # pyright: reportArgumentType


def capabilities() -> None:
    token: Capability[int] = STORE  # type: ignore[assignment] # pyright: reportAssignmentType
    Capability("a", contract=DiskStore())  # type: ignore[call-overload] # pyright: reportArgumentType
    Capability(token, "1.0.0")  # type: ignore[call-overload] # pyright: reportCallIssue


def bus(bus: EventBus) -> None:
    bus.subscribe(PluginLoaded, on_saved)  # type: ignore[arg-type] # pyright: reportCallIssue reportArgumentType
    bus.subscribe(Saved, on_nothing)  # type: ignore[arg-type] # pyright: reportCallIssue reportArgumentType
    bus.subscribe(Saved, lambda event: event.nothing)  # type: ignore[attr-defined] # pyright: reportAttributeAccessIssue
    bus.subscribe(int, print)  # type: ignore[type-var] # pyright: reportCallIssue reportArgumentType
    bus.publish("Saved")  # type: ignore[arg-type] # pyright: reportArgumentType
    bus.publish(Saved)  # type: ignore[arg-type] # pyright: reportArgumentType


def events(event: CustomEvent) -> None:
    Saved("a").path = "b"  # type: ignore[misc] # pyright: reportAttributeAccessIssue
    event.data.upper()  # type: ignore[attr-defined] # pyright: reportAttributeAccessIssue
    event.read(Saved).write()  # type: ignore[attr-defined] # pyright: reportAttributeAccessIssue


def context(ctx: PluginContext, executor: Executor) -> None:
    ctx.get_service(EXECUTOR).shutdown()  # type: ignore[union-attr] # pyright: reportOptionalMemberAccess
    ctx.provide(STORE, executor)  # type: ignore[misc] # pyright: reportArgumentType
    ctx.provide("store", executor)  # type: ignore[call-overload] # pyright: reportCallIssue reportArgumentType
    ctx.subscribe(PluginLoaded, on_saved)  # type: ignore[arg-type] # pyright: reportCallIssue reportArgumentType


def runs(store: RunStore, bus: EventBus) -> None:
    def wrong_form(spec: RunSpec) -> dict[str, int]:
        return {}

    def wrong_result(spec: RunSpec, /, *, context: RunContext) -> int:
        return 1

    engine = RunEngine(store, FakeTracking(), bus)
    engine.run(RunSpec("p"), wrong_form)  # type: ignore[arg-type] # pyright: reportArgumentType
    engine.run(RunSpec("p"), wrong_result)  # type: ignore[arg-type] # pyright: reportArgumentType
    RunEngine(store, bus, bus)  # type: ignore[arg-type] # pyright: reportArgumentType
    RunSpec("p").seed = 3  # type: ignore[misc] # pyright: reportAttributeAccessIssue
    ActionCall(Params)  # type: ignore[arg-type] # pyright: reportArgumentType
    Kernel().services.get(TRACKING).start_run()  # type: ignore[attr-defined] # pyright: reportAttributeAccessIssue


class Shared(BaseStepContext):
    """What the steps below share."""


class Narrow(BaseStep[Shared]):
    @property
    def name(self) -> str:
        return "narrow"

    @property
    def progress_weight(self) -> float:
        return 1.0

    def execute(self, context: Shared) -> StepResult:
        return StepResult()


class WrongResult(Narrow):
    def execute(self, context: Shared) -> bool:  # type: ignore[override] # pyright: reportIncompatibleMethodOverride
        return True


def workflows(context: BaseStepContext) -> None:
    StepRegistry[BaseStepContext]().register(Narrow())  # type: ignore[arg-type] # pyright: reportArgumentType
    Orchestrator(StepRegistry[Shared](), context)  # type: ignore[misc] # pyright: reportArgumentType
    StepRegistry[int]()  # type: ignore[type-var] # pyright: reportInvalidTypeArguments
    Narrow().rollback(Shared())  # type: ignore[call-arg] # pyright: reportCallIssue
