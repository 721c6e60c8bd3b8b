"""What a program can check of the docs: links, and that the reference names everything there is."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import plugbus.capabilities
import plugbus.kernel
import plugbus.loaders
from plugbus.kernel import Event, VersionError, VersionRange, parse_range, parse_version
from plugbus.loaders import HostFile, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
COMMANDS = ROOT / "plugins/plugbus/plugins/cli/commands"
APPLICATION = COMMANDS.parent / "application.py"
PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
FACES: list[ModuleType] = [plugbus.kernel, plugbus.capabilities, plugbus.loaders]
HEADS = {"plugin", "---"}  # first cells of what stands above the rows of a table


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"`[^`\n]*`", "code", prose(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            yield target


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of the rows of all tables; bars in code are escaped or not in a table."""
    for line in text.splitlines():
        if line.startswith("| ") and line.endswith(" |"):
            yield [cell.strip() for cell in line[2:-2].split(" | ")]


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no heading {heading!r}"
    return found[1]


def exported(kind: type) -> dict[str, type[Any]]:
    """Return the classes of a kind that the three faces offer, by name."""
    return {
        name: found
        for face in FACES
        for name in face.__all__
        if isinstance(found := getattr(face, name), type) and issubclass(found, kind)
    }


def properties(model: type[BaseModel]) -> dict[str, set[str]]:
    """Return the keys of a model and of those inside it, by the title of each."""
    schema = model.model_json_schema()
    parts = {schema["title"]: schema, **schema.get("$defs", {})}
    return {title: set(part.get("properties", ())) for title, part in parts.items()}


def keys(text: str) -> set[str]:
    """Return what stands as code in the first cell of the rows."""
    return {key for cells in rows(text) for key in re.findall(r"`([^`]+)`", cells[0])}


def options(path: Path) -> set[str]:
    """Return the options that a module of the command declares."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("option", "RichOption")):
            constants = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            texts = [one for one in constants if isinstance(one, str)]
            found |= {one for one in texts if re.fullmatch(r"--?[a-z-]+", one)}
        if isinstance(node, ast.Name) and node.id == "with_json":
            found.add("--json")
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{name_of(page)} links to {target}"
        assert place.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(place), f"{name_of(page)} links to {target}; there are {sorted(anchors(place))}"


def test_every_page_can_be_reached() -> None:
    reached = {ROOT / "README.md"}
    pending = [ROOT / "README.md", DOCS / "index.md"]
    while pending:
        page = pending.pop()
        for target in links(page):
            place = (page.parent / target.partition("#")[0]).resolve()
            if place.suffix == ".md" and place not in reached:
                reached.add(place)
                pending.append(place)
    assert set(PAGES) - reached <= {DOCS / "index.md"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_in_the_docs_exist(page: Path) -> None:
    found = re.findall(r"plugbus\.(?:kernel|capabilities|loaders)(?:\.\w+)+", page.read_text("utf-8"))
    for dotted in dict.fromkeys(found):
        module, _, name = dotted.rpartition(".")
        if name in {"testing", "fixtures", "bus"}:  # modules: those for tests, and the name of a logger
            importlib.import_module(dotted)
        else:
            assert hasattr(importlib.import_module(module), name), f"{name_of(page)} names {dotted}"


def test_every_error_is_in_the_reference() -> None:
    told = {cells[0].strip("`"): cells[1:] for cells in rows((REFERENCE / "errors.md").read_text("utf-8"))}
    errors = exported(BaseException)
    missing = set(errors) - set(told)
    assert not missing
    for name, error in errors.items():
        assert told[name][0].strip("`") in {one.__name__ for one in error.__mro__[1:]}, name
        assert len(told[name]) == 3, name


def test_every_event_is_in_the_reference_with_its_fields() -> None:
    told = {cells[0].strip("`"): cells[1] for cells in rows((REFERENCE / "events.md").read_text("utf-8"))}
    events = exported(Event)
    missing = set(events) - set(told)
    assert not missing
    for name, event in events.items():
        assert re.findall(r"`(\w+)`", told[name]) == [one.name for one in fields(event)], name


def test_every_key_of_the_manifest_is_in_the_reference() -> None:
    text = (REFERENCE / "manifest.md").read_text("utf-8")
    parts = {
        "Manifest": "Keys",
        "ProvidedCapability": "provides",
        "RequiredCapability": "requires",
        "ModuleNeeds": "needs",
    }
    found = properties(Manifest)
    assert set(found) == set(parts)
    for model, heading in parts.items():
        assert keys(section(text, heading)) == found[model], model


def test_the_reference_says_which_keys_of_the_manifest_are_required() -> None:
    told = {cells[0].strip("`"): cells[2] for cells in rows(section((REFERENCE / "manifest.md").read_text(), "Keys"))}
    required = {name for name, field in Manifest.model_fields.items() if field.is_required()}
    assert {name for name, default in told.items() if default == "required"} == required


def test_every_key_of_the_host_file_is_in_the_reference() -> None:
    found = properties(HostFile)
    selection = found.pop("PluginSelection")
    deadlines = found.pop("Deadlines")
    (host,) = found.values()
    text = section((REFERENCE / "host-file.md").read_text("utf-8"), "Keys")
    assert keys(text) == host | {f"plugins.{key}" for key in selection} | {f"deadlines.{key}" for key in deadlines}


def test_every_setting_of_the_shipped_plugins_is_in_the_reference() -> None:
    text = section((REFERENCE / "host-file.md").read_text("utf-8"), "Settings of the shipped plugins")
    told = {(cells[0].strip("`"), cells[1].strip("`")) for cells in rows(text) if cells[0] not in HEADS}
    found: set[tuple[str, str]] = set()
    for manifest in sorted((ROOT / "plugins/plugbus/plugins").glob("*/plugin.yaml")):
        plugin_id = manifest.parent.name
        module = importlib.import_module(f"plugbus.plugins.{plugin_id}.plugin")
        models = [getattr(one, "config_model", None) for one in vars(module).values()]
        found |= {(plugin_id, key) for model in models if model is not None for key in model.model_fields}
    assert told == found


def test_every_command_and_option_is_in_the_reference() -> None:
    text = (REFERENCE / "command-line.md").read_text("utf-8")
    commands = [one for one in sorted(COMMANDS.glob("*.py")) if one.stem != "__init__"]
    assert len(commands) > 1
    for path in commands:
        told = section(text, path.stem)
        missing = options(path) - set(re.findall(r"--?[a-z][a-z-]*", told))
        assert not missing, f"{path.stem}: {missing}"
    told = section(text, "Before the command")
    found = options(APPLICATION)
    assert found == {"--host", "--plugins", "--artifacts", "--version"}, "the test finds the options"
    assert all(one in told for one in found)


def test_the_examples_of_version_ranges_are_true() -> None:
    text = section((REFERENCE / "version-ranges.md").read_text("utf-8"), "Examples")
    table = [cells for cells in rows(text) if cells[0].startswith("`")]
    assert len(table) > 20
    for cells in table:
        wanted, accepted, refused = (re.findall(r"`([^`]+)`", cell) for cell in cells)
        assert accepted
        assert refused
        for version in accepted:
            assert parse_range(wanted[0]).matches(version), f"{wanted[0]} accepts {version}"
        for version in refused:
            assert not parse_range(wanted[0]).matches(version), f"{wanted[0]} refuses {version}"


@pytest.mark.parametrize(("heading", "read"), [("Versions", parse_version), ("Refused", VersionRange)])
def test_the_refusals_of_versions_are_true(heading: str, read: Any) -> None:
    text = section((REFERENCE / "version-ranges.md").read_text("utf-8"), heading)
    table = [cells for cells in rows(text) if cells[0].startswith("`")]
    assert len(table) > 3
    for cells in table:
        with pytest.raises(VersionError) as refused:
            read(cells[0].strip("`"))
        assert str(refused.value).partition("': ")[2] == cells[1]
