"""Events: topics, custom payloads, and the kernel's reserved kinds."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Any

import pytest

import plugbus.kernel
from plugbus.kernel import (
    CapabilityProvided,
    CapabilityWithdrawn,
    CustomEvent,
    Event,
    EventBus,
    ForgedEventError,
    KernelEvent,
    PayloadTypeError,
    PluginDisabled,
    PluginEnabled,
    PluginFailed,
    PluginLoaded,
    PluginQuarantined,
    PluginRegistered,
    PluginSwapped,
    PluginUnloaded,
    PluginUnregistered,
    SubscriberFailed,
    SystemInit,
    SystemShutdown,
)
from plugbus.kernel.events import kernel_topics

ERROR = ValueError("no")

KERNEL_EVENTS: tuple[KernelEvent, ...] = (
    KernelEvent(),
    SystemInit(),
    SystemShutdown(),
    PluginRegistered("a", "1.0.0"),
    PluginUnregistered("a", "1.0.0"),
    PluginLoaded("a", "1.0.0"),
    PluginUnloaded("a", "1.0.0"),
    PluginFailed("a", "on_load", ERROR, "1.0.0"),
    PluginSwapped("a", "b", "1.0.0", "2.0.0"),
    PluginDisabled("a", "too loud"),
    PluginEnabled("a"),
    PluginQuarantined("a", 3, "no device"),
    CapabilityProvided("executor", "a"),
    CapabilityWithdrawn("executor", "a"),
    SubscriberFailed("module.function", "a", Event.custom("loss"), ERROR),
)


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    epoch: int


def names_of(events: tuple[KernelEvent, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_the_topic_of_an_event_is_the_name_of_its_class() -> None:
    assert EpochEnded(1).topic == "EpochEnded"
    assert Event().topic == "Event"


def test_an_event_is_immutable_and_compares_by_its_facts() -> None:
    event: Any = EpochEnded(1)

    with pytest.raises(FrozenInstanceError):
        event.epoch = 2

    assert event == EpochEnded(1)
    assert event != EpochEnded(2)
    assert hash(event) == hash(EpochEnded(1))


def test_a_custom_event_is_immutable() -> None:
    event: Any = Event.custom("loss", 1)

    assert not hasattr(event, "__dict__")
    with pytest.raises(FrozenInstanceError):
        event.data = 2


def test_the_topic_of_a_custom_event_is_its_type() -> None:
    event = Event.custom("MyEvent", 7)

    assert isinstance(event, CustomEvent)
    assert (event.event_type, event.topic, event.data) == ("MyEvent", "MyEvent", 7)
    assert event == CustomEvent("MyEvent", 7)


def test_a_custom_event_needs_no_data() -> None:
    assert Event.custom("MyEvent").data is None


def test_a_custom_event_carries_the_very_object() -> None:
    data = {"z": 1, "a": (b"bytes", object())}

    assert Event.custom("MyEvent", data).data is data
    assert Event.custom("MyEvent", data).read(dict) is data


@pytest.mark.parametrize("event_type", ["", " ", "\t\n", "*"])
def test_a_custom_event_without_a_topic_is_refused(event_type: str) -> None:
    with pytest.raises(ValueError, match="a topic is not blank and not '\\*'") as caught:
        Event.custom(event_type)

    assert str(caught.value).startswith(f"cannot make custom event '{event_type}'")


def test_read_returns_the_data_as_the_expected_type() -> None:
    assert Event.custom("loss", 0.5).read(float) == 0.5
    assert Event.custom("flag", True).read(int) is True


def test_read_names_both_types_when_the_data_is_something_else() -> None:
    with pytest.raises(PayloadTypeError) as caught:
        Event.custom("loss", "0.5").read(float)

    assert (caught.value.event_type, caught.value.expected, caught.value.found) == ("loss", "float", "str")


def test_read_refuses_missing_data() -> None:
    with pytest.raises(PayloadTypeError, match="it carries a NoneType"):
        Event.custom("loss").read(float)


def test_every_exported_kernel_event_is_tried_here() -> None:
    exported = [getattr(plugbus.kernel, name) for name in plugbus.kernel.__all__]
    kinds = {one for one in exported if isinstance(one, type) and issubclass(one, KernelEvent)}

    assert kinds == {type(event) for event in KERNEL_EVENTS}


@pytest.mark.parametrize("event", KERNEL_EVENTS, ids=names_of(KERNEL_EVENTS))
def test_every_kernel_event_is_reserved_by_its_topic(event: KernelEvent) -> None:
    assert kernel_topics()[event.topic] is type(event)

    for forged in (event, Event.custom(event.topic)):
        with pytest.raises(ForgedEventError):
            EventBus().publish(forged)


def test_nothing_but_kernel_events_is_reserved() -> None:
    assert sorted(kernel_topics()) == sorted(names_of(KERNEL_EVENTS))


@pytest.mark.parametrize("event", KERNEL_EVENTS, ids=names_of(KERNEL_EVENTS))
def test_every_kernel_event_survives_pickling_and_copying(event: KernelEvent) -> None:
    for other in (pickle.loads(pickle.dumps(event)), copy.deepcopy(event)):  # noqa: S301
        assert type(other) is type(event)
        # An exception equals itself alone, so the facts are compared by their text.
        assert repr(other) == repr(event)


@pytest.mark.parametrize("event", [EpochEnded(3), CustomEvent("loss", {"a": (1, 2)})])
def test_an_event_survives_pickling(event: Event) -> None:
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301


@pytest.mark.parametrize("event", KERNEL_EVENTS, ids=names_of(KERNEL_EVENTS))
def test_a_kernel_event_is_immutable_and_takes_no_further_facts(event: KernelEvent) -> None:
    for one in fields(event):
        with pytest.raises(FrozenInstanceError):
            setattr(event, one.name, None)

    assert not hasattr(event, "__dict__")


def test_versions_are_optional_facts() -> None:
    assert PluginLoaded("a") == PluginLoaded("a", "")
    assert PluginSwapped("a", "b") == PluginSwapped("a", "b", "", "")
    assert PluginFailed("a", "open", ERROR).version == ""
