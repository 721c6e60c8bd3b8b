"""The file of a division: what is read is what was written, and nothing else is taken for it."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install "plugbus[sklearn]"')

from plugbus.plugins.digits.data import Division, Split, divide, load_samples, load_split, take
from plugbus.plugins.digits.division_file import MAX_BYTES, DivisionFileError, load_division, save_division

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def samples() -> Split:
    return load_samples()


@pytest.fixture(scope="module")
def division(samples: Split) -> Division:
    return divide(samples, 0.2, 0.1, 3)


@pytest.fixture
def file(tmp_path: Path, division: Division, samples: Split) -> Path:
    return save_division(tmp_path / "data" / "division.json", division, samples)


def test_a_division_is_read_as_it_was_written(file: Path, division: Division, samples: Split) -> None:
    assert load_division(file, samples) == division
    assert save_division(file.with_name("again.json"), division, samples).read_bytes() == file.read_bytes()


def test_the_parts_of_a_division_are_those_of_its_seed_and_fractions(division: Division, samples: Split) -> None:
    parts, known = take(samples, division), load_split(0.2, 0.1, 3)
    for part, same in ((parts.train, known.train), (parts.validation, known.validation), (parts.test, known.test)):
        assert part.x.tobytes() == same.x.tobytes()
        assert part.y.tobytes() == same.y.tobytes()


def changed(**values: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda content: {**content, **values}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda content: {**content, "test": content["test"][1:]}, "do not name each of 1797 samples once"),
        (lambda content: {**content, "test": [*content["test"], content["train"][0]]}, "do not name each"),
        (lambda content: {**content, "test": [-1, *content["test"][1:]]}, "greater than or equal to 0"),
        (lambda content: {**content, "test": [1.0, *content["test"][1:]]}, "valid integer"),
        (lambda content: {**content, "test": content["test"][:3]}, "at least 10 items"),
        (changed(format="another"), "format: Input should be 'plugbus-digits-division'"),
        (changed(version=2), "version: Input should be 1"),
        (changed(more=1), "Extra inputs are not permitted"),
        (changed(data_sha256="0" * 64), "it is of other data"),
        (lambda content: [content], "it: Input should be an object"),
    ],
)
def test_a_file_that_is_no_division_is_refused(
    file: Path, samples: Split, change: Callable[[Any], object], cause: str
) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(DivisionFileError, match=cause) as caught:
        load_division(file, samples)
    assert str(caught.value).startswith(f"cannot load division '{file}': ")
    assert str(caught.value).endswith("; prepare the data again")


@pytest.mark.parametrize(("content", "cause"), [(b"\xff{", "it: Invalid JSON"), (b" " * (MAX_BYTES + 1), "longer")])
def test_a_file_that_is_no_json_is_refused(file: Path, samples: Split, content: bytes, cause: str) -> None:
    file.write_bytes(content)
    with pytest.raises(DivisionFileError, match=cause):
        load_division(file, samples)


def test_a_missing_file_is_named_and_the_error_can_be_sent(tmp_path: Path, samples: Split) -> None:
    with pytest.raises(DivisionFileError, match="No such file") as caught:
        load_division(tmp_path / "none.json", samples)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes
