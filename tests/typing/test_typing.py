"""What static checkers see of the faces, asked of both checkers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
REFUSED = FOLDER / "refused.py"
EXPECTED = re.compile(r"# pyright: (?P<rules>[\w ]+)$")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )


def pyright(folder: Path, file: str | None, **settings: object) -> list[dict[str, Any]]:
    """Return what pyright finds in the files beside this one, with the settings of this project and these."""
    config = {
        # Places outside the configuration's folder are read only where they are relative to it.
        "include": [os.path.relpath(FOLDER if file is None else FOLDER / file, folder)],
        "extraPaths": [str(ROOT / name) for name in ("kernel", "capabilities", "loaders", "plugins")],
        "pythonVersion": "3.11",
        "typeCheckingMode": "standard",
        **settings,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    done = run("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(folder))
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] > 0, done.stdout
    found: list[dict[str, Any]] = report["generalDiagnostics"]
    return found


def test_mypy_agrees_also_about_what_is_refused() -> None:
    pytest.importorskip("mypy", reason="needs mypy: pip install --group lint")
    files = sorted(str(path) for path in FOLDER.glob("*.py") if path != Path(__file__))
    done = run("mypy", "--strict", "--warn-unused-ignores", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues found in 3 source files" in done.stdout


def test_pyright_agrees(tmp_path: Path) -> None:
    pytest.importorskip("pyright", reason="needs pyright: pip install --group lint")
    assert pyright(tmp_path, None) == []


def test_pyright_refuses_what_mypy_refuses(tmp_path: Path) -> None:
    pytest.importorskip("pyright", reason="needs pyright: pip install --group lint")
    lines = REFUSED.read_text("utf-8").splitlines()
    expected = {
        number: set(match["rules"].split())
        for number, line in enumerate(lines, 1)
        if (match := EXPECTED.search(line)) is not None
    }
    assert len(expected) == sum("# type: ignore" in line for line in lines) > 30
    found: dict[int, set[str]] = defaultdict(set)
    for one in pyright(tmp_path, REFUSED.name, enableTypeIgnoreComments=False):
        found[one["range"]["start"]["line"] + 1].add(one.get("rule", one["message"]))
    assert sorted(found) == sorted(expected)
    # Versions of pyright differ in which of two rules a call without a fitting overload breaks.
    assert {line: rules for line, rules in found.items() if not rules & expected[line]} == {}
