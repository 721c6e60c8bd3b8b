"""What is told, from whatever was given to be told."""

from __future__ import annotations

from collections.abc import Mapping
from logging import getLogger
from typing import TYPE_CHECKING, Any

from ..events import LogLevel, encode_value
from .env import PluginEnvironment
from .messages import LogMessageCode, MessageCatalogue, chosen
from .templates import filled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def facts_of(data: object, *, is_plain: bool = False) -> dict[str, Any]:
    """Return facts as a new mapping; what is no mapping is the fact ``value``. Never raises.

    Args:
        data: The facts; secrets among settings are masked.
        is_plain: Whether the facts become JSON data too.
    """
    if data is None:
        return {}
    try:
        if isinstance(data, PluginEnvironment):
            data = data.masked()
        found = dict(data) if isinstance(data, Mapping) else {"value": data}
    except Exception:  # noqa: BLE001 - a mapping of somebody else's may raise anything
        return {"value": encode_value(data)}
    plain: dict[str, Any] = encode_value(found) if is_plain else found
    return plain


def level_of(level: object) -> LogLevel:
    """Return a level; what is none is ``warning``, so that the message is seen all the same."""
    if isinstance(level, LogLevel):
        return level
    if level is None:
        return LogLevel.INFO
    try:
        return LogLevel(str(level))
    except Exception:  # noqa: BLE001 - whatever was given for a level, the message is told
        known = ", ".join(LogLevel)
        getLogger(__name__).warning("%r is no level of messages, 'warning' is taken; there are %s", level, known)
        return LogLevel.WARNING


def text_of(
    message: str | LogMessageCode | Mapping[str, str],
    fields: Mapping[str, object],
    catalogue: MessageCatalogue,
    languages: Callable[[], Iterable[str | None]],
) -> tuple[str, str | None, str | None]:
    """Return a message as text, its code and its language, as far as it has them.

    Args:
        message: A text, a code, or a text for each language.
        fields: What is filled in.
        catalogue: Texts of codes; they win over those that a code brings.
        languages: Returns the languages, most wanted first.
    """
    if isinstance(message, LogMessageCode):
        found = chosen((catalogue.get(message.value), message.texts), languages())
        text, language = (message.value, None) if found is None else found
        return filled(text, fields), message.value, language
    if isinstance(message, Mapping):
        found = chosen((message,), languages())
        return ("", None, None) if found is None else (filled(str(found[0]), fields), None, found[1])
    text = message if isinstance(message, str) else str(encode_value(message))
    return (filled(text, fields) if fields else text), None, None
