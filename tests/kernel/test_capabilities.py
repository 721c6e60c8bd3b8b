"""Capabilities as text, as tokens, and as contracts; requirements."""

from __future__ import annotations

import copy
import pickle
from abc import ABC, abstractmethod
from collections.abc import Sized
from dataclasses import FrozenInstanceError
from string import ascii_letters, digits
from typing import Any, Generic, Protocol, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.kernel import Capability, CapabilityNameError, ContractError, Requirement

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Store(ABC):
    @abstractmethod
    def read(self, name: str) -> bytes: ...


class MemoryStore(Store):
    def read(self, name: str) -> bytes:
        return name.encode()


class Reader(Protocol):
    encoding: str

    def read(self, name: str) -> bytes: ...

    def _private(self) -> None: ...


class Writer(Reader, Protocol):
    @property
    def is_open(self) -> bool: ...

    def write(self, name: str, data: bytes) -> None: ...


class Converter(Protocol):
    def __call__(self, text: str) -> int: ...


class Box(Sized, Protocol[T_co]):
    def unpack(self) -> T_co: ...


class File:
    """Satisfies ``Reader`` and ``Writer`` without inheriting from them."""

    encoding = "utf-8"
    is_open = True

    def read(self, name: str) -> bytes:
        return name.encode()

    def write(self, name: str, data: bytes) -> None: ...


NAMES = st.text(ascii_letters + digits + "_.-", min_size=1, max_size=12).filter(lambda text: text[0].isalpha())
QUALIFIERS = st.text(st.characters(exclude_characters="()"), min_size=1).filter(str.strip)


@pytest.mark.parametrize("name", ["a", "executor", "Backend", "data.store-v2_b", "A1"])
def test_a_capability_is_its_name(name: str) -> None:
    capability = Capability[Any](name)

    assert capability == name
    assert hash(capability) == hash(name)
    assert {name: 1}[capability] == 1
    assert (capability.name, capability.qualifier, capability.version) == (name, None, "1.0.0")
    assert capability.contract is None


def test_a_qualifier_is_part_of_the_text() -> None:
    capability = Capability[Any]("Backend", qualifier="CUDA")

    assert capability == "Backend(CUDA)"
    assert (capability.name, capability.qualifier) == ("Backend", "CUDA")
    assert capability != Capability[Any]("Backend")
    assert capability != Capability[Any]("Backend", qualifier="cuda")


@given(NAMES, st.none() | QUALIFIERS)
def test_parse_reads_the_text_form_back(name: str, qualifier: str | None) -> None:
    capability = Capability[Any](name, qualifier=qualifier)

    parsed: Capability[Any] = Capability.parse(str(capability))

    assert parsed == capability
    assert (parsed.name, parsed.qualifier) == (name, qualifier)


@given(st.text(max_size=12) | st.text("aB(). *-", max_size=8))
def test_parse_refuses_a_text_or_returns_what_reads_the_same(text: str) -> None:
    try:
        parsed: Capability[Any] = Capability.parse(text)
    except CapabilityNameError:
        return
    again: Capability[Any] = Capability.parse(parsed)

    assert (again, again.name, again.qualifier) == (parsed, parsed.name, parsed.qualifier)


@pytest.mark.parametrize(
    ("text", "name", "qualifier"),
    [
        ("executor", "executor", None),
        ("  executor\n", "executor", None),
        ("Backend(CUDA)", "Backend", "CUDA"),
        ("Backend (CUDA)", "Backend", "CUDA"),
        ("Backend(two words)", "Backend", "two words"),
    ],
)
def test_parse_reads_a_name_and_a_qualifier(text: str, name: str, qualifier: str | None) -> None:
    parsed = Capability.parse(text, version="2.1.0", contract=Store)

    assert (parsed.name, parsed.qualifier, parsed.version, parsed.contract) == (name, qualifier, "2.1.0", Store)


@pytest.mark.parametrize("name", ["", " ", "1a", "_a", ".a", "a b", "a/b", "é", "a\n", "Backend(CUDA)"])
def test_a_name_that_is_no_word_is_refused(name: str) -> None:
    with pytest.raises(CapabilityNameError, match="a name is a letter") as caught:
        Capability[Any](name)

    assert caught.value.text == name


@pytest.mark.parametrize("qualifier", ["", " ", "a(b", "a)b", "()"])
def test_a_qualifier_that_could_not_be_read_back_is_refused(qualifier: str) -> None:
    with pytest.raises(CapabilityNameError, match="a qualifier is not blank and holds no parentheses") as caught:
        Capability[Any]("Backend", qualifier=qualifier)

    assert caught.value.text == f"Backend({qualifier})"


@pytest.mark.parametrize("text", ["", "(CUDA)", "Backend()", "Backend(", "Backend)", "Backend(a)(b)", "Backend(a)b"])
def test_parse_refuses_a_text_of_another_form(text: str) -> None:
    with pytest.raises(CapabilityNameError):
        Capability.parse(text)


def test_repr_names_the_text_and_the_version() -> None:
    assert repr(Capability[Any]("Backend", qualifier="CUDA", version="2.0.0")) == (
        "Capability('Backend(CUDA)', version='2.0.0')"
    )


def test_a_capability_is_immutable() -> None:
    capability = Capability[Any]("executor")

    for name in ("name", "version", "contract", "qualifier", "anything"):
        with pytest.raises(AttributeError, match=f"cannot set '{name}': a capability is immutable"):
            setattr(capability, name, "other")

    assert (capability.name, capability.version) == ("executor", "1.0.0")


@pytest.mark.parametrize(
    "capability",
    [
        Capability[Any]("executor"),
        Capability[Store]("store", version="2.0.0", contract=Store),
        Capability[Any]("Backend", qualifier="CUDA"),
    ],
)
def test_a_capability_survives_pickling_and_copying(capability: Capability[Any]) -> None:
    for other in (pickle.loads(pickle.dumps(capability)), copy.copy(capability), copy.deepcopy(capability)):  # noqa: S301
        assert type(other) is Capability
        assert other == capability
        assert (other.name, other.version, other.contract, other.qualifier) == (
            capability.name,
            capability.version,
            capability.contract,
            capability.qualifier,
        )


def test_subscripting_keeps_no_reference_to_the_class() -> None:
    class Contract:
        pass

    assert Capability[Contract]("executor", contract=Contract).contract is Contract
    # typing would keep what it was subscripted with in a cache, and with it the module of an unloaded plugin.
    assert Capability[Contract] is not Capability[Contract]


def test_a_capability_without_a_contract_is_a_label() -> None:
    assert Capability[Any]("vision").is_label
    assert not Capability[Store]("store", contract=Store).is_label


@pytest.mark.parametrize("provided", [None, 7, object(), MemoryStore()])
def test_a_label_and_a_contract_of_object_take_anything(provided: object) -> None:
    Capability[Any]("vision").check(provided)
    Capability[object]("anything", contract=object).check(provided)


@pytest.mark.parametrize("provided", [MemoryStore(), MemoryStore])
def test_a_class_is_met_by_its_instances_and_its_subclasses(provided: object) -> None:
    Capability[Store]("store", contract=Store).check(provided)


@pytest.mark.parametrize(("provided", "kind"), [(File(), "File"), (File, "type"), (None, "NoneType")])
def test_a_class_is_not_met_by_a_likeness(provided: object, kind: str) -> None:
    with pytest.raises(ContractError) as caught:
        Capability[Store]("store", contract=Store).check(provided)

    error = caught.value
    assert (error.capability, error.contract, error.provided) == ("store", "Store", kind)
    assert error.faults == ("it is not a Store",)


@pytest.mark.parametrize("contract", [Reader, Writer])
@pytest.mark.parametrize("provided", [File(), File])
def test_a_protocol_is_met_by_an_object_with_its_members(contract: type[Any], provided: object) -> None:
    Capability[Any]("files", contract=contract).check(provided)


def test_a_protocol_names_every_fault_at_once() -> None:
    class Half:
        read = b"no function"
        is_open = None

    with pytest.raises(ContractError) as caught:
        Capability[Any]("files", contract=Writer, qualifier="local").check(Half())

    assert caught.value.capability == "files(local)"
    assert caught.value.provided == f"{test_a_protocol_names_every_fault_at_once.__name__}.<locals>.Half"
    assert caught.value.faults == ("'encoding' is missing", "'read' is not callable", "'write' is missing")


def test_a_member_that_is_none_is_present_unless_it_must_be_callable() -> None:
    class Closed(File):
        encoding = None  # type: ignore[assignment] # what is meant here
        write = None  # type: ignore[assignment] # what is meant here

    with pytest.raises(ContractError) as caught:
        Capability[Any]("files", contract=Writer).check(Closed())

    assert caught.value.faults == ("'write' is not callable",)


def test_a_callable_protocol_is_met_by_any_callable() -> None:
    capability = Capability[Any]("converter", contract=Converter)
    capability.check(int)
    capability.check(lambda text: int(text))

    with pytest.raises(ContractError) as caught:
        capability.check("int")

    assert caught.value.faults == ("'__call__' is missing",)


def test_a_generic_protocol_asks_for_its_own_members_alone() -> None:
    class Parcel:
        def unpack(self) -> int:
            return 1

    Capability[Any]("box", contract=Box).check(Parcel())


def test_a_class_that_implements_a_protocol_nominally_is_checked_as_a_class() -> None:
    class Disk(Reader):
        encoding = "utf-8"

        def read(self, name: str) -> bytes:
            return name.encode()

        def _private(self) -> None: ...

    capability = Capability[Any]("disk", contract=Disk)
    capability.check(Disk())

    with pytest.raises(ContractError, match=r"it is not a .*Disk"):
        capability.check(File())


def test_the_contract_may_be_a_generic_class() -> None:
    class Cache(Generic[T]):
        pass

    Capability[Any]("cache", contract=Cache).check(Cache[int]())


def test_a_requirement_of_a_capability_is_told_from_one_of_a_plugin() -> None:
    of_capability = Requirement(Capability[Any]("executor"), "^1.2")
    of_plugin = Requirement("executor", "^1.2")

    assert of_capability.is_capability
    assert not of_plugin.is_capability
    assert str(of_capability) == "capability 'executor' ^1.2"
    assert str(of_plugin) == "plugin 'executor' ^1.2"


def test_a_requirement_takes_any_version_and_is_needed_unless_told_otherwise() -> None:
    assert (Requirement("base").range, Requirement("base").optional) == ("*", False)
    assert str(Requirement("base", optional=True)) == "plugin 'base' * (optional)"


def test_a_requirement_is_an_immutable_value() -> None:
    requirement: Any = Requirement("base", "^1")

    assert requirement == Requirement("base", "^1")
    assert {requirement: 1}[Requirement("base", "^1")] == 1
    assert not hasattr(requirement, "__dict__")
    with pytest.raises(FrozenInstanceError):
        requirement.range = "^2"


def test_a_requirement_survives_pickling() -> None:
    requirement = Requirement(Capability[Store]("store", contract=Store), ">=1", optional=True)

    other = pickle.loads(pickle.dumps(requirement))  # noqa: S301

    assert other == requirement
    assert isinstance(other.target, Capability)
    assert other.target.contract is Store
