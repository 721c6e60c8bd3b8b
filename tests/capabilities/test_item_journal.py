"""Noting items that are done: what is read again, and what a cut-off line does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugbus.capabilities.actions.journal import ItemJournal
from plugbus.capabilities.actions.naming import TakenNames, safe_path, suffix_of

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    journal = ItemJournal(tmp_path / "deep" / "items.jsonl")
    for number in range(60):
        journal.append({"id": number, "name": "ä"})
    journal.close()
    assert ItemJournal(tmp_path / "deep" / "items.jsonl").load() == [{"id": n, "name": "ä"} for n in range(60)]


@pytest.mark.parametrize("torn", [b'{"id": 3', b'{"id": 3}', b"\xff\n", b"[1]\n"])
def test_a_line_that_was_cut_off_is_dropped_and_the_next_one_follows_whole_lines(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b'{"id":1}\n{"id":2}\n' + torn)
    journal = ItemJournal(path)
    assert [one["id"] for one in journal.load()] == [1, 2]
    journal.append({"id": 3})
    journal.close()
    assert path.read_bytes() == b'{"id":1}\n{"id":2}\n{"id":3}\n'


def test_clearing_removes_the_file_and_twice_does_no_harm(tmp_path: Path) -> None:
    journal = ItemJournal(tmp_path / "items.jsonl")
    journal.append({"id": 1})
    journal.clear()
    journal.clear()
    assert list(tmp_path.iterdir()) == []
    assert journal.load() == []


def test_without_a_path_nothing_is_noted() -> None:
    journal = ItemJournal(None)
    journal.append({"id": 1})
    assert journal.load() == []
    journal.clear()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cats/1", "cats/1"),
        ("../../etc/passwd", "_../_../etc/passwd"),
        ("/abs", "abs"),
        (".hidden", "_.hidden"),
        ("a:b*c?", "a_b_c_"),
        ("a\\b\x00", "a_b_"),
        ("", "_"),
        ("//", "_"),
    ],
)
def test_names_of_records_become_paths_that_stay_below_their_folder(name: str, safe: str) -> None:
    assert safe_path(name) == safe


def test_a_name_that_is_taken_is_followed_by_the_id() -> None:
    taken = TakenNames(["old"])
    found = [taken.take("", name, record) for record, name in enumerate(["a", "A", "old", "a", "b"], 1)]
    assert found == ["a", "A__2", "old__3", "a__4", "b"]
    assert taken.take("other/", "a", 9) == "a"


@pytest.mark.parametrize(
    ("uri", "suffix"), [("file:///x/a.tar.gz", ".gz"), ("s3://b/a%20b.jpg?v=1.2", ".jpg"), ("memory://x", "")]
)
def test_the_suffix_of_an_address_is_that_of_its_file(uri: str, suffix: str) -> None:
    assert suffix_of(uri) == suffix
