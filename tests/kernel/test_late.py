"""Names that a package imports when they are first asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import plugbus.kernel
from plugbus.kernel.late import import_late


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - this interpreter


def test_a_late_name_is_imported_when_it_is_asked_for_and_kept() -> None:
    code = """
import sys
import plugbus.kernel as kernel
print("plugbus.kernel.resolver" in sys.modules, "resolve" in vars(kernel))
from plugbus.kernel import resolve
print("plugbus.kernel.resolver" in sys.modules, vars(kernel)["resolve"] is resolve)
"""
    assert run(code).split() == ["False", "False", "True", "True"]


def test_all_names_come_with_a_star() -> None:
    code = "from plugbus.kernel import *; print(Plan.__module__, HealthReport.__module__, Kernel.__module__)"
    assert run(code).split() == ["plugbus.kernel.plan", "plugbus.kernel.health", "plugbus.kernel.kernel"]


@pytest.mark.parametrize("name", plugbus.kernel.__all__)
def test_every_name_that_is_offered_is_there(name: str) -> None:
    assert getattr(plugbus.kernel, name) is not None


def test_a_name_that_is_not_offered_is_refused_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match=r"^module 'plugbus.kernel' has no attribute 'Kernal'$") as refusal:
        plugbus.kernel.Kernal  # type: ignore[attr-defined] # the point of it  # noqa: B018
    assert (refusal.value.name, refusal.value.obj) == ("Kernal", plugbus.kernel)
    assert not hasattr(plugbus.kernel, "no_such_name")


def test_a_package_is_asked_by_its_own_name() -> None:
    ask = import_late("plugbus.kernel", versions=("parse_version",))
    assert ask("parse_version") is plugbus.kernel.parse_version
