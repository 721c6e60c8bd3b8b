"""Bringing a dataset of the backend here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ..parallel import in_parallel
from .errors import DatasetDownloadError
from .manifest import read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ...backend import BackendClient
    from ...storage import Storage
    from .cache import DatasetCache
    from .manifest import FilePlan, UnitPlan

_TRIES: Final = 3
_MOST_TOLD: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What came of a download.

    Args:
        path: The folder.
        count: How many data units are in it.
        failed_count: How many are missing.
        failures: What went wrong, one text a data unit, of the first 100.
        is_cached: Whether it was there already.
    """

    path: Path
    count: int
    failed_count: int = 0
    failures: tuple[str, ...] = ()
    is_cached: bool = False


def download(
    client: BackendClient,
    storage: Storage,
    dataset: int,
    cache: DatasetCache,
    *,
    splits: Sequence[str] = (),
    workers: int = 8,
    progress: Callable[[int, int], object] = lambda done, total: None,
    check: Callable[[], object] | None = None,
) -> Download:
    """Return the folder of a dataset as the backend has it now, downloading what is not in the cache.

    First it is written down what belongs to the dataset; the sum of that names the folder, so that a dataset that was
    changed is another folder. Then the files are brought, several at a time, and their SHA-256 is checked. A data unit
    with a file that can't be had is left out and told, and tried again by the next download.

    Raises:
        DatasetDownloadError: Nothing could be had.
        RecordNotFoundError: There is no such dataset.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", prefix="plugbus-dataset-") as manifest:
        key, total = write_manifest(client, dataset, manifest, splits=splits, workers=workers, check=check)
        if not total:
            raise DatasetDownloadError(dataset, ())
        name = "-".join((str(dataset), *sorted(splits), key[:32]))
        known = cache.find(name)
        if known is not None:
            progress(total, total)
            return Download(path=known[0], count=total, is_cached=True)
        manifest.seek(0)
        draft = cache.draft()
        try:
            failures: list[str] = []
            done = 0
            work = partial(_bring, storage, cache, draft)
            for done, outcome in enumerate(in_parallel(work, read_manifest(manifest), workers=workers, check=check), 1):
                if outcome.error is not None:
                    failures.append(f"data unit {outcome.item.unit} ('{outcome.item.name}'): {outcome.error}")
                os.utime(draft)  # it is not left behind
                progress(done, total)
            if len(failures) == total:
                raise DatasetDownloadError(dataset, tuple(failures))
            notes = {"dataset": dataset, "count": total - len(failures), "failures": failures[:_MOST_TOLD]}
            path = cache.keep(draft, name, notes, is_complete=not failures)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return Download(
            path=path,
            count=total - len(failures),
            failed_count=len(failures),
            failures=tuple(failures[:_MOST_TOLD]),
        )


def _bring(storage: Storage, cache: DatasetCache, draft: Path, plan: UnitPlan) -> None:
    """Bring what belongs to one data unit; nothing of it stays where something can't be had."""
    placed: list[Path] = []
    try:
        for one in plan.files:
            target = draft / one.path
            placed.append(target)
            _place(storage, cache, one, target)
        if plan.document:
            target = draft / plan.document
            placed.append(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(plan.annotations, ensure_ascii=False, separators=(",", ":")), "utf-8")
    except BaseException:
        for target in placed:
            target.unlink(missing_ok=True)
        raise


def _place(storage: Storage, cache: DatasetCache, plan: FilePlan, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = cache.file(plan.sha256)
    for left in reversed(range(_TRIES)):
        if not _is_whole(kept, plan):
            storage.get(plan.uri, kept, sha256=plan.sha256)
        try:
            with suppress(OSError):
                kept.chmod(0o444)
            os.link(kept, target)
        except FileNotFoundError:
            # Another process that makes room has just removed it: it had no second name yet.
            if not left:
                raise
        except OSError:
            shutil.copyfile(kept, target)  # a file system without hard links, or with too many of this file
            return
        else:
            return


def _is_whole(path: Path, plan: FilePlan) -> bool:
    try:
        if path.stat().st_size != plan.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == plan.sha256
    except FileNotFoundError:
        return False
