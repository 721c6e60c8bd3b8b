"""Values: what ``@dataclass(frozen=True, slots=True)`` makes, without its compiler.

A dataclass compiles the source of six methods, which takes 0.3 ms a class and was half of the import of this package.
Here all classes share their methods. To static checkers a value is a dataclass, and so it is to ``fields``, ``asdict``,
``replace`` and ``is_dataclass``: what those read is made when it is first asked for.
"""

from __future__ import annotations

import operator
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from dataclasses import dataclass as value
    from dataclasses import field, replace

__all__ = ["field", "replace", "value"]

_NONE: Any = object()
_FIELDS, _PARAMS, _SHAPE = "__dataclass_fields__", "__dataclass_params__", "__value_shape__"


class _Field:
    """Say how a field differs from a plain one; see ``dataclasses.field``."""

    __slots__ = ("annotation", "compare", "default", "default_factory", "hash", "repr")

    def __init__(
        self,
        *,
        default: Any = _NONE,
        default_factory: Any = None,
        repr: bool = True,  # noqa: A002 - as dataclasses names it
        compare: bool = True,
        hash: bool | None = None,  # noqa: A002 - as dataclasses names it
    ) -> None:
        self.annotation: Any = None
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.compare = compare
        self.hash = compare if hash is None else hash

    def as_dataclass_field(self) -> Any:
        """Return the same for a dataclass."""
        from dataclasses import MISSING, field

        facts: dict[str, Any] = {"repr": self.repr, "compare": self.compare, "hash": self.hash}
        if self.default_factory is not None:
            return field(default_factory=self.default_factory, **facts)
        return field(default=MISSING if self.default is _NONE else self.default, **facts)

    def as_parameter(self, name: str, make: Any, *, has_place: bool) -> Any:
        """Return the same for a signature; what is made anew for each value is shown as ``...``."""
        known = make.empty if self.default is _NONE else self.default
        default = known if self.default_factory is None else ...
        kind = make.POSITIONAL_OR_KEYWORD if has_place else make.KEYWORD_ONLY
        return make(name, kind, default=default, annotation=self.annotation)


class _Shape:
    """What the methods have to know of a value's class; a class that is derived from it finds it by inheritance."""

    __slots__ = (
        "compared",
        "fields",
        "has_post_init",
        "hashed",
        "is_plain",
        "kind",
        "names",
        "own",
        "parameters",
        "places",
        "puts",
        "read",
        "shown",
        "tail",
    )

    def __init__(self, own: dict[str, _Field], inherited: Mapping[str, _Field], parameters: Mapping[str, bool]) -> None:
        self.kind: type = object
        self.own = own
        self.fields = fields = {**inherited, **own}
        self.parameters = parameters
        self.has_post_init = False
        self.is_plain = False  # whether its facts are all that making one takes
        self.names = tuple(fields)
        self.places = 0 if parameters["kw_only"] else len(fields)  # the fields that may be given by place
        # How to set each field, and how to read all of them.
        self.puts: dict[str, Callable[[object, object], None]] = {}
        self.read: Callable[[object], Sequence[Any]] = operator.attrgetter(*fields) if len(fields) > 1 else _state
        # The plain defaults at the end, which are most of what is left out.
        self.tail: list[Any] = []
        for one in fields.values():
            self.tail = [] if one.default is _NONE else [*self.tail, one.default]
        self.shown = [name for name, one in fields.items() if one.repr]
        self.compared = [name for name, one in fields.items() if one.compare]
        self.hashed = [name for name, one in fields.items() if one.compare and one.hash]

    def complete(self, given: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
        """Return one fact for each field, as a function with these parameters would have them.

        Raises:
            TypeError: Facts are missing, given twice, or not asked for.
        """
        absent = self.places - len(given)
        if not named and 0 < absent <= len(self.tail):
            return [*given, *self.tail[-absent:]]
        facts = dict(zip(self.names[: self.places], given, strict=False))
        faults = [f"'{name}' is given twice" for name in named if name in facts]
        faults += [f"'{name}' is no field" for name in named if name not in self.fields]
        if len(given) > self.places:
            faults.append(f"it takes {self.places} facts by place, and {len(given)} were given")
        facts.update(named)
        for name, one in self.fields.items():
            if name not in facts:
                if one.default_factory is not None:
                    facts[name] = one.default_factory()
                elif one.default is not _NONE:
                    facts[name] = one.default
                else:
                    faults.append(f"'{name}' is missing")
        if faults:
            raise TypeError(f"cannot make {self.kind.__qualname__}: {', '.join(faults)}")
        return [facts[name] for name in self.names]


class _Later:
    """Stands where a dataclass keeps what it knows of itself, until someone asks."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, one: object, kind: type) -> Any:
        for base in reversed(kind.__mro__):
            if isinstance(base.__dict__.get(_FIELDS), _Later):
                _ask_a_dataclass(base)
        return getattr(kind, self._name)


class _Signature:
    """Stands where ``inspect.signature`` looks first."""

    def __get__(self, one: object, kind: type) -> Any:
        if kind.__dict__.get("__init__") is not _init:  # a class that is derived from a value has another one
            raise AttributeError("__signature__")
        shape: _Shape = getattr(kind, _SHAPE)
        from inspect import Parameter, Signature

        return Signature(
            [field.as_parameter(name, Parameter, has_place=bool(shape.places)) for name, field in shape.fields.items()]
        )


def _ask_a_dataclass(kind: Any) -> None:
    """Let a real dataclass with the same fields say what it knows of itself."""
    from dataclasses import make_dataclass

    shape = kind.__value_shape__
    own = [(name, one.annotation, one.as_dataclass_field()) for name, one in shape.own.items()]
    twin = make_dataclass(kind.__name__, own, frozen=True, **shape.parameters)
    fields: dict[str, Any] = {}
    for base in kind.__mro__[:0:-1]:
        fields |= base.__dict__.get(_FIELDS, {})
    setattr(kind, _FIELDS, fields | getattr(twin, _FIELDS))
    setattr(kind, _PARAMS, getattr(twin, _PARAMS))


def _value(
    *, frozen: bool, slots: bool, init: bool = True, eq: bool = True, order: bool = False, kw_only: bool = False
) -> Callable[[type], type]:
    """Make a value of a class, as ``dataclass`` would; ``frozen`` and ``slots`` are always true, and said for readers.

    What the class itself defines is left as it is.
    """
    assert frozen, "a value can't be changed"  # noqa: S101 - said where the class is written
    assert slots, "a value has no other facts"  # noqa: S101 - said where the class is written
    parameters = {"init": init, "eq": eq, "order": order, "kw_only": kw_only}
    methods = _ALWAYS | (_INIT if init else {}) | (_EQ if eq else {}) | (_ORDER if order else {})

    def make(plain: Any) -> type:
        body = {name: one for name, one in plain.__dict__.items() if name not in {"__dict__", "__weakref__"}}
        own: dict[str, _Field] = {}
        for name, annotation in body.get("__annotations__", {}).items():
            given = body.pop(name, _NONE)
            own[name] = one = given if isinstance(given, _Field) else _Field(default=given)
            one.annotation = annotation
        inherited = plain.__value_shape__.fields if hasattr(plain, _SHAPE) else {}
        body[_SHAPE] = shape = _Shape(own, inherited, parameters)
        body["__slots__"] = tuple(name for name in own if name not in inherited)
        body["__match_args__"] = shape.names[: shape.places]
        kind: type = type(plain)(plain.__name__, plain.__bases__, methods | body)
        kind.__qualname__ = plain.__qualname__
        shape.kind = kind
        shape.puts = {name: getattr(kind, name).__set__ for name in shape.names}
        shape.has_post_init = hasattr(kind, "__post_init__")
        shape.is_plain = body.get("__init__", _init) is _init and init and not shape.has_post_init
        return kind

    return make


def _init(self: Any, *given: Any, **named: Any) -> None:
    shape = self.__value_shape__
    facts = shape.complete(given, named) if named or len(given) != len(shape.names) or not shape.places else given
    for put, fact in zip(shape.puts.values(), facts):  # noqa: B905 - they are of one length by now, and being strict takes time
        put(self, fact)
    if shape.has_post_init:
        self.__post_init__()


@recursive_repr()
def _repr(self: Any) -> str:
    told = ", ".join([f"{name}={getattr(self, name)!r}" for name in self.__value_shape__.shown])
    return f"{type(self).__qualname__}({told})"


def _compared(one: Any) -> tuple[Any, ...]:
    return tuple([getattr(one, name) for name in one.__value_shape__.compared])


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def method(self: Any, other: object) -> bool:
        return compare(_compared(self), _compared(other)) if type(other) is type(self) else NotImplemented

    return method


def _hash(self: Any) -> int:
    return hash(tuple([getattr(self, name) for name in self.__value_shape__.hashed]))


def _set(self: Any, name: str, fact: object) -> None:
    _refuse(self, name, "assign to")
    object.__setattr__(self, name, fact)


def _delete(self: Any, name: str) -> None:
    _refuse(self, name, "delete")
    object.__delattr__(self, name)


def _refuse(self: Any, name: str, verb: str) -> None:
    # A class that is derived from a value may have facts of its own.
    if type(self) is self.__value_shape__.kind or name in self.__value_shape__.names:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot {verb} field '{name}'")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in _names(self)]


def _restore(self: Any, state: Sequence[Any]) -> None:
    for name, fact in zip(_names(self), state, strict=True):
        object.__setattr__(self, name, fact)


def _names(one: Any) -> Sequence[str]:
    """Return the names of all fields, also those that a dataclass derived from a value has added."""
    shape: _Shape = one.__value_shape__
    if type(one) is shape.kind:
        return shape.names
    from dataclasses import fields

    return [known.name for known in fields(one)]


def _replace(one: Any, /, **facts: Any) -> Any:
    """Return a copy of a value with other facts."""
    shape: _Shape = one.__value_shape__
    if shape.is_plain and type(one) is shape.kind and facts.keys() <= shape.puts.keys():
        # A copy, on which the other facts are put: a third of the time of making one from its facts.
        other = object.__new__(shape.kind)
        for put, fact in zip(shape.puts.values(), shape.read(one)):  # noqa: B905 - as in _init
            put(other, fact)
        for name, fact in facts.items():
            shape.puts[name](other, fact)
        return other
    return type(one)(**{name: getattr(one, name) for name in _names(one)} | facts)


_ALWAYS = {
    "__repr__": _repr, "__setattr__": _set, "__delattr__": _delete, "__getstate__": _state, "__setstate__": _restore,
    "__replace__": _replace, _FIELDS: _Later(_FIELDS), _PARAMS: _Later(_PARAMS), "__signature__": _Signature(),
}  # fmt: skip
_INIT = {"__init__": _init}
_EQ = {"__eq__": _ordered(operator.eq), "__hash__": _hash}
_ORDER = {f"__{one.__name__}__": _ordered(one) for one in (operator.lt, operator.le, operator.gt, operator.ge)}

if not TYPE_CHECKING:  # pragma: no branch - it is never otherwise where this runs
    value, field, replace = _value, _Field, _replace
