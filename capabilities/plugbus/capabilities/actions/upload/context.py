"""What the steps of an upload share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ...backend import BackendFailedError
from ...errors import ActionDefinitionError
from ...steps.plain import is_plain
from ...storage import StorageFailedError
from ..policy import RetryPolicy
from ..retrying import SYSTEM_CLOCK, retried
from ..workflow import WorkflowContext
from .files import LostFile, OrganizedFile, UploadedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from ...backend import BackendClient
    from ...context import RuntimeContext
    from ...storage import Storage
    from ..clock import Clock

    R = TypeVar("R")

MAY_PASS: Final = (StorageFailedError, BackendFailedError, ConnectionError, TimeoutError)
"""What is tried again: the storage, the backend or the network may be well a moment later."""


@dataclass(kw_only=True)
class UploadContext(WorkflowContext):
    """What the steps of an upload share.

    Args:
        storage: Where files go.
        storage_path: The folder there.
        dataset: Id of the dataset that data units are made in; None to make none.
        upload_id: The upload, for ever; data units have it in their metadata.
        metadata: What is known of files, by the name of the data unit or of a file.
        organized_files: What is to be uploaded, a data unit each.
        uploaded_files: What is in the storage.
        new_files: Addresses of those of them that were not there before, which a rollback removes.
        data_units: Ids of the data units.
        kept_units: How many of them were there before.
        lost_files: What is not uploaded, and why.
        is_prepared: Whether ``organized_files`` has been filled, be it with nothing.
        clock: Tells the time, and lets it pass between two attempts.
    """

    storage: Storage | None = None
    storage_path: str = ""
    dataset: int | None = None
    upload_id: str = ""
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    organized_files: list[OrganizedFile] = field(default_factory=list)
    uploaded_files: list[UploadedFile] = field(default_factory=list)
    new_files: list[str] = field(default_factory=list)
    data_units: list[int] = field(default_factory=list)
    kept_units: int = 0
    lost_files: list[LostFile] = field(default_factory=list)
    is_prepared: bool = False
    clock: Clock = SYSTEM_CLOCK

    def param(self, name: str, default: Any) -> Any:
        """Return a parameter; models of an author's own need not have all of them."""
        found = getattr(self.params, name, default)
        return default if found is None else found

    @property
    def runtime(self) -> RuntimeContext:
        """Return the services of the job.

        Raises:
            ActionDefinitionError: The context was made without.
        """
        if self.runtime_ctx is None:
            raise ActionDefinitionError(type(self.action).__qualname__, "its context has no runtime_ctx")
        return self.runtime_ctx

    @property
    def client(self) -> BackendClient:
        """Return the backend."""
        return self.runtime.current_backend

    @property
    def current_storage(self) -> Storage:
        """Return where files go: the job's storage, if no step says otherwise."""
        if self.storage is None:
            self.storage = self.runtime.current_storage
        return self.storage

    def lose(self, path: str, cause: object) -> None:
        """Record that something is not uploaded."""
        told = (str(cause) or type(cause).__qualname__) if isinstance(cause, Exception) else str(cause)
        self.lost_files.append(LostFile(path=path, cause=told, step=self.current_step or ""))

    def retried(self, work: Callable[[], R]) -> R:
        """Do what may fail for a reason that passes, again as often as ``max_retries`` says."""
        policy = RetryPolicy(
            attempts=int(self.param("max_retries", 2)) + 1, on=MAY_PASS, initial_delay_s=0.2, max_delay_s=10
        )
        return retried(work, policy, tokens=self.cancellations, clock=self.clock)

    def save_state(self) -> Mapping[str, Any]:
        """Return what has to be kept in a checkpoint; files become plain data. What is none of ours is not changed."""
        state = dict(super().save_state())
        for name, kind in _LISTS.items():
            kept = [{_KIND: name, **one.to_dict()} if isinstance(one, kind) else one for one in getattr(self, name)]
            if is_plain(kept):
                state[name] = kept
        return state

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``save_state`` returned."""
        super().restore_state(state)
        for name, kind in _LISTS.items():
            setattr(self, name, [_restored(kind, name, one) for one in getattr(self, name)])


def _restored(kind: type[OrganizedFile | UploadedFile | LostFile], name: str, said: Any) -> Any:
    if not isinstance(said, dict) or said.get(_KIND) != name:
        return said
    return kind.from_dict({key: value for key, value in said.items() if key != _KIND})


_KIND: Final = "kind"
_LISTS: Final[dict[str, type[OrganizedFile | UploadedFile | LostFile]]] = {
    "organized_files": OrganizedFile,
    "uploaded_files": UploadedFile,
    "lost_files": LostFile,
}
