"""What every deployer has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from ..deployment import DEPLOYER, Deployer, DeploymentNotFoundError, DeploymentSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATIENCE_S: Final = 60.0
"""After how long something that has to happen is taken for something that never will."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A model that multiplies. What is done with it is noted in a folder, as it may be served by another process."""

    folder: Path
    factor: int

    @property
    def closed(self) -> Path:
        """Return the file that is there once the model is closed."""
        return self.folder / f"{self.factor} closed"

    @property
    def asked(self) -> Path:
        """Return the file that is there once the model was asked to wait."""
        return self.folder / f"{self.factor} asked"

    @property
    def told(self) -> Path:
        """Return the file that ends the waiting."""
        return self.folder / f"{self.factor} told"


def scale(model: Scale, inputs: Sequence[Any]) -> Sequence[Any]:
    """Multiply the inputs; the input ``wait`` stops until the test goes on."""
    if "wait" in inputs:
        model.asked.touch()
        await_file(model.told)
    if "raise" in inputs:
        raise ArithmeticError("too large")
    if model.closed.exists():
        raise RuntimeError("asked when it was closed")
    return [model.factor if one == "wait" else model.factor * one for one in inputs]


def close(model: Scale) -> None:
    """Note that the model is closed; a second time is an error."""
    model.closed.touch(exist_ok=False)


def fail(error: Exception, *unused: object) -> Any:
    """Raise what a model raises that can't be loaded or closed."""
    raise error


def await_file(path: Path) -> None:
    """Wait until a file is there."""
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        if time.monotonic() > end:
            pytest.fail(f"'{path.name}' did not come in {PATIENCE_S:g} s")
        time.sleep(0.001)


class DeployerContract(ABC):
    """Inherit it in a class named ``Test…`` and give it the fixture ``deployer``: one that serves nothing."""

    @pytest.fixture
    @abstractmethod
    def deployer(self) -> Deployer | Iterator[Deployer]:
        """Return the deployer that is to be tested."""

    def spec(self, folder: Path, factor: int = 2, *, name: str = "scale") -> DeploymentSpec:
        """Return a model that multiplies by a factor, which is its version too."""
        return DeploymentSpec(
            name=name, version=str(factor), load=partial(Scale, folder, factor), infer=scale, close=close
        )

    def test_it_is_a_deployer(self, deployer: Deployer) -> None:
        """It can be provided under the capability."""
        DEPLOYER.check(deployer)

    def test_what_is_deployed_answers(self, deployer: Deployer, tmp_path: Path) -> None:
        """There is one prediction for each input, in their order, and none for none."""
        found = deployer.deploy(self.spec(tmp_path, 3))
        assert (found.name, found.version) == ("scale", "3")
        assert found.address
        assert list(deployer.infer("scale", [1, 5, 2])) == [3, 15, 6]
        assert list(deployer.infer("scale", [])) == []
        assert deployer.deployments() == (found,)

    def test_nothing_is_served_at_first(self, deployer: Deployer) -> None:
        """What names nothing that is served is refused, or does nothing."""
        assert deployer.deployments() == ()
        for end in (deployer.confirm, deployer.revert, deployer.undeploy):
            end("scale")
        with pytest.raises(DeploymentNotFoundError, match="scale"):
            deployer.infer("scale", [1])

    def test_near_names_are_offered(self, deployer: Deployer, tmp_path: Path) -> None:
        """A name that is misspelt is answered with the right one."""
        deployer.deploy(self.spec(tmp_path))
        with pytest.raises(DeploymentNotFoundError, match="scale") as caught:
            deployer.infer("scael", [1])
        assert (caught.value.name, caught.value.near) == ("scael", ("scale",))

    def test_several_are_served_side_by_side(self, deployer: Deployer, tmp_path: Path) -> None:
        """Each answers under its own name; they are listed by name, and one goes without the others."""
        for factor, name in ((2, "b"), (3, "a"), (4, "c")):
            deployer.deploy(self.spec(tmp_path, factor, name=name))
        assert [(one.name, one.version) for one in deployer.deployments()] == [("a", "3"), ("b", "2"), ("c", "4")]
        deployer.undeploy("a")
        assert [one.name for one in deployer.deployments()] == ["b", "c"]
        assert [list(deployer.infer(name, [1])) for name in "bc"] == [[2], [4]]
        assert [Scale(tmp_path, factor).closed.exists() for factor in (2, 3, 4)] == [False, True, False]

    def test_what_is_undeployed_is_closed(self, deployer: Deployer, tmp_path: Path) -> None:
        """It is not served any more, and a second time does nothing."""
        deployer.deploy(self.spec(tmp_path))
        deployer.undeploy("scale")
        deployer.undeploy("scale")
        await_file(Scale(tmp_path, 2).closed)
        assert deployer.deployments() == ()
        with pytest.raises(DeploymentNotFoundError):
            deployer.infer("scale", [1])

    def test_what_is_replaced_is_kept_until_it_is_confirmed(self, deployer: Deployer, tmp_path: Path) -> None:
        """The new one serves at once, the old one is not closed before ``confirm``, and once only."""
        deployer.deploy(self.spec(tmp_path, 2))
        found = deployer.deploy(self.spec(tmp_path, 3))
        assert deployer.deployments() == (found,)
        assert list(deployer.infer("scale", [1])) == [3]
        assert not Scale(tmp_path, 2).closed.exists()
        deployer.confirm("scale")
        deployer.confirm("scale")
        await_file(Scale(tmp_path, 2).closed)
        assert list(deployer.infer("scale", [1])) == [3]

    def test_revert_serves_what_was_replaced(self, deployer: Deployer, tmp_path: Path) -> None:
        """The new one is closed, the old one serves as before."""
        before = deployer.deploy(self.spec(tmp_path, 2))
        deployer.deploy(self.spec(tmp_path, 3))
        deployer.revert("scale")
        await_file(Scale(tmp_path, 3).closed)
        assert deployer.deployments() == (before,)
        assert list(deployer.infer("scale", [1])) == [2]

    def test_revert_of_the_first_serves_nothing(self, deployer: Deployer, tmp_path: Path) -> None:
        """Where nothing was replaced, nothing is served."""
        deployer.deploy(self.spec(tmp_path))
        deployer.revert("scale")
        await_file(Scale(tmp_path, 2).closed)
        assert deployer.deployments() == ()

    def test_one_is_kept(self, deployer: Deployer, tmp_path: Path) -> None:
        """A third one takes the place of the second, which is kept in the place of the first."""
        for factor in (2, 3, 4):
            deployer.deploy(self.spec(tmp_path, factor))
        await_file(Scale(tmp_path, 2).closed)
        assert not Scale(tmp_path, 3).closed.exists()
        deployer.revert("scale")
        assert list(deployer.infer("scale", [1])) == [3]

    def test_undeploy_closes_what_is_kept_too(self, deployer: Deployer, tmp_path: Path) -> None:
        """Nothing stays in memory of a name that is not served."""
        for factor in (2, 3):
            deployer.deploy(self.spec(tmp_path, factor))
        deployer.undeploy("scale")
        for factor in (2, 3):
            await_file(Scale(tmp_path, factor).closed)
        deployer.revert("scale")
        assert deployer.deployments() == ()

    @pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
    def test_a_model_that_can_not_be_loaded_changes_nothing(
        self, deployer: Deployer, tmp_path: Path, *, is_first: bool
    ) -> None:
        """What ``load`` raises is raised, and what was served is."""
        served = () if is_first else (deployer.deploy(self.spec(tmp_path)),)
        wrong = DeploymentSpec(name="scale", version="9", load=partial(fail, OSError("no weights")), infer=scale)
        with pytest.raises(OSError, match="no weights"):
            deployer.deploy(wrong)
        assert deployer.deployments() == served
        if served:
            assert list(deployer.infer("scale", [1])) == [2]
            assert not Scale(tmp_path, 2).closed.exists()

    def test_a_model_that_can_not_be_closed_is_gone(self, deployer: Deployer, tmp_path: Path) -> None:
        """What ``close`` raises hides no other model: those are closed, and the name is free."""
        stuck = DeploymentSpec(
            name="scale", version="2", load=partial(Scale, tmp_path, 2), infer=scale, close=partial(fail, OSError("no"))
        )
        deployer.deploy(stuck)
        deployer.deploy(self.spec(tmp_path, 3))
        with pytest.raises((OSError, ExceptionGroup)):
            deployer.undeploy("scale")
        await_file(Scale(tmp_path, 3).closed)
        assert deployer.deployments() == ()
        deployer.deploy(self.spec(tmp_path, 4))
        assert list(deployer.infer("scale", [1])) == [4]

    def test_an_error_of_the_model_arrives(self, deployer: Deployer, tmp_path: Path) -> None:
        """It has the type and the words that it was raised with, and the model goes on serving."""
        deployer.deploy(self.spec(tmp_path))
        with pytest.raises(ArithmeticError, match="too large"):
            deployer.infer("scale", ["raise"])
        assert list(deployer.infer("scale", [1])) == [2]

    @pytest.mark.parametrize("end", ["undeploy", "confirm", "revert"])
    def test_a_call_that_is_under_way_ends(self, deployer: Deployer, tmp_path: Path, end: str) -> None:
        """Its model is closed after it, not before."""
        model = Scale(tmp_path, 2)
        with ThreadPoolExecutor(1) as pool:
            if end == "revert":
                deployer.deploy(self.spec(tmp_path, 9))
            deployer.deploy(self.spec(tmp_path, 2))
            answer = pool.submit(deployer.infer, "scale", ["wait", 5])
            try:
                await_file(model.asked)
                if end == "confirm":
                    deployer.deploy(self.spec(tmp_path, 3))
                getattr(deployer, end)("scale")
                assert not model.closed.exists()
            finally:
                model.told.touch()
            assert list(answer.result(PATIENCE_S)) == [2, 10]
        await_file(model.closed)

    def test_one_call_does_not_hold_up_another(self, deployer: Deployer, tmp_path: Path) -> None:
        """Several threads are served at once, also by one model."""
        deployer.deploy(self.spec(tmp_path))
        model = Scale(tmp_path, 2)
        with ThreadPoolExecutor(2) as pool:
            waiting = pool.submit(deployer.infer, "scale", ["wait"])
            try:
                await_file(model.asked)
                assert list(pool.submit(deployer.infer, "scale", [7]).result(PATIENCE_S)) == [14]
            finally:
                model.told.touch()
            assert list(waiting.result(PATIENCE_S)) == [2]

    def test_no_call_fails_while_models_are_replaced(self, deployer: Deployer, tmp_path: Path) -> None:
        """Each is answered by one of the models, whole; in the end one is left."""
        deployer.deploy(self.spec(tmp_path, 2))
        over = threading.Event()

        def ask() -> set[tuple[int, ...]]:
            seen = set()
            while not over.is_set():
                seen.add(tuple(deployer.infer("scale", [1, 10])))
            return seen

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            try:
                for factor in range(3, 23):
                    deployer.deploy(self.spec(tmp_path, factor))
                    deployer.confirm("scale")
            finally:
                over.set()
            answers = set().union(*(one.result(PATIENCE_S) for one in asking))
        assert answers <= {(factor, 10 * factor) for factor in range(2, 23)}
        for factor in range(2, 22):
            await_file(Scale(tmp_path, factor).closed)
        assert list(deployer.infer("scale", [1])) == [22]
