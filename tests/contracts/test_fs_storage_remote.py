"""Storages elsewhere keep what storages promise: with S3, GCS and SFTP, as servers on loopback speak them.

The servers are in an environment of their own, as one of them needs other releases of what s3fs needs:
``nox --session stores`` makes it, and names its interpreter in ``PLUGBUS_STORE_SERVERS``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')

from plugbus.capabilities import StorageFailedError
from plugbus.capabilities.testing import StorageContract
from plugbus.plugins.fs_storage import FsStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = os.environ.get("PLUGBUS_STORE_SERVERS", "")
HERE = Path(__file__).parent
WAIT_S = 60
pytestmark = pytest.mark.skipif(not PYTHON, reason="needs servers: nox --session stores")


class Server:
    """A server in a process of its own, until the end of a block.

    Args:
        command: What starts it.
        ready: What it prints when it listens; the group is its address.
        folder: Where it runs.
    """

    def __init__(self, command: list[str], ready: str, folder: Path) -> None:
        self._ready = re.compile(ready)
        self._lines: Queue[str | None] = Queue()
        self._process = subprocess.Popen(  # noqa: S603 - a server of the tests
            [PYTHON, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
        )
        self._reader = Thread(target=self._read)

    def __enter__(self) -> str:
        self._reader.start()
        told = []
        while (line := self._lines.get(timeout=WAIT_S)) is not None:
            told.append(line)
            if found := self._ready.search(line):
                return found[1]
        raise AssertionError("".join(told))

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(WAIT_S)
        finally:
            self._process.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    s3fs = pytest.importorskip("s3fs", reason='needs s3fs: pip install "plugbus[s3]"')
    command = ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with Server(command, r"Running on (http://\S+)", tmp_path_factory.mktemp("s3")) as address:
        options = {"key": "key", "secret": "hush", "endpoint_url": address}
        s3fs.S3FileSystem(**options, skip_instance_cache=True).mkdir("bucket")
        yield options


@pytest.fixture(scope="module")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        # It speaks JSON alone then; the other way in, gRPC, is not served here.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        pytest.importorskip("gcsfs", reason='needs gcsfs: pip install "plugbus[gcs]"')
    command = [str(HERE / "gcs_server.py"), "bucket"]
    with Server(command, r"(http://\S+)", tmp_path_factory.mktemp("gcs")) as address:
        yield {"token": "anon", "endpoint_url": address}


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    pytest.importorskip("paramiko", reason='needs paramiko: pip install "plugbus[sftp]"')
    folder = tmp_path_factory.mktemp("sftp")
    with Server([str(HERE / "sftp_server.py"), str(folder)], r"127\.0\.0\.1:(\d+)", folder) as port:
        yield {"port": int(port), "username": "somebody", "password": "hush"}


class TestS3(StorageContract):
    @pytest.fixture
    def storage(self, s3: dict[str, Any]) -> FsStorage:
        return FsStorage(f"s3://bucket/{uuid4().hex}/folder", s3)

    def test_a_bucket_that_is_not_there_is_told(self, s3: dict[str, Any]) -> None:
        storage = FsStorage("s3://no-such-bucket", s3)
        with pytest.raises(StorageFailedError, match="bucket does not exist"), storage.open("some.bin", "wb") as file:
            file.write(b"x")


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # how gcsfs calls aiohttp
class TestGcs(StorageContract):
    @pytest.fixture
    def storage(self, gcs: dict[str, Any]) -> FsStorage:
        return FsStorage(f"gs://bucket/{uuid4().hex}/folder", gcs)


class TestSftp(StorageContract):
    @pytest.fixture
    def storage(self, sftp: dict[str, Any]) -> FsStorage:
        return FsStorage(f"sftp://127.0.0.1/{uuid4().hex}/folder", sftp)

    def test_a_password_that_is_wrong_is_told_and_not_shown(self, sftp: dict[str, Any]) -> None:
        with pytest.raises(StorageFailedError, match=r"cannot open .*sftp://somebody@") as caught:
            FsStorage("sftp://somebody:wrong@127.0.0.1", {"port": sftp["port"]})
        assert "wrong" not in str(caught.value)
