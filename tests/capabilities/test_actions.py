"""Actions: where their models come from, what is accepted as parameters and result, and what a run publishes."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import weakref
from dataclasses import FrozenInstanceError, replace
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field

from plugbus.capabilities import (
    ACTION,
    Action,
    ActionCall,
    ActionCancelled,
    ActionCompleted,
    ActionDefinitionError,
    ActionFailed,
    ActionNotFoundError,
    ActionPolicyError,
    ActionStarted,
    ActionTimeoutError,
    BaseAction,
    EventLogged,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    NoResult,
    ParamsError,
    ProgressReported,
    ResultError,
    RuntimeContext,
    action_names,
    find_action,
    validate_params,
    validate_result,
)
from plugbus.capabilities.enums import PluginCategory
from plugbus.kernel import AmbiguousServiceError, Capability, ContractError, Event, ServiceLocator


class Params(BaseModel):
    size: int = 1
    name: str = "x"


class OtherParams(BaseModel):
    size: str


class Result(BaseModel):
    loss: float
    steps: int = 0


P = TypeVar("P", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)


class SizeAction(BaseAction[Params]):
    action_name = "size"

    def execute(self) -> int:
        return self.params.size


def model_of(action: Any) -> object:
    """Return the model; static checkers do not know what a class gave for its type variable."""
    return action.params_model


def run(call: ActionCall) -> tuple[Any, list[Event]]:
    events: list[Event] = []
    return call.run_here(events.append), events


class Later(BaseModel):
    depth: int = 1


class Holder:
    class Inner(BaseModel):
        pass


def forward(name: str) -> type[BaseAction[Any]]:
    base: Any = BaseAction

    class Forward(base[name]):  # type: ignore[misc] # a name that is known when it runs
        action_name = "forward"

        def execute(self) -> None: ...

    return Forward


class TestLoggerOfABareCall:
    class Logging(BaseAction[Params]):
        def execute(self) -> int:
            self.logger.info("size %d", self.params.size)
            return self.params.size

    def test_says_nothing_where_nobody_hears(self) -> None:
        assert ActionCall(self.Logging, {"size": 3}).run_here() == 3

    def test_reaches_those_who_hear(self) -> None:
        ActionCall(self.Logging, {"size": 3}).run_here()  # what nobody heard is not kept for those who come later
        result, events = run(ActionCall(self.Logging, {"size": 4}))
        assert result == 4
        assert [one.message for one in events if isinstance(one, MessageLogged)] == ["size 4"]


class TestWhatAClassSaysOfItself:
    def test_category_is_open_by_default(self) -> None:
        assert SizeAction.category is None

    @pytest.mark.parametrize("given", [PluginCategory.NEURAL_NET, "neural_net"])
    def test_category_is_one_of_the_kinds(self, given: Any) -> None:
        class Train(SizeAction):
            category = given

        assert Train.category is PluginCategory.NEURAL_NET

    @pytest.mark.parametrize(
        ("given", "tail"), [("neural-net", "did you mean 'neural_net'"), ("zzz", "there are neural_net, export")]
    )
    def test_category_that_is_unknown_is_refused_with_the_class(self, given: Any, tail: str) -> None:
        with pytest.raises(ActionDefinitionError, match=tail):

            class Train(SizeAction):
                category = given

    def test_policy_is_one(self) -> None:
        seconds: Any = 3
        with pytest.raises(ActionDefinitionError, match="its policy 3 is no ActionPolicy"):

            class Timed(SizeAction):
                policy = seconds


class TestParamsModel:
    def test_comes_from_the_generic_parameter(self) -> None:
        assert model_of(SizeAction) is Params

    def test_is_inherited(self) -> None:
        class Derived(SizeAction):
            pass

        assert model_of(Derived) is Params

    def test_named_by_the_class_wins_over_the_generic_parameter(self) -> None:
        class Named(BaseAction[BaseModel]):
            params_model = Params

            def execute(self) -> None: ...

        assert model_of(Named) is Params

    def test_of_a_subclass_replaces_the_inherited_one(self) -> None:
        class Replaced(SizeAction):
            params_model = OtherParams  # type: ignore[assignment] # what an author may do all the same

        assert model_of(Replaced) is OtherParams
        assert model_of(SizeAction) is Params

    def test_is_found_through_a_generic_base(self) -> None:
        class Middle(BaseAction[P]):
            def execute(self) -> P:
                return self.params

        class Inner(Middle[P]):
            pass

        class Real(Inner[Params]):
            pass

        assert model_of(Real) is Params
        assert not hasattr(Middle, "params_model")
        assert not hasattr(Inner, "params_model")

    def test_is_told_from_other_parameters_of_a_generic_base(self) -> None:
        class Middle(BaseAction[P], Generic[R, P]):
            def execute(self) -> None: ...

        class Real(Middle[Result, Params]):
            pass

        assert model_of(Real) is Params

    def test_that_a_generic_base_fixed_is_not_replaced_by_its_other_parameter(self) -> None:
        class Middle(BaseAction[Params], Generic[R]):
            def execute(self) -> None: ...

        class Real(Middle[Result]):
            pass

        assert model_of(Real) is Params

    def test_is_found_beside_a_plain_mixin(self) -> None:
        class Mixin:
            pass

        class Real(Mixin, BaseAction[Params]):
            def execute(self) -> None: ...

        assert model_of(Real) is Params

    def test_is_found_beside_a_generic_mixin(self) -> None:
        class Mixin(Generic[R]):
            pass

        class Real(Mixin[Result], BaseAction[Params]):
            def execute(self) -> None: ...

        assert model_of(Real) is Params

    def test_is_found_beside_a_mixin_that_is_subscribed_too(self) -> None:
        class Real(os.PathLike[str], BaseAction[Params]):
            def __fspath__(self) -> str:
                return "."

            def execute(self) -> None: ...

        assert model_of(Real) is Params

    @pytest.mark.parametrize("name", [None, "plugin.bare"])
    def test_that_is_missing_is_named_when_it_is_needed(self, name: str | None) -> None:
        class Bare(BaseAction):  # type: ignore[type-arg] # what a beginner writes
            action_name = "bare"

            def execute(self) -> None: ...

        with pytest.raises(ActionDefinitionError) as caught:
            validate_params(Bare, {}, name=name)
        assert caught.value.action == (name or "bare")
        assert str(caught.value) == (
            f"cannot use action '{name or 'bare'}': it has no parameter model; "
            "write BaseAction[YourParams], or set params_model"
        )

    def test_given_as_text_is_found_in_the_module(self) -> None:
        class Forward(BaseAction["Later"]):
            def execute(self) -> None: ...

        assert validate_params(Forward, {}) == Later()
        assert model_of(Forward) is Later
        assert Forward.__dict__["params_model"] is Later, "it was looked up once"

    def test_given_as_text_is_found_in_the_class_first(self) -> None:
        class Own(BaseAction["Params"]):
            class Params(BaseModel):
                own: int = 3

            def execute(self) -> None: ...

        assert model_of(Own) is Own.Params

    def test_given_as_text_with_dots_is_found_inside(self) -> None:
        class Dotted(BaseAction["Holder.Inner"]):
            def execute(self) -> None: ...

        assert model_of(Dotted) is Holder.Inner

    def test_given_as_text_is_inherited(self) -> None:
        class Forward(BaseAction["Later"]):
            def execute(self) -> None: ...

        class Derived(Forward):
            pass

        assert model_of(Derived) is Later
        assert "params_model" not in Derived.__dict__

    def test_given_as_text_to_a_generic_base_is_found(self) -> None:
        class Middle(BaseAction[P]):
            def execute(self) -> None: ...

        class Forward(Middle["Later"]):
            pass

        assert model_of(Forward) is Later

    @pytest.mark.parametrize(
        ("make", "why"),
        [
            (lambda: forward("Nowhere"), "its parameter model 'Nowhere' is not there; define it in module"),
            (lambda: forward("Holder.Nowhere"), "its parameter model 'Holder.Nowhere' is not there"),
            (lambda: forward("copy"), "which is no pydantic model"),
            (lambda: forward("dict[str, int]"), "is not there"),
        ],
    )
    def test_given_as_text_that_names_none_is_refused_when_it_is_needed(self, make: Any, why: str) -> None:
        action = make()
        for _ in range(2):
            with pytest.raises(ActionDefinitionError, match=why.replace("[", r"\[")) as caught:
                validate_params(action, {})
            assert caught.value.action == "forward"

    @pytest.mark.parametrize("wrong", [int, dict[str, int], Params | None])
    def test_that_is_no_model_is_refused_with_the_class(self, wrong: Any) -> None:
        with pytest.raises(ActionDefinitionError, match=r"Wrong': its parameter model .* is no pydantic model"):

            class Wrong(BaseAction[wrong]):
                def execute(self) -> None: ...

    def test_beside_another_type_is_refused_with_the_class(self) -> None:
        base: Any = BaseAction
        with pytest.raises(ActionDefinitionError, match="takes the parameter model alone, not 2 types"):

            class Wrong(base[Params, Result]):  # type: ignore[misc] # that is the fault
                def execute(self) -> None: ...

    def test_of_an_action_that_went_away_is_not_kept_alive(self) -> None:
        def make() -> weakref.ref[type[BaseModel]]:
            class Passing(BaseModel):
                pass

            class PassingAction(BaseAction[Passing]):
                def execute(self) -> None: ...

            return weakref.ref(Passing)

        gone = make()
        gc.collect()
        assert gone() is None


class TestParams:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"size": "3"}, Params(size=3)),
            ({}, Params()),
            (None, Params()),
            (OtherParams(size="4"), Params(size=4)),
        ],
    )
    def test_become_an_object_of_the_model(self, given: Any, expected: Params) -> None:
        assert validate_params(SizeAction, given) == expected

    def test_that_are_an_object_of_the_model_are_taken_as_they_are(self) -> None:
        given = Params(size=2)
        assert validate_params(SizeAction, given) is given

    def test_of_another_model_are_taken_by_their_values(self) -> None:
        class Inner(BaseModel):
            rate: float

        class Wanted(BaseModel):
            inner: Inner

        class WantedAction(BaseAction[Wanted]):
            def execute(self) -> None: ...

        class OtherInner(BaseModel):
            rate: int

        class Given(BaseModel):
            inner: OtherInner

        given = Given(inner=OtherInner(rate=2))
        assert validate_params(WantedAction, given) == Wanted(inner=Inner(rate=2.0))

    def test_are_refused_with_every_fault_at_its_path(self) -> None:
        class Inner(BaseModel):
            rate: float

        class Nested(BaseModel):
            inner: Inner
            sizes: list[int]

        class NestedAction(BaseAction[Nested]):
            def execute(self) -> None: ...

        with pytest.raises(ParamsError) as caught:
            validate_params(NestedAction, {"inner": {"rate": "fast"}, "sizes": [1, "two"]}, name="plugin.nested")
        assert caught.value.action == "plugin.nested"
        assert [path for path, _ in caught.value.faults] == ["inner.rate", "sizes.1"]
        assert str(caught.value).startswith("cannot run action 'plugin.nested': inner.rate: Input should be")
        assert "; sizes.1: Input should be" in str(caught.value)

    def test_fault_of_the_whole_has_no_path(self) -> None:
        assert str(ParamsError("a", (("", "too odd"),))) == "cannot run action 'a': too odd"


class LossAction(BaseAction[Params]):
    result_model = Result
    returned: ClassVar[Any] = None

    def execute(self) -> Any:
        return type(self).returned


class TestResult:
    def test_is_free_without_a_model(self) -> None:
        assert SizeAction.result_model is NoResult
        anything = object()
        assert validate_result(SizeAction, anything) is anything

    def test_that_is_a_mapping_becomes_an_object_of_the_model(self) -> None:
        assert validate_result(LossAction, {"loss": "0.5"}) == Result(loss=0.5)

    def test_that_is_an_object_of_the_model_is_returned_itself(self) -> None:
        result = Result(loss=1.0)
        assert validate_result(LossAction, result) is result

    def test_of_a_subclass_with_further_fields_fits_a_model_that_forbids_others(self) -> None:
        class Strict(BaseModel):
            model_config = ConfigDict(extra="forbid")
            loss: float

        class Wider(Strict):
            accuracy: float

        class StrictAction(BaseAction[Params]):
            result_model = Strict

            def execute(self) -> None: ...

        result = Wider(loss=1.0, accuracy=0.5)
        assert validate_result(StrictAction, result) is result

    def test_whose_fields_have_other_names_outside_is_accepted(self) -> None:
        class Renamed(BaseModel):
            loss: float = Field(alias="Loss")
            steps: int = Field(validation_alias=AliasChoices(AliasPath("a", "b"), "Steps", "n"))

        class RenamedAction(BaseAction[Params]):
            result_model = Renamed

            def execute(self) -> None: ...

        result: Any = Renamed.model_validate({"Loss": 1.0, "Steps": 2})
        assert validate_result(RenamedAction, result) is result
        result.steps = "many"
        with pytest.raises(ResultError) as caught:
            validate_result(RenamedAction, result)
        assert [path for path, _ in caught.value.faults] == ["steps"]

    def test_whose_fields_are_read_by_a_path_is_accepted(self) -> None:
        class Deep(BaseModel):
            loss: float = Field(validation_alias=AliasPath("metrics", "loss"))

        class DeepAction(BaseAction[Params]):
            result_model = Deep

            def execute(self) -> None: ...

        result: Any = Deep.model_validate({"metrics": {"loss": 1.0}})
        assert validate_result(DeepAction, result) is result
        result.loss = "low"
        with pytest.raises(ResultError, match="loss: Input should be a valid number"):
            validate_result(DeepAction, result)

    def test_that_was_changed_to_what_does_not_fit_is_refused(self) -> None:
        result = Result(loss=1.0)
        result.loss = "low"  # type: ignore[assignment] # that is the fault
        with pytest.raises(ResultError) as caught:
            validate_result(LossAction, result, name="plugin.loss")
        assert caught.value.result is result
        assert caught.value.action == "plugin.loss"
        assert caught.value.expected == "Result"
        assert [path for path, _ in caught.value.faults] == ["loss"]

    def test_that_was_made_without_validation_is_looked_at(self) -> None:
        made = Result.model_construct(steps=3)
        with pytest.raises(ResultError, match="loss: Field required"):
            validate_result(LossAction, made)

    @pytest.mark.parametrize("wrong", [None, 0.5, "0.5", [0.5], OtherParams(size="1"), {"steps": 1}])
    def test_of_another_kind_is_refused_and_kept(self, wrong: object) -> None:
        with pytest.raises(ResultError) as caught:
            validate_result(LossAction, wrong)
        assert caught.value.result is wrong
        assert caught.value.faults
        assert str(caught.value).startswith("cannot accept result of action 'LossAction' as Result: ")


class TestRun:
    def test_publishes_start_and_completion_around_the_work(self) -> None:
        class Reporting(BaseAction[Params]):
            def execute(self) -> str:
                self.log("loaded", {"rows": 3}, "rows.csv")
                self.logger.info("half of %d", self.params.size)
                self.set_progress(1, 2, "train")
                self.set_metrics({"loss": 0.5}, "train", step=1)
                self.log_message("50% {done}", "success")
                self.log_dev_event("saved", {"epoch": 1})
                return "done"

        result, events = run(ActionCall(Reporting, {"size": 2}, "plugin.reporting", "job-1"))
        assert result == "done"
        kinds = [type(event) for event in events]
        reports = [EventLogged, MessageLogged, ProgressReported, MetricsRecorded, MessageLogged, EventLogged]
        assert kinds == [ActionStarted, *reports, ActionCompleted]
        assert events[0] == ActionStarted("job-1", "plugin.reporting")
        assert events[1] == EventLogged("job-1", "loaded", {"rows": 3}, "rows.csv")
        assert events[3] == ProgressReported("job-1", 1, 2, "train")
        assert events[4] == MetricsRecorded("job-1", {"loss": 0.5}, "train", 1)
        told = events[5]
        assert isinstance(told, MessageLogged)
        assert (told.message, told.level) == ("50% {done}", LogLevel.SUCCESS)
        assert events[6] == EventLogged(
            "job-1", "dev_event", {"message": "saved", "data": {"epoch": 1}}, level=LogLevel.DEBUG
        )

    def test_gets_what_is_known_of_the_model_to_start_from(self) -> None:
        class Told(BaseAction[Params]):
            def execute(self) -> object:
                return self.ctx.checkpoint

        assert run(ActionCall(Told, checkpoint={"id": 3}))[0] == {"id": 3}
        assert run(ActionCall(Told))[0] is None

    def test_returns_the_converted_result(self) -> None:
        class Mapped(LossAction):
            returned = {"loss": 1}  # noqa: RUF012 - a value that the test returns

        assert run(ActionCall(Mapped))[0] == Result(loss=1.0)

    def test_publishes_a_failure_with_the_error_that_it_raises(self) -> None:
        error = ArithmeticError("ran away")

        class Failing(BaseAction[Params]):
            def execute(self) -> None:
                raise error

        events: list[Event] = []
        with pytest.raises(ArithmeticError) as caught:
            ActionCall(Failing, job_id="job-2").run_here(events.append)
        assert caught.value is error
        started, failed = events
        assert started == ActionStarted(
            "job-2", "TestRun.test_publishes_a_failure_with_the_error_that_it_raises.<locals>.Failing"
        )
        assert isinstance(failed, ActionFailed)
        assert failed.error is error
        assert failed.duration_s >= 0

    def test_publishes_a_failure_for_a_result_that_does_not_fit(self) -> None:
        class Loose(LossAction):
            returned = "nothing"

        events: list[Event] = []
        with pytest.raises(ResultError) as caught:
            ActionCall(Loose).run_here(events.append)
        assert caught.value.result == "nothing"
        assert [type(event) for event in events] == [ActionStarted, ActionFailed]

    def test_publishes_a_failure_when_the_action_can_not_be_made(self) -> None:
        class Unmade(BaseAction[Params]):
            def __init__(self, params: Params, ctx: RuntimeContext) -> None:
                super().__init__(params, ctx)
                raise OSError("no device")

            def execute(self) -> None: ...

        events: list[Event] = []
        with pytest.raises(OSError, match="no device"):
            ActionCall(Unmade).run_here(events.append)
        assert [type(event) for event in events] == [ActionStarted, ActionFailed]

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
    def test_that_is_interrupted_is_cancelled_not_failed(self, interrupt: BaseException) -> None:
        class Interrupted(BaseAction[Params]):
            def execute(self) -> None:
                raise interrupt

        events: list[Event] = []
        with pytest.raises(type(interrupt)) as caught:
            ActionCall(Interrupted, name="plugin.slow", job_id="job-3").run_here(events.append)
        assert caught.value is interrupt
        started, cancelled = events
        assert started == ActionStarted("job-3", "plugin.slow")
        assert isinstance(cancelled, ActionCancelled)
        assert (cancelled.job_id, cancelled.action) == ("job-3", "plugin.slow")

    def test_with_wrong_params_publishes_nothing(self) -> None:
        events: list[Event] = []
        with pytest.raises(ParamsError):
            ActionCall(SizeAction, {"size": "big"}).run_here(events.append)
        assert events == []

    def test_goes_by_the_name_it_was_offered_under_then_by_its_own(self) -> None:
        class Anonymous(BaseAction[Params]):
            def execute(self) -> None: ...

        assert ActionCall(SizeAction, name="plugin.size").label == "plugin.size"
        assert ActionCall(SizeAction).label == "size"
        assert ActionCall(Anonymous).label.endswith("<locals>.Anonymous")

    def test_leaves_the_settings_of_the_call_as_they_were(self) -> None:
        class Writing(BaseAction[Params]):
            def execute(self) -> None:
                settings: Any = self.ctx.env
                with pytest.raises(TypeError):
                    settings["KEY"] = "changed"

        env = {"KEY": "given"}
        run(ActionCall(Writing, env=env))
        assert env == {"KEY": "given"}


class TestCall:
    def test_is_a_value(self) -> None:
        call = ActionCall(SizeAction, {"size": 2}, job_id="job")
        assert call == ActionCall(SizeAction, params={"size": 2}, job_id="job")
        assert call != replace(call, job_id="other")
        assert (replace(call, name="n").job_id, replace(call, name="n").label) == ("job", "n")
        assert pickle.loads(pickle.dumps(call)) == call  # noqa: S301 - made in the line itself
        with pytest.raises(FrozenInstanceError):
            call.name = "other"  # type: ignore[misc] # that is the fault

    @pytest.mark.parametrize(
        ("given", "known"),
        [((), {}), ((SizeAction,), {"nmae": "x"}), ((SizeAction,), {"action_cls": SizeAction}), (range(99), {})],
    )
    def test_takes_its_fields_and_no_others(self, given: Any, known: dict[str, Any]) -> None:
        with pytest.raises(TypeError):
            ActionCall(*given, **known)

    def test_takes_its_fields_by_place_too(self) -> None:
        env = {"A": 1}
        call = ActionCall(SizeAction, None, "n", "job", env, checkpoint={"id": 3})
        assert (call.name, call.job_id, call.env, call.checkpoint) == ("n", "job", env, {"id": 3})
        assert (call.run, call.policy, dict(ActionCall(SizeAction).env)) == (None, None, {})

    def test_needs_nobody_who_listens(self) -> None:
        class Heard(BaseAction[Params]):
            def execute(self) -> bool:
                self.log("nobody")
                return self.ctx.is_heard

        assert ActionCall(Heard).run_here() is False
        assert ActionCall(Heard).run_here(lambda event: None) is True


class TestOffer:
    def test_is_a_capability_named_after_the_action(self) -> None:
        capability = Action("digits.train")
        assert capability == "action(digits.train)"
        assert (capability.name, capability.qualifier) == (ACTION, "digits.train")

    def test_takes_subclasses_alone(self) -> None:
        services = ServiceLocator()
        services.provide(Action("plugin.size"), SizeAction)
        no_action: Any = Params
        with pytest.raises(ContractError):
            services.provide(Action("plugin.model"), no_action)

    def test_is_found_by_name(self) -> None:
        services = ServiceLocator()
        services.provide(Action("plugin.size"), SizeAction)
        assert find_action(services, "plugin.size") is SizeAction

    def test_names_are_sorted_and_are_those_of_actions_alone(self) -> None:
        services = ServiceLocator()
        for name in ("b.two", "a.one"):
            services.provide(Action(name), SizeAction)
        services.provide("actions", object())
        services.provide(Capability("action"), object())
        assert action_names(services) == ("a.one", "b.two")

    def test_that_nobody_makes_is_refused_with_what_is_near(self) -> None:
        services = ServiceLocator()
        for name in ("digits.train", "digits.tune", "words.count"):
            services.provide(Action(name), SizeAction)
        with pytest.raises(ActionNotFoundError) as caught:
            find_action(services, "digits.trian")
        assert caught.value.near[0] == "digits.train"
        assert caught.value.known == ("digits.train", "digits.tune", "words.count")
        assert "did you mean 'digits.train'" in str(caught.value)

    def test_that_is_near_nothing_is_refused_with_all_there_is(self) -> None:
        services = ServiceLocator()
        for name in ("a.one", "b.two"):
            services.provide(Action(name), SizeAction)
        with pytest.raises(ActionNotFoundError, match=r"no plugin offers it; there are 'a\.one', 'b\.two'$"):
            find_action(services, "zzzzzzzz")

    def test_of_none_at_all_is_said(self) -> None:
        with pytest.raises(ActionNotFoundError, match=r"^cannot find action 'a': no plugin offers any$"):
            find_action(ServiceLocator(), "a")

    def test_that_two_plugins_make_is_not_chosen_by_chance(self) -> None:
        services = ServiceLocator()
        services.provide(Action("plugin.size"), SizeAction, owner="one")
        services.provide(Action("plugin.size"), LossAction, owner="two")
        with pytest.raises(AmbiguousServiceError):
            find_action(services, "plugin.size")


@pytest.mark.parametrize(
    "error",
    [
        ActionDefinitionError("a", "why"),
        ActionNotFoundError("a", ("b",), ("b", "c")),
        ParamsError("a", (("x.y", "why"),)),
        ResultError("a", "Model", (("x", "why"),), {"kept": 1}),
        ActionPolicyError("RetryPolicy", (("attempts", "why"),)),
        ActionTimeoutError("a", "timeout_s", 3.0, {"kept": 1}),
    ],
)
def test_errors_travel_between_processes(error: Exception) -> None:
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - made in the line itself
        assert type(copied) is type(error)
        assert vars(copied) == vars(error)
        assert str(copied) == str(error)
