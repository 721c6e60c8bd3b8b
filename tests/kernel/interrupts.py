"""Interrupts at every place where they can come: what Ctrl-C does, without the luck that it takes to meet a place."""

from __future__ import annotations

import dis
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plugbus.kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

FOLDER = Path(plugbus.kernel.__file__).parent
# What only computes: an interrupt there is one of its caller.
PURE = {
    *("candidates", "capabilities", "causes", "domains", "greedy", "load_cause", "metadata", "ordering", "plan"),
    *("planning", "ranges", "reasons", "resolver", "search", "unrolling", "values", "versions"),
}
SOURCES = frozenset(str(path) for path in FOLDER.rglob("*.py") if path.stem not in PURE and "testing" not in path.parts)
# After these the interpreter looks whether a signal has come, and calls its handler, which may raise.
LOOKING = ("RESUME", "CALL", "JUMP_BACKWARD", "POP_JUMP_BACKWARD")


def interrupt(place: int, call: Callable[[], object]) -> str:
    """Call, and raise ``KeyboardInterrupt`` at one place in the kernel's files; say where, or "" after the last place.

    The places are those at which the interpreter would call the handler of a signal: where a function of the kernel is
    entered, where a call of built-in code has returned, and where a loop goes back. What is left between a call and
    the ``try`` around it is no place: the interpreter counts the one to the other.

    Args:
        place: Of all places that the call comes by, the number of the one where it is interrupted, from 0.
        call: What is interrupted; a ``KeyboardInterrupt`` that it raises is caught.
    """
    passed = 0
    where = ""
    entered = 0

    def come_by(frame: FrameType) -> None:
        nonlocal passed, where
        passed += 1
        if passed == place + 1:
            sys.settrace(None)
            file = Path(frame.f_code.co_filename).name
            where = f"{file}:{frame.f_lineno} in {frame.f_code.co_name}"
            raise KeyboardInterrupt(where)

    def on_call(frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal entered
        entered += 1
        if frame.f_code.co_filename not in SOURCES:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if is_begun(frame):
            come_by(frame)
        before: int | None = None
        entered_before = entered

        def on_opcode(frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal before, entered_before
            if event == "opcode":
                # What was called last is Python code if a frame was entered meanwhile: that looked for itself.
                is_place = before is not None and entered_before == entered and is_looking(frame, before)
                before, entered_before = frame.f_lasti, entered
                if is_place:
                    come_by(frame)
            return on_opcode

        return on_opcode

    before = sys.gettrace()
    # Python 3.12 looks when tracing begins whether any frame wants opcodes: the first one that does comes too late.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(on_call)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return where


def interrupt_in(
    function: str,
    call: Callable[[], object],
    *,
    after: str = "",
    turn: int = 1,
    kind: type[BaseException] = KeyboardInterrupt,
) -> bool:
    """Call, and raise ``KeyboardInterrupt`` where a function of the kernel begins; say whether that place was met.

    It is a place of ``interrupt`` that is chosen by name, and found without tracing, so that what runs is measured.

    Args:
        function: The qualified name of the function.
        call: What is interrupted; a ``KeyboardInterrupt`` that it raises is caught.
        after: A built-in that the function calls: the interrupt comes when that has returned, in place of at the begin.
        turn: The interrupt comes when the place is met for this time, from 1.
        kind: What is raised in place of ``KeyboardInterrupt``.
    """
    left = turn

    def on_event(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        code = frame.f_code
        if code.co_qualname != function or code.co_filename not in SOURCES:
            return
        if event == "c_return" and getattr(argument, "__name__", "") == after if after else event == "call":
            left -= 1
            if not left:
                sys.setprofile(None)
                raise kind(f"{function} {after}")

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(before)
    return left <= 0


def is_begun(frame: FrameType) -> bool:
    """Tell whether a frame is at its beginning, or goes on after a ``yield``; not where it is thrown an error."""
    code = frame.f_code.co_code
    return dis.opname[code[frame.f_lasti]] == "RESUME" and code[frame.f_lasti + 1] < 2


def is_looking(frame: FrameType, before: int) -> bool:
    """Tell whether the interpreter looks for signals between the instruction ``before`` and the one that is next."""
    code = frame.f_code
    name = dis.opname[code.co_code[before]]
    return name.startswith(LOOKING) and handler_of(code, before) == handler_of(code, frame.f_lasti)


def handler_of(code: CodeType, offset: int) -> int | None:
    """Return where the code goes on when the instruction at an offset raises."""
    return next((target for start, end, target in handlers(code) if start <= offset < end), None)


@cache
def handlers(code: CodeType) -> tuple[tuple[int, int, int], ...]:
    """Return start, end and target of what a code's ``try`` and ``with`` statements guard."""
    table: Any = vars(dis)["_parse_exception_table"](code)
    return tuple((one.start, one.end, one.target) for one in table)
