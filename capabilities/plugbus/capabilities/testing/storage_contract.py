"""What every storage has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import hashlib
import pickle
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ..storage import (
    STORAGE,
    ChecksumMismatchError,
    StorageError,
    StoragePathError,
    StoredFile,
    StoredFileNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..storage import Storage

LARGE = bytes(range(256)) * 20_000
NAMES = ("a.d/x", "a.txt", "a/1.bin", "a/b/c.bin", "a/größe 1%20.jpg", "z")


class StorageContract(ABC):
    """Inherit it in a class named ``Test…`` and give it the fixture ``storage``: one that is empty, for each test."""

    @pytest.fixture
    @abstractmethod
    def storage(self) -> Storage | Iterator[Storage]:
        """Return the storage that is to be tested."""

    @pytest.fixture
    def local(self, tmp_path: Path) -> Path:
        """Return a local file."""
        path = tmp_path / "local" / "some.bin"
        path.parent.mkdir()
        path.write_bytes(LARGE)
        return path

    def fill(self, storage: Storage) -> None:
        """Write some files."""
        for name in NAMES:
            with storage.open(name, "wb") as file:
                file.write(name.encode())

    def test_it_is_a_storage(self, storage: Storage) -> None:
        """It can be provided under the capability."""
        STORAGE.check(storage)

    def test_what_is_put_comes_back(self, storage: Storage, local: Path, tmp_path: Path) -> None:
        """A file has its address, size and checksum, and the same content wherever it is copied to."""
        digest = hashlib.sha256(LARGE).hexdigest()
        stored = storage.put(local, "models/größe 1/best.jpg")
        assert stored == StoredFile(
            uri=f"{storage.root}/models/größe 1/best.jpg", size=len(LARGE), sha256=digest, media_type="image/jpeg"
        )
        assert storage.exists(stored.uri)
        assert storage.size("models/größe 1/best.jpg") == len(LARGE)
        assert storage.checksum(stored.uri) == digest
        for path in (stored.uri, "models/größe 1/best.jpg"):
            target = tmp_path / "new" / "folder" / "copy.bin"
            assert storage.get(path, target, sha256=digest) == target
            assert target.read_bytes() == LARGE
            assert [one.name for one in target.parent.iterdir()] == ["copy.bin"]
        assert local.read_bytes() == LARGE

    @pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=["empty", "one", "large"])
    def test_what_is_written_is_read(self, storage: Storage, content: bytes) -> None:
        """A file is written and read in parts, as a stream."""
        with storage.open("some.bin", "wb") as file:
            for at in range(0, len(content), 700_001):
                file.write(content[at : at + 700_001])
        assert storage.size("some.bin") == len(content)
        with storage.open("some.bin") as file:
            assert file.read(3) == content[:3]
            assert file.read() == content[3:]

    def test_what_is_there_is_replaced(self, storage: Storage, local: Path) -> None:
        """A file that is written anew has the new content alone."""
        for content in (b"longer than the next", b"short"):
            with storage.open("some.bin", "wb") as file:
                file.write(content)
        with storage.open("some.bin") as file:
            assert file.read() == b"short"
        storage.put(local, "some.bin")
        assert storage.size("some.bin") == len(LARGE)

    def test_a_file_appears_whole(self, storage: Storage) -> None:
        """While it is written there is what was there before, in lists too."""
        self.fill(storage)
        with storage.open("z", "wb") as file:
            file.write(LARGE)
            file.flush()
            assert storage.size("z") == 1
            with storage.open("a/new", "wb") as other:
                other.write(LARGE)
                assert not storage.exists("a/new")
                assert list(storage.list()) == list(NAMES)
        assert storage.size("z") == len(LARGE)
        assert storage.exists("a/new")

    @pytest.mark.parametrize("error", [ArithmeticError("mine"), FileNotFoundError("mine"), KeyboardInterrupt()])
    def test_a_block_that_raises_leaves_what_was_there(self, storage: Storage, error: BaseException) -> None:
        """What the caller raised is raised as it is; nothing of what was written is there."""
        self.fill(storage)
        for name in ("z", "new", "new folder/x"):
            with pytest.raises(type(error)) as caught, storage.open(name, "wb") as file:  # noqa: PT012 - the block is what is tested
                file.write(LARGE)
                raise error
            assert caught.value is error
        assert list(storage.list()) == list(NAMES)
        assert storage.size("z") == 1

    def test_what_a_reader_raises_is_raised(self, storage: Storage) -> None:
        """An error of the caller is none of the storage."""
        self.fill(storage)
        error = FileNotFoundError("mine")
        with pytest.raises(FileNotFoundError) as caught, storage.open("z"):
            raise error
        assert caught.value is error

    def test_a_wrong_content_is_not_taken(self, storage: Storage, local: Path, tmp_path: Path) -> None:
        """A file whose checksum is another leaves the local one as it was."""
        storage.put(local, "some.bin")
        target = tmp_path / "copies" / "copy.bin"
        with pytest.raises(ChecksumMismatchError, match=r"some\.bin"):
            storage.get("some.bin", target, sha256="0" * 64)
        assert list(target.parent.iterdir()) == []
        target.write_bytes(b"before")
        with pytest.raises(ChecksumMismatchError):
            storage.get("some.bin", target, sha256="0" * 64)
        assert target.read_bytes() == b"before"
        assert [one.name for one in target.parent.iterdir()] == ["copy.bin"]

    def test_files_are_listed_in_order(self, storage: Storage) -> None:
        """All files below a folder are listed by their paths, sorted, and no folder."""
        assert list(storage.list()) == []
        self.fill(storage)
        assert list(storage.list()) == list(NAMES)
        assert list(storage.list("")) == list(NAMES)
        inside = ["a/1.bin", "a/b/c.bin", "a/größe 1%20.jpg"]
        assert list(storage.list("a")) == list(storage.list("a/")) == list(storage.list(storage.uri("a"))) == inside
        assert list(storage.list("a/b")) == ["a/b/c.bin"]
        assert list(storage.list("absent")) == []

    def test_addresses_and_paths_are_two_ways_to_say_the_same(self, storage: Storage) -> None:
        """Each is made of the other, whether there is a file or not."""
        for name in NAMES:
            assert storage.uri(name) == f"{storage.root}/{name}"
            assert storage.path(storage.uri(name)) == name
            assert storage.uri(storage.uri(name)) == storage.uri(name)

    @pytest.mark.parametrize(
        "path",
        [
            "../x",
            "a/../../x",
            "a/..",
            "..",
            "/etc/passwd",
            "a//b",
            "./a",
            "a/.",
            "a\\..\\x",
            "a\0b",
            "a\nb",
            "file:///x",
        ],
        ids=ascii,
    )
    def test_nothing_leads_out_of_the_root(self, storage: Storage, path: str, local: Path, tmp_path: Path) -> None:
        """Every call refuses such a path, and names it."""
        calls = (
            lambda: storage.uri(path),
            lambda: storage.open(path).__enter__(),
            lambda: storage.open(path, "wb").__enter__(),
            lambda: storage.put(local, path),
            lambda: storage.get(path, tmp_path / "x"),
            lambda: storage.exists(path),
            lambda: storage.size(path),
            lambda: storage.checksum(path),
            lambda: next(storage.list(path)),
            lambda: storage.remove(path),
            lambda: storage.remove_tree(path),
        )
        for call in calls:
            with pytest.raises(StoragePathError) as caught:
                call()
            assert caught.value.path.rstrip("/") == path.rstrip("/")
        assert not (tmp_path / "x").exists()

    def test_the_root_of_another_storage_is_not_below_this_one(self, storage: Storage) -> None:
        """An address that begins with the same letters is another place."""
        with pytest.raises(StoragePathError):
            storage.exists(f"{storage.root}x/a")

    def test_what_is_not_there_is_named(self, storage: Storage, tmp_path: Path) -> None:
        """Every call that needs a file says that there is none; a folder is none."""
        self.fill(storage)
        for path in ("absent", "a", "a.txt/x", "absent/x"):
            assert not storage.exists(path)
            calls = (
                lambda path=path: storage.open(path).__enter__(),
                lambda path=path: storage.size(path),
                lambda path=path: storage.checksum(path),
                lambda path=path: storage.remove(path),
                lambda path=path: storage.get(path, tmp_path / "x"),
            )
            for call in calls:
                with pytest.raises(StoredFileNotFoundError) as caught:
                    call()
                assert caught.value.uri == storage.uri(path)
        assert not (tmp_path / "x").exists()
        with pytest.raises(FileNotFoundError):
            storage.put(tmp_path / "absent", "x")
        assert not storage.exists("x")

    def test_files_are_removed(self, storage: Storage) -> None:
        """One file, or a folder with all that is in it; the root stays."""
        self.fill(storage)
        storage.remove("z")
        assert not storage.exists("z")
        assert storage.remove_tree("a") == 3
        assert storage.remove_tree("a") == 0
        assert storage.remove_tree("a.txt") == 0
        assert list(storage.list()) == ["a.d/x", "a.txt"]
        for root in ("", storage.root):
            with pytest.raises(StoragePathError):
                storage.remove_tree(root)
        assert list(storage.list()) == ["a.d/x", "a.txt"]

    def test_a_mode_that_is_none_is_refused(self, storage: Storage) -> None:
        """Files are read, or written anew."""
        self.fill(storage)
        with pytest.raises(StorageError, match="'ab'"):
            storage.open("z", "ab").__enter__()  # type: ignore[arg-type] # it is wrong on purpose

    def test_it_is_pickled(self, storage: Storage) -> None:
        """Where it arrives it finds the same files."""
        self.fill(storage)
        copy: Storage = pickle.loads(pickle.dumps(storage))  # noqa: S301 - made in the line itself
        assert copy.root == storage.root
        assert list(copy.list()) == list(NAMES)

    def test_threads_may_use_it_together(self, storage: Storage) -> None:
        """Readers and writers of eight threads see whole files alone."""
        with storage.open("shared", "wb") as file:
            file.write(b"0" * 10_000)

        def work(thread: int) -> None:
            for turn in range(5):
                with storage.open("shared", "wb") as file:
                    for _ in range(10):
                        file.write(str(thread).encode() * 1_000)
                with storage.open("shared") as file:
                    found = file.read(5_000) + file.read()
                assert len(found) == 10_000
                assert len(set(found)) == 1
                with storage.open(f"{thread}/{turn}", "wb") as file:
                    file.write(b"x")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert len(list(storage.list())) == 41
