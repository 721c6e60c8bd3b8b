"""The suite of deployers: each broken promise is found."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import DeploymentNotFoundError
from plugbus.capabilities.testing import DeployerContract, deployer_contract
from plugbus.kernel import ContractError
from plugbus.plugins.local_deployer import LocalDeployer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from plugbus.capabilities import Deployer, Deployment, DeploymentSpec

FOUND = (AssertionError, pytest.fail.Exception, ContractError, ExceptionGroup, LookupError, OSError, RuntimeError)


class Deployers(DeployerContract):
    """The suite as an object whose parts can be called one by one."""

    @pytest.fixture
    def deployer(self) -> Deployer:
        raise NotImplementedError


class Eager(LocalDeployer):
    """Keeps nothing of what it replaces."""

    def deploy(self, spec: DeploymentSpec) -> Deployment:
        found = super().deploy(spec)
        self.confirm(spec.name)
        return found


class Hoarding(LocalDeployer):
    """Closes nothing."""

    def deploy(self, spec: DeploymentSpec) -> Deployment:
        return super().deploy(replace(spec, close=lambda model: None))


class Twice(LocalDeployer):
    """Closes what is replaced at each confirmation."""

    def deploy(self, spec: DeploymentSpec) -> Deployment:
        before = self._served.get(spec.name)
        found = super().deploy(spec)
        self._first = before
        return found

    def confirm(self, name: str) -> None:
        first = getattr(self, "_first", None)
        if first is not None and name in self._served:
            first.spec.close(first.model)
        super().confirm(name)


class Hasty(LocalDeployer):
    """Does not wait for calls that are under way."""

    def infer(self, name: str, inputs: Sequence[Any]) -> Sequence[Any]:
        served = self._served[name]
        return served.spec.infer(served.model, inputs)


class OneByOne(LocalDeployer):
    """Serves one call at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = Lock()

    def infer(self, name: str, inputs: Sequence[Any]) -> Sequence[Any]:
        with self._turn:
            return super().infer(name, inputs)


class Nameless(LocalDeployer):
    """Offers no near names."""

    def infer(self, name: str, inputs: Sequence[Any]) -> Sequence[Any]:
        try:
            return super().infer(name, inputs)
        except DeploymentNotFoundError as error:
            raise DeploymentNotFoundError(name, (), error.known) from None


class Strict(LocalDeployer):
    """Refuses what names nothing."""

    def undeploy(self, name: str) -> None:
        if name not in self._served:
            raise KeyError(name)
        super().undeploy(name)


class Unsorted(LocalDeployer):
    def deployments(self) -> tuple[Deployment, ...]:
        return super().deployments()[::-1]


class Pausing(LocalDeployer):
    """Ends the old one before the new one is there."""

    def deploy(self, spec: DeploymentSpec) -> Deployment:
        self._served.pop(spec.name, None)
        time.sleep(0.01)
        return super().deploy(spec)


class Stringly(LocalDeployer):
    """Loses the type of what a model raises."""

    def infer(self, name: str, inputs: Sequence[Any]) -> Sequence[Any]:
        try:
            return super().infer(name, inputs)
        except ArithmeticError as error:
            raise RuntimeError(str(error)) from None


class Sticking(LocalDeployer):
    """Serves on what can't be closed."""

    def undeploy(self, name: str) -> None:
        served = self._served.get(name)
        try:
            super().undeploy(name)
        except ExceptionGroup:
            if served is not None:
                self._served[name] = served
            raise


class Leaving(LocalDeployer):
    """Forgets what is kept."""

    def undeploy(self, name: str) -> None:
        if name in self._served:
            self._served[name].previous = None
        super().undeploy(name)


class Lasting(LocalDeployer):
    """Never goes back."""

    def revert(self, name: str) -> None: ...


class Addressless(LocalDeployer):
    def deploy(self, spec: DeploymentSpec) -> Deployment:
        return replace(super().deploy(spec), address="")


@pytest.mark.parametrize(
    ("make", "part", "known"),
    [
        (object, "it_is_a_deployer", {}),
        (Addressless, "what_is_deployed_answers", {}),
        (Strict, "nothing_is_served_at_first", {}),
        (Nameless, "near_names_are_offered", {}),
        (Unsorted, "several_are_served_side_by_side", {}),
        (Hoarding, "several_are_served_side_by_side", {}),
        (Hoarding, "what_is_undeployed_is_closed", {}),
        (Strict, "what_is_undeployed_is_closed", {}),
        (Eager, "what_is_replaced_is_kept_until_it_is_confirmed", {}),
        (Hoarding, "what_is_replaced_is_kept_until_it_is_confirmed", {}),
        (Twice, "what_is_replaced_is_kept_until_it_is_confirmed", {}),
        (Eager, "revert_serves_what_was_replaced", {}),
        (Lasting, "revert_serves_what_was_replaced", {}),
        (Lasting, "revert_of_the_first_serves_nothing", {}),
        (Eager, "one_is_kept", {}),
        (Hoarding, "one_is_kept", {}),
        (Leaving, "undeploy_closes_what_is_kept_too", {}),
        (Pausing, "a_model_that_can_not_be_loaded_changes_nothing", {"is_first": False}),
        (Sticking, "a_model_that_can_not_be_closed_is_gone", {}),
        (Stringly, "an_error_of_the_model_arrives", {}),
        (Hasty, "a_call_that_is_under_way_ends", {"end": "undeploy"}),
        (Hasty, "a_call_that_is_under_way_ends", {"end": "confirm"}),
        (Hasty, "a_call_that_is_under_way_ends", {"end": "revert"}),
        (OneByOne, "one_call_does_not_hold_up_another", {}),
        (Pausing, "no_call_fails_while_models_are_replaced", {}),
    ],
)
def test_a_deployer_that_breaks_a_promise_is_found(
    make: Callable[[], Any], part: str, known: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployer_contract, "PATIENCE_S", 0.3)
    method = getattr(Deployers(), f"test_{part}")
    if "tmp_path" in method.__code__.co_varnames[: method.__code__.co_argcount]:
        known = {"tmp_path": tmp_path, **known}
    with pytest.raises(FOUND):
        method(make(), **known)
