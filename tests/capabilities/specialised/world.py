"""A platform for specialised actions: the backend in one SQLite file, and a storage in a folder."""

from __future__ import annotations

import struct
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import (
    ActionCall,
    BaseAction,
    CancellationToken,
    DatasetDraft,
    DataUnitDraft,
    GroundTruthDraft,
    HostServices,
    MessageLogged,
    ProgressBoard,
    ProgressReported,
    ProjectDraft,
    Storage,
    StoredFile,
    TaskDraft,
    TaskStatus,
    WorkEvent,
)
from plugbus.plugins.fs_storage import FsStorage
from plugbus.plugins.local_backend import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from plugbus.capabilities import BackendClient, DataUnit, StorageMode, TaskRecord
    from plugbus.kernel import Event


def png(width: int, height: int, shade: int) -> bytes:
    """Return an image in one shade of grey, as a PNG file (ISO/IEC 15948, colour type 0)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([shade]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def dm_document(label: str) -> dict[str, Any]:
    """Return annotations as DM version 2 has them: one box."""
    box = {"id": "b1", "classification": label, "attrs": [], "data": [1, 2, 3, 4]}
    return {"classification": {"bounding_box": [label]}, "images": [{"bounding_box": [box]}]}


class Watched:
    """A storage that counts what is asked of it, and fails where it is told to."""

    def __init__(self, inner: Storage) -> None:
        self._inner = inner
        self.got: list[str] = []
        self.opened: list[tuple[str, str]] = []
        self.refused: set[str] = set()

    def _look(self, path: str) -> None:
        if any(one in path for one in self.refused):
            raise ConnectionError(f"{path.rsplit('/', 1)[-1]} is refused")

    @property
    def root(self) -> str:
        return self._inner.root

    def uri(self, path: str) -> str:
        return self._inner.uri(path)

    def path(self, uri: str) -> str:
        return self._inner.path(uri)

    @contextmanager
    def open(self, path: str, mode: StorageMode = "rb") -> Iterator[BinaryIO]:
        self._look(path)
        self.opened.append((mode, path))
        with self._inner.open(path, mode) as file:
            yield file

    def put(self, local_path: Path, path: str) -> StoredFile:
        self._look(path)
        return self._inner.put(local_path, path)

    def get(self, path: str, local_path: Path, *, sha256: str | None = None) -> Path:
        self._look(path)
        self.got.append(path)
        return self._inner.get(path, local_path, sha256=sha256)

    def exists(self, path: str) -> bool:
        return self._inner.exists(path)

    def size(self, path: str) -> int:
        return self._inner.size(path)

    def checksum(self, path: str) -> str:
        return self._inner.checksum(path)

    def list(self, prefix: str = "") -> Iterator[str]:
        return self._inner.list(prefix)

    def remove(self, path: str) -> None:
        self._inner.remove(path)

    def remove_tree(self, prefix: str) -> int:
        return self._inner.remove_tree(prefix)


class World:
    """What a host offers to jobs, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backend = LocalBackend(folder / "backend.db", is_synced=False)
        self.real_storage: Storage = FsStorage((folder / "storage").as_uri())
        self.storage = Watched(self.real_storage)
        self.heard: list[Event] = []

    @property
    def client(self) -> BackendClient:
        return self.backend

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def env(self) -> dict[str, str]:
        return {"PLUGBUS_CACHE_FOLDER": str(self.cache), "PLUGBUS_WORK_FOLDER": str(self.folder / "work")}

    def close(self) -> None:
        self.backend.close()

    def run(
        self,
        action_cls: type[BaseAction[Any]],
        *,
        job_id: str | None = "job-1",
        cancellation: CancellationToken | None = None,
        services: HostServices | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Any:
        """Run an action as an executor does."""
        call = ActionCall(
            action_cls,
            params,
            job_id=job_id,
            env=self.env,
            client=self.backend,
            storage=self.storage,
            cancellation=cancellation,
            services=services or HostServices(),
            checkpoint=checkpoint,
        )
        return call.run_here(self.heard.append)

    def put(self, path: str, content: bytes) -> StoredFile:
        """Put a file into the storage."""
        local = self.folder / "upload.tmp"
        local.write_bytes(content)
        return self.real_storage.put(local, path)

    def dataset(
        self, count: int, *, name: str = "pictures", splits: tuple[str, ...] = ()
    ) -> tuple[int, tuple[DataUnit, ...]]:
        """Make a dataset of annotated images, in turn of the splits."""
        record = self.backend.create_dataset(DatasetDraft(name=name))
        drafts = [
            DataUnitDraft(
                name=f"cat_{number:04d}",
                files={"image": self.put(f"{name}/cat_{number:04d}.png", png(8 + number % 5, 9, number % 251))},
                metadata={"split": splits[number % len(splits)]} if splits else {},
            )
            for number in range(count)
        ]
        units = self.backend.create_data_units(record.id, drafts)
        self.backend.create_ground_truths(
            record.id,
            [GroundTruthDraft(data_unit=one.id, annotations=dm_document(f"label{one.id % 3}")) for one in units],
        )
        return record.id, units

    def tasks(
        self, count: int, *, name: str = "labelling", configuration: Mapping[str, Any] | None = None
    ) -> tuple[int, tuple[TaskRecord, ...]]:
        """Make a project with an annotated task for each image of a new dataset."""
        _, units = self.dataset(count, name=f"{name}-data")
        project = self.backend.create_project(ProjectDraft(name=name, configuration=dict(configuration or {})))
        drafts = [
            TaskDraft(
                data_unit=one.id,
                status=TaskStatus.CONFIRMED if number % 2 else TaskStatus.ANNOTATED,
                annotations=dm_document(f"label{number % 3}"),
                metadata={"assignee": "ada"} if number % 3 == 0 else {},
            )
            for number, one in enumerate(units)
        ]
        return project.id, self.backend.create_tasks(project.id, drafts)

    def progress(self, category: str | None) -> list[tuple[float, float | None]]:
        """Return what was reported of a category."""
        return [
            (one.current, one.total)
            for one in self.heard
            if isinstance(one, ProgressReported) and one.category == category
        ]

    def whole(self, category: str) -> list[float]:
        """Return how far the job was after each report of a category, as a part of all."""
        board, found = ProgressBoard(), list[float]()
        for event in self.heard:
            if isinstance(event, WorkEvent):
                board.record(event)
            if isinstance(event, ProgressReported) and event.category == category:
                found.append(model.fraction if (model := board.model(event.job_id)) else -1.0)
        return found

    def messages(self) -> list[str]:
        """Return what was told."""
        return [one.message for one in self.heard if isinstance(one, MessageLogged)]


def files_of(folder: Path) -> list[str]:
    """Return the paths of all files in a folder, sorted."""
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
