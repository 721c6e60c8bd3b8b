"""What the steps of one workflow share."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from .errors import CheckpointStateError
from .plain import is_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..cancellation import CancellationToken
    from ..context import LogMessageCode, RuntimeContext
    from ..events import LogLevel
    from .result import StepResult


@dataclass(kw_only=True)
class BaseStepContext:
    """The state of one workflow: subclass it as a dataclass with the fields that its steps share.

    Args:
        runtime_ctx: Services of the job that the workflow is part of; without one nothing is published.
        step_results: What came of the steps of the last execution, in order.
        errors: What went wrong without stopping the work, for people. It is the caller's: no execution clears it.
        current_step: The step that is executed or rolled back; None outside.
        current_step_order: Its place, from 1 on.
        cancellation: Says when the workflow is to stop, besides the job's own token.
    """

    runtime_ctx: RuntimeContext | None = None
    step_results: list[StepResult] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    current_step: str | None = None
    current_step_order: int | None = None
    cancellation: CancellationToken | None = None

    @property
    def cancellations(self) -> tuple[CancellationToken, ...]:
        """Return the tokens that can stop the workflow: its own, and the job's."""
        job = None if self.runtime_ctx is None else self.runtime_ctx.cancellation
        return tuple(one for one in (self.cancellation, job) if one is not None)

    def raise_if_cancelled(self) -> None:
        """Stop here if the workflow is to stop; to be called now and then by steps that take long.

        Raises:
            WorkCancelledError: It is.
        """
        for token in self.cancellations:
            token.raise_if_cancelled(f"step '{self.current_step}'" if self.current_step else "workflow")

    def set_progress(
        self, current: float, total: float | None, category: str | None = None, *, step: str | None = None
    ) -> None:
        """Report that ``current`` of ``total`` is done, of the current step unless a category is named.

        Args:
            current: What is done.
            total: All there is; None while it is not known.
            category: Which of several things this is the progress of; the current step by default.
            step: Another word for ``category``.
        """
        if self.runtime_ctx is not None:
            self.runtime_ctx.set_progress(current, total, category or step or self.current_step)

    def set_metrics(self, value: Mapping[str, float], category: str | None = None, *, step: int | None = None) -> None:
        """Record measured values, of the current step unless a category is named.

        Args:
            value: Name to number.
            category: What they belong to; the current step by default.
            step: Epoch or iteration, from 0 on.
        """
        if self.runtime_ctx is not None:
            self.runtime_ctx.set_metrics(value, category or self.current_step, step=step)

    def log(self, event: str, data: Mapping[str, Any] | None = None, file: str | None = None) -> None:
        """Log that something happened, with its facts and a file that belongs to it."""
        if self.runtime_ctx is not None:
            self.runtime_ctx.log(event, data, file)

    def log_message(
        self,
        message: str | LogMessageCode | Mapping[str, str],
        /,
        level: LogLevel | str | None = None,
        *,
        language: str | None = None,
        **fields: object,
    ) -> None:
        """Tell people something, as ``RuntimeContext.log_message`` does."""
        if self.runtime_ctx is not None:
            self.runtime_ctx.log_message(message, level, language=language, **fields)

    def save_state(self) -> Mapping[str, Any]:
        """Return what has to be kept in a checkpoint, as plain data.

        By default these are ``errors`` and the fields of the subclass whose values JSON gives back as they are: None,
        booleans, finite numbers, texts, and lists and mappings of them with texts as keys. Fields with other values,
        such as paths, tuples and clients, are not kept. Override both this and ``restore_state`` to keep them.
        """
        kept = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _NOT_KEPT}
        return {name: value for name, value in kept.items() if is_plain(value)}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``save_state`` returned, in a context that was made anew.

        Raises:
            CheckpointStateError: A field is not there any more; nothing was changed.
        """
        known = {one.name for one in fields(self)} - _NOT_KEPT
        unknown = tuple(name for name in state if name not in known)
        if unknown:
            raise CheckpointStateError(type(self).__qualname__, unknown)
        for name, value in state.items():
            setattr(self, name, value)


_NOT_KEPT = frozenset(one.name for one in fields(BaseStepContext)) - {"errors"}
