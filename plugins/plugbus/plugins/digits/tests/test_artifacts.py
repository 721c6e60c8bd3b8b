"""Where a run's files go, how they are written, and the format of a model file."""

from __future__ import annotations

import json
import pickle
import struct
import sys
import threading
import zipfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install "plugbus[sklearn]"')

import numpy as np

from plugbus.plugins.digits.artifacts import (
    ArtifactPathError,
    Artifacts,
    Folder,
    ModelFileError,
    load_model,
    save_model,
    sha256_of,
    write_bytes,
)
from plugbus.plugins.digits.data import Splits, load_split
from plugbus.plugins.digits.train import TrainedModel, train

if TYPE_CHECKING:
    from collections.abc import Callable

Entries = dict[str, Any]


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_split(0.2, 0.1, 0)


@pytest.fixture(scope="module")
def model(splits: Splits) -> TrainedModel:
    return train(splits, epochs=3, batch_size=32, learning_rate=0.001, hidden_units=16, seed=0, on_epoch=lambda _: None)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "run")


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_nothing_is_created_before_the_first_file(artifacts: Artifacts) -> None:
    path = artifacts.path_for(Folder.PLOTS, "confusion.png")
    assert path == artifacts.root.resolve() / "plots" / "confusion.png"
    assert not artifacts.root.exists()


def test_files_go_to_the_standard_folders(artifacts: Artifacts) -> None:
    for folder in Folder:
        assert artifacts.write_text(folder, "note.txt", "größer") == artifacts.path_for(folder, "note.txt")
    assert files_in(artifacts.root) == [
        "data/note.txt",
        "metrics/note.txt",
        "models/note.txt",
        "plots/note.txt",
        "reports/note.txt",
    ]
    assert (artifacts.root / "reports/note.txt").read_bytes() == "größer".encode()


def test_a_name_may_hold_folders(artifacts: Artifacts) -> None:
    artifacts.write_bytes(Folder.DATA, PurePath("parts", "train", "counts.bin"), b"\x00\x01")
    assert (artifacts.root / "data/parts/train/counts.bin").read_bytes() == b"\x00\x01"


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("../escape.txt", "the path holds '..'"),
        ("a/../b.txt", "the path holds '..'"),
        ("..", "the path holds '..'"),
        ("", "the name is empty"),
        (".", "the name is empty"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(artifacts: Artifacts, name: str, cause: str) -> None:
    with pytest.raises(ArtifactPathError) as caught:
        artifacts.write_text(Folder.DATA, name, "x")
    assert caught.value.args == ("data", name, cause)
    assert str(caught.value).startswith(f"cannot write artifact '{name}': {cause}; give a relative path")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes
    assert not artifacts.root.exists()


def test_an_absolute_name_is_refused_even_within_the_folder(artifacts: Artifacts) -> None:
    inside = artifacts.path_for(Folder.DATA, "x.txt")
    with pytest.raises(ArtifactPathError, match="the path is absolute"):
        artifacts.write_text(Folder.DATA, inside, "x")
    assert not inside.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")
@pytest.mark.parametrize("link", ["plots", "plots/deep", "plots/x.txt"])
def test_a_symbolic_link_to_elsewhere_is_refused(artifacts: Artifacts, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    at = artifacts.root / link
    at.parent.mkdir(parents=True)
    at.symlink_to(outside / "x.txt" if link.endswith("txt") else outside)
    name = "deep/x.txt" if link.endswith("deep") else "x.txt"
    with pytest.raises(ArtifactPathError, match="a symbolic link leads to"):
        artifacts.write_text(Folder.PLOTS, name, "x")
    assert files_in(outside) == []


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")
def test_a_root_behind_a_symbolic_link_is_the_hosts_choice(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    Artifacts(tmp_path / "run").write_text(Folder.DATA, "x.txt", "x")
    assert files_in(tmp_path / "disk") == ["data/x.txt"]


def test_json_is_sorted_indented_and_plain(artifacts: Artifacts) -> None:
    path = artifacts.write_json(Folder.METRICS, "metrics.json", {"b": [1, 0.5], "a": {"ü": None}})
    text = '{\n  "a": {\n    "ü": null\n  },\n  "b": [\n    1,\n    0.5\n  ]\n}\n'
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize(("value", "error"), [({"x": float("nan")}, ValueError), ({"x": object()}, TypeError)])
def test_json_that_cannot_be_written_leaves_the_old_file(
    artifacts: Artifacts, value: object, error: type[Exception]
) -> None:
    path = artifacts.write_json(Folder.METRICS, "metrics.json", {"x": 1})
    with pytest.raises(error):
        artifacts.write_json(Folder.METRICS, "metrics.json", value)
    assert json.loads(path.read_text()) == {"x": 1}


def test_a_reader_never_sees_a_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "value.bin"
    contents = {bytes([letter]) * 300_000 for letter in b"ab"}
    write_bytes(path, min(contents))
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(60):
        for content in contents:
            write_bytes(path, content)
    done.set()
    reader.join()
    assert seen
    assert seen <= contents
    assert files_in(tmp_path) == ["value.bin"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()  # a file can't take the place of a folder
    with pytest.raises(OSError, match="taken"):
        write_bytes(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "abc", b"abc")
    # The first example of FIPS 180-2, appendix B.1.
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_loaded_model_agrees_with_scikit_learn(tmp_path: Path, splits: Splits, model: TrainedModel) -> None:
    predictor = load_model(save_model(tmp_path / "models" / "digits.npz", model))
    for part in (splits.train, splits.validation, splits.test):
        found = predictor.predict_proba(part.x)
        assert found.shape == (len(part), 10)
        assert np.abs(found - model.predict_proba(part.x)).max() < 1e-9
        assert np.abs(found.sum(axis=1) - 1).max() < 1e-12
    assert predictor.classes.tolist() == list(range(10))


def test_a_loaded_model_has_the_same_weights_and_is_read_only(tmp_path: Path, model: TrainedModel) -> None:
    predictor = load_model(save_model(tmp_path / "digits.npz", model))
    for loaded, trained in zip((*predictor.weights, *predictor.biases), (*model.weights, *model.biases), strict=True):
        assert loaded.tobytes() == trained.tobytes()
        with pytest.raises(ValueError, match="read-only"):
            loaded[...] = 0.0


def test_huge_logits_do_not_overflow(tmp_path: Path, splits: Splits, model: TrainedModel) -> None:
    predictor = load_model(save_model(tmp_path / "digits.npz", model))
    found = predictor.predict_proba(splits.test.x * 1e6)
    assert np.isfinite(found).all()
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-12


@pytest.mark.parametrize("shape", [(64,), (3, 63), (1, 8, 8)])
def test_cells_of_another_shape_are_refused(tmp_path: Path, model: TrainedModel, shape: tuple[int, ...]) -> None:
    predictor = load_model(save_model(tmp_path / "digits.npz", model))
    with pytest.raises(ValueError, match=r"the model takes \(n, 64\)"):
        predictor.predict_proba(np.zeros(shape))


def test_equal_models_give_equal_files_and_a_loaded_one_can_be_saved(tmp_path: Path, model: TrainedModel) -> None:
    first = save_model(tmp_path / "first.npz", model)
    second = save_model(tmp_path / "second.npz", load_model(first))
    assert first.read_bytes() == second.read_bytes()


def test_a_model_file_names_its_format_and_holds_no_pickle(tmp_path: Path, model: TrainedModel) -> None:
    path = save_model(tmp_path / "digits.npz", model)
    with np.load(path, allow_pickle=False) as archive:
        header = json.loads(archive["header"].item())
        assert sorted(archive) == ["bias_0", "bias_1", "classes", "header", "weights_0", "weights_1"]
    assert header["format"] == "plugbus-digits-mlp"
    assert header["version"] == 1
    assert header["layers"] == [64, 16, 10]
    assert len(header["sha256"]) == 64


def saved(path: Path, entries: Entries) -> Path:
    """Write entries as an .npz, pickling what can't be written otherwise."""
    np.savez(path, allow_pickle=True, **entries)
    return path


def with_header(entries: Entries, **changes: object) -> Entries:
    header = json.loads(entries["header"].item()) | changes
    return entries | {"header": np.array(json.dumps(header))}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda e: with_header(e, format="onnx"), "entry 'header' does not name the format 'plugbus-digits-mlp'"),
        (lambda e: e | {"header": np.array("[]")}, "entry 'header' does not name the format"),
        (lambda e: e | {"header": np.array("{")}, "entry 'header' is no JSON"),
        (lambda e: e | {"header": np.array("[" * 100_000)}, "entry 'header' is no JSON"),
        (lambda e: e | {"header": np.zeros(3)}, "entry 'header' holds float64, not str_"),
        (lambda e: with_header(e, version=2), "its format version is 2, this plugin reads 1"),
        (lambda e: with_header(e, version=None), "its format version is None"),
        (lambda e: with_header(e, layers=[64]), "gives the layers as"),
        (lambda e: with_header(e, layers=[64, True, 10]), "gives the layers as"),
        (lambda e: with_header(e, layers=[64, 16, 9]), "maps 64 cells to 9 classes, not 64 to 10"),
        (lambda e: with_header(e, layers=[63, 16, 10]), "maps 63 cells to 10 classes"),
        (lambda e: with_header(e, layers=[64, 17, 10]), r"entry 'weights_0' has shape \(64, 16\), not \(64, 17\)"),
        (lambda e: with_header(e, layers=[64, 16, 10, 10]), "it has no entry 'weights_2'"),
        (lambda e: with_header(e, sha256="0" * 64), "the arrays do not match the header's sha256"),
        (lambda e: {k: v for k, v in e.items() if k != "header"}, "it has no entry 'header'"),
        (lambda e: {k: v for k, v in e.items() if k != "bias_1"}, "it has no entry 'bias_1'"),
        (lambda e: e | {"bias_0": e["bias_0"][:-1]}, r"entry 'bias_0' has shape \(15,\), not \(16,\)"),
        (lambda e: e | {"bias_0": e["bias_0"] + 1e-12}, "the arrays do not match the header's sha256"),
        (lambda e: e | {"classes": e["classes"][::-1]}, "the arrays do not match the header's sha256"),
        (lambda e: e | {"weights_1": e["weights_1"].astype("f4")}, "entry 'weights_1' holds float32, not float64"),
        (lambda e: e | {"weights_1": e["weights_1"] * np.nan}, "'weights_1' holds a number that is not finite"),
        (lambda e: e | {"classes": e["classes"].astype(object)}, "entry 'classes' can't be read"),
        (lambda e: e | {"ballast": np.zeros(2**21 + 1)}, "it unpacks to .* bytes, more than 16777216"),
    ],
)
def test_a_model_file_that_was_changed_is_refused_with_the_cause(
    tmp_path: Path, model: TrainedModel, change: Callable[[Entries], Entries], cause: str
) -> None:
    path = save_model(tmp_path / "digits.npz", model)
    with np.load(path) as archive:
        entries = dict(archive)
    load_model(saved(path, entries))  # unchanged, it loads
    with pytest.raises(ModelFileError, match=cause) as caught:
        load_model(saved(path, change(entries)))
    assert caught.value.path == str(path)
    assert str(caught.value).startswith(f"cannot load model file '{path}': ")
    assert "; export the model again" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


class Trap:
    """A value whose unpickling leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["header", "classes", "weights_0", "bias_1"])
def test_a_pickle_in_a_model_file_is_not_run(tmp_path: Path, model: TrainedModel, name: str) -> None:
    mark, path = tmp_path / "mark", save_model(tmp_path / "digits.npz", model)
    with np.load(path) as archive:
        entries = dict(archive)
    saved(path, entries | {name: np.array(Trap(mark), dtype=object)})
    with pytest.raises(ModelFileError, match=f"entry '{name}' can't be read"):
        load_model(path)
    assert not mark.exists()
    with np.load(path, allow_pickle=True) as archive:
        assert archive[name].dtype == object
    assert mark.exists()  # the trap does work


def with_entry(path: Path, name: str, content: bytes) -> None:
    """Replace one entry of an archive by other bytes."""
    with zipfile.ZipFile(path) as archive:
        stored = {entry: archive.read(entry) for entry in archive.namelist()} | {name: content}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in stored.items():
            archive.writestr(entry, data)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1%s,)}" % ("0" * 15),  # 8 PB
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1%s,)}" % ("0" * 30),
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': (), 'fortran_order': False, 'shape': (10,)}",
        "{'descr': 'O', 'fortran_order': False, 'shape': (10,)}",
        "{",
        "\t{}\n {",
        "(" * 3000,
        " " * 60_000,
        "",
    ],
)
def test_an_entry_whose_array_header_was_made_to_harm_is_refused(
    tmp_path: Path, model: TrainedModel, header: str
) -> None:
    path = save_model(tmp_path / "digits.npz", model)
    text = header.encode() + b"\n"
    with_entry(path, "bias_1.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(80))
    with pytest.raises(ModelFileError, match="entry 'bias_1' can't be read"):
        load_model(path)


def test_an_entry_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path, model: TrainedModel) -> None:
    path = save_model(tmp_path / "digits.npz", model)
    content = bytearray(path.read_bytes())
    # The sizes in the archive's directory: 20 bytes into the record whose name is 46 bytes in (PKWARE APPNOTE 4.3.12).
    record = content.rindex(b"bias_1.npy") - 46
    assert content[record : record + 4] == b"PK\x01\x02"
    struct.pack_into("<II", content, record + 20, 2**20, 2**20)
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="entry 'bias_1' can't be read"):
        load_model(path)


def test_a_compressed_archive_is_refused(tmp_path: Path, model: TrainedModel) -> None:
    path = save_model(tmp_path / "digits.npz", model)
    with np.load(path) as archive:
        np.savez_compressed(path, allow_pickle=False, **archive)
    with pytest.raises(ModelFileError, match="it holds a compressed entry"):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"seven", b"PK\x03\x04", pickle.dumps([1]), b"\x93NUMPY\x01\x00"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "digits.npz"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"it is no whole \.npz file"):
        load_model(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        load_model(tmp_path / "absent.npz")
    with pytest.raises(ModelFileError):
        load_model(tmp_path)


def test_a_flipped_bit_in_an_array_is_refused_by_the_name_of_its_entry(tmp_path: Path, model: TrainedModel) -> None:
    path = save_model(tmp_path / "digits.npz", model)
    content = bytearray(path.read_bytes())
    content[content.index(model.weights[1].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="entry 'weights_1' can't be read"):
        load_model(path)


def test_a_damaged_file_is_refused_or_reads_as_it_was(tmp_path: Path, model: TrainedModel) -> None:
    path = save_model(tmp_path / "digits.npz", model)
    whole, generator, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(600):
        damaged = bytearray(whole)
        for at in generator.integers(0, len(whole), 2):
            damaged[at] ^= int(generator.integers(1, 256))
        path.write_bytes(damaged)
        try:
            predictor = load_model(path)
        except ModelFileError:
            refused += 1
        else:  # a date or another field that nothing reads
            assert all(np.array_equal(a, b) for a, b in zip(predictor.weights, model.weights, strict=True))
    assert refused > 500
