"""The words of backend and storage: how they reach an action, and what their errors say."""

from __future__ import annotations

import pickle
from datetime import UTC
from typing import TYPE_CHECKING, Any, cast

import pytest
from pydantic import BaseModel

import plugbus.capabilities
from plugbus.capabilities import (
    BACKEND,
    EXECUTOR,
    STORAGE,
    TRACKING,
    Action,
    ActionCall,
    ActionRunner,
    BackendClient,
    BackendError,
    BackendFailedError,
    BackendUnavailableError,
    BaseAction,
    CapabilityError,
    ChecksumMismatchError,
    JobLogEntry,
    JobStatus,
    RecordConflictError,
    RecordContentError,
    RecordNotFoundError,
    RunStore,
    RuntimeContext,
    Storage,
    StorageError,
    StorageFailedError,
    StoragePathError,
    StorageRoot,
    StorageSupportError,
    StorageUnavailableError,
    StoredFileNotFoundError,
)
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import Capability, ContractError, Kernel
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from pathlib import Path

    from plugbus.kernel import Event

ERRORS = [
    (RecordNotFoundError("data unit", (7, 9)), "cannot find data unit '7', '9': the backend has none"),
    (
        RecordConflictError("create", "model", "yolo 1.0", "it is model 3"),
        "cannot create model 'yolo 1.0': it is model 3",
    ),
    (
        RecordContentError("create", "data unit", (("0.name", "it is blank"), ("1.metadata.x", "no JSON"))),
        "cannot create data unit: 0.name: it is blank; 1.metadata.x: no JSON",
    ),
    (BackendFailedError("create data units", "the disk is full"), "cannot create data units: the disk is full"),
    (
        BackendFailedError("append logs", "no answer", True),
        "cannot append logs: no answer; it is not known whether it was done",
    ),
    (
        BackendUnavailableError("job-1"),
        "cannot use backend of job 'job-1': nothing provides 'backend'; load a plugin that does, such as local_backend",
    ),
    (
        StorageUnavailableError(""),
        "cannot use storage: nothing provides 'storage'; load a plugin that does, such as fs_storage",
    ),
    (
        StoragePathError("../x", "file:///data", "it leads out"),
        "cannot use path '../x' in storage 'file:///data': it leads out",
    ),
    (StoredFileNotFoundError("file:///data/x"), "cannot find file 'file:///data/x': the storage has none"),
    (
        ChecksumMismatchError("memory://x", "aa", "bb"),
        "cannot accept file 'memory://x': its SHA-256 is bb, expected is aa",
    ),
    (StorageFailedError("write", "memory://x", "no room"), "cannot write file 'memory://x': no room"),
    (
        StorageSupportError("s3://bucket", "s3fs", "plugbus[s3]"),
        "cannot open storage 's3://bucket': it needs s3fs; run pip install \"plugbus[s3]\"",
    ),
]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=lambda one: type(one).__name__)
def test_errors_say_what_and_why_and_travel(error: CapabilityError, text: str) -> None:
    assert str(error) == text
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    assert type(again) is type(error)
    assert str(again) == text
    assert vars(again) == vars(error)


def test_every_error_is_in_the_list() -> None:
    offered = [getattr(plugbus.capabilities, name) for name in plugbus.capabilities.__all__]
    words = ("plugbus.capabilities.backend", "plugbus.capabilities.storage")
    errors = {one for one in offered if isinstance(one, type) and issubclass(one, Exception)}
    assert {one for one in errors if one.__module__.startswith(words)} - {BackendError, StorageError} == {
        type(error) for error, _ in ERRORS
    }


def test_a_job_without_backend_and_storage_says_so() -> None:
    ctx = RuntimeContext(job_id="job-1")
    with pytest.raises(BackendUnavailableError, match=r"job-1.*'backend'.*local_backend"):
        _ = ctx.current_backend
    with pytest.raises(StorageUnavailableError, match=r"job-1.*'storage'.*fs_storage"):
        _ = ctx.current_storage


@pytest.mark.parametrize("capability", [BACKEND, STORAGE, StorageRoot("archive")])
def test_what_is_no_backend_or_storage_is_refused(capability: Capability[Any]) -> None:
    with pytest.raises(ContractError):
        capability.check(object())


def test_a_storage_of_its_own_name_is_a_variant_of_the_storage() -> None:
    assert StorageRoot("archive") == "storage(archive)"
    assert StorageRoot("archive").contract is STORAGE.contract


def test_jobs_are_over_where_nothing_more_comes() -> None:
    assert {one for one in JobStatus if one.is_over} == {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED}


def test_an_entry_is_of_now_with_a_zone() -> None:
    assert JobLogEntry(event="message").at.tzinfo is UTC


class NoParams(BaseModel):
    pass


class Ask(BaseAction[NoParams]):
    def execute(self) -> dict[str, bool]:
        return {"client": self.ctx.client is CLIENT, "storage": self.ctx.storage is FILES}


# Only their identity is looked at; that real ones fit is what the suites of the contracts say.
CLIENT = cast("BackendClient", object())
FILES = cast("Storage", object())


def test_a_call_brings_them_to_the_action() -> None:
    def publish(event: Event) -> None:
        pass

    call = ActionCall(Ask, client=CLIENT, storage=FILES)
    assert call.run_here(publish) == {"client": True, "storage": True}
    assert ActionCall(Ask).run_here(publish) == {"client": False, "storage": False}


@pytest.mark.parametrize("is_there", [True, False])
def test_the_runner_finds_them(tmp_path: Path, is_there: bool) -> None:
    with Kernel() as kernel:
        kernel.services.provide(TRACKING, FakeTracking())
        kernel.services.provide(EXECUTOR, LocalExecutor())
        kernel.services.provide(Action("ask.now"), Ask)
        if is_there:
            kernel.services.provide(Capability[object]("backend", contract=object), CLIENT)
            kernel.services.provide(Capability[object]("storage", contract=object), FILES)
        result = ActionRunner(kernel, RunStore(tmp_path)).run("ask.now")
        assert result.outputs == {"client": is_there, "storage": is_there}
