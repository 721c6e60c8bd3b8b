"""Run tests in a process of its own, with other code in the place of modules."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ROOT = Path(__file__).parents[1]


def run_changed(code: Mapping[str, str], arguments: Sequence[str], timeout_s: float) -> list[str] | None:
    """Run tests in a new process with other code in the place of modules'.

    Args:
        code: What is run in place of each module, by its full name.
        arguments: Of pytest.
        timeout_s: After so many seconds the process is ended.

    Returns:
        The tests that failed, or None where they did not end. What keeps the tests from being run is a failure, too.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.setsid()
        _run_tests(code, arguments, writing)
    os.close(writing)
    deadline = time.monotonic() + timeout_s
    ended = 0
    while not ended and time.monotonic() < deadline:
        ended, _status = os.waitpid(child, os.WNOHANG)
        if not ended:
            time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # also what the tests have left behind
    if not ended:
        os.waitpid(child, 0)
    with open(reading, encoding="utf-8") as told:  # noqa: PTH123 - a descriptor
        text = told.read()
    if not ended:
        return None
    failed = text.splitlines()
    return failed[1:] if failed[:1] == ["begun"] else ["the tests could not be run"]


def _run_tests(code: Mapping[str, str], arguments: Sequence[str], out: int) -> None:
    """Be the process that runs the tests; never return."""
    import pytest

    class Recorder:
        def __init__(self) -> None:
            self.has_failed = False

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                self.tell(report.nodeid)

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                self.tell(f"{report.nodeid} (collection)")

        def tell(self, text: str) -> None:
            self.has_failed = True
            os.write(out, f"{text}\n".encode())

    status = 3
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, _Changed(code))
        os.write(out, b"begun\n")
        recorder = Recorder()
        status = int(pytest.main([*arguments], [recorder]))
        if status and not recorder.has_failed:
            recorder.tell(f"pytest ended with {status}")
    except BaseException as error:  # noqa: BLE001 - told to the process that waits
        os.write(out, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Give modules other code."""

    def __init__(self, code: Mapping[str, str]) -> None:
        self._code = code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in self._code:
            return None
        file = ROOT / "kernel" / Path(*name.split(".")).with_suffix(".py")
        return importlib.util.spec_from_file_location(name, file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        file = str(module.__file__)
        exec(compile(self._code[module.__name__], file, "exec", dont_inherit=True), vars(module))  # noqa: S102 - the kernel's code


def preload() -> None:
    """Import what every process needs, so that it is there when it begins."""
    import concurrent.futures.thread
    import unittest.mock

    import hypothesis.stateful
    import packaging.specifiers
    import pytest

    del concurrent, unittest, hypothesis, packaging, pytest
