"""From what a form sent to parameters."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from .errors import FormDataError
from .form import UNSET, FieldKind, FormField
from .numbers import LARGEST_EXACT, is_exact, is_number
from .options import same_value
from .showing import takes_text
from .times import join_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,4000}\s*")
_INEXACT: Final = "a browser does not send a number of this size exactly; write a smaller one"


@dataclass(slots=True)
class _Decoder:
    """One reading of what was sent; gathers the faults."""

    zone: tzinfo = UTC
    faults: list[tuple[str, str]] = field(default_factory=list)

    def fields(self, fields: Iterable[FormField], sent: Mapping[str, Any], current: Any, path: str) -> dict[str, Any]:
        """Return the values of fields; what no field sent is left to the model to take or refuse."""
        found: dict[str, Any] = {}
        known: set[str] = set()
        for one in fields:
            known |= {one.name, one.key}
            old = current.get(one.key, UNSET) if isinstance(current, dict) else UNSET
            if one.hints.is_hidden and one.name not in sent:
                value = old
            else:
                value = self.value(one, sent.get(one.name, UNSET), old, f"{path}.{one.key}" if path else one.key)
            if value is not UNSET:
                found[one.key] = value
        found.update({key: value for key, value in sent.items() if key not in known})
        return found

    def value(self, one: FormField, sent: Any, current: Any, path: str) -> Any:
        """Return a value; ``UNSET`` where the parameters are to hold none."""
        match one.kind:
            case FieldKind.SECRET:
                return current if sent is UNSET or sent is None or sent == "" else _secret(one, sent)
            case FieldKind.GROUP:
                return self._group(one, sent, current, path)
            case FieldKind.UNION:
                return self._union(one, sent, current, path)
            case FieldKind.CHOICE:
                return self._choice(one, sent)
            case FieldKind.CONSTANT:
                if sent is UNSET:
                    return one.default if one.is_required else UNSET
                is_rounded = is_number(one.default) and not is_exact(one.default)
                return one.default if is_rounded and is_number(sent) else sent
        if sent is UNSET or sent is None or sent == "":
            return _nothing(one, sent)
        match one.kind:
            case FieldKind.LIST if one.item is not None and isinstance(sent, list):
                item = one.item
                values = [self.value(item, inner, UNSET, f"{path}.{at}") for at, inner in enumerate(sent)]
                return [None if inner is UNSET else inner for inner in values]
            case FieldKind.CHOICES if isinstance(sent, list):
                return [_chosen(one, inner) for inner in sent]
            case FieldKind.JSON if isinstance(sent, str):
                return self._json(one, sent, path)
            case FieldKind.INTEGER if is_number(sent) and abs(sent) > LARGEST_EXACT:
                self.faults.append((path, _INEXACT))
            case FieldKind.INTEGER_TEXT if isinstance(sent, str) and _WHOLE.fullmatch(sent):
                return int(sent)
            case FieldKind.NUMBER_TEXT if isinstance(sent, str):
                return _as_number(sent)
            case FieldKind.TIME | FieldKind.DATETIME if isinstance(sent, str):
                return join_time(sent, one.offset, self.zone)
        return sent

    def _group(self, one: FormField, sent: Any, current: Any, path: str) -> Any:
        if not isinstance(sent, dict):
            return _nothing(one, sent) if sent is None or sent is UNSET else sent
        if one.switch is not None and one.switch in sent:
            sent = dict(sent)
            if not sent.pop(one.switch):
                return None
        return self.fields(one.fields, sent, current, path)

    def _union(self, one: FormField, sent: Any, current: Any, path: str) -> Any:
        if one.tag is None or not isinstance(sent, dict):
            return _nothing(one, sent) if sent is None or sent is UNSET else sent
        chosen = _chosen(one.tag, sent.get(one.tag.name))
        if chosen is None or chosen == "":
            return None if one.is_nullable else UNSET if one.is_optional else {}
        for option, fields in one.variants:
            if same_value(option.value, chosen):
                rest = {key: inner for key, inner in sent.items() if key != one.tag.name}
                is_same = isinstance(current, dict) and current.get(one.tag.key) == chosen
                return {one.tag.key: chosen, **self.fields(fields, rest, current if is_same else UNSET, path)}
        return sent

    def _choice(self, one: FormField, sent: Any) -> Any:
        if sent == "" and all(option.value != "" for option in one.options):
            sent = UNSET
        if sent is UNSET or (sent is None and not one.is_nullable):
            return _nothing(one, sent)
        return _chosen(one, sent)

    def _json(self, one: FormField, sent: str, path: str) -> Any:
        try:
            return json.loads(sent)
        except RecursionError:
            self.faults.append((path, "this is nested too deeply"))
        except ValueError as error:
            if not takes_text(one):
                self.faults.append((path, f"this is no JSON: {error}"))
        return sent


def decode_fields(
    root: FormField, submitted: Any, current: Mapping[str, Any] | None = None, zone: tzinfo = UTC
) -> dict[str, Any]:
    """Return parameters from what a form sent.

    Raises:
        FormDataError: What was sent is no mapping, or a field that holds JSON holds something else; tells every fault.
    """
    if not isinstance(submitted, dict):
        raise FormDataError(
            root.label, (("", f"a form sends a mapping of names to values, and no {_kind(submitted)}"),)
        )
    decoder = _Decoder(zone)
    found = decoder.fields(root.fields, submitted, None if current is None else dict(current), "")
    if decoder.faults:
        raise FormDataError(root.label, tuple(decoder.faults))
    return found


def decode_value(one: FormField, sent: Any) -> Any:
    """Return the value of one field; ``UNSET`` where it holds none, or can't be read."""
    decoder = _Decoder()
    found = decoder.value(one, sent, UNSET, "")
    return UNSET if decoder.faults else found


def _nothing(one: FormField, sent: Any) -> Any:
    """Return what it means that a field is empty."""
    if one.is_optional:
        return UNSET
    if one.is_nullable:
        return "" if one.default == "" and sent == "" else None
    if sent is None:
        return UNSET if one.kind in (FieldKind.GROUP, FieldKind.LIST) else None
    return sent


def _chosen(one: FormField, sent: Any) -> Any:
    """Return the option that was chosen, as the parameters have it."""
    for option in one.options:
        if same_value(option.value, sent):
            return option.value
    return sent


def _secret(one: FormField, sent: Any) -> Any:
    """Return a secret as its type has it: the input for it, that of a password, knows texts alone."""
    kind = one.schema.get("type")
    if kind == "integer" and isinstance(sent, str) and _WHOLE.fullmatch(sent):
        return int(sent)
    return _as_number(sent) if kind == "number" and isinstance(sent, str) else sent


def _as_number(text: str) -> Any:
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number - number == 0 else text


def _kind(value: Any) -> str:
    return "value" if value is None else type(value).__name__
