r"""Which regular expressions mean the same in a browser, and are quick there.

Servers know forms that a browser refuses, such as ``(?P<name>...)``, and then a whole form is not shown; others it
takes for something else, such as ``\A``. And what is linear on a server may take a browser for ever, such as
``(a+)+$``. Only what is known to be safe is sent; the server checks the rest.
"""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 300
_MOST_LOOPS: Final = 3
_ESCAPES: Final = frozenset("dDsSwWbBntrfv")
_MARKS: Final = frozenset(r"\/.*+?()[]{}|^$-,:=!<>#&@%~;'\"_ ")
_REPEAT: Final = re.compile(r"\{\d{1,3}(,\d{0,3})?\}")
_GROUPS: Final = ("(?:", "(?=", "(?!")


def browser_pattern(pattern: object) -> str | None:
    """Return a pattern as a browser takes it, between slashes; None where that is not safe."""
    if not isinstance(pattern, str) or len(pattern) > _LONGEST or not pattern.isprintable():
        return None
    # What is no plain pattern is not compiled: Python warns of some, which is for the author's tests to tell.
    if not _is_plain(pattern):
        return None
    try:
        re.compile(pattern)
    except re.error:
        return None
    return f"/{pattern}/"


def _is_plain(pattern: str) -> bool:
    # One entry for each open group: whether it holds a repetition or alternatives, which may then not be repeated.
    branching = [False]
    closed_branching = False  # of the group that ended just before
    place, loops = 0, 0
    while place < len(pattern):
        char = pattern[place]
        repeat = _REPEAT.match(pattern, place)
        just_closed = closed_branching
        closed_branching = False
        if char == "\\":
            if pattern[place + 1 : place + 2] not in _ESCAPES | _MARKS:
                return False
            place += 2
        elif char == "[":
            end = _end_of_class(pattern, place)
            if end is None:
                return False
            place = end
        elif char == "(":
            opening = next((one for one in _GROUPS if pattern.startswith(one, place)), "(")
            if opening == "(" and pattern.startswith("(?", place):
                return False
            branching.append(False)
            place += len(opening)
        elif char == ")":
            closed_branching = branching.pop()
            branching[-1] |= closed_branching
            place += 1
        elif char in "*+" or repeat is not None:
            # Runs that may take the same text are tried in every division of it: few of them are bearable.
            loops += repeat is None or repeat[0].endswith(",}")
            if just_closed or loops > _MOST_LOOPS:
                return False
            branching[-1] = True
            place = repeat.end() if repeat is not None else place + 1
            if place < len(pattern) and pattern[place] == "+":
                return False
            place += pattern[place : place + 1] == "?"
        elif char == "?":
            place += 1
            if pattern[place : place + 1] == "+":
                return False
            place += pattern[place : place + 1] == "?"
        elif char in "{}":
            return False
        else:
            branching[-1] |= char == "|"
            place += 1
    return True


def _end_of_class(pattern: str, start: int) -> int | None:
    """Return where a class such as ``[a-z]`` ends; None for one that browsers read otherwise."""
    place = start + 1 + (pattern[start + 1 : start + 2] == "^")
    first = place
    while place < len(pattern):
        char = pattern[place]
        if char == "]":
            return None if place == first else place + 1
        if char == "[" or pattern[place : place + 2] in ("&&", "--", "~~", "||"):
            return None
        if char == "\\":
            if pattern[place + 1 : place + 2] not in (_ESCAPES - {"B", "b"}) | _MARKS:
                return None
            place += 1
        place += 1
    return None
