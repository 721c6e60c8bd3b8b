"""Functions as actions: deprecated, and run like any other."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from typing import Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    Action,
    ActionCall,
    ActionDefinitionError,
    BaseAction,
    EventLogged,
    NoResult,
    ParamsError,
    ResultError,
    RuntimeContext,
    action,
    find_action,
)
from plugbus.capabilities.enums import PluginCategory
from plugbus.kernel import Event, ServiceLocator


class TrainResult(BaseModel):
    loss: float


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

    @action(name="train", description="Train.", result=TrainResult, category=PluginCategory.NEURAL_NET)
    def train_model(params: TrainParams, ctx: RuntimeContext) -> dict[str, float]:
        """Do not show this."""
        ctx.log("begun", {"epochs": params.epochs})
        return {"loss": 1 / params.epochs}

    @action
    def bare(params: Any, ctx: RuntimeContext) -> dict[str, Any]:
        """Return what was given."""
        return dict(params)

    @action(params=TrainResult)
    async def later(params: TrainResult, ctx: RuntimeContext) -> float:
        await asyncio.sleep(0)
        return params.loss


class TrainParams(BaseModel):
    epochs: int = 2


def discard(event: Event) -> None: ...


class TestFunctionAction:
    def test_is_an_action(self) -> None:
        assert issubclass(train_model, BaseAction)
        assert (train_model.action_name, train_model.category) == ("train", PluginCategory.NEURAL_NET)
        assert train_model.result_model is TrainResult
        assert (train_model.__name__, train_model.__module__, train_model.__doc__) == (
            "train_model",
            __name__,
            "Train.",
        )

    def test_is_run_with_params_and_context(self) -> None:
        events: list[Event] = []
        result = ActionCall(train_model, {"epochs": "4"}, job_id="job").run_here(events.append)
        assert result == TrainResult(loss=0.25)
        assert events[1] == EventLogged("job", "begun", {"epochs": 4})

    def test_takes_its_model_from_the_annotation_though_it_comes_later(self) -> None:
        model: Any = train_model.params_model
        assert model is TrainParams

    def test_has_its_params_and_result_validated(self) -> None:
        with pytest.raises(ParamsError):
            ActionCall(train_model, {"epochs": "many"}).run_here(discard)

        def wrong(params: TrainParams, ctx: RuntimeContext) -> str:
            return "low"

        with pytest.warns(DeprecationWarning, match="@action"):
            decorated = action(result=TrainResult)(wrong)
        with pytest.raises(ResultError) as caught:
            ActionCall(decorated).run_here(discard)
        assert caught.value.result == "low"

    def test_without_anything_said_takes_any_params(self) -> None:
        assert ActionCall(bare, {"a": 1, "b": [2]}).run_here(discard) == {"a": 1, "b": [2]}
        assert (bare.action_name, bare.category, bare.result_model) == ("bare", None, NoResult)
        assert bare.__doc__ == "Return what was given."

    def test_may_be_async(self) -> None:
        assert ActionCall(later, {"loss": 0.5}).run_here(discard) == 0.5

    def test_keeps_the_function(self) -> None:
        assert train_model.function(TrainParams(epochs=5), RuntimeContext()) == {"loss": 0.2}

    def test_is_pickled_by_its_name(self) -> None:
        assert pickle.loads(pickle.dumps(train_model)) is train_model  # noqa: S301 - made in the line itself

    def test_is_offered_and_found(self) -> None:
        services = ServiceLocator()
        services.provide(Action("plugin.train"), train_model)
        assert find_action(services, "plugin.train") is train_model


class TestDecoration:
    def test_warns_where_it_is_written(self) -> None:
        def one(params: TrainParams, ctx: RuntimeContext) -> None: ...

        with pytest.warns(DeprecationWarning, match="write a subclass of BaseAction") as bare_form:
            action(one)
        with pytest.warns(DeprecationWarning, match="write a subclass of BaseAction") as called_form:
            action(name="two")
        assert [found.filename for found in (*bare_form, *called_form)] == [__file__, __file__]

    @pytest.mark.filterwarnings("ignore:@action is deprecated:DeprecationWarning")
    def test_of_what_does_not_take_two_arguments_is_refused(self) -> None:
        function: Any = lambda params: None  # noqa: E731 - the fault
        with pytest.raises(ActionDefinitionError, match=r"does not take two arguments, \(params, ctx\)"):
            action(name="short")(function)

    @pytest.mark.filterwarnings("ignore:@action is deprecated:DeprecationWarning")
    @pytest.mark.parametrize("known", [{"params": dict}, {"result": int}, {"category": "unheard"}])
    def test_with_what_can_not_be_used_is_refused(self, known: dict[str, Any]) -> None:
        with pytest.raises(ActionDefinitionError, match="'wrong'"):
            action(name="wrong", **known)(lambda params, ctx: None)
