"""Run the snippets of the docs: Python is executed, files are written, commands are given.

- ```` ```python ```` blocks of one page share a namespace; a first line ``# file: NAME`` writes the block to a file.
- ```` ```yaml ```` blocks with such a first line are written too.
- ```` ```console ```` blocks: each ``$ command`` is run; the lines after it must be found in what it prints, in order,
  where ``...`` stands for anything. ``# exit code N`` after a command says that it ends with another code than 0.
  They are skipped where the command is not installed.
"""

# ruff: noqa: S101 - a check of the docs is a test

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from plugbus.loaders.namespaces import NamespaceFinder

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent

# For sessions that ask the same questions in another environment: fewer examples of each.
settings.register_profile("quick", max_examples=10, stateful_step_count=15)


def pytest_configure(config: pytest.Config) -> None:
    """Give whole files to the workers of ``-n``: the blocks of a page build on each other."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Under a shell's "&" Ctrl-C is ignored, also by what tests start to see how it ends.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False  # in our order, not the files with the most tests first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the kernel's tests first: many collect garbage, which takes long in a process that has imported much."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/kernel/"))


@pytest.fixture(autouse=True)
def no_plugin_code_is_left() -> Iterator[None]:
    """Fail the test that leaves plugin code open, not one after it in whose middle that code is collected."""
    before = sys.meta_path[:]
    yield
    assert [one for one in sys.meta_path if one not in before and isinstance(one, NamespaceFinder)] == []


def _written(example: Example) -> bool:
    match = re.match(r"# file: (\S+)\n", example.parsed)
    if match is None:
        return False
    path = Path(match[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed[match.end() :], encoding="utf-8")
    return True


def _skip_without_needs(example: Example) -> None:
    """Skip what a page shows of modules that are not installed: ``<!-- needs: fsspec, optuna -->`` names them."""
    named = re.search(r"<!-- needs: (.+?) -->", example.document.text)
    missing = [one for one in (named[1].split(", ") if named else ()) if find_spec(one) is None]
    if missing:
        pytest.skip(f'needs {", ".join(missing)}: pip install "plugbus[all]"')


def _run_python(example: Example) -> None:
    _skip_without_needs(example)
    if not _written(example):
        start = example.line + example.parsed.line_offset
        code = compile("\n" * start + example.parsed, example.path, "exec", dont_inherit=True)
        exec(code, example.namespace)  # noqa: S102 - the docs are ours


def _write_yaml(example: Example) -> None:
    _written(example)


def _run_console(example: Example) -> None:
    _skip_without_needs(example)
    blocks = re.split(r"^\$ ", str(example.parsed), flags=re.MULTILINE)[1:]
    for block in blocks:
        command, _, expected = block.partition("\n")
        command, _, comment = command.partition("  # exit code ")
        words = shlex.split(command)
        if words[0] in {"pip", "make"}:
            continue  # set-up is what .ci/run does on a clean machine
        if words[0] == "plugbus" and find_spec("rich_click") is None:
            pytest.skip('needs rich-click: pip install "plugbus[cli]"')
        done = subprocess.run(  # noqa: S603 - the docs are ours
            words, capture_output=True, text=True, timeout=110, check=False, env={**os.environ, "NO_COLOR": "1"}
        )
        printed = done.stdout + done.stderr
        assert done.returncode == int(comment or 0), f"{command}: exit code {done.returncode}\n{printed}"
        place = 0
        for line in expected.splitlines():
            wanted = line.strip().removesuffix("...").strip()
            if wanted:
                found = re.sub(r"\s+", " ", printed).find(re.sub(r"\s+", " ", wanted), place)
                assert found >= 0, f"{command}: did not print {wanted!r}, but\n{printed}"
                place = found


def _enter(namespace: dict[str, Any]) -> None:
    folder = tempfile.TemporaryDirectory(prefix="plugbus-docs-")
    namespace["_sybil"] = (folder, Path.cwd(), os.environ["PATH"])
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    os.chdir(folder.name)


def _leave(namespace: dict[str, Any]) -> None:
    folder, before, path = namespace["_sybil"]
    os.environ["PATH"] = path
    os.chdir(before)
    folder.cleanup()


pytest_collect_file = Sybil(
    parsers=[
        SkipParser(),
        CodeBlockParser("python", _run_python),
        CodeBlockParser("yaml", _write_yaml),
        CodeBlockParser("console", _run_console),
    ],
    patterns=["*.md"],
    excludes=["plugins/**", "changes/**", "CHANGELOG.md", ".venv/**", ".nox/**"],
    path=str(ROOT),
    setup=_enter,
    teardown=_leave,
).pytest()
