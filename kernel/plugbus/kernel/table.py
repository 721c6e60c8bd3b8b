"""The table of what is provided: entries by key, the preferences of the host, and what they come to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .capabilities import Capability
from .errors import ServiceExistsError
from .watching import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .providers import Provision


class ServiceTable:
    """Keep the entries of all keys, and choose one of each.

    Changes are made under a lock, one after the other; reading takes none, and sees each change as a whole.

    Args:
        preferences: Capability or name to the id of the plugin that is to provide it.
    """

    def __init__(self, preferences: Mapping[str, str] | None = None) -> None:
        self._preferences = dict(preferences or {})
        self._lock = threading.Lock()
        self._provisions: dict[str, tuple[Provision, ...]] = {}
        # What get() answers. Keys with no provider, or several and no preference, are not in it, and neither is what is
        # not built yet.
        self._chosen: dict[str, Any] = {}

    def providers(self, key: Capability[Any] | str) -> tuple[Provision, ...]:
        """Return the entries under ``key``, with their owners."""
        return self._provisions.get(key, ())

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every capability and name that is provided, sorted as text."""
        return tuple(sorted(self._provisions))

    def switch(self, leaving: Iterable[Provision], arriving: Iterable[Provision]) -> Exchange:
        """Withdraw some entries and provide others in one step, which no reader sees half done; tell nobody."""
        leaving, arriving = tuple(leaving), tuple(arriving)
        with self._lock:
            if not leaving and len(arriving) == 1 and (key := arriving[0].key) not in self._provisions:
                self._put(key, arriving)  # most of what is provided is the first, and the only one
                return Exchange(leaving, arriving)
            changed: dict[str, tuple[Provision, ...]] = {}
            gone: list[Provision] = []
            for one in leaving:
                present = changed.get(one.key, self._provisions.get(one.key, ()))
                is_alone = len(present) == 1 and present[0] is one  # most are
                staying = () if is_alone else tuple([entry for entry in present if entry is not one])
                if len(staying) < len(present):
                    gone.append(one)
                changed[one.key] = staying
            for one in arriving:
                present = changed.get(one.key, self._provisions.get(one.key, ()))
                if one in present:
                    # It is there already: an interrupted exchange is being carried through.
                    changed[one.key] = present
                    continue
                if present and not (isinstance(one.key, Capability) and isinstance(present[0].key, Capability)):
                    raise ServiceExistsError(str(one.key), one.owner, present[0].owner)
                changed[one.key] = (*present, one)
            if len(changed) == 1:
                for key, entries in changed.items():
                    self._put(key, entries)
            else:
                self._switch(changed, in_one_step=bool(leaving and arriving))
        return Exchange(tuple(gone), arriving)

    def prefer(self, key: Capability[Any] | str, owner: str | None) -> None:
        """Choose which plugin is to provide ``key`` from now on; None leaves it to there being only one."""
        with self._lock:
            if owner is None:
                self._preferences.pop(key, None)
            else:
                self._preferences[str(key)] = owner
            self._put(key, self._provisions.get(key, ()))

    def _put(self, key: str, entries: tuple[Provision, ...]) -> None:
        """Take over the entries of one key: a reader sees those before, or these."""
        choice = self._choose(key, entries)
        if entries:
            self._provisions[key] = entries
        else:
            self._provisions.pop(key, None)
        if choice is not None and choice.is_built:
            self._chosen[key] = choice.provided
        else:
            self._chosen.pop(key, None)

    def _switch(self, changed: Mapping[str, tuple[Provision, ...]], *, in_one_step: bool) -> None:
        """Take over new entries; by a copy when what leaves and what arrives must change places at once."""
        present = {key: entries for key, entries in changed.items() if entries}
        choices = {
            key: choice.provided
            for key, entries in present.items()
            if (choice := self._choose(key, entries)) is not None and choice.is_built
        }
        provisions = dict(self._provisions) if in_one_step else self._provisions
        chosen = dict(self._chosen) if in_one_step else self._chosen
        # One update() of text keys runs no Python code, so that no reader sees a part of what arrives. A reader that
        # comes before the second one finds no choice, and looks again.
        provisions.update(present)
        for key in changed.keys() - present.keys():
            provisions.pop(key, None)
        chosen.update(choices)
        for key in changed.keys() - choices.keys():
            chosen.pop(key, None)
        self._provisions, self._chosen = provisions, chosen

    def _choose(self, key: str, entries: tuple[Provision, ...]) -> Provision | None:
        if self._preferences:
            preferred = self._preferences.get(key)
            for one in entries:
                if one.owner == preferred:
                    return one
        return entries[0] if len(entries) == 1 else None
