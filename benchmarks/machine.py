"""What a result has to be read with: the machine, the interpreter, and the versions of everything measured."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTIONS = (
    "plugbus",
    "blinker",
    "iPOPO",
    "npe2",
    "packaging",
    "pluggy",
    "psygnal",
    "PyDispatcher",
    "pyee",
    "resolvelib",
    "stevedore",
    "svcs",
)


def machine_facts() -> dict[str, object]:
    """Return the facts; a distribution that is not installed has None."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version,
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
        "clock": "time.process_time",
        "garbage_collector": "off inside samples, unless a row says otherwise",
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
