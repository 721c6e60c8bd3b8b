"""The proof: look at plugins before their unload and again after it."""

from __future__ import annotations

import threading
import time
from gc import is_tracked
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..values import value
from .belongings import Reach, Resource, is_open
from .heap import Heap, collect
from .holders import Holders
from .ownership import Ownership, unique
from .process import GRACE_S, entries_left, pending_tasks, running_threads
from .remedies import remedy_of
from .report import Leftover, LeftoverKind, UnloadProof
from .survivors import find_survivors, kind_of_object
from .wording import attributes_of, describe_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..lifecycle import LoadedPlugin
    from ..locator import ServiceLocator
    from .holders import Hold


@value(frozen=True, slots=True)
class Subject:
    """What is known of an object that has to be gone after the unload.

    Args:
        kind: What it is of the plugin.
        plugin_id: The plugin.
        text: Its description.
    """

    kind: LeftoverKind
    plugin_id: str
    text: str


class Proving:
    """Prove one unload.

    1. Made before it: what the plugins have is kept as weak references and text.
    2. The plugins are unloaded.
    3. ``conclude``: what still lives is found, and who holds it.

    Args:
        leaving: The plugins that are to be unloaded, in order.
        staying: The others that are loaded.
        services: Where the plugins' objects are provided.
        parts: The kernel and what it is made of, which is not looked into.
    """

    def __init__(
        self,
        leaving: Sequence[LoadedPlugin],
        staying: Sequence[LoadedPlugin],
        services: ServiceLocator,
        parts: Sequence[object],
    ) -> None:
        collect()
        self._plugin_ids = tuple(one.context.plugin_id for one in leaving)
        self._ownership = Ownership({name: one.context.plugin_id for one in leaving for name in modules_of(one)})
        self._folders = dict(self._find_folders())
        self._subjects: list[tuple[Subject, ref[Any]]] = []
        # What can't be referred to weakly: let go of before anything is judged, unless others hold it too.
        self._strong: list[Any] = []
        self._strong_subjects: dict[int, Subject] = {}
        self._rightful: list[ref[Any]] = []
        self._resources: list[Resource] = []
        heap = Heap()
        for one in leaving:
            self._note(one)
            foreign = [services, *parts, *_parts_of_others(one, (*leaving, *staying), services)]
            self._resources += self._reach(one, foreign, heap)

    def conclude(self) -> UnloadProof:
        """Say what is left. To be called in the thread that has unloaded, and before anything is loaded again."""
        collect()
        self._release_unheld()
        self._await_threads()
        told: dict[int, str] = {}
        leftovers = [*self._running(told), *self._still_open(told), *entries_left(self._ownership, self._folders)]
        named = self._named()
        objects = unique((*(one for _, one in named.values()), *find_survivors(self._ownership)))
        survivors = len(objects)
        subjects = {key: subject for key, (subject, _) in named.items()}
        named.clear()
        if objects:
            leftovers += self._held(objects, subjects, told)
        self._strong.clear()
        return UnloadProof(self._plugin_ids, tuple(leftovers), survivors if leftovers else 0)

    def _note(self, one: LoadedPlugin) -> None:
        plugin_id = one.context.plugin_id
        if not modules_of(one):
            # A plugin that was registered as an object is its registrar's, and its source keeps it.
            self._rightful += [ref(part) for part in (one.source, one.plugin) if _is_referable(part)]
        self._note_object(LeftoverKind.PLUGIN, plugin_id, describe_object(one.plugin, self._ownership), one.plugin)
        self._note_object(LeftoverKind.CONTEXT, plugin_id, "PluginContext", one.context)
        for provision in one.context.provisions:
            if provision.is_built and self._counts(provision.provided):
                text = f"'{provision.key}', {describe_object(provision.provided, self._ownership)}"
                self._note_object(LeftoverKind.PROVIDED, plugin_id, text, provision.provided)

    def _note_object(self, kind: LeftoverKind, plugin_id: str, text: str, one: object) -> None:
        subject = Subject(kind, plugin_id, text)
        if _is_referable(one):
            self._subjects.append((subject, ref(one)))
        elif self._ownership.of_class(type(one)) is None:  # others are found by their class
            self._strong.append(one)
            self._strong_subjects[id(one)] = subject

    def _counts(self, provided: object) -> bool:
        """Tell whether a provided object can be a leftover: classes, functions and modules of others are not."""
        if isinstance(provided, (type, FunctionType, BuiltinFunctionType, ModuleType)):
            return self._ownership.of_object(provided) is not None
        return is_tracked(provided)

    def _find_folders(self) -> Iterator[tuple[str, str]]:
        for module in self._ownership.loaded():
            owner = self._ownership.of_object(module)
            for folder in tuple((attributes_of(module) or {}).get("__path__", ())):
                if owner is not None:
                    yield str(folder), owner

    def _reach(self, one: LoadedPlugin, foreign: list[Any], heap: Heap) -> list[Resource]:
        plugin_id = one.context.plugin_id
        provided = [provision.provided for provision in one.context.provisions if provision.is_built]
        modules = [
            vars(module) for module in self._ownership.loaded() if self._ownership.of_object(module) == plugin_id
        ]
        starts = [one.plugin, one.context, *provided, *modules]
        return Reach(plugin_id, starts, foreign, self._ownership, heap).resources()

    def _release_unheld(self) -> None:
        """Let go of what could only be kept strongly, unless somebody else has it too."""
        if not self._strong:
            return
        holders = Holders(self._strong, self._rightful_now(), self._ownership)
        holders.search(is_alive=False)
        held = [one for one in holders.objects if holders.holds(one)]
        holders.clear()
        self._strong = held
        collect()

    def _await_threads(self) -> None:
        """Give threads that were told to stop a moment for it."""
        known = [one for resource in self._resources if isinstance(one := resource.object(), threading.Thread)]
        deadline = time.monotonic() + GRACE_S
        for thread in (*known, *(one for one, *_ in running_threads(self._ownership))):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _running(self, told: dict[int, str]) -> Iterator[Leftover]:
        """Yield the threads and tasks that run code of the plugins, and note which and whose."""
        for thread, plugin_id, where in running_threads(self._ownership):
            told[id(thread)] = plugin_id
            yield _leftover(LeftoverKind.THREAD, plugin_id, f"'{thread.name}' {where}")
        for task, plugin_id, where in pending_tasks(self._ownership):
            told[id(task)] = plugin_id
            yield _leftover(LeftoverKind.TASK, plugin_id, f"'{task.get_name()}' {where}")

    def _still_open(self, told: dict[int, str]) -> Iterator[Leftover]:
        for resource in self._resources:
            one = resource.object()
            if one is not None and id(one) not in told and is_open(one):
                told[id(one)] = resource.plugin_id
                yield _leftover(resource.kind, resource.plugin_id, resource.text)

    def _named(self) -> dict[int, tuple[Subject, Any]]:
        found = {id(one): (subject, one) for subject, link in reversed(self._subjects) if (one := link()) is not None}
        return {**found, **{id(one): (self._strong_subjects[id(one)], one) for one in self._strong}}

    def _rightful_now(self) -> list[Any]:
        return [found for one in self._rightful if (found := one()) is not None]

    def _held(self, objects: list[Any], subjects: dict[int, Subject], told: dict[int, str]) -> list[Leftover]:
        """Say what is held from outside; what runs, and was told already, is no news as a holder."""
        holders = Holders(objects, self._rightful_now(), self._ownership)
        holders.search()
        found: dict[tuple[object, ...], list[Leftover]] = {}
        for one in holders.objects:
            if id(one) in told:
                continue
            subject = subjects.get(id(one)) or self._subject_of(one)
            holds = [hold for hold in holders.holds(one) if not _is_told(hold, subject, told)]
            if holds:
                kind = holds[0].root.kind or subject.kind
                leftover = _leftover(kind, subject.plugin_id, subject.text, tuple(hold.text for hold in holds))
                key = (kind, subject.plugin_id, subject.text, *(hold.end for hold in holds))
                found.setdefault(key, []).append(leftover)
        holders.clear()
        return [_together(several) for several in found.values()]

    def _subject_of(self, one: object) -> Subject:
        owner = self._ownership.of_object(one) or ""
        return Subject(kind_of_object(one), owner, describe_object(one, self._ownership))


def modules_of(one: LoadedPlugin) -> tuple[str, ...]:
    """Return the names of the modules that a plugin's source has brought in, none where it does not say."""
    return tuple(getattr(one.source, "modules", ()))


def _parts_of_others(one: LoadedPlugin, everyone: Sequence[LoadedPlugin], services: ServiceLocator) -> list[Any]:
    """Return what a plugin may reach and does not have: other plugins, what they provide, and its configuration."""
    found: list[Any] = [one.source, one.context.config]
    found += [part for other in everyone if other is not one for part in (other, other.plugin, other.context)]
    for key in services.keys:
        others = [each for each in services.providers(key) if each.owner != one.context.plugin_id]
        found += [each.provided for each in others if each.is_built]
    return found


def _is_referable(one: object) -> bool:
    try:
        ref(one)
    except TypeError:
        return False
    return True


def _is_told(hold: Hold, subject: Subject, told: dict[int, str]) -> bool:
    """Tell whether a hold is by what runs: a thread, a task, or a call that only these can have under way."""
    return hold.root.by in told or (hold.root.is_guess and subject.plugin_id in told.values())


def _together(several: list[Leftover]) -> Leftover:
    """Make one leftover of many of a kind in one place."""
    first = several[0]
    if len(several) == 1:
        return first
    description = f"{first.description}, {len(several)} times,"
    return Leftover(first.kind, first.plugin_id, description, first.held_by, first.remedy)


def _leftover(kind: LeftoverKind, plugin_id: str, description: str, held_by: tuple[str, ...] = ()) -> Leftover:
    return Leftover(kind, plugin_id, description, held_by, remedy_of(kind))
