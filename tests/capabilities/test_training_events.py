"""Events of training: what they keep, what they refuse, and that they can be sent."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest

from plugbus.capabilities import BackendChanged, EpochEnd, EpochStart, PluginEvent, Telemetry, TensorOp
from plugbus.kernel import (
    CustomEvent,
    Event,
    EventBus,
    PluginLoaded,
    PluginUnloaded,
    SystemInit,
    SystemShutdown,
)

VALID: tuple[Event, ...] = (
    TensorOp("matmul", (2, 3), (2, 4)),
    TensorOp("noop"),
    EpochStart(0),
    EpochEnd(3, 0.25),
    EpochEnd(3, 1),
    EpochEnd(3, float("nan")),
    BackendChanged("WGPU"),
    Telemetry({"loss": 0.5, "step": 3}),
    Telemetry({}),
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TensorOp(""), "'TensorOp': op_name is ''; give a name that is not empty"),
        (lambda: TensorOp(3), "'TensorOp': op_name is 3"),  # type: ignore[arg-type] # that is the fault
        (lambda: TensorOp("x", (1, -1)), r"input_shape is \(1, -1\); give whole numbers from 0 on"),
        (lambda: TensorOp("x", (), (1.5,)), "output_shape is"),  # type: ignore[arg-type] # that is the fault
        (lambda: TensorOp("x", (True,)), "input_shape is"),
        (lambda: TensorOp("x", "23"), "input_shape is '23'"),  # type: ignore[arg-type] # that is the fault
        (lambda: TensorOp("x", 3), "input_shape is 3"),  # type: ignore[arg-type] # that is the fault
        (lambda: EpochStart(-1), "'EpochStart': epoch is -1; give a whole number from 0 on"),
        (lambda: EpochStart(True), "epoch is True"),
        (lambda: EpochStart(1.0), "epoch is 1.0"),  # type: ignore[arg-type] # that is the fault
        (lambda: EpochEnd(-1, 0.5), "'EpochEnd': epoch is -1"),
        (lambda: EpochEnd(1, "0.5"), "loss is '0.5'; give a number"),  # type: ignore[arg-type] # that is the fault
        (lambda: EpochEnd(1, True), "loss is True"),
        (lambda: Telemetry([("a", 1.0)]), "'Telemetry': data is"),  # type: ignore[arg-type] # that is the fault
        (lambda: Telemetry({1: 1.0}), "give names with numbers"),  # type: ignore[dict-item] # that is the fault
        (lambda: Telemetry({"a": "1"}), "give names with numbers"),  # type: ignore[dict-item] # that is the fault
        (lambda: Telemetry({"a": True}), "give names with numbers"),
    ],
)
def test_what_could_not_be_meant_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_shape_becomes_a_tuple() -> None:
    sizes = [2, 3]
    event = TensorOp("matmul", sizes, range(2))  # type: ignore[arg-type] # what calling code has at hand
    sizes.append(4)
    assert event.input_shape == (2, 3)
    assert event.output_shape == (0, 1)


def test_telemetry_is_a_copy_that_can_not_be_changed() -> None:
    given = OrderedDict(loss=0.5, accuracy=1.0)
    event = Telemetry(given)
    given["loss"] = 0.0
    assert dict(event.data) == {"loss": 0.5, "accuracy": 1.0}
    assert list(event.data) == ["loss", "accuracy"]
    assert isinstance(event.data, MappingProxyType)


def test_numbers_of_other_libraries_are_numbers() -> None:
    assert EpochEnd(1, Fraction(1, 2)).loss == 0.5  # type: ignore[arg-type] # registered as a real number, as numpy's are
    numpy = pytest.importorskip("numpy")
    assert EpochEnd(numpy.int64(2), numpy.float32(0.5)).loss == 0.5
    assert Telemetry({"loss": numpy.float32(0.5)}).data["loss"] == 0.5
    assert TensorOp("x", (numpy.int32(2),)).input_shape == (2,)


@pytest.mark.parametrize("event", VALID, ids=repr)
def test_an_event_can_be_sent(event: Event) -> None:
    received = pickle.loads(pickle.dumps(event))  # noqa: S301 - made in the line itself
    assert type(received) is type(event)
    assert repr(received) == repr(event)


@pytest.mark.parametrize("event", VALID, ids=repr)
def test_an_event_can_be_heard_by_class_and_topic(event: Event) -> None:
    bus, heard = EventBus(), list[Event]()
    bus.subscribe(type(event), heard.append)
    bus.subscribe(type(event).__name__, heard.append)
    bus.publish(event)
    assert heard == [event, event]
    assert all(one is event for one in heard)


def test_all_kinds_go_by_one_name() -> None:
    assert PluginEvent.EpochStart(epoch=1) == EpochStart(1)
    assert PluginEvent.EpochEnd is EpochEnd
    assert PluginEvent.TensorOp is TensorOp
    assert PluginEvent.BackendChanged is BackendChanged
    assert PluginEvent.Telemetry is Telemetry
    assert PluginEvent.SystemInit is SystemInit
    assert PluginEvent.SystemShutdown is SystemShutdown
    assert PluginEvent.PluginLoaded is PluginLoaded
    assert PluginEvent.PluginUnloaded is PluginUnloaded
    assert PluginEvent.Custom is CustomEvent
    payload = {"a": 1}
    event = PluginEvent.custom("MyEvent", payload)
    assert event.topic == "MyEvent"
    assert event.data is payload
