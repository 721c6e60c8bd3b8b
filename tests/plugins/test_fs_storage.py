"""The storage of files: what is local to it, its faults, and its plugin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')

from plugbus.capabilities import (
    STORAGE,
    PluginConfigError,
    StorageFailedError,
    StoragePathError,
    StorageRoot,
    StorageSupportError,
)
from plugbus.kernel import Kernel, PluginLoadError, ServiceNotFoundError
from plugbus.loaders import DirectoryLoader
from plugbus.plugins.fs_storage import FsStorage
from plugbus.plugins.fs_storage.reading import ONE_ANSWER, fetched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.plugins.fs_storage.opening import Filesystem

FOLDER = Path(__file__).parents[2] / "plugins" / "plugbus" / "plugins" / "fs_storage"


@pytest.fixture
def storage(tmp_path: Path) -> FsStorage:
    return FsStorage(str(tmp_path / "root"))


def test_links_do_not_lead_out(storage: FsStorage, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    root = tmp_path / "root"
    (root / "inside").mkdir(parents=True)
    (root / "inside" / "file").write_text("x")
    (root / "to_secret").symlink_to(tmp_path / "secret")
    (root / "to_folder").symlink_to(tmp_path / "elsewhere")
    (root / "circle").symlink_to(root)
    (root / "to_file").symlink_to(root / "inside" / "file")
    for path in ("to_secret", "to_folder/x", "to_folder"):
        with pytest.raises(StoragePathError, match="link"):
            storage.exists(path)
    with pytest.raises(StoragePathError, match="link"), storage.open("to_folder/new", "wb"):
        pass
    assert list(storage.list()) == ["inside/file", "to_file"]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_removing_a_folder_leaves_what_its_links_show(storage: FsStorage, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "kept").mkdir()
    (root / "kept" / "file").write_text("x")
    (root / "a" / "link").symlink_to(root / "kept")
    assert storage.remove_tree("a") == 0
    assert (root / "kept" / "file").read_text() == "x"
    assert not (root / "a").exists()


KILLED = """
import os, signal, sys
from plugbus.plugins.fs_storage import FsStorage

with FsStorage(sys.argv[1]).open("kept", "wb") as file:
    file.write(b"new" * 1_000_000)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_what_was_there(storage: FsStorage, tmp_path: Path) -> None:
    with storage.open("kept", "wb") as file:
        file.write(b"old")
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", KILLED, str(tmp_path / "root")], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(storage.list()) == ["kept"]
    assert storage.size("kept") == 3
    (left,) = [one.name for one in (tmp_path / "root").iterdir() if one.name != "kept"]
    with pytest.raises(StoragePathError, match="being written"):
        storage.exists(left)


def test_a_disk_that_fails_leaves_what_was_there(
    storage: FsStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with storage.open("kept", "wb") as file:
        file.write(b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "local").write_bytes(b"new")
    with pytest.raises(StorageFailedError, match=r"write.*kept.*No space left"), storage.open("kept", "wb") as file:
        file.write(b"new")
    with pytest.raises(StorageFailedError, match="No space left"):
        storage.put(tmp_path / "local", "kept")
    monkeypatch.undo()
    assert [one.name for one in (tmp_path / "root").iterdir()] == ["kept"]
    assert storage.size("kept") == 3


def test_copies_need_little_memory(storage: FsStorage, tmp_path: Path) -> None:
    size = 64 << 20
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        stored = storage.put(tmp_path / "large", "large")
        storage.get("large", tmp_path / "copy", sha256=stored.sha256)
        storage.checksum("large")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "copy").stat().st_size == size
    assert peak < size / 8


@pytest.mark.parametrize(
    ("address", "module", "extra"),
    [("s3://bucket/x", "s3fs", "s3"), ("gs://bucket/x", "gcsfs", "gcs"), ("sftp://host/x", "paramiko", "sftp")],
)
def test_what_is_not_installed_is_named(address: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(StorageSupportError, match=rf"{module}.*pip install \"plugbus\[{extra}\]\""):
        FsStorage(address)


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(StorageFailedError, match="nowhere://x"):
        FsStorage("nowhere://x")


def test_a_password_is_not_part_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(StorageSupportError) as caught:
        FsStorage("sftp://user:secret@host:22/x")
    assert "secret" not in str(caught.value)
    assert caught.value.root == "sftp://user@host:22/x"


@contextmanager
def loaded(config: dict[str, Any]) -> Iterator[Kernel]:
    with Kernel(config={"fs_storage": config}) as kernel:
        kernel.register(DirectoryLoader().read(FOLDER))
        kernel.load("fs_storage")
        yield kernel


def test_the_plugin_offers_each_root_by_its_name(tmp_path: Path) -> None:
    roots = {"data": {"address": str(tmp_path / "data")}, "archive": {"address": "memory://archive"}}
    with loaded({"roots": roots, "default": "archive"}) as kernel:
        services = kernel.services
        assert services.get(STORAGE).root == "memory://archive"
        assert services.get(StorageRoot("archive")) is services.get(STORAGE)
        assert services.get(StorageRoot("data")).root == f"file://{tmp_path}/data"
        kernel.unload("fs_storage")
        for capability in (STORAGE, StorageRoot("data")):
            with pytest.raises(ServiceNotFoundError):
                services.get(capability)


def test_the_first_root_is_the_default(tmp_path: Path) -> None:
    roots = {"one": {"address": str(tmp_path / "one")}, "two": {"address": str(tmp_path / "two")}}
    with loaded({"roots": roots}) as kernel:
        assert kernel.services.get(STORAGE) is kernel.services.get(StorageRoot("one"))


def test_the_folder_is_in_the_artifact_root_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUGBUS_ARTIFACT_ROOT", str(tmp_path / "artifacts"))
    with loaded({}) as kernel:
        assert kernel.services.get(STORAGE).root == f"file://{tmp_path}/artifacts/storage"


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"default": "archiv", "roots": {"archive": {"address": "memory://x"}}}, "archiv"),
        ({"roots": {"archive": {}}}, "archive.address"),
        ({"roots": {"archive": {"address": "memory://x", "key": 1}}}, "archive.key"),
    ],
)
def test_wrong_settings_are_refused(config: dict[str, Any], named: str) -> None:
    with pytest.raises(PluginLoadError) as caught, loaded(config):
        pass
    assert isinstance(caught.value.__cause__, PluginConfigError)
    assert named in str(caught.value.__cause__)


class Restless:
    """A filesystem whose one file is replaced while it is copied, so many times."""

    def __init__(self, changes: int, size: int) -> None:
        self.changes, self.size = changes, size

    def info(self, path: str) -> dict[str, Any]:
        return {"type": "file", "size": self.size, "ETag": str(self.changes)}

    def get_file(self, path: str, target: str) -> None:
        Path(target).write_bytes(str(self.changes % 10).encode() * self.size)
        self.changes = max(0, self.changes - 1)


@pytest.mark.parametrize(("changes", "size"), [(0, ONE_ANSWER + 1), (4, ONE_ANSWER + 1), (9, ONE_ANSWER)])
def test_a_large_file_that_was_changed_while_it_was_copied_is_copied_again(changes: int, size: int) -> None:
    found = Restless(changes, size)
    with fetched(cast("Filesystem", found), "some.bin") as file:
        content = file.read()
    assert content == (b"9" if size == ONE_ANSWER else b"0") * size


def test_a_file_that_never_rests_is_told_and_its_copy_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = cast("Filesystem", Restless(9, ONE_ANSWER + 1))
    with pytest.raises(OSError, match="changed again and again"), fetched(found, "some.bin"):
        pass
    assert list(tmp_path.iterdir()) == []
