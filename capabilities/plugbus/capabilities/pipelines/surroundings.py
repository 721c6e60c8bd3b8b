"""What all actions of one run have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.kernel import Event, ServiceLocator

    from ..autolog import AutologFramework
    from ..backend import BackendClient
    from ..cancellation import CancellationToken
    from ..context import HostServices, MessageCatalogue, RuntimeContext
    from ..executors import Executor
    from ..runs.context import RunContext
    from ..storage import Storage
    from .context import PipelineContext


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all actions of a run have in common.

    Args:
        params: What the run begins with.
        env: Settings from outside.
        job_id: The job that the run is.
        run: The tracked run that it is part of.
        client: The backend that actions may use.
        storage: Where the files of the platform are.
        checkpoint: What is known of the pretrained model to start from.
        language: The language of the people that read messages.
        messages: The texts of message codes.
        services: What loaded plugins provide.
        autologs: What logs frameworks, besides what is built in.
        context: Where its files are.
        publish: Where events go.
        executor: What carries the actions; None runs them in threads of this process.
        token: Says when the run is to stop.
        limit: How many actions may run at once; None for no limit.
        is_patient: Whether other branches go on when an action fails.
        progress_callback: Told how many actions are done, of how many, and which one begins.
    """

    params: Mapping[str, Any]
    env: Mapping[str, Any]
    job_id: str
    run: RunContext | None
    client: BackendClient | None
    storage: Storage | None
    checkpoint: Mapping[str, Any] | None
    language: str | None
    messages: MessageCatalogue
    services: HostServices
    autologs: Mapping[str, AutologFramework] | None
    context: PipelineContext
    publish: Callable[[Event], None]
    executor: Executor | None
    token: CancellationToken
    limit: int | None
    is_patient: bool
    progress_callback: Callable[[int, int, str], object] | None

    @classmethod
    def of(
        cls,
        ctx: RuntimeContext,
        params: Mapping[str, Any],
        run_id: str,
        context: PipelineContext,
        token: CancellationToken,
        *,
        executor: Executor | None,
        limit: int | None,
        is_patient: bool,
        progress_callback: Callable[[int, int, str], object] | None,
    ) -> Surroundings:
        """Return the surroundings of a run with the services of a job; one without an id goes by that of the run."""
        locator = ctx.services.locator
        return cls(
            params,
            ctx.env,
            ctx.job_id if ctx.job_id is not None else run_id,
            ctx.run,
            ctx.client,
            ctx.storage,
            ctx.checkpoint,
            ctx.language,
            ctx.messages,
            ctx.services,
            None if locator is None else _autologs_of(locator),
            context,
            ctx.publish,
            executor,
            token,
            limit,
            is_patient,
            progress_callback,
        )


def _autologs_of(locator: ServiceLocator) -> Mapping[str, AutologFramework]:
    from ..autolog.contract import autologs_of  # few pipelines are run in a host, and others need not wait for it

    return autologs_of(locator)
