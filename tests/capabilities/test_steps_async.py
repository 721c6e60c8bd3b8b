"""Async steps, in an event loop and without one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import (
    AsyncStepError,
    BaseStep,
    BaseStepContext,
    EventLogged,
    LoggingStep,
    Orchestrator,
    RuntimeContext,
    StepFailedError,
    StepRegistry,
    StepResult,
    StepResultError,
    StepsRunningError,
    TimingStep,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from plugbus.kernel import Event


@dataclass
class Ctx(BaseStepContext):
    did: list[str] = field(default_factory=list)


class Named(BaseStep[Ctx]):
    def __init__(self, name: str, act: Callable[[Ctx], Awaitable[Any]] | None = None) -> None:
        self._name = name
        self._act = act

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return 0.5


class Later(Named):
    """All of it is async."""

    async def can_skip(self, context: Ctx) -> bool:
        await asyncio.sleep(0)
        return self._name == "idle"

    async def execute(self, context: Ctx) -> StepResult:
        await asyncio.sleep(0)
        context.did.append(self._name)
        if self._act is not None:
            returned: StepResult = await self._act(context)
            return returned
        return StepResult()

    async def rollback(self, context: Ctx, result: StepResult) -> None:
        await asyncio.sleep(0)
        context.did.append(f"-{self._name}")


class Plain(Named):
    def execute(self, context: Ctx) -> StepResult:
        context.did.append(self._name)
        return StepResult()

    def rollback(self, context: Ctx, result: StepResult) -> None:
        context.did.append(f"-{self._name}")


def made(*steps: BaseStep[Ctx], **options: Any) -> tuple[Orchestrator[Ctx], Ctx]:
    context = Ctx()
    return Orchestrator(StepRegistry[Ctx](steps), context, **options), context


async def failing(context: Ctx) -> StepResult:
    await asyncio.sleep(0)
    raise ValueError("no disk")


class TestExecuteAsync:
    def test_async_and_plain_steps_are_executed_in_order(self) -> None:
        seen: list[int] = []
        orchestrator, context = made(
            Later("a"), Plain("b"), Later("idle"), Later("c"), progress_callback=lambda one, _: seen.append(one)
        )
        assert asyncio.run(orchestrator.execute_async()) == {"success": True, "steps_executed": 3, "steps_total": 4}
        assert context.did == ["a", "b", "c"]
        assert seen == [25, 50, 75, 100]

    def test_a_failure_rolls_back_async_and_plain_steps_in_reverse(self) -> None:
        orchestrator, context = made(Later("a"), Plain("b"), Later("c"), Later("d", failing))
        with pytest.raises(StepFailedError, match=r"^Step 'd' failed: no disk$") as caught:
            asyncio.run(orchestrator.execute_async())
        assert isinstance(caught.value.__cause__, ValueError)
        assert context.did == ["a", "b", "c", "d", "-c", "-b", "-a"]

    def test_an_async_hook_is_awaited(self) -> None:
        async def before(name: str, context: Ctx) -> None:
            await asyncio.sleep(0)
            context.did.append(f"before {name}")

        orchestrator, context = made(Later("a"), before_step=before)
        asyncio.run(orchestrator.execute_async())
        assert context.did == ["before a", "a"]

    def test_what_is_no_result_is_refused(self) -> None:
        async def nothing(context: Ctx) -> Any:
            return None

        orchestrator, context = made(Later("a"), Later("b", nothing))
        with pytest.raises(StepFailedError) as caught:
            asyncio.run(orchestrator.execute_async())
        assert isinstance(caught.value.__cause__, StepResultError)
        assert context.did == ["a", "b", "-a"]

    def test_other_tasks_run_meanwhile(self) -> None:
        async def both() -> list[str]:
            orchestrator, context = made(Later("a", met), Later("b"))

            async def other() -> None:
                await at_step.wait()
                context.did.append("other")
                go_on.set()

            task = asyncio.create_task(other())
            await orchestrator.execute_async()
            await task
            return context.did

        async def met(context: Ctx) -> StepResult:
            at_step.set()
            await go_on.wait()
            return StepResult()

        at_step, go_on = asyncio.Event(), asyncio.Event()
        assert asyncio.run(both()) == ["a", "other", "b"]

    def test_a_second_execution_of_one_orchestrator_is_refused(self) -> None:
        async def both() -> None:
            orchestrator, _ = made(Later("a"))
            found = await asyncio.gather(*(orchestrator.execute_async() for _ in range(2)), return_exceptions=True)
            assert [type(one) for one in found] == [dict, StepsRunningError]

        asyncio.run(both())


class TestCancellation:
    @staticmethod
    async def cancelled(*steps: BaseStep[Ctx], at: asyncio.Event, twice: bool = False) -> Ctx:
        orchestrator, context = made(*steps)
        task = asyncio.create_task(orchestrator.execute_async())
        await at.wait()
        task.cancel("enough")
        if twice:
            at.clear()
            await at.wait()
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        return context

    def test_a_cancelled_task_is_rolled_back_and_stays_cancelled(self) -> None:
        async def main() -> Ctx:
            at = asyncio.Event()

            async def hang(context: Ctx) -> StepResult:
                at.set()
                await asyncio.Event().wait()
                return StepResult()

            return await self.cancelled(Later("a"), Plain("b"), Later("c", hang), at=at)

        context = asyncio.run(main())
        assert context.did == ["a", "b", "c", "-b", "-a"]
        assert context.current_step is None

    def test_a_second_cancellation_ends_one_rollback_and_not_the_others(self) -> None:
        async def main() -> Ctx:
            at = asyncio.Event()

            async def hang(context: Ctx) -> StepResult:
                at.set()
                await asyncio.Event().wait()
                return StepResult()

            class Slow(Later):
                async def rollback(self, context: Ctx, result: StepResult) -> None:
                    at.set()
                    await asyncio.Event().wait()

            return await self.cancelled(Later("a"), Slow("b"), Later("c", hang), at=at, twice=True)

        context = asyncio.run(main())
        assert context.did == ["a", "b", "c", "-a"]
        assert context.errors == ["Rollback failed for step 'b': CancelledError"]

    def test_a_coroutine_that_is_closed_rolls_back_what_needs_no_loop(self) -> None:
        async def hang(context: Ctx) -> StepResult:
            await asyncio.Future()
            return StepResult()

        async def main() -> Ctx:
            orchestrator, context = made(Plain("a"), Later("b"), Later("c", hang))
            run = orchestrator.execute_async()
            while context.did != ["a", "b", "c"]:
                run.send(None)
            run.close()
            return context

        context = asyncio.run(main())
        assert context.did == ["a", "b", "c", "-a"]
        assert context.errors == [
            "Rollback failed for step 'b': cannot execute step 'b': it is async; await execute_async()"
        ]


class TestWithoutALoop:
    @pytest.mark.parametrize("method", ["can_skip", "execute", "rollback"])
    def test_an_async_step_is_refused_before_anything_ran(self, method: str) -> None:
        async def later(self: object, *arguments: object) -> None: ...

        kind: type[Plain] = type("Mixed", (Plain,), {method: later})
        orchestrator, context = made(Plain("a"), kind("b"), Later("c"))
        with pytest.raises(AsyncStepError) as caught:
            orchestrator.execute()
        assert caught.value.steps == ("b", "c")
        assert str(caught.value) == "cannot execute step 'b', 'c': it is async; await execute_async()"
        assert context.did == []

    def test_a_wrapped_async_step_is_refused_too(self) -> None:
        orchestrator, _ = made(LoggingStep(TimingStep(Later("a"))))
        with pytest.raises(AsyncStepError):
            orchestrator.execute()

    def test_an_async_hook_is_a_failure(self) -> None:
        async def before(name: str, context: Ctx) -> None: ...

        orchestrator, context = made(Plain("a"), before_step=before)
        with pytest.raises(StepFailedError, match="failed in before_step: cannot execute step 'a': it is async"):
            orchestrator.execute()
        assert context.did == []

    def test_a_plain_can_skip_that_returns_a_coroutine_skips_nothing(self) -> None:
        async def later() -> bool:
            return False

        class Sly(Plain):
            def can_skip(self, context: Ctx) -> Any:
                return later()

        orchestrator, context = made(Sly("a"))
        with pytest.raises(StepFailedError, match="in can_skip: cannot execute step 'a': it is async"):
            orchestrator.execute()
        assert asyncio.run(orchestrator.execute_async())["steps_executed"] == 1
        assert context.did == ["a"]

    def test_it_works_inside_a_running_loop(self) -> None:
        async def main() -> bool:
            return made(Plain("a"))[0].execute()["success"]

        assert asyncio.run(main())


class TestWrappers:
    def test_timing_and_logging_await_the_step_inside(self) -> None:
        events: list[Event] = []
        context = Ctx(runtime_ctx=RuntimeContext(publish=events.append))
        orchestrator = Orchestrator(StepRegistry([TimingStep(LoggingStep(Later("a")))]), context)
        start = monotonic()
        asyncio.run(orchestrator.execute_async())
        assert 0 <= context.step_results[0].data["duration_seconds"] <= monotonic() - start
        assert [one.name for one in events if isinstance(one, EventLogged)] == ["step_start", "step_end"]

    def test_the_end_is_logged_when_the_step_inside_raises_or_returns_nonsense(self) -> None:
        async def nothing(context: Ctx) -> Any:
            return None

        for act, logged in ((failing, ["step_start", "step_end"]), (nothing, ["step_start"])):
            events: list[Event] = []
            context = Ctx(runtime_ctx=RuntimeContext(publish=events.append))
            orchestrator = Orchestrator(StepRegistry([LoggingStep(Later("a", act))]), context)
            with pytest.raises(StepFailedError):
                asyncio.run(orchestrator.execute_async())
            assert [one.name for one in events if isinstance(one, EventLogged)] == logged

    def test_rollback_is_awaited_too(self) -> None:
        orchestrator, context = made(LoggingStep(Later("a")), Later("b", failing))
        with pytest.raises(StepFailedError):
            asyncio.run(orchestrator.execute_async())
        assert context.did == ["a", "b", "-a"]
