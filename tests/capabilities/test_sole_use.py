"""What one at a time may use: by whom it is in use, when that ends, and what is left of it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plugbus.capabilities import InUseError, sole_use

fcntl = pytest.importorskip("fcntl", reason="needs a system with flock")

HOLDER = """
import sys, pathlib
sys.path[:0] = {path!r}
from plugbus.capabilities import sole_use
with sole_use(pathlib.Path(sys.argv[1])):
    print("here", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / ".run.lock"


def test_a_second_one_is_refused_with_the_process(place: Path) -> None:
    with sole_use(place):
        with (
            pytest.raises(InUseError, match=f": process {os.getpid()} has it; wait for its end, or") as caught,
            sole_use(place),
        ):
            pytest.fail("both have it")
        assert caught.value.holder == str(os.getpid())
        assert place.read_text("ascii") == str(os.getpid())
    assert not place.exists()
    with sole_use(place):
        pass


@pytest.mark.parametrize("error", [ArithmeticError(), KeyboardInterrupt()])
def test_the_use_ends_with_a_block_that_raises(place: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), sole_use(place):
        raise error
    with sole_use(place):
        pass


def test_two_files_are_two_uses(place: Path) -> None:
    with sole_use(place), sole_use(place.with_name("other")):
        assert place.exists()


def test_no_descriptor_is_left(place: Path) -> None:
    open_files = Path("/proc/self/fd")
    if not open_files.is_dir():
        pytest.skip("needs /proc")
    before = len(list(open_files.iterdir()))
    for _ in range(3):
        with sole_use(place), pytest.raises(InUseError), sole_use(place):
            pass
    assert len(list(open_files.iterdir())) == before


def test_the_use_of_a_process_ends_when_it_is_killed(place: Path) -> None:
    command = [sys.executable, "-c", HOLDER.format(path=sys.path), str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        with pytest.raises(InUseError, match=f": process {process.pid} has it; "), sole_use(place):
            pass
        process.kill()
        process.wait()
        assert place.read_text("ascii") == str(process.pid)
        with sole_use(place):
            assert place.read_text("ascii") == str(os.getpid())
    assert not place.exists()


def test_a_longer_id_of_a_killed_process_leaves_nothing_behind(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text("123456789012")
    with sole_use(place):
        assert place.read_text("ascii") == str(os.getpid())


def test_one_at_a_time_has_it_whoever_removes_the_file_meanwhile(place: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def use(number: int) -> int:
        done = 0
        while done < 50:
            try:
                with sole_use(place):
                    inside.append(number)
                    time.sleep(0)  # lets another thread in, if it can get in
                    most.append(len(inside))
                    inside.pop()
                    done += 1
            except InUseError:
                continue
        return done

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(4))) == [50] * 4
    assert set(most) == {1}
    assert not place.exists()


def test_nobody_is_kept_out_where_the_system_has_no_locks(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with sole_use(place), sole_use(place):
        assert not place.parent.exists()


def test_nobody_is_kept_out_where_the_file_system_has_no_locks(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with sole_use(place), sole_use(place):
        assert not place.exists()


def test_a_place_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), sole_use(tmp_path / "file" / "x.lock"):
        pass


def test_text_without_a_process() -> None:
    assert str(InUseError("x.lock", "")) == "cannot use 'x.lock': process unknown has it; wait for its end, or stop it"
