"""Following references in a JSON Schema."""

from __future__ import annotations

from typing import Any, Final

_REFERENCE: Final = "#/$defs/"
_LONGEST_CHAIN: Final = 32


class Resolver:
    """What the references of one schema lead to."""

    def __init__(self, schema: dict[str, Any]) -> None:
        definitions = schema.get("$defs")
        self._definitions: dict[str, Any] = definitions if isinstance(definitions, dict) else {}
        self._root = schema

    def resolve(self, schema: Any) -> dict[str, Any]:
        """Return a schema without a reference; what stands beside one wins. What is no schema says nothing."""
        return self.follow(schema)[0]

    def follow(self, schema: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return a schema without a reference, and the references that were followed."""
        found: dict[str, Any] = schema if isinstance(schema, dict) else {}
        followed: list[str] = []
        for _ in range(_LONGEST_CHAIN):
            target, reference = self._target(found)
            if target is None:
                return found, tuple(followed)
            if reference is not None:
                followed.append(reference)
            beside = {key: value for key, value in found.items() if key not in ("$ref", "allOf")}
            found = {**target, **beside}
        return {}, tuple(followed)

    def _target(self, schema: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            target = self._root if reference == "#" else self._definitions.get(reference.removeprefix(_REFERENCE))
            return (target if isinstance(target, dict) else {}), reference
        # The older way to put something beside a reference.
        parts = schema.get("allOf")
        if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
            return parts[0], None
        return None, None


def branches_of(schema: dict[str, Any]) -> tuple[Any, ...]:
    """Return the alternatives of a schema; none where it has only one form."""
    for key in ("anyOf", "oneOf"):
        found = schema.get(key)
        if isinstance(found, list):
            return tuple(found)
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return tuple({**schema, "type": one} for one in kinds)
    return ()
