"""Version ranges: a comma list of comparators, compiled once to one interval of version keys.

Caret, tilde and wildcards read as in Cargo, the other operators as in PEP 440: a partial version is filled
with zeros, ``>1.0`` leaves out the post-releases of 1.0, ``<2`` the pre-releases of 2. Local parts are ignored.
A pre-release is inside only when a comparator other than ``!=`` names a pre-release of the same release.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, final

from .errors import VersionError, VersionRangeError
from .values import field, value
from .versions import DEV, FINAL, INF, Key, Version, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable

    Interval = tuple[Key, Key]  # from the first key on, up to and without the second

# Where an interval may be cut: below and above every key, and around one release or one version.
_LOWEST: Key = ()
_HIGHEST: Key = (INF,)
_BEFORE_RELEASE = DEV  # a key that ends here comes before those that go on
_AFTER_RELEASE = FINAL + 1
_AFTER_LOCAL = (2,)
_PUBLIC = 6  # elements of a key in front of its local parts

_WILDCARDS = ("*", "x", "X")
# An operator and a version, either may be missing; an exclamation mark inside a version ends its epoch.
_COMPARATOR = r"\s*([\^~<>=!]*)\s*([^\s^~<>=!]*(?:![0-9][^\s^~<>=!]*)?)\s*"


@final
@value(frozen=True, slots=True, init=False)
class VersionRange:
    """Tell which versions a requirement accepts; values are equal and hashed by their text.

    Args:
        text: Comparators joined by commas, all of which must hold: a version after one of
            ``^ ~ >= > < <= == = !=``, or ``1.x``, ``1.*``, ``*``. Blanks around each are allowed.

    Raises:
        VersionRangeError: ``text`` is no range; its cause names every fault.
    """

    text: str
    _low: Key = field(compare=False, repr=False)
    _high: Key = field(compare=False, repr=False)
    _holes: tuple[Interval, ...] = field(compare=False, repr=False)
    _named: frozenset[Key] = field(compare=False, repr=False)  # epoch and release of every pre-release written

    def __init__(self, text: str) -> None:
        low, high = _LOWEST, _HIGHEST
        holes: list[Interval] = []
        named: list[Key] = []
        faults: list[VersionError] = []
        for part in () if text == "*" else text.split(","):
            place = 0
            while not place or place < len(part):
                comparator = next(re.compile(_COMPARATOR).finditer(part, place))
                operator, operand = comparator.groups()
                if place:
                    cause = f"no comma stands before '{operator}{operand}'"
                    faults.append(VersionRangeError(text, cause, "join comparators with commas"))
                try:
                    (start, end), prerelease = _read(operator, operand)
                except VersionError as fault:
                    faults.append(fault)
                    break
                if operator == "!=":
                    holes.append((start, end))
                else:
                    low, high = max(low, start), min(high, end)
                    if prerelease is not None:
                        named.append(prerelease)
                place = comparator.end()
        if faults:
            raise _joined(text, faults)
        store = object.__setattr__
        store(self, "text", text.strip())
        store(self, "_low", low)
        store(self, "_high", high)
        store(self, "_holes", tuple(holes))
        store(self, "_named", frozenset(named))

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[VersionRange], tuple[str]]:
        return VersionRange, (self.text,)

    def matches(self, version: Version | str) -> bool:
        """Return whether ``version`` is inside.

        Raises:
            VersionError: ``version`` is a text that is no version.
        """
        if isinstance(version, str):
            version = parse_version(version)
        key = version.key
        if not self._low <= key < self._high:
            return False
        if version.is_prerelease and key[:2] not in self._named:
            return False
        return not self._holes or not any(start <= key < end for start, end in self._holes)


def _joined(text: str, faults: list[VersionError]) -> VersionRangeError:
    """Return one error that names every fault of ``text``, each thing to do once."""
    if not text.strip():
        return VersionRangeError(text, "it is empty", "write '*' for any version")
    remedies = dict.fromkeys(fault.remedy for fault in faults if fault.remedy)
    return VersionRangeError(text, ", ".join(fault.cause for fault in faults), ", ".join(remedies))


def _read(operator: str, operand: str) -> tuple[Interval, Key | None]:
    """Return what one comparator spans, and the epoch and release of a pre-release it names."""
    if operator and operator not in _SPANS:
        raise VersionRangeError(operator, f"'{operator}' is no operator", f"use one of {' '.join(_SPANS)}")
    if not operand:
        cause = f"'{operator}' names no version" if operator else "nothing stands beside a comma"
        raise VersionRangeError(operator, cause)
    if operand[-1] in "xX*" and operand.rpartition(".")[2] in _WILDCARDS and "+" not in operand:
        return _wildcard(operator, operand), None
    version = parse_version(operand)
    if not operator:
        cause = f"'{operand}' has no operator, and tools disagree on what that means"
        raise VersionRangeError(operand, cause, f"write '=={operand}' or '^{operand}'")
    return _SPANS[operator](version), version.key[:2] if version.is_prerelease else None


def _wildcard(operator: str, operand: str) -> Interval:
    """Return the span of ``*``, ``1.x`` or ``1.2.*``: all that begins with these numbers."""
    numbers = operand.split(".")
    while numbers and numbers[-1] in _WILDCARDS:
        numbers.pop()
    start = ".".join(numbers)
    if operator not in ("", "=", "==", "!=") or (operator and not start):
        cause = f"'{operator}' can't be followed by the wildcard '{operand}'"
        raise VersionRangeError(operand, cause, f"write '{operator}{start}'" if start else "write '*'")
    if not start:
        return _LOWEST, _HIGHEST
    version = parse_version(start)
    if not _is_plain(version):
        raise VersionRangeError(operand, f"'{start}' before a wildcard is more than a release", f"write '=={start}'")
    return (*version.key[:2], _BEFORE_RELEASE), _next(version, len(version.release))


def _next(version: Version, kept: int) -> Key:
    """Return the cut below the release that follows all those with the same first ``kept`` numbers."""
    return version.key[0], (*version.release[: kept - 1], version.release[kept - 1] + 1), _BEFORE_RELEASE


def _public(version: Version) -> Key:
    return version.key[:_PUBLIC]


def _beyond(version: Version) -> Key:
    """Return the cut above ``version`` with any local part."""
    return (*version.key[:_PUBLIC], _AFTER_LOCAL)


def _is_plain(version: Version) -> bool:
    return version.key[2:_PUBLIC] == (FINAL, 0, -1, INF)


def _above(version: Version) -> Interval:
    return ((*version.key[:2], _AFTER_RELEASE) if _is_plain(version) else _beyond(version)), _HIGHEST


def _below(version: Version) -> Interval:
    return _LOWEST, (*version.key[:2], _BEFORE_RELEASE) if _is_plain(version) else _public(version)


def _exactly(version: Version) -> Interval:
    return _public(version), _beyond(version)


def _caret(version: Version) -> Interval:
    """Span what keeps the leftmost number that is not zero, or all numbers written when they are zeros."""
    kept = 0
    for number in version.release:
        kept += 1
        if number:
            break
    return _public(version), _next(version, kept)


def _tilde(version: Version) -> Interval:
    """Span what keeps the first two numbers, or the only one written."""
    return _public(version), _next(version, min(2, len(version.release)))


_SPANS: dict[str, Callable[[Version], Interval]] = {
    "^": _caret,
    "~": _tilde,
    ">=": lambda version: (_public(version), _HIGHEST),
    ">": _above,
    "<": _below,
    "<=": lambda version: (_LOWEST, _beyond(version)),
    "==": _exactly,
    "=": _exactly,
    "!=": _exactly,
}

parse_range: Callable[[str], VersionRange] = lru_cache(maxsize=4096)(VersionRange)
"""Return the range written in a text; like ``VersionRange(text)``, but texts that repeat are read once."""

ANY = VersionRange("*")
"""Accepts every version that is no pre-release."""
