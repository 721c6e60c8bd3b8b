"""Workflows against a plain model of them: any steps, failing anywhere, executed again and again."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plugbus.capabilities import (
    BaseStep,
    BaseStepContext,
    CancellationToken,
    Orchestrator,
    ProgressReported,
    RuntimeContext,
    StepCheckpoint,
    StepEvent,
    StepFailedError,
    StepRegistry,
    StepResult,
    StepsChangedError,
    WorkCancelledError,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from plugbus.kernel import Event

ENDS = ("raise", "refuse", "none", "interrupt", "exit", "can_skip", "before", "progress", "cancel", "die")
KINDS = ("do", "do", "do", "skip", *ENDS)
INTERRUPTS = {"interrupt": KeyboardInterrupt, "exit": SystemExit, "cancel": WorkCancelledError}
UNDO = ("undo", "undo", "fail", "interrupt")


class Died(BaseException):
    """Stand for the end of the process."""


@dataclass
class Part:
    """What a step does, and how its rollback ends; the model reads it, the step acts it."""

    name: str
    weight: int
    kind: str
    undo: str


@dataclass
class Ctx(BaseStepContext):
    did: list[str] = field(default_factory=list)


class Acting(BaseStep[Ctx]):
    def __init__(self, part: Part, store: Store) -> None:
        self._part = part
        self._store = store

    @property
    def name(self) -> str:
        return self._part.name

    @property
    def progress_weight(self) -> float:
        return self._part.weight

    def can_skip(self, context: Ctx) -> bool:
        if self._part.kind == "can_skip":
            raise LookupError("can_skip")
        return self._part.kind == "skip"

    def execute(self, context: Ctx) -> Any:
        context.did.append(self._part.name)
        match self._part.kind:
            case "raise":
                raise ValueError("raise")
            case "refuse":
                return StepResult(success=False, error="refuse")
            case "none":
                return None
            case "interrupt" | "exit":
                raise INTERRUPTS[self._part.kind]
            case "cancel":
                raise WorkCancelledError("step", "cancel")
            case "die":
                self._store.is_dead = True
                raise Died
        return StepResult(rollback_data={"of": self._part.name})

    def rollback(self, context: Ctx, result: StepResult) -> None:
        if not self._store.is_dead:
            context.did.append(f"-{result.rollback_data['of']}")
        match self._part.undo:
            case "fail":
                raise OSError("fail")
            case "interrupt":
                raise KeyboardInterrupt


class Later(Acting):
    """The same, async."""

    async def can_skip(self, context: Ctx) -> bool:  # type: ignore[override] # async in place of plain
        return super().can_skip(context)

    async def execute(self, context: Ctx) -> Any:
        await asyncio.sleep(0)
        return super().execute(context)

    async def rollback(self, context: Ctx, result: StepResult) -> None:  # type: ignore[override] # async in place of plain
        await asyncio.sleep(0)
        super().rollback(context, result)


class Store:
    """Checkpoints in memory; nothing reaches it once the process is dead."""

    def __init__(self) -> None:
        self.kept: StepCheckpoint | None = None
        self.is_dead = False

    def load(self) -> StepCheckpoint | None:
        return deepcopy(self.kept)

    def save(self, checkpoint: StepCheckpoint) -> None:
        if not self.is_dead:
            self.kept = deepcopy(checkpoint)

    def clear(self) -> None:
        if not self.is_dead:
            self.kept = None

    def hold(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass
class Outcome:
    """What an execution should come to."""

    log: list[str] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    error: str = ""
    cause: str = ""
    executed: int = 0
    results: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    kept: int = 0


def model(parts: list[Part], resumed: int) -> Outcome:
    """Say what becomes of an execution whose first steps are done already."""
    total, out = sum(part.weight for part in parts), Outcome()
    all_alike = total == 0
    done = [part for part in parts[:resumed] if part.kind != "skip"]
    out.results = ["skipped" if part.kind == "skip" else "ok" for part in parts[:resumed]]

    def percent(count: int) -> int:
        if count == len(parts):
            return 100
        return 100 * count // len(parts) if all_alike else 100 * sum(p.weight for p in parts[:count]) // total

    out.percents = [percent(resumed)] if resumed else []
    end, name = "", ""
    for place, part in enumerate(parts[resumed:], resumed + 1):
        name = part.name
        out.events.append(("StepStarted", name))
        if part.kind in {"before", "can_skip"}:
            end = part.kind
            break
        if part.kind == "skip":
            out.results.append("skipped")
        else:
            out.log.append(name)
            if part.kind in ENDS and part.kind != "progress":
                end = part.kind
                break
            out.results.append("ok")
            out.executed += 1
            done.append(part)
        out.events.append(("StepSkipped" if part.kind == "skip" else "StepCompleted", name))
        out.events.append(("ProgressReported", str(percent(place))))
        if part.kind == "progress":
            end = "progress"
            break
        out.percents.append(percent(place))
    if not end:
        return out
    if end not in {"progress"}:
        out.results.append("failed")
    if end == "die":
        out.kept = len(out.results) - 1
        out.error = "Died"
        return out
    out.events.append(("StepFailed", name))
    late = ""
    for part in reversed(done):
        out.log.append(f"-{part.name}")
        out.events.append(("StepRolledBack" if part.undo == "undo" else "StepRollbackFailed", part.name))
        if part.undo != "undo":
            out.failures.append(part.name)
        if part.undo == "interrupt":
            late = "KeyboardInterrupt"
    phase = {"before": "before_step", "progress": "progress_callback", "can_skip": "can_skip"}.get(end, "execute")
    told = f"StepFailedError {name} {phase}"
    if end in INTERRUPTS:
        out.error = INTERRUPTS[end].__name__
        if late and end == "cancel":
            out.error, out.cause = late, out.error
    else:
        out.error, out.cause = (late, told) if late else (told, "")
    return out


def described(error: BaseException | None) -> str:
    if isinstance(error, StepFailedError):
        return f"StepFailedError {error.step} {error.phase}"
    return "" if error is None else type(error).__name__


class Workflows(RuleBasedStateMachine):
    """A registry that changes, and executions of it that may die, in one process after the other."""

    @initialize(is_async=st.booleans(), is_kept=st.booleans())
    def begin(self, *, is_async: bool, is_kept: bool) -> None:
        self.is_async = is_async
        self.is_kept = is_kept
        self.parts: list[Part] = []
        self.registry = StepRegistry[Ctx]()
        self.store = Store()
        self.kept = 0
        self.kept_names: list[str] = []
        self.count = 0

    def made(self, weight: int, kind: str, undo: str) -> tuple[Part, Acting]:
        self.count += 1
        part = Part(f"s{self.count}", weight, kind, undo)
        return part, (Later if self.is_async and self.count % 2 else Acting)(part, self.store)

    @rule(
        weight=st.integers(0, 5),
        kind=st.sampled_from(KINDS),
        undo=st.sampled_from(UNDO),
        where=st.none() | st.tuples(st.booleans(), st.integers(0, 20)),
    )
    def add(self, weight: int, kind: str, undo: str, where: tuple[bool, int] | None) -> None:
        part, step = self.made(weight, kind, undo)
        if where is None or not self.parts:
            self.registry.register(step)
            self.parts.append(part)
            return
        is_before, place = where[0], where[1] % len(self.parts)
        (self.registry.insert_before if is_before else self.registry.insert_after)(self.parts[place].name, step)
        self.parts.insert(place if is_before else place + 1, part)

    @precondition(lambda self: self.parts)
    @rule(place=st.integers(0, 20))
    def remove(self, place: int) -> None:
        part = self.parts.pop(place % len(self.parts))
        assert self.registry.unregister(part.name).name == part.name

    @precondition(lambda self: self.parts)
    @rule(place=st.integers(0, 20), kind=st.sampled_from(KINDS), undo=st.sampled_from(UNDO))
    def change(self, place: int, kind: str, undo: str) -> None:
        """Let a step act otherwise from now on, unless a checkpoint holds what it did."""
        place %= len(self.parts)
        if place >= self.kept:
            self.parts[place].kind = kind
        self.parts[place].undo = undo

    @precondition(lambda self: self.kept)
    @rule()
    def delete_the_checkpoint(self) -> None:
        self.store.clear()
        self.kept = 0

    @rule()
    def execute(self) -> None:
        by_name = {part.name: part for part in self.parts}
        events: list[Event] = []
        percents: list[int] = []

        def before(name: str, context: Ctx) -> None:
            if by_name[name].kind == "before":
                raise LookupError("before")

        def progress(current: int, total: int) -> None:
            # The steps that are done when this is called tell which one it is called for.
            last = self.parts[len(context.step_results) - 1]
            if last.kind == "progress" and len(context.step_results) > self.kept:
                raise LookupError("progress")
            assert total == 100
            percents.append(current)

        context = Ctx(runtime_ctx=RuntimeContext(publish=events.append), cancellation=CancellationToken())
        checkpoints = self.store if self.is_kept else None
        orchestrator = Orchestrator(self.registry, context, progress, before, checkpoints=checkpoints)
        error: BaseException | None = None
        summary: Any = None
        try:
            summary = asyncio.run(orchestrator.execute_async()) if self.is_async else orchestrator.execute()
        except BaseException as raised:  # noqa: BLE001 - the model says what it has to be
            error = raised
        self.store.is_dead = False
        if self.kept and self.kept_names != [part.name for part in self.parts]:
            assert isinstance(error, StepsChangedError)
            assert (context.did, percents, events) == ([], [], [])
            return
        restored = [part.name for part in self.parts[: self.kept] if part.kind != "skip"]
        expected = model(self.parts, self.kept)
        self.compare(expected, context, percents, events, error, restored)
        if summary is not None:
            wanted = {"success": True, "steps_executed": expected.executed, "steps_total": len(self.parts)}
            assert summary == (wanted | {"steps_resumed": self.kept} if self.kept else wanted)
        self.kept = expected.kept if self.is_kept else 0
        self.kept_names = [part.name for part in self.parts]

    @staticmethod
    def compare(
        expected: Outcome,
        context: Ctx,
        percents: list[int],
        events: list[Event],
        error: BaseException | None,
        restored: list[str],
    ) -> None:
        assert context.did == [*restored, *expected.log]
        assert percents == expected.percents == sorted(percents)
        assert described(error) == expected.error
        if expected.cause:
            assert error is not None
            assert described(error.__cause__) == expected.cause
        if expected.error != "Died":
            told: list[tuple[str, str]] = []
            for one in events:
                if isinstance(one, ProgressReported):
                    told.append((one.topic, str(int(one.current))))
                elif isinstance(one, StepEvent):
                    told.append((one.topic, one.step))
            assert told == expected.events
            noted = [f"cannot roll back step '{name}'" for name in expected.failures]
            carrier = error.__cause__ if expected.cause and error is not None else error
            assert [one.partition(":")[0] for one in getattr(carrier, "__notes__", [])] == noted
        kinds = ["skipped" if one.skipped else "ok" if one.success else "failed" for one in context.step_results]
        assert kinds == expected.results
        assert context.current_step is None

    @invariant()
    def the_registry_is_as_the_model(self) -> None:
        if hasattr(self, "parts"):
            assert self.registry.names == tuple(part.name for part in self.parts)
            assert (self.store.kept is not None) == bool(self.kept)


TestWorkflows = Workflows.TestCase
TestWorkflows.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
