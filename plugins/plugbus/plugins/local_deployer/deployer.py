"""Models that are served in this process."""

from __future__ import annotations

import threading
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import Deployment, DeploymentNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plugbus.capabilities import DeploymentSpec


class _Served:
    """A model in memory, and how many calls use it."""

    __slots__ = ("is_over", "model", "previous", "spec", "uses")

    def __init__(self, spec: DeploymentSpec, model: Any) -> None:
        self.spec = spec
        self.model = model
        self.uses = 0
        self.is_over = False
        self.previous: _Served | None = None


class LocalDeployer:
    """Serve models in this process. A model is closed when it is not served any more and no call uses it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: dict[str, _Served] = {}

    def deploy(self, spec: DeploymentSpec) -> Deployment:
        """Load a model, and serve it from then on."""
        made = _Served(spec, spec.load())
        try:
            self.confirm(spec.name)  # first: where that fails, what is served has not been replaced
        except BaseException:
            self._end(made)
            raise
        with self._lock:
            before = self._served.get(spec.name)
            made.previous, older = before, None if before is None else before.previous
            if before is not None:
                before.previous = None
            self._served[spec.name] = made
        self._end(older)  # there where two deploy under one name at a time
        return _deployment(spec)

    def confirm(self, name: str) -> None:
        """Give back what a deployment has replaced."""
        with self._lock:
            served = self._served.get(name)
            before = None if served is None else served.previous
            if served is not None:
                served.previous = None
        self._end(before)

    def revert(self, name: str) -> None:
        """Serve what the last deployment has replaced."""
        with self._lock:
            served = self._served.pop(name, None)
            if served is not None and served.previous is not None:
                self._served[name] = served.previous
                served.previous = None
        self._end(served)

    def undeploy(self, name: str) -> None:
        """Stop serving a model."""
        with self._lock:
            served = self._served.pop(name, None)
        if served is not None:
            _all_of(f"cannot close models of '{name}'", partial(self._end, served.previous), partial(self._end, served))

    def deployments(self) -> tuple[Deployment, ...]:
        """Return what is served."""
        with self._lock:
            specs = [one.spec for one in self._served.values()]
        return tuple(sorted((_deployment(one) for one in specs), key=lambda one: one.name))

    def infer(self, name: str, inputs: Sequence[Any]) -> Sequence[Any]:
        """Ask the model of a name."""
        with self._lock:
            served = self._served.get(name)
            if served is None:
                known = tuple(sorted(self._served))
                raise DeploymentNotFoundError(name, tuple(get_close_matches(name, known, n=2)), known)
            served.uses += 1
        try:
            return served.spec.infer(served.model, inputs)
        finally:
            with self._lock:
                served.uses -= 1
                is_last = served.is_over and served.uses == 0
            if is_last:
                served.spec.close(served.model)

    def close(self) -> None:
        """Stop serving everything.

        Raises:
            ExceptionGroup: Models that could not be closed; the others are.
        """
        _all_of("cannot close models", *(partial(self.undeploy, one.name) for one in self.deployments()))

    def _end(self, served: _Served | None) -> None:
        """Close a model, now or when the last call that uses it ends."""
        if served is None:
            return
        with self._lock:
            is_idle = not served.is_over and served.uses == 0
            served.is_over = True
        if is_idle:
            served.spec.close(served.model)


def _deployment(spec: DeploymentSpec) -> Deployment:
    return Deployment(name=spec.name, version=spec.version, address=f"local:{spec.name}")


def _all_of(told: str, *ends: Callable[[], None]) -> None:
    """End one after the other, also after one that fails.

    Raises:
        ExceptionGroup: What they raised.
    """
    faults: list[Exception] = []
    for end in ends:
        try:
            end()
        except Exception as error:  # noqa: BLE001 - the others are to end all the same
            faults.append(error)
    if faults:
        raise ExceptionGroup(told, faults)
