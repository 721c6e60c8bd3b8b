"""Secrets have no place in a schema: what is write-only is taken out of defaults and examples."""

from __future__ import annotations

from typing import Any, Final

from .resolving import Resolver, branches_of

_GONE: Final = object()
_PARTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")


def without_secrets(schema: dict[str, Any]) -> None:
    """Take every secret out of the defaults and examples of a JSON Schema, in place."""
    resolver = Resolver(schema)
    for place in _places(schema):
        if "default" in place:
            kept = _kept(resolver, place, place["default"])
            if kept is _GONE:
                del place["default"]
            else:
                place["default"] = kept
        if "examples" in place and isinstance(place["examples"], list):
            examples = [_kept(resolver, place, one) for one in place["examples"]]
            place["examples"] = [one for one in examples if one is not _GONE]


def shown_values(schema: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return values of a JSON Schema without the secrets among them."""
    kept = _kept(Resolver(schema), schema, values)
    return kept if isinstance(kept, dict) else {}


def is_secret(schema: Any) -> bool:
    """Say whether a value of a schema is not to be shown."""
    return isinstance(schema, dict) and (schema.get("writeOnly") is True or schema.get("format") == "password")


def _places(schema: Any) -> list[dict[str, Any]]:
    """Return every schema inside a schema, itself included; what authors put beside is not looked into."""
    found: list[dict[str, Any]] = []
    pending = [schema]
    while pending:
        one = pending.pop()
        if not isinstance(one, dict):
            continue
        found.append(one)
        for key in ("properties", "$defs", "patternProperties"):
            inner = one.get(key)
            pending.extend(inner.values() if isinstance(inner, dict) else ())
        for key in _PARTS:
            inner = one.get(key)
            pending.extend(inner if isinstance(inner, list) else ())
        pending.extend(one.get(key) for key in ("items", "additionalProperties", "contentSchema"))
    return found


def _kept(resolver: Resolver, schema: Any, value: Any) -> Any:
    """Return a value without its secrets; nothing of it where a part can't be left out."""
    found = resolver.resolve(schema)
    if is_secret(schema) or is_secret(found):
        return _GONE
    branches = branches_of(found)
    if branches:
        if value is None and any(resolver.resolve(one).get("type") == "null" for one in branches):
            return None
        # Which alternative a value belongs to is not known: it is kept as the strictest of them has it.
        for one in branches:
            value = _kept(resolver, one, value)
            if value is _GONE:
                return _GONE
        return value
    if isinstance(value, dict):
        return _kept_mapping(resolver, found, value)
    if isinstance(value, list):
        first = found.get("prefixItems")
        parts = list(first) if isinstance(first, list) else []
        rest = found.get("items", {})
        items = [_kept(resolver, parts[at] if at < len(parts) else rest, one) for at, one in enumerate(value)]
        return _GONE if any(one is _GONE for one in items) else items
    return value


def _kept_mapping(resolver: Resolver, schema: dict[str, Any], value: dict[str, Any]) -> Any:
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    others = schema.get("additionalProperties", {})
    kept: dict[str, Any] = {}
    for key, one in value.items():
        found = _kept(resolver, known.get(key, others), one)
        if found is not _GONE:
            kept[key] = found
        elif key not in known:
            return _GONE
    return kept
