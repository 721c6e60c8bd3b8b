"""Messages for people: codes with levels, and their texts in several languages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import Capability

from ..events import LogLevel
from .errors import MessageDefinitionError
from .languages import FALLBACK, language_tag, wanted_languages

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from plugbus.kernel import PluginContext, ServiceLocator

_NO_LANGUAGES = "give a text for each language, such as LocalizedMessage(en='done')"


class LocalizedMessage(Mapping[str, str]):
    """One message in several languages: ``LocalizedMessage(en="{count} rows", de="{count} Zeilen")``.

    Languages are compared without regard to case, ``_`` and ``-``: ``pt_BR`` is ``pt-br``.

    Args:
        templates: Language to text; for languages that are no names in Python.
        by_language: The same, as names.

    Raises:
        MessageDefinitionError: There is no text at all, one is no text, or a language is named twice.
    """

    __slots__ = ("_templates",)

    def __init__(self, templates: Mapping[str, str] | None = None, /, **by_language: str) -> None:
        self._templates: dict[str, str] = {}
        faults: list[tuple[str, str]] = []
        for given in (dict(templates or {}), by_language):
            for language, text in given.items():
                tag = language_tag(language) if isinstance(language, str) else ""
                if not tag:
                    faults.append(("", f"{language!r} is no language"))
                elif not isinstance(text, str):
                    faults.append(("", f"the text in '{tag}' is a {type(text).__qualname__}"))
                elif tag in self._templates:
                    faults.append(("", f"there are two texts in '{tag}'"))
                else:
                    self._templates[tag] = text
        if not faults and not self._templates:
            faults.append(("", f"there is no text; {_NO_LANGUAGES}"))
        if faults:
            raise MessageDefinitionError(tuple(faults))

    def __getitem__(self, language: str) -> str:
        return self._templates[language_tag(language)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)

    def __hash__(self) -> int:
        return hash(frozenset(self._templates.items()))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({self._templates!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._templates,)


class LogMessageCode(StrEnum):
    """What messages say, whatever the language: subclass it with the codes of a plugin.

    A member is its code, its level, and its texts if they are not in a catalogue::

        class Codes(LogMessageCode):
            STARTED = "STARTED"
            LOW_DISK = "LOW_DISK", LogLevel.WARNING
            SAVED = "SAVED", LogLevel.SUCCESS, {"en": "saved {path}", "de": "{path} gesichert"}
    """

    level: LogLevel
    texts: LocalizedMessage | None

    def __new__(
        cls, code: str, level: LogLevel | str = LogLevel.INFO, texts: Mapping[str, str] | str | None = None
    ) -> Self:
        """Make a member."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.level = LogLevel(level)
        member.texts = None if texts is None else _localized(texts)
        return member


class MessageCatalogue(Mapping[str, LocalizedMessage]):
    """The messages of one plugin or host, by code. Another one may use the same codes for other messages.

    Args:
        messages: Code to texts; a text alone is in English.

    Raises:
        MessageDefinitionError: Some are no texts; has all of them.
    """

    __slots__ = ("_messages",)

    def __init__(self, messages: Mapping[str, Mapping[str, str] | str] | None = None) -> None:
        self._messages: dict[str, LocalizedMessage] = {}
        faults: list[tuple[str, str]] = []
        for code, texts in (messages or {}).items():
            try:
                self._messages[str(code)] = _localized(texts)
            except MessageDefinitionError as error:
                faults += [(str(code), why) for _, why in error.faults]
        if faults:
            raise MessageDefinitionError(tuple(faults))

    def merge(self, *others: Mapping[str, LocalizedMessage]) -> MessageCatalogue:
        """Return a catalogue with the messages of others too, language by language; later ones win."""
        made = MessageCatalogue()
        made._messages = dict(self._messages)
        for other in others:
            for code, texts in other.items():
                known = made._messages.get(code)
                made._messages[code] = texts if known is None else LocalizedMessage({**known, **texts})
        return made

    def __getitem__(self, code: str) -> LocalizedMessage:
        return self._messages[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __hash__(self) -> int:
        return hash(frozenset(self._messages.items()))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({self._messages!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._messages,)


NO_MESSAGES: Final = MessageCatalogue()


def Messages(owner: str) -> Capability[MessageCatalogue]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which the messages of a plugin are offered: ``Messages("digits")``.

    Any plugin may offer some: one that holds the texts of another in a further language, for example.
    """
    return Capability("messages", contract=MessageCatalogue, qualifier=owner)


def provide_messages(
    ctx: PluginContext, messages: MessageCatalogue | Mapping[str, Mapping[str, str] | str], *, owner: str | None = None
) -> Callable[[], None]:
    """Offer messages until the plugin is unloaded; return a function that withdraws them earlier.

    Args:
        ctx: The plugin's context.
        messages: Code to texts.
        owner: Id of the plugin that uses the codes; the one that offers them by default.

    Raises:
        MessageDefinitionError: Some are no texts; has all of them.
    """
    catalogue = messages if isinstance(messages, MessageCatalogue) else MessageCatalogue(messages)
    return ctx.provide(Messages(owner or ctx.plugin_id), catalogue)


def find_messages(services: ServiceLocator, owner: str) -> MessageCatalogue:
    """Return all messages that loaded plugins offer for one of them; its own win over those of others."""
    offers = services.providers(Messages(owner))
    ordered = sorted(offers, key=lambda one: one.owner == owner)
    return NO_MESSAGES.merge(*(one.provided for one in ordered)) if ordered else NO_MESSAGES


def chosen(sources: Iterable[Mapping[str, str] | None], preferred: Iterable[str | None]) -> tuple[str, str] | None:
    """Return the text that fits best and its language; None where there is no text at all.

    Args:
        sources: Where texts are; earlier ones win within one language.
        preferred: The languages, most wanted first; after them English, then whichever there is.
    """
    known = [one for one in sources if one]
    for language in wanted_languages(preferred):
        for one in known:
            text = one.get(language)
            if text is not None:
                return text, language
    return next(((text, language) for one in known for language, text in one.items()), None)


def _localized(texts: Mapping[str, str] | str) -> LocalizedMessage:
    if isinstance(texts, LocalizedMessage):
        return texts
    if isinstance(texts, str):
        return LocalizedMessage({FALLBACK: texts})
    if not isinstance(texts, Mapping):
        raise MessageDefinitionError((("", f"it is a {type(texts).__qualname__}; {_NO_LANGUAGES}"),))
    return LocalizedMessage(texts)
