"""What executors add to calls that do not bring it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.capabilities import ActionCall
    from plugbus.kernel import Event


def discard(event: Event) -> None:
    """Publish to nobody."""


class CallDefaults:
    """Settings, job and events for calls that bring none.

    Args:
        env: Settings from outside.
        job_id: The job.
        publish: Where events go.
    """

    __slots__ = ("_env", "_job_id", "publish")

    def __init__(
        self,
        env: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        publish: Callable[[Event], None] | None = None,
    ) -> None:
        self._env = dict(env or {})
        self._job_id = job_id
        self.publish = publish or discard

    def complete(self, call: ActionCall) -> ActionCall:
        """Return the call with these settings and this job where it brings none."""
        if (call.env or not self._env) and (call.job_id or not self._job_id):
            return call
        return replace(call, env=call.env or self._env, job_id=call.job_id or self._job_id)
