"""Events that training and tensor code publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Final

from plugbus.kernel import (
    CustomEvent,
    Event,
    PluginLoaded,
    PluginUnloaded,
    SystemInit,
    SystemShutdown,
)


@dataclass(frozen=True, slots=True)
class TensorOp(Event):
    """A tensor operation was carried out.

    Args:
        op_name: The operation, such as ``matmul``.
        input_shape: Sizes of the input, all at least 0.
        output_shape: Sizes of the output, all at least 0.
    """

    op_name: str
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _refuse(self, "op_name", not isinstance(self.op_name, str) or not self.op_name, "a name that is not empty")
        for name in ("input_shape", "output_shape"):
            shape = getattr(self, name)
            is_shape = isinstance(shape, Sequence) and not isinstance(shape, str)
            _refuse(self, name, not (is_shape and all(_is_count(size) for size in shape)), "whole numbers from 0 on")
            object.__setattr__(self, name, tuple(shape))


@dataclass(frozen=True, slots=True)
class EpochStart(Event):
    """An epoch begins.

    Args:
        epoch: Its number, at least 0.
    """

    epoch: int

    def __post_init__(self) -> None:
        _refuse(self, "epoch", not _is_count(self.epoch), "a whole number from 0 on")


@dataclass(frozen=True, slots=True)
class EpochEnd(Event):
    """An epoch ended.

    Args:
        epoch: Its number, at least 0.
        loss: The mean training loss of the epoch.
    """

    epoch: int
    loss: float

    def __post_init__(self) -> None:
        _refuse(self, "epoch", not _is_count(self.epoch), "a whole number from 0 on")
        _refuse(self, "loss", not _is_number(self.loss), "a number")


@dataclass(frozen=True, slots=True)
class BackendChanged(Event):
    """Computation moved to another backend.

    Args:
        backend: Its name, such as ``WGPU``.
    """

    backend: str


@dataclass(frozen=True, slots=True)
class Telemetry(Event):
    """Measured values, by name."""

    data: Mapping[str, float]

    def __post_init__(self) -> None:
        is_mapping = isinstance(self.data, Mapping)
        wrong = not is_mapping or any(
            not isinstance(key, str) or not _is_number(value) for key, value in self.data.items()
        )
        _refuse(self, "data", wrong, "names with numbers")
        object.__setattr__(self, "data", MappingProxyType(dict(self.data)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as plain data: what keeps the values from being changed can't be pickled."""
        return type(self), (dict(self.data),)


class PluginEvent:
    """The kinds of events under one name: ``PluginEvent.EpochStart(epoch=1)``, ``PluginEvent.custom("X", data)``."""

    SystemInit: Final = SystemInit
    SystemShutdown: Final = SystemShutdown
    PluginLoaded: Final = PluginLoaded
    PluginUnloaded: Final = PluginUnloaded
    TensorOp: Final = TensorOp
    EpochStart: Final = EpochStart
    EpochEnd: Final = EpochEnd
    BackendChanged: Final = BackendChanged
    Telemetry: Final = Telemetry
    Custom: Final = CustomEvent
    custom = staticmethod(Event.custom)


def _is_count(value: object) -> bool:
    # numpy's whole numbers are Integral too, and its floats Real.
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _refuse(event: Event, name: str, is_wrong: bool, expected: str) -> None:
    if is_wrong:
        raise ValueError(f"cannot make event '{event.topic}': {name} is {getattr(event, name)!r}; give {expected}")
