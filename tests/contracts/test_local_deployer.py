"""What serves models in this process does what every deployer has to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import DeploymentSpec
from plugbus.capabilities.testing import DeployerContract
from plugbus.plugins.local_deployer import LocalDeployer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class TestLocalDeployer(DeployerContract):
    @pytest.fixture
    def deployer(self) -> Iterator[LocalDeployer]:
        deployer = LocalDeployer()
        yield deployer
        deployer.close()


def echo(model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    return [model for _ in inputs]


def fail(model: Any) -> None:
    raise OSError(f"{model} is stuck")


def spec(name: str, model: Any, close: Any) -> DeploymentSpec:
    return DeploymentSpec(name=name, version="1", load=partial(str, model), infer=echo, close=close)


def test_close_ends_all_of_them_once_and_tells_every_failure() -> None:
    deployer, closed = LocalDeployer(), list[str]()
    for name, close in (("a", fail), ("b", closed.append), ("c", fail)):
        deployer.deploy(spec(name, name, close))
    with pytest.raises(ExceptionGroup) as caught:
        deployer.close()
    told = [str(error) for group in caught.value.exceptions for error in getattr(group, "exceptions", ())]
    assert told == ["a is stuck", "c is stuck"]
    deployer.close()
    assert (closed, deployer.deployments()) == (["b"], ())


def test_a_model_whose_kept_one_can_not_be_given_back_is_not_deployed() -> None:
    deployer, closed = LocalDeployer(), list[str]()
    for model, close in (("1", fail), ("2", closed.append)):
        deployer.deploy(spec("x", model, close))
    with pytest.raises(OSError, match="1 is stuck"):
        deployer.deploy(spec("x", "3", closed.append))
    assert (closed, deployer.infer("x", [0])) == (["3"], ["2"])
    deployer.deploy(spec("x", "4", closed.append))
    assert deployer.infer("x", [0]) == ["4"]
    deployer.close()
    assert closed == ["3", "2", "4"]
