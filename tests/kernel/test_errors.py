"""Every error of the kernel: its text, its facts, its bases, and its way through pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import plugbus.kernel
from plugbus.kernel import (
    ActivationError,
    AmbiguousServiceError,
    CapabilityNameError,
    ContractError,
    CycleError,
    DependentsError,
    FailedDependencyError,
    ForgedEventError,
    HookTimeoutError,
    KernelClosedError,
    KernelError,
    MetadataError,
    PayloadTypeError,
    PluginExcludedError,
    PluginExistsError,
    PluginLoadError,
    PluginNotFoundError,
    PluginStateError,
    PluginTypeError,
    PluginUnloadError,
    PublishChainError,
    PublishDepthError,
    ReloadError,
    ResolutionError,
    SavedStateError,
    ScopeCloseError,
    ScopeError,
    ServiceBuildError,
    ServiceCircleError,
    ServiceCloseError,
    ServiceExistsError,
    ServiceNotFoundError,
    ServiceTimeoutError,
    ServiceTypeError,
    ServiceWithdrawnError,
    StateError,
    SubscriptionError,
    SubscriptionOrderError,
    SwapError,
    UndeclaredCapabilityError,
    VersionError,
    VersionRangeError,
)
from plugbus.kernel.errors import near_names, offer

# Class, facts by name in the order of the constructor, and the text.
EXAMPLES: tuple[tuple[type[KernelError], dict[str, Any], str], ...] = (
    (
        VersionError,
        {"text": "banana", "cause": "it is no PEP 440 version", "remedy": ""},
        "cannot read version 'banana': it is no PEP 440 version",
    ),
    (
        VersionError,
        {"text": "v1", "cause": "it begins with a letter", "remedy": "write '1'"},
        "cannot read version 'v1': it begins with a letter; write '1'",
    ),
    (
        VersionRangeError,
        {"text": "1.2.3", "cause": "a bare version is ambiguous", "remedy": "write '==1.2.3' or '^1.2.3'"},
        "cannot read version range '1.2.3': a bare version is ambiguous; write '==1.2.3' or '^1.2.3'",
    ),
    (
        CapabilityNameError,
        {"text": "1a", "cause": "a name begins with a letter"},
        "cannot name capability '1a': a name begins with a letter",
    ),
    (
        ContractError,
        {"capability": "store", "contract": "Store", "provided": "File", "faults": ("'a' is missing", "'b' is not")},
        "cannot provide capability 'store': File does not satisfy Store: 'a' is missing, 'b' is not",
    ),
    (
        MetadataError,
        {"plugin_id": "1a", "faults": ("one thing", "another")},
        "cannot describe plugin '1a': one thing; another",
    ),
    (
        ReloadError,
        {"plugin_id": "a", "cause": "'/plugins/a' is now plugin 'b'"},
        "cannot reload plugin 'a': '/plugins/a' is now plugin 'b'; unload it, and register what is there now",
    ),
    (
        SavedStateError,
        {"plugin_id": "a", "origin": "a.json", "cause": "it is too new"},
        ("cannot restore state of plugin 'a' from 'a.json': it is too new; discard it, or load a plugin that reads it"),
    ),
    (
        SavedStateError,
        {"plugin_id": "a", "origin": "", "cause": "it is too new"},
        "cannot restore state of plugin 'a': it is too new; discard it, or load a plugin that reads it",
    ),
    (
        HookTimeoutError,
        {"plugin_id": "a", "hook": "on_load", "seconds": 2.5, "doing": "a.py:3 in on_load"},
        "cannot wait for on_load of plugin 'a': it did not return within 2.5 s; it is at a.py:3 in on_load",
    ),
    (
        HookTimeoutError,
        {"plugin_id": "a", "hook": "open", "seconds": 30.0, "doing": ""},
        "cannot wait for open of plugin 'a': it did not return within 30 s",
    ),
    (
        PluginExcludedError,
        {"verb": "load", "plugin_id": "a", "kind": "disabled", "reason": "it is too loud"},
        "cannot load plugin 'a': it is disabled: it is too loud; enable it first",
    ),
    (
        PluginExcludedError,
        {"verb": "swap in", "plugin_id": "a", "kind": "quarantined", "reason": ""},
        "cannot swap in plugin 'a': it is quarantined; enable it first",
    ),
    (
        ActivationError,
        {"key": "store", "reasons": ("'a' declares it, but failed: OSError", "'b' declares it, but is disabled")},
        (
            "cannot get service 'store': nothing provides it; 'a' declares it, but failed: OSError; "
            "'b' declares it, but is disabled"
        ),
    ),
    (
        PluginExistsError,
        {"plugin_id": "a", "version": "1.0.0", "origin": "new.py", "other_origin": "old.py"},
        (
            "cannot register plugin 'a': version 1.0.0 of old.py is registered already, the new one is of new.py; "
            "unregister it first, or swap"
        ),
    ),
    (PluginNotFoundError, {"plugin_id": "a", "near": ()}, "cannot find plugin 'a': it is not registered"),
    (
        PluginNotFoundError,
        {"plugin_id": "a", "near": ("b", "c")},
        "cannot find plugin 'a': it is not registered; did you mean 'b' or 'c'?",
    ),
    (
        PluginTypeError,
        {"plugin_id": "a", "expected": "Viewer", "found": "Trainer"},
        "cannot get plugin 'a' as Viewer: it is a Trainer",
    ),
    (
        ResolutionError,
        {"wanted": ("a", "b"), "causes": ("a needs c", "nothing provides c")},
        "cannot resolve plugins 'a', 'b': a needs c; nothing provides c",
    ),
    (
        PluginStateError,
        {"verb": "load", "plugin_id": "a", "state": "unloading", "remedy": ""},
        "cannot load plugin 'a': it is unloading",
    ),
    (
        PluginStateError,
        {"verb": "get", "plugin_id": "a", "state": "failed", "remedy": "load it first"},
        "cannot get plugin 'a': it is failed; load it first",
    ),
    (
        DependentsError,
        {"verb": "unload", "plugin_id": "a", "dependents": ("b", "c")},
        "cannot unload plugin 'a': 'b', 'c' need it; unload them first, or pass cascade=True",
    ),
    (
        PluginLoadError,
        {"plugin_id": "a", "step": "on_load", "cause": "ValueError: no"},
        "cannot load plugin 'a': on_load failed: ValueError: no",
    ),
    (
        SwapError,
        {"old_id": "a", "new_id": "b", "step": "hand_over", "cause": "ValueError: no"},
        "cannot swap plugin 'a' for 'b': hand_over failed: ValueError: no",
    ),
    (
        StateError,
        {"cause": "it is a list, not a mapping"},
        "cannot hand state over: it is a list, not a mapping",
    ),
    (
        FailedDependencyError,
        {"plugin_id": "a", "dependency": "b", "failure": "ValueError: no"},
        "cannot load plugin 'a': it needs 'b', which failed: ValueError: no; load 'b' again once that is repaired",
    ),
    (
        UndeclaredCapabilityError,
        {"plugin_id": "a", "missing": ("x", "y")},
        (
            "cannot activate plugin 'a': it declares 'x', 'y' and on_load did not provide them; "
            "call ctx.provide(...) there, or drop them from its metadata"
        ),
    ),
    (
        ServiceNotFoundError,
        {"key": "a", "near": (), "known": ()},
        "cannot get service 'a': nothing provides it",
    ),
    (
        ServiceNotFoundError,
        {"key": "a", "near": ("b",), "known": ("b", "c")},
        "cannot get service 'a': nothing provides it; did you mean 'b'?",
    ),
    (
        ServiceNotFoundError,
        {"key": "a", "near": (), "known": ("b", "c")},
        "cannot get service 'a': nothing provides it; provided are 'b', 'c'",
    ),
    (
        AmbiguousServiceError,
        {"key": "a", "owners": ("p", "q")},
        "cannot get service 'a': 'p', 'q' provide it; name one in the host's preferences, or ask for all of them",
    ),
    (
        ServiceExistsError,
        {"key": "a", "owner": "p", "other_owner": "q"},
        (
            "cannot provide service 'a' of 'p': 'q' provides it already; choose another name, "
            "or declare a capability, which may have several providers"
        ),
    ),
    (
        ServiceTypeError,
        {"key": "a", "expected": "Viewer", "found": "Trainer"},
        "cannot get service 'a' as Viewer: it is a Trainer",
    ),
    (
        ServiceWithdrawnError,
        {"key": "a", "near": (), "known": ()},
        "cannot get service 'a': its provider has withdrawn it; ask again for who provides it now",
    ),
    (
        ServiceBuildError,
        {"key": "a", "owner": "p", "cause": "ValueError: no"},
        "cannot build service 'a' of 'p': ValueError: no",
    ),
    (
        ServiceCircleError,
        {"path": ("a", "b", "a")},
        (
            "cannot build service 'a': it is needed to build itself: a -> b -> a; "
            "let one of them ask for the other when it is used, not when it is built"
        ),
    ),
    (
        ServiceCloseError,
        {"key": "a", "owner": "p", "cause": "ValueError: no"},
        "cannot close service 'a' of 'p': ValueError: no",
    ),
    (
        ServiceTimeoutError,
        {"key": "a", "timeout_s": 1.5, "near": (), "known": ()},
        "cannot get service 'a': nothing has provided it within 1.5 s",
    ),
    (
        ServiceTimeoutError,
        {"key": "a", "timeout_s": 2, "near": ("b",), "known": ("b", "c")},
        "cannot get service 'a': nothing has provided it within 2 s; did you mean 'b'?",
    ),
    (
        ServiceTimeoutError,
        {"key": "a", "timeout_s": 2, "near": (), "known": ("b", "c")},
        "cannot get service 'a': nothing has provided it within 2 s; provided are 'b', 'c'",
    ),
    (
        ScopeError,
        {"key": "a", "cause": "the scope is closed", "remedy": "open a new one"},
        "cannot get service 'a': the scope is closed; open a new one",
    ),
    (
        SubscriptionError,
        {"selector": "loss", "cause": "the handler can't be called"},
        "cannot subscribe to 'loss': the handler can't be called",
    ),
    (
        SubscriptionOrderError,
        {"selector": "loss", "path": ("a (loss)", "b (*)", "a (loss)")},
        (
            "cannot subscribe to 'loss': each would have to come before the next: a (loss) -> b (*) -> a (loss); "
            "drop one of their before and after"
        ),
    ),
    (
        PayloadTypeError,
        {"event_type": "loss", "expected": "float", "found": "str"},
        "cannot read event 'loss' as float: it carries a str",
    ),
    (
        ForgedEventError,
        {"topic": "PluginLoaded"},
        "cannot publish event 'PluginLoaded': the kernel alone publishes it; choose another event type",
    ),
    (
        PublishChainError,
        {"topic": "a", "limit": 4, "path": ("start", "a", "b", "c", "a")},
        (
            "cannot publish event 'a': 4 events have led to one another: a -> b -> c -> a; look for work that an event "
            "starts and that publishes it again, raise chain_limit, or start that work in a context of its own"
        ),
    ),
    (
        PublishDepthError,
        {"topic": "loss", "limit": 64, "path": ()},
        (
            "cannot publish event 'loss': 64 events are being delivered inside one another; "
            "look for a subscriber that publishes what it subscribes to, or raise depth_limit"
        ),
    ),
    (
        PublishDepthError,
        {"topic": "a", "limit": 4, "path": ("start", "a", "b", "c", "a")},
        (
            "cannot publish event 'a': 4 events are being delivered inside one another: a -> b -> c -> a; "
            "look for a subscriber that publishes what it subscribes to, or raise depth_limit"
        ),
    ),
    (KernelClosedError, {"verb": "load plugin 'a'"}, "cannot load plugin 'a': the kernel is shut down; make a new one"),
)
NAMES = [kind.__name__ for kind, _, _ in EXAMPLES]

# Those that are made in another way than all the rest, and tested by themselves below.
OTHERS = {KernelError, CycleError, PluginUnloadError, ScopeCloseError}

BUILT_INS: dict[type[KernelError], type[Exception]] = {
    VersionError: ValueError,
    VersionRangeError: ValueError,
    CapabilityNameError: ValueError,
    ContractError: TypeError,
    MetadataError: ValueError,
    PluginExistsError: ValueError,
    PluginNotFoundError: LookupError,
    PluginTypeError: TypeError,
    ResolutionError: LookupError,
    CycleError: LookupError,
    PluginStateError: RuntimeError,
    DependentsError: RuntimeError,
    PluginLoadError: RuntimeError,
    FailedDependencyError: RuntimeError,
    StateError: ValueError,
    SwapError: RuntimeError,
    PluginUnloadError: ExceptionGroup,
    UndeclaredCapabilityError: RuntimeError,
    HookTimeoutError: TimeoutError,
    SavedStateError: ValueError,
    ReloadError: RuntimeError,
    PluginExcludedError: RuntimeError,
    ActivationError: LookupError,
    ServiceNotFoundError: LookupError,
    AmbiguousServiceError: LookupError,
    ServiceExistsError: ValueError,
    ServiceTypeError: TypeError,
    ServiceWithdrawnError: LookupError,
    ServiceBuildError: RuntimeError,
    ServiceCircleError: RuntimeError,
    ServiceCloseError: RuntimeError,
    ServiceTimeoutError: TimeoutError,
    ScopeError: RuntimeError,
    ScopeCloseError: ExceptionGroup,
    SubscriptionError: TypeError,
    SubscriptionOrderError: ValueError,
    PayloadTypeError: TypeError,
    ForgedEventError: PermissionError,
    PublishChainError: RecursionError,
    PublishDepthError: RecursionError,
    KernelClosedError: RuntimeError,
}


def exported_errors() -> set[type[BaseException]]:
    faces = [getattr(plugbus.kernel, name) for name in plugbus.kernel.__all__]
    return {one for one in faces if isinstance(one, type) and issubclass(one, BaseException)}


def declared_errors() -> set[type[BaseException]]:
    """List all errors of the kernel's own modules, exported or not."""
    found: set[type[BaseException]] = {KernelError}
    waiting: list[type[BaseException]] = [KernelError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind.__module__.startswith("plugbus.kernel.") and kind not in found:
                found.add(kind)
                waiting.append(kind)
    return found


def through_pickling(error: BaseException) -> BaseException:
    found = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(found, BaseException)
    return found


def test_every_error_is_exported() -> None:
    assert declared_errors() == exported_errors()


def test_every_exported_error_is_tried_here() -> None:
    assert {kind for kind, _, _ in EXAMPLES} | OTHERS == exported_errors()
    assert {*BUILT_INS, KernelError} == exported_errors()


@pytest.mark.parametrize("kind", BUILT_INS, ids=lambda kind: kind.__name__)
def test_every_error_has_the_root_and_a_built_in_as_bases(kind: type[KernelError]) -> None:
    assert issubclass(kind, KernelError)
    assert issubclass(kind, BUILT_INS[kind])
    assert kind.__name__.endswith("Error")
    assert kind.__doc__


@pytest.mark.parametrize(("kind", "facts", "text"), EXAMPLES, ids=NAMES)
def test_the_text_names_what_cannot_be_done_and_why(kind: type[KernelError], facts: dict[str, Any], text: str) -> None:
    assert str(kind(*facts.values())) == text
    assert text.startswith("cannot ")
    assert not text.endswith(".")


@pytest.mark.parametrize(("kind", "facts", "text"), EXAMPLES, ids=NAMES)
def test_the_facts_are_attributes_and_arguments(kind: type[KernelError], facts: dict[str, Any], text: str) -> None:
    error = kind(*facts.values())

    assert {name: getattr(error, name) for name in facts} == facts
    assert error.args == tuple(facts.values())


@pytest.mark.parametrize(("kind", "facts", "text"), EXAMPLES, ids=NAMES)
@pytest.mark.parametrize("twin_of", [through_pickling, copy.copy, copy.deepcopy])
def test_an_error_survives_pickling_and_copying(
    kind: type[KernelError], facts: dict[str, Any], text: str, twin_of: Any
) -> None:
    error = kind(*facts.values())
    error.add_note("in the test")

    twin = twin_of(error)

    assert type(twin) is kind
    assert twin.args == error.args
    assert {name: getattr(twin, name) for name in facts} == facts
    assert str(twin) == text
    assert twin.__notes__ == ["in the test"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("a", "a"), "a -> a"),
        (("a", "b", "a", "b", "a"), "a -> b -> a"),
        (tuple("abcdefgh"), "a -> b -> c -> d -> e -> f -> g -> h"),
        (tuple("abcdefghi"), "a -> b -> c -> d -> ... -> f -> g -> h -> i"),
        (tuple("xabcdefghija"), "a -> b -> c -> d -> ... -> h -> i -> j -> a"),
    ],
)
def test_a_circle_of_events_is_written_once_and_shortened(path: tuple[str, ...], shown: str) -> None:
    assert f" one another: {shown}; look" in str(PublishDepthError(path[-1], len(path) - 1, path))


def test_what_may_be_left_out_is_empty() -> None:
    assert PublishDepthError("a", 1).path == ()
    assert VersionError("a", "b").remedy == ""
    assert PluginStateError("load", "a", "active").remedy == ""
    assert PluginNotFoundError("a").near == ()
    assert (ServiceNotFoundError("a").near, ServiceNotFoundError("a").known) == ((), ())


def test_the_root_takes_any_text() -> None:
    error = through_pickling(KernelError("cannot do it: no"))

    assert type(error) is KernelError
    assert str(error) == "cannot do it: no"


def test_a_cycle_is_written_as_a_path() -> None:
    error = CycleError(("a",), ("a", "b", "a"))

    for one in (error, through_pickling(error), copy.deepcopy(error)):
        assert isinstance(one, CycleError)
        assert str(one) == "cannot resolve plugins 'a': they need each other: a -> b -> a"
        assert (one.wanted, one.path) == (("a",), ("a", "b", "a"))
        assert one.causes == ("they need each other: a -> b -> a",)
        assert one.args == (("a",), ("a", "b", "a"))


def unload_error() -> PluginUnloadError:
    return PluginUnloadError("cannot unload plugins 'a', 'b'", [ValueError("no"), PluginNotFoundError("c")])


def test_an_unload_error_holds_all_that_went_wrong() -> None:
    error = unload_error()

    assert str(error) == "cannot unload plugins 'a', 'b' (2 sub-exceptions)"
    assert error.message == "cannot unload plugins 'a', 'b'"
    assert [type(one) for one in error.exceptions] == [ValueError, PluginNotFoundError]


def test_an_unload_error_survives_pickling() -> None:
    twin = through_pickling(unload_error())

    assert isinstance(twin, PluginUnloadError)
    assert str(twin) == str(unload_error())
    assert [str(one) for one in twin.exceptions] == [str(one) for one in unload_error().exceptions]


def test_an_error_of_a_scope_holds_all_and_its_parts_are_of_its_kind() -> None:
    error = ScopeCloseError("cannot close a scope", [ServiceCloseError("a", "p", "no"), ValueError("no")])

    own, rest = through_pickling(error), error.split(ValueError)[1]
    for one, count in ((own, 2), (rest, 1)):
        assert isinstance(one, ScopeCloseError)
        assert (one.message, len(one.exceptions)) == ("cannot close a scope", count)


def test_a_part_of_an_unload_error_is_an_unload_error() -> None:
    missing, rest = unload_error().split(LookupError)

    assert isinstance(missing, PluginUnloadError)
    assert isinstance(rest, PluginUnloadError)
    assert [type(one) for one in missing.exceptions] == [PluginNotFoundError]
    assert [type(one) for one in rest.exceptions] == [ValueError]
    assert missing.message == rest.message == unload_error().message


def test_an_unload_error_is_caught_by_what_it_holds() -> None:
    caught: list[BaseException] = []
    try:
        raise unload_error()
    except* PluginNotFoundError as group:
        caught += group.exceptions
    except* ValueError as group:
        caught += group.exceptions

    assert [type(one) for one in caught] == [PluginNotFoundError, ValueError]


def test_near_names_are_up_to_three_of_those_that_are_known_best_first() -> None:
    known = ["trainer", "trainers", "train", "strainer", "viewer"]

    assert near_names("trainer", known) == ("trainer", "trainers", "strainer")
    assert near_names("viewr", known) == ("viewer",)
    assert near_names("nothing", known) == ()
    assert near_names("viewr", iter({"viewer": 1})) == ("viewer",)
    assert near_names("viewr", ()) == ()


def test_an_offer_is_the_tail_of_a_text() -> None:
    assert offer(()) == ""
    assert offer(("a",)) == "; did you mean 'a'?"
    assert offer(("a", "b", "c")) == "; did you mean 'a' or 'b' or 'c'?"
