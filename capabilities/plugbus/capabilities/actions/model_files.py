"""Models between here, the storage and the backend."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from ..backend import ModelDraft, RecordConflictError
from ..errors import ModelFileError
from .naming import safe_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backend import BackendClient, ModelRecord
    from ..storage import Storage

_FOLDER: Final = "models"
_ARCHIVE: Final = ".zip"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def upload_model(
    client: BackendClient,
    storage: Storage,
    path: Path,
    name: str,
    *,
    version: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[ModelRecord, bool]:
    """Put a trained model into the storage and tell the backend; a folder is packed into an archive.

    Args:
        client: The backend.
        storage: Where its file goes, below ``models/``.
        path: A file or a folder.
        name: Of the model.
        version: Of the model; by default the beginning of the SHA-256 of its content.
        metrics: What was measured of it.
        metadata: What else is to be known of it.

    Returns:
        The model's record, and whether it is new: the same content under the same name and version is there once.

    Raises:
        ModelFileError: Nothing is at ``path``.
        RecordConflictError: Another content has this name and version.
    """
    if not path.exists():
        raise ModelFileError("upload", name, f"nothing is at '{path}'")
    with TemporaryDirectory(prefix="plugbus-model-") as folder:
        file = path if path.is_file() else _packed(path, Path(folder) / f"{path.name}{_ARCHIVE}")
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        chosen = version or sha256[:12]
        known = next((one for one in client.models(name=name) if one.version == chosen), None)
        if known is not None:
            if known.file is not None and known.file.sha256 == sha256:
                return known, False
            raise RecordConflictError(
                "create", "model", f"{name} {chosen}", "another content has this name and version"
            )
        place = f"{_FOLDER}/{safe_path(name)}/{safe_path(chosen)}/{safe_path(file.name)}"
        stored = storage.put(file, place)
        try:
            record = client.create_model(
                ModelDraft(
                    name=name, version=chosen, file=stored, metrics=dict(metrics or {}), metadata=dict(metadata or {})
                )
            )
        except BaseException:
            storage.remove(place)
            raise
    return record, True


def remove_model(client: BackendClient, storage: Storage, record: ModelRecord) -> None:
    """Remove a model that was uploaded: its record, then its file."""
    client.delete_model(record.id)
    if record.file is not None and storage.exists(record.file.uri):
        storage.remove(record.file.uri)


def download_model(client: BackendClient, storage: Storage, model: int, folder: Path) -> Path:
    """Bring a model here, and return its file, or its folder where it was packed.

    What is here already, whole, is not brought again.

    Raises:
        RecordNotFoundError: The backend has no such model.
        ModelFileError: It has no file.
        ChecksumMismatchError: Its file is not the one that was uploaded.
    """
    record = client.model(model)
    if record.file is None:
        raise ModelFileError("download", f"{record.name} {record.version}", "the backend knows of no file of it")
    name = safe_path(record.file.uri.rsplit("/", 1)[-1])
    home = folder / record.file.sha256
    path = home / name
    if not path.is_file():
        storage.get(record.file.uri, path, sha256=record.file.sha256)
    if path.suffix != _ARCHIVE or not zipfile.is_zipfile(path):
        return path
    unpacked = home / path.stem
    if not unpacked.is_dir():
        with TemporaryDirectory(prefix=".unpacking-", dir=home) as draft:
            inner = Path(draft) / "model"
            with zipfile.ZipFile(path) as archive:
                archive.extractall(inner)  # members that lead out of the folder are brought inside by zipfile itself
            inner.mkdir(exist_ok=True)
            try:
                inner.rename(unpacked)
            except OSError:
                if not unpacked.is_dir():  # else another process was first
                    raise
    return unpacked


def _packed(folder: Path, target: Path) -> Path:
    """Pack a folder; the same content gives the same archive."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed)
    return target
