"""Plugin versions: PEP 440, which reads ordinary SemVer too, as values that are cheap to compare.

A plain release (numbers and dots) is read here; ``packaging`` is imported only when an epoch or a pre-,
post-, dev- or local part is first met.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

from .errors import VersionError
from .values import field, value

if TYPE_CHECKING:
    from collections.abc import Callable

Key = tuple[Any, ...]
"""``(epoch, release without trailing zeros, phase, pre number, post number, dev number, *local parts)``."""

DEV, ALPHA, BETA, RC, FINAL = range(5)  # the phases of one release, in their order
_PHASES = {"a": ALPHA, "b": BETA, "rc": RC}
INF = float("inf")  # math.inf, without loading an extension module
_PLAIN = (FINAL, 0, -1, INF)

# Text, for re to compile and keep when a version is first read.
_PLAIN_RELEASE = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*"
_LEADING_ZERO = r"(?<![0-9])0[0-9]+"
_NUMBERS = r"[0-9]+(?:\.[0-9]+)*"


@final
@value(frozen=True, slots=True, init=False, order=True)
class Version:
    """Order one plugin's revisions by their ``key``, equality and hash included: ``1.0`` equals ``1.0.0``.

    Args:
        text: A PEP 440 version, blanks around it are dropped. A leading ``v`` and leading zeros are refused.

    Attributes:
        text: The version as it was written.
        release: The numbers as they were written, ``(1, 0)`` for ``1.0rc1``.
        key: What versions are compared by; sorting by it is faster than sorting the versions.

    Raises:
        VersionError: ``text`` is no version or can't be ordered.
    """

    text: str = field(compare=False)
    release: tuple[int, ...] = field(compare=False, repr=False)
    key: Key = field(repr=False)

    def __init__(self, text: str) -> None:
        text = text.strip()
        try:
            if re.fullmatch(_PLAIN_RELEASE, text):
                release = tuple(map(int, text.split(".")))
                key: Key = (0, release if release[-1] else _significant(release), *_PLAIN)
            else:
                release, key = _read_pep440(text)
        except VersionError:
            raise
        except ValueError as error:  # int() refuses more than some thousand digits
            raise VersionError(text, "a number in it is too long to be read") from error
        store = object.__setattr__
        store(self, "text", text)
        store(self, "release", release)
        store(self, "key", key)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Version], tuple[str]]:
        return Version, (self.text,)

    @property
    def major(self) -> int:
        """The first number of the release."""
        return self.release[0]

    @property
    def is_prerelease(self) -> bool:
        """Whether this is an alpha, beta, release candidate or development version."""
        return bool(self.key[2] != FINAL or self.key[5] != INF)


parse_version: Callable[[str], Version] = lru_cache(maxsize=4096)(Version)
"""Return the version written in a text; like ``Version(text)``, but texts that repeat are read once."""


def _significant(release: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``release`` without the zeros at its end, which never tell two versions apart."""
    end = len(release)
    while end and not release[end - 1]:
        end -= 1
    return release[:end]


def _read_pep440(text: str) -> tuple[tuple[int, ...], Key]:
    """Return the release and the key of a version that is more than a plain release."""
    from packaging.version import InvalidVersion
    from packaging.version import Version as Pep440Version

    try:
        read = Pep440Version(text)
    except InvalidVersion as error:
        raise VersionError(text, *_explain(text)) from error
    causes = []
    if text[0] in "vV":
        causes.append(f"'{text}' begins with '{text[0]}'")
    causes += [f"'{number}' has a leading zero" for number in re.findall(_LEADING_ZERO, text.partition("+")[0])]
    if causes:
        raise VersionError(text, ", ".join(causes), f"write '{read}'")
    phase, number = (_PHASES[read.pre[0]], read.pre[1]) if read.pre else (FINAL, 0)
    if read.dev is not None and read.pre is None and read.post is None:
        phase = DEV
    post = -1 if read.post is None else read.post
    dev = INF if read.dev is None else read.dev
    # A word sorts before a number, a shorter list before a longer one.
    parts = read.local.split(".") if read.local else ()
    local = ((1, int(part)) if part.isdecimal() else (0, part) for part in parts)
    return read.release, (read.epoch, _significant(read.release), phase, number, post, dev, *local)


def _explain(text: str) -> tuple[str, str]:
    """Return why ``text`` is no version, and what to write instead."""
    if not text:
        return "it is empty", "write numbers and dots, as in '1.2.3'"
    numbers = re.match(_NUMBERS, text)
    if numbers is None:
        return f"'{text}' does not begin with a number", "write numbers and dots, as in '1.2.3'"
    start = numbers.group()
    return (
        f"'{text[len(start) :]}' after '{start}' can't be ordered",
        "end it with a, b, rc, post or dev and one number, as in '1.2.3rc1'",
    )
