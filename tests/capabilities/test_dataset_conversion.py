"""Conversions: which way is taken, what is said about it, and that all of it happens or nothing."""

from __future__ import annotations

import itertools
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugbus.capabilities.datasets import (
    BUILT_IN_CONVERTERS,
    Annotation,
    Box,
    ConversionError,
    ConversionJob,
    Converter,
    ConverterDefinitionError,
    ConverterExistsError,
    ConverterOffer,
    ConverterRegistry,
    DatasetError,
    DraftFolder,
    ImageItem,
    ImageMode,
    ItemStream,
    Keypoint,
    Loss,
    LossTally,
    NoConversionError,
    check_converter,
    convert,
    find_path,
    provide_converter,
    run_path,
)
from plugbus.capabilities.types import DataType, DMDataset, DMv1Dataset, DMv2Dataset, ImageStream, TypeNotFoundError
from plugbus.kernel import Kernel, Plugin, PluginContext, PluginLoadError, PluginMetadata


class A(DataType):
    name = "a"


class B(DataType):
    name = "b"


class C(DataType):
    name = "c"


class SmallC(C):
    name = "small_c"


SHAPES = Loss("shapes", "there are none", 5)
IDS = Loss("ids", "there are none", 1)


def step(
    name: str, source: type[DataType], target: type[DataType], *losses: Loss, cost: float = 1.0, text: str | None = None
) -> Converter:
    """Make a converter of texts: it adds its name."""

    class Step(Converter):
        def convert(self, value: Any, job: ConversionJob) -> Any:
            return f"{value}>{text or name}"

    made = type("Step", (Step,), {"name": name, "source": source, "target": target, "losses": losses, "cost": cost})
    found: Converter = made()
    return found


def names(converters: Any) -> list[str]:
    return [one.name for one in converters]


class TestTheWay:
    def test_through_several_converters_is_found(self) -> None:
        path = find_path([step("bc", B, C), step("ab", A, B)], A, C)
        assert names(path.steps) == ["ab", "bc"]
        assert path.is_lossless

    def test_without_loss_wins_over_a_shorter_one(self) -> None:
        path = find_path([step("ac", A, C, IDS), step("ab", A, B), step("bc", B, C)], A, C)
        assert names(path.steps) == ["ab", "bc"]
        assert names(path.passed_over) == ["ac"]
        assert "less work, but passed over: ac; loses ids" in path.explain()

    def test_with_less_loss_wins(self) -> None:
        path = find_path([step("ac", A, C, SHAPES), step("ab", A, B, IDS), step("bc", B, C, IDS)], A, C)
        assert names(path.steps) == ["ab", "bc"]
        assert path.losses == (IDS,)

    def test_with_less_work_wins_where_losses_are_equal(self) -> None:
        path = find_path([step("ac", A, C, IDS, cost=5), step("ab", A, B, IDS), step("bc", B, C)], A, C)
        assert names(path.steps) == ["ab", "bc"]
        assert path.passed_over == ()

    def test_with_fewer_steps_wins_where_losses_and_work_are_equal(self) -> None:
        path = find_path([step("zz", A, C, cost=2), step("ab", A, B), step("bc", B, C)], A, C)
        assert names(path.steps) == ["zz"]

    @pytest.mark.parametrize("order", [1, -1])
    def test_is_decided_by_name_where_all_is_equal_and_says_so(self, order: int) -> None:
        known = [step("x", A, C), step("y", A, C), step("w", A, C)][::order]
        path = find_path(known, A, C)
        assert names(path.steps) == ["w"]
        assert path.ties == (("x",), ("y",))
        assert "as good, but later by name: x; y" in path.explain()

    def test_uses_what_accepts_and_reaches_what_is_accepted(self) -> None:
        path = find_path([step("c", C, A), step("s", B, SmallC)], B, C)
        assert names(path.steps) == ["s"]
        assert names(find_path([step("c", C, A), step("s", B, SmallC)], SmallC, A).steps) == ["c"]

    def test_never_takes_a_general_type_for_a_special_one(self) -> None:
        with pytest.raises(NoConversionError):
            find_path([step("s", SmallC, A)], C, A)
        with pytest.raises(NoConversionError):
            find_path([step("c", A, C)], A, SmallC)

    def test_of_nothing_has_no_steps(self) -> None:
        path = find_path([], SmallC, C)
        assert path.steps == ()
        assert path.explain() == "small_c -> c: nothing to do, it is of that type"

    def test_that_is_missing_is_explained(self) -> None:
        known = [step("ab", A, B), step("sc", SmallC, C), step("cs", C, SmallC)]
        with pytest.raises(NoConversionError) as caught:
            find_path(known, A, SmallC)
        assert caught.value.reached == ("b",)
        assert caught.value.origins == ("c",)
        assert str(caught.value) == (
            "cannot convert 'a' to 'small_c': no converters lead there; from 'a' they lead to 'b'; "
            "to 'small_c' they lead from 'c'"
        )

    def test_is_found_among_circles_and_in_lattices_of_ties(self) -> None:
        kinds = [type(f"K{n}", (DataType,), {"name": f"k{n}"}) for n in range(30)]
        known = [
            step(f"{side}{n:02}", one, other)
            for n, (one, other) in enumerate(itertools.pairwise(kinds))
            for side in "pq"
        ]
        known += [step(f"back{n}", other, one) for n, (one, other) in enumerate(itertools.pairwise(kinds))]
        path = find_path(known, kinds[0], kinds[-1])
        assert names(path.steps) == [f"p{n:02}" for n in range(29)]
        assert len(path.ties) == 8

    def test_is_explained(self) -> None:
        assert find_path([step("ab", A, B, IDS), step("bc", B, C)], A, C).explain() == (
            "a -> c in 2 steps:\n  1. ab: a -> b\n     may lose ids: there are none\n  2. bc: b -> c"
        )


class TestRegistry:
    def test_converts_objects(self) -> None:
        registry = ConverterRegistry(converters=(step("ab", A, B), step("bc", B, C)))
        report = registry.convert(["v"], A, C)
        assert report.value == "['v']>ab>bc"
        assert (report.done, report.skipped, report.losses) == (0, 0, ())

    def test_knows_what_ships(self) -> None:
        assert set(ConverterRegistry().all) == set(BUILT_IN_CONVERTERS)

    def test_returns_an_undo(self) -> None:
        registry = ConverterRegistry()
        undo = registry.register(step("ab", A, B))
        assert names(registry.plan(A, B).steps) == ["ab"]
        undo()
        undo()
        with pytest.raises(NoConversionError):
            registry.plan(A, B)

    def test_refuses_a_name_twice(self) -> None:
        registry = ConverterRegistry()
        registry.register(step("ab", A, B))
        with pytest.raises(ConverterExistsError, match="cannot register converter 'ab': host has one of that name"):
            registry.register(step("ab", B, C))
        with pytest.raises(ConverterExistsError) as caught:
            registry.register(step("read_dm_v2", A, B))
        assert caught.value.owner == "plugbus"

    def test_looks_names_of_types_up(self) -> None:
        assert names(ConverterRegistry().plan("dm_v1", "DMv2Dataset").steps) == ["read_dm_v1", "write_dm_v2"]
        with pytest.raises(TypeNotFoundError):
            ConverterRegistry().plan("dm_v1", "dm_v3_dataset")

    def test_asks_for_the_version_of_a_format(self) -> None:
        with pytest.raises(NoConversionError) as caught:
            ConverterRegistry().plan(DMDataset, DMv1Dataset)
        assert caught.value.reached == ()
        assert "dm_v2_dataset" in caught.value.origins

    def test_takes_others_of_the_same_name_for_once(self) -> None:
        registry = ConverterRegistry(converters=(step("ab", A, B),))
        assert str(registry.convert(1, A, B, using=[step("ab", A, B, text="mine")]).value) == "1>mine"
        assert str(registry.convert(1, A, B).value) == "1>ab"

    def test_lists_for_people_and_for_programs(self) -> None:
        registry = ConverterRegistry(converters=(step("ab", A, B, IDS), step("bc", B, C)))
        assert registry.describe().splitlines() == [
            "name  from  to  may lose",
            "ab    a     b   ids",
            "bc    b     c   -",
        ]
        listed = registry.to_json()
        assert json.loads(json.dumps(listed)) == listed
        assert listed[0] == {
            "name": "ab",
            "source": "a",
            "target": "b",
            "cost": 1.0,
            "losses": [{"name": "ids", "reason": "there are none", "weight": 1}],
            "owner": "host",
        }

    def test_tells_every_fault_of_a_converter(self) -> None:
        bad = step("a b", A, int, Loss("x", "y", -1), cost=0)  # type: ignore[arg-type] # what an author may write
        with pytest.raises(ConverterDefinitionError) as caught:
            check_converter(bad)
        assert [one.split(" ")[1] for one in caught.value.faults] == ["name", "target", "cost", "loss"]
        nameless = step("x", A, B)
        del type(nameless).name
        with pytest.raises(ConverterDefinitionError, match="it has no name"):
            check_converter(nameless)
        wrong: Any = 3
        with pytest.raises(ConverterDefinitionError, match="'int': it is no object of a subclass of Converter"):
            check_converter(wrong)


class Offering(Plugin):
    def __init__(self, plugin_id: str, converter: Converter) -> None:
        self.metadata = PluginMetadata(plugin_id, "1.0.0", provides=(ConverterOffer(converter),))
        self.converter = converter

    def on_load(self, ctx: PluginContext) -> None:
        provide_converter(ctx, self.converter)


class TestOfPlugins:
    def test_are_used_while_the_plugin_is_loaded(self) -> None:
        kernel = Kernel()
        kernel.register(Offering("p", step("ab", A, B)))
        kernel.load("p")
        registry = ConverterRegistry(kernel.services)
        assert names(registry.plan(A, B).steps) == ["ab"]
        assert [one["owner"] for one in registry.to_json() if one["name"] == "ab"] == ["p"]
        with pytest.raises(ConverterExistsError) as caught:
            registry.register(step("ab", B, C))
        assert caught.value.owner == "p"
        kernel.unload("p")
        with pytest.raises(NoConversionError):
            registry.plan(A, B)

    @pytest.mark.parametrize("name", ["ab", "read_dm_v1"])
    def test_of_a_taken_name_fail_the_load(self, name: str) -> None:
        kernel = Kernel()
        kernel.register(Offering("p", step("ab", A, B)))
        kernel.load("p")
        kernel.register(Offering("q", step(name, A, B)))
        with pytest.raises(PluginLoadError) as caught:
            kernel.load("q")
        assert isinstance(caught.value.__cause__, ConverterExistsError)


ITEMS = tuple(ImageItem(name=f"{n}.png", annotations=(Annotation(label="car", box=Box(n, 0, 1, 1)),)) for n in range(5))


def stream(*items: ImageItem) -> ItemStream:
    return ItemStream(lambda: iter(items), total=len(items))


class TestWriting:
    def test_appears_whole(self, tmp_path: Path) -> None:
        seen: list[tuple[int, int | None, bool]] = []
        out = tmp_path / "deep" / "out"
        report = convert(
            stream(*ITEMS),
            ImageStream,
            DMv2Dataset,
            output=out,
            images="leave",
            progress=lambda done, total: seen.append((done, total, out.exists())),
        )
        assert report.value == out
        assert report.done == 5
        assert seen == [(n, 5, False) for n in range(1, 6)]
        assert sorted(one.name for one in out.rglob("*.json")) == [f"{n}.json" for n in range(5)]
        assert [one.name for one in out.parent.iterdir()] == ["out"]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
    def test_leaves_nothing_after_a_failure(self, tmp_path: Path, error: type[BaseException]) -> None:
        def failing() -> Any:
            yield ITEMS[0]
            raise error("stop")

        with pytest.raises(error):
            convert(ItemStream(failing), ImageStream, DMv2Dataset, output=tmp_path / "out", images="leave")
        assert list(tmp_path.iterdir()) == []

    def test_leaves_nothing_after_a_failing_callback(self, tmp_path: Path) -> None:
        def stop(done: int, total: int | None) -> None:
            if done == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            convert(stream(*ITEMS), ImageStream, DMv2Dataset, output=tmp_path / "out", images="leave", progress=stop)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("kind", ["folder", "full", "file", "link"])
    def test_never_replaces_what_is_there(self, tmp_path: Path, kind: str) -> None:
        out = tmp_path / "out"
        if kind == "file":
            out.write_text("mine")
        elif kind == "link":
            out.symlink_to(tmp_path / "nowhere")
        else:
            out.mkdir()
            if kind == "full":
                (out / "x").write_text("mine")
        with pytest.raises(ConversionError, match="is there already"):
            convert(stream(*ITEMS), ImageStream, DMv2Dataset, output=out, images="leave")
        assert [one.name for one in tmp_path.iterdir()] == ["out"]
        assert kind != "full" or (out / "x").read_text() == "mine"

    def test_needs_a_folder(self) -> None:
        with pytest.raises(ConversionError, match="it writes a folder; pass output"):
            convert(stream(*ITEMS), ImageStream, DMv2Dataset, images="leave")

    def test_refuses_a_folder_that_would_not_be_written(self, tmp_path: Path) -> None:
        path = find_path([step("ab", A, B)], A, B)
        with pytest.raises(ConversionError, match="writes nothing; leave output out"):
            run_path(path, "v", output=tmp_path / "out")
        with pytest.raises(ConversionError, match="it is of that type already"):
            run_path(find_path([], A, A), "v", output=tmp_path / "out")
        assert run_path(find_path([], A, A), 3).value == 3

    def test_passes_over_wrong_documents_if_asked_to(self, tmp_path: Path) -> None:
        items = (ImageItem(name="a.png"), ImageItem(name="a.jpg"), ImageItem(name="b.png"))
        with pytest.raises(DatasetError) as caught:
            convert(stream(*items), ImageStream, DMv2Dataset, output=tmp_path / "one", images="leave")
        assert str(caught.value) == (
            "cannot write dataset document 'json/a.json': a.jpg: another image has the same name but for its suffix"
        )
        faults: list[DatasetError] = []
        report = convert(
            stream(*items),
            ImageStream,
            DMv2Dataset,
            output=tmp_path / "two",
            images="leave",
            on_fault=faults.append,
        )
        assert report.skipped == len(faults) == 1
        assert sorted(one.name for one in (tmp_path / "two/json").iterdir()) == ["a.json", "b.json"]

    def test_between_folders_uses_one_that_goes(self, tmp_path: Path) -> None:
        folders: list[Path] = []

        class Write(Converter):
            name = "write"
            source = A
            target = B

            def convert(self, value: Any, job: ConversionJob) -> Path:
                folders.append(job.folder)
                assert len(list(job.track(stream(*ITEMS)))) == 5
                (job.folder / "x").write_text(str(value))
                assert job.images is ImageMode.SYMLINK
                return job.folder / "x"

        class Copy(Converter):
            name = "copy"
            source = B
            target = C

            def convert(self, value: Any, job: ConversionJob) -> Path:
                assert job.folder is job.folder
                (job.folder / "y").write_text(value.read_text() + "!")
                return job.folder / "y"

        told: list[int] = []
        path = find_path([Write(), Copy()], A, C)
        report = run_path(path, 7, output=tmp_path / "out", progress=lambda done, total: told.append(done))
        assert (told, report.done) == ([], 0)  # what lies between is nobody's progress
        assert report.value == tmp_path / "out/y"
        assert report.value.read_text() == "7!"
        assert not folders[0].exists()

    def test_closes_streams_between_steps(self, tmp_path: Path) -> None:
        closed: list[object] = []

        class Read(Converter):
            name = "read"
            source = A
            target = ImageStream

            def convert(self, value: Any, job: ConversionJob) -> ItemStream:
                return ItemStream(lambda: iter(ITEMS), close=lambda: closed.append(value))

        registry = ConverterRegistry()
        registry.register(Read())
        registry.convert(["v"], A, DMv2Dataset, output=tmp_path / "out", images="leave")
        assert closed == [["v"]]
        with registry.convert(["w"], A, ImageStream).value as images:
            assert len(list(images)) == len(list(images)) == 5
            assert closed == [["v"]]
        images.close()
        assert closed == [["v"], ["w"]]


class TestImages:
    @pytest.fixture
    def item(self, tmp_path: Path) -> ImageItem:
        path = tmp_path / "in" / "a.png"
        path.parent.mkdir()
        path.write_bytes(b"pixels")
        return ImageItem(name="sub/a.png", source=path)

    def write(self, item: ImageItem, tmp_path: Path, mode: ImageMode | str) -> Path:
        convert(stream(item), ImageStream, DMv2Dataset, output=tmp_path / "out", images=mode)
        return tmp_path / "out/original_files/sub/a.png"

    def test_are_copied(self, item: ImageItem, tmp_path: Path) -> None:
        placed = self.write(item, tmp_path, "copy")
        assert placed.read_bytes() == b"pixels"
        assert item.source is not None
        assert not placed.samefile(item.source)

    def test_are_linked(self, item: ImageItem, tmp_path: Path) -> None:
        placed = self.write(item, tmp_path, ImageMode.LINK)
        assert item.source is not None
        assert placed.samefile(item.source)
        assert not placed.is_symlink()

    def test_are_copied_where_they_cannot_be_linked(
        self, item: ImageItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(18, "another device")

        monkeypatch.setattr("os.link", refuse)
        assert self.write(item, tmp_path, "link").read_bytes() == b"pixels"

    def test_are_pointed_to_where_they_are_and_not_by_another_link(self, item: ImageItem, tmp_path: Path) -> None:
        pointer = tmp_path / "pointer.png"
        assert item.source is not None
        pointer.symlink_to(item.source)
        placed = self.write(ImageItem(name=item.name, source=pointer), tmp_path, "symlink")
        assert placed.readlink() == item.source.resolve()

    def test_are_left(self, item: ImageItem, tmp_path: Path) -> None:
        assert not self.write(item, tmp_path, "leave").exists()

    def test_survive_a_failure_in_every_mode(self, item: ImageItem, tmp_path: Path) -> None:
        def failing() -> Any:
            yield item
            raise RuntimeError("stop")

        for mode in ImageMode:
            with pytest.raises(RuntimeError):
                convert(ItemStream(failing), ImageStream, DMv2Dataset, output=tmp_path / "out", images=mode)
        assert item.source is not None
        assert item.source.read_bytes() == b"pixels"

    @pytest.mark.parametrize("mode", ["copy", "link", "symlink"])
    def test_that_are_missing_are_told(self, item: ImageItem, tmp_path: Path, mode: str) -> None:
        with pytest.raises(DatasetError, match=r"sub/a.png: its file is missing"):
            self.write(ImageItem(name=item.name), tmp_path, mode)

    def test_that_vanished_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"its file '.*gone.png' is missing"):
            self.write(ImageItem(name="a.png", source=tmp_path / "gone.png"), tmp_path, "copy")

    def test_modes_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="'move' is not a valid ImageMode"):
            convert(stream(), ImageStream, DMv2Dataset, output=tmp_path / "out", images="move")


class TestSizes:
    def job(self, **options: Any) -> ConversionJob:
        return ConversionJob(lambda: Path(), LossTally(), **options)

    def test_are_those_of_the_dataset_first(self, tmp_path: Path) -> None:
        item = ImageItem(name="a", width=3, height=4, source=tmp_path)
        assert self.job().size_of(item) == (3, 4)

    def test_are_measured_otherwise(self, tmp_path: Path) -> None:
        item = ImageItem(name="a", source=tmp_path / "a.png")
        assert self.job(image_size=lambda path: (len(path.name), 9)).size_of(item) == (5, 9)

    def test_that_are_unknown_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="pass image_size, such as that of the plugin pillow_images"):
            self.job().size_of(ImageItem(name="a", source=tmp_path))
        with pytest.raises(ValueError, match="its file is missing"):
            self.job(image_size=lambda path: (1, 1)).size_of(ImageItem(name="a"))

    def test_that_are_wrong_are_told(self, tmp_path: Path) -> None:
        def broken(path: Path) -> tuple[int, int]:
            raise OSError("no image")

        with pytest.raises(ValueError, match="can't be measured: no image"):
            self.job(image_size=broken).size_of(ImageItem(name="a", source=tmp_path))
        with pytest.raises(ValueError, match="is 0 x 5"):
            self.job(image_size=lambda path: (0, 5)).size_of(ImageItem(name="a", source=tmp_path))


class TestItems:
    def test_bounds_are_the_box_or_around_the_shapes(self) -> None:
        assert Annotation(label="a", box=Box(1, 2, 3, 4), polyline=((9, 9), (8, 8))).bounds() == Box(1, 2, 3, 4)
        assert Annotation(label="a", polygons=(((0, 0), (4, 1), (2, 5)), ((8, 8), (9, 8), (8, 9)))).bounds() == Box(
            0, 0, 9, 9
        )
        hidden = (Keypoint(1, 1, 2), Keypoint(3, 4, 1), Keypoint(0, 0, 0))
        assert Annotation(label="a", keypoints=hidden).bounds() == Box(1, 1, 2, 3)
        assert Annotation(label="a").bounds() is None

    def test_losses_are_counted_in_little_memory(self) -> None:
        tally = LossTally()
        for n in range(1000):
            tally.add(IDS, f"{n}.png")
        tally.add(SHAPES, "x", 3)
        ids, shapes = tally.counts
        assert (ids.count, len(ids.places), ids.places[0]) == (1000, 10, "0.png")
        assert str(shapes) == "shapes: 3 (x, ...): there are none"


def test_drafts_in_use_and_things_of_other_names_are_not_swept(tmp_path: Path) -> None:
    kept = [".out.draft", ".out.1234567.draft", ".other.12345678.draft", "out.12345678.draft"]
    left = tmp_path / ".out.12345678.draft"
    for name in (*kept, left.name):
        (tmp_path / name / "sub").mkdir(parents=True)
    first, second = DraftFolder(tmp_path / "out"), DraftFolder(tmp_path / "out")
    assert not left.exists()
    assert {one.name for one in tmp_path.iterdir()} == {*kept, first.path.name, second.path.name}
    first.commit()
    DraftFolder.sweep(tmp_path / "out")
    assert second.path.is_dir()
    second.discard()
    assert {one.name for one in tmp_path.iterdir()} == {*kept, "out"}
    DraftFolder.sweep(tmp_path / "missing" / "out")


def test_a_draft_is_discarded_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").write_text("mine")
    draft = DraftFolder(tmp_path / "out")
    (draft.path / "link").symlink_to(tmp_path / "precious")
    draft.discard()
    draft.discard()
    assert [one.name for one in tmp_path.iterdir()] == ["precious"]
    assert (tmp_path / "precious/x").read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            DatasetError("read", "a.json", (("$.x", "it is 3"), ("", "b"))),
            "cannot read dataset document 'a.json': $.x: it is 3; b",
        ),
        (ConversionError("a", "b", "c"), "cannot convert 'a' to 'b': c"),
        (
            NoConversionError("a", "b", (), ("c", "d")),
            (
                "cannot convert 'a' to 'b': no converters lead there; from 'a' they lead to nothing; "
                "to 'b' they lead from 'c', 'd'"
            ),
        ),
        (ConverterDefinitionError("a", ("b", "c")), "cannot use converter 'a': b; c"),
        (
            ConverterExistsError("a", "p"),
            "cannot register converter 'a': p has one of that name; choose another",
        ),
    ],
)
def test_errors_say_what_is_wrong_and_can_be_pickled(error: Exception, text: str) -> None:
    assert str(error) == text
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param("sqlite3 xml yaml tempfile", id="what only some formats need"),
        pytest.param("pydantic.types email zipfile", id="what the first model of a process brings in"),
        pytest.param("plugbus.capabilities.backend.records", id="the records of a backend"),
    ],
)
def test_what_few_need_is_imported_when_it_is_used(modules: str) -> None:
    code = f"import sys, plugbus.capabilities; print(*sorted(set({modules.split()}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout == "\n"


def test_many_faults_are_told_in_short() -> None:
    error = DatasetError("read", "a", tuple((str(n), "x") for n in range(25)))
    assert str(error).endswith("19: x; and 5 more")
    assert len(error.faults) == 25
