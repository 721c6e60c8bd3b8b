"""``plugbus graph``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import rich_click as click

from plugbus.kernel import parse_range

from ..output import write_json, write_tree

if TYPE_CHECKING:
    from plugbus.kernel import PluginMetadata, Requirement
    from plugbus.loaders import Host

    from ..session import Session


@click.command("graph")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "mermaid", "dot", "json"]),
    default="tree",
    show_default=True,
    help="A tree for the terminal, Mermaid for Markdown, DOT for Graphviz, or JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_obj
def command(session: Session, form: str, *, as_json: bool) -> None:
    """Show who provides and who needs what.

    Manifests are read; no plugin is imported. What is needed and provided by nobody is marked.
    """
    with session.open_host() as host:
        graph = _graph(host)
        if as_json or form == "json":
            write_json(graph)
        elif form == "tree":
            _write_tree(graph)
        else:
            click.echo(_mermaid(graph) if form == "mermaid" else _dot(graph))


def _graph(host: Host) -> dict[str, Any]:
    metadata = [source.metadata for source in host.sources]
    providers: dict[str, list[str]] = {}
    labels: set[str] = set()
    for one in metadata:
        for capability in one.provides:
            providers.setdefault(str(capability), []).append(one.id)
            labels |= {str(capability)} if capability.is_label else set()
    return {
        "plugins": [{"id": one.id, "version": one.version} for one in metadata],
        "capabilities": [
            {"name": name, "label": name in labels, "providers": owners} for name, owners in sorted(providers.items())
        ],
        "needs": [_need(one, need, metadata) for one in metadata for need in one.requirements],
    }


def _need(plugin: PluginMetadata, need: Requirement, metadata: list[PluginMetadata]) -> dict[str, Any]:
    allowed = parse_range(need.range)
    met_by = [
        one.id
        for one in metadata
        if (
            any(offered == need.target and allowed.matches(offered.version) for offered in one.provides)
            if need.is_capability
            else one.id == need.target and allowed.matches(one.version)
        )
    ]
    return {
        "plugin": plugin.id,
        "target": str(need.target),
        "kind": "capability" if need.is_capability else "plugin",
        "range": need.range,
        "optional": need.optional,
        "met_by": met_by,
    }


def _write_tree(graph: dict[str, Any]) -> None:
    from rich.tree import Tree

    tree = Tree("plugins")
    for plugin in graph["plugins"]:
        branch = tree.add(f"{plugin['id']} {plugin['version']}")
        for capability in graph["capabilities"]:
            if plugin["id"] in capability["providers"]:
                branch.add(f"{'label' if capability['label'] else 'provides'} {capability['name']}")
        for need in graph["needs"]:
            if need["plugin"] == plugin["id"]:
                met = ", ".join(need["met_by"]) or ("nobody" if need["optional"] else "nobody!")
                branch.add(f"needs {need['target']} {need['range']} <- {met}")
    write_tree(tree)


def _mermaid(graph: dict[str, Any]) -> str:
    names = _numbered(graph)
    lines = ["flowchart LR"]
    lines += [f'    {names[one["id"]]}["{one["id"]} {one["version"]}"]' for one in graph["plugins"]]
    lines += [f'    {names["cap:" + one["name"]]}(["{_escaped(one["name"])}"])' for one in graph["capabilities"]]
    for one in graph["capabilities"]:
        lines += [f"    {names[owner]} --> {names['cap:' + one['name']]}" for owner in one["providers"]]
    for place, need in enumerate(graph["needs"]):
        target = names.get(f"cap:{need['target']}" if need["kind"] == "capability" else need["target"])
        if target is None or not need["met_by"]:
            target = f"missing{place}"
            lines.append(f'    {target}["{_escaped(_wanted(need))} is missing"]:::missing')
        lines.append(f'    {target} -.->|"{need["range"]}"| {names[need["plugin"]]}')
    lines.append("    classDef missing stroke:#b00,stroke-dasharray:4")
    return "\n".join(lines)


def _dot(graph: dict[str, Any]) -> str:
    quote = json.dumps
    lines = ["digraph plugbus {", "  rankdir=LR;", "  node [shape=box, fontname=sans];"]
    for one in graph["plugins"]:
        lines.append(f"  {quote(one['id'])} [label={quote(one['id'] + ' ' + one['version'])}];")
    for one in graph["capabilities"]:
        lines.append(f"  {quote('cap:' + one['name'])} [label={quote(one['name'])}, shape=ellipse];")
        lines += [f"  {quote(owner)} -> {quote('cap:' + one['name'])};" for owner in one["providers"]]
    for need in graph["needs"]:
        target = f"cap:{need['target']}" if need["kind"] == "capability" else need["target"]
        if not need["met_by"]:
            target = f"missing:{_wanted(need)}"
            lines.append(f"  {quote(target)} [label={quote(_wanted(need) + ' is missing')}, style=dashed];")
        lines.append(f"  {quote(target)} -> {quote(need['plugin'])} [style=dashed, label={quote(need['range'])}];")
    return "\n".join((*lines, "}"))


def _wanted(need: dict[str, Any]) -> str:
    return f"{need['target']} {need['range']}".removesuffix(" *")


def _escaped(text: str) -> str:
    """Return a text as it may stand in a label of Mermaid."""
    return text.replace('"', "#quot;")


def _numbered(graph: dict[str, Any]) -> dict[str, str]:
    """Give each node an id that Mermaid takes."""
    keys = [one["id"] for one in graph["plugins"]] + [f"cap:{one['name']}" for one in graph["capabilities"]]
    return {key: f"n{place}" for place, key in enumerate(keys)}
