"""Reading a document: what is refused, where, and that everything else comes back as it was written."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from plugbus.loaders.documents import MAX_BYTES, MAX_DEPTH, JsonValue, parse_document, read_document
from plugbus.loaders.errors import LoaderError
from plugbus.loaders.faults import DocumentError, DocumentPath, Fault, Position, render_path

if TYPE_CHECKING:
    from collections.abc import Iterator


def faults_of(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, "plugin.yaml")
    return [str(fault) for fault in caught.value.faults]


def paths_of(data: JsonValue, path: DocumentPath = ()) -> Iterator[DocumentPath]:
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from paths_of(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from paths_of(value, (*path, index))


# Each refusal, at its exact place


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param(
            "id: a\nspec:\n  name: x\n  name: y\n",
            "4:3: spec.name: duplicate key 'name', first written at 3:3; keep one of them",
            id="duplicate key",
        ),
        pytest.param("a: &x 1\n", "1:4: a: the anchor &x is not read; remove it", id="anchor"),
        pytest.param("&x a: 1\n", "1:1: a: the anchor &x is not read; remove it", id="anchor of a key"),
        pytest.param("a:\n- *x\n", "2:3: a[0]: the alias *x is not read; write the value out", id="alias"),
        pytest.param(
            "*x : 1\n", '1:1: ["key at 1:1"]: the alias *x is not read; write the value out', id="alias as key"
        ),
        pytest.param(
            "a: !!python/name:os.system x\n",
            "1:4: a: the tag '!!python/name:os.system' is not read; write the value without it",
            id="tag",
        ),
        pytest.param(
            "a:\n  - !env [1]\n", "2:5: a[0]: the tag '!env' is not read; write the value without it", id="tag on list"
        ),
        pytest.param("a: 1\n---\nb: 2\n", "2:1: a second document begins; keep one document a file", id="documents"),
        pytest.param(
            "a: 1\n...\nb: 2\n", "3:1: text after the end of the document; keep one document a file", id="after the end"
        ),
        pytest.param("a:\n  on: 1\n", '2:3: a.on: a key must be text, not on; quote it: "on"', id="boolean key"),
        pytest.param("1.10: x\n", '1:1: ["1.10"]: a key must be text, not 1.10; quote it: "1.10"', id="float key"),
        pytest.param("a: {? : 1}\n", "1:6: a[\"\"]: the key before this ':' is missing", id="no key"),
        pytest.param("a:\n  ? [b]\n  : 1\n", "2:5: a: a key must be text, not a mapping or a list", id="list as key"),
        pytest.param(
            "a:\n  <<: {b: 1}\n", "2:3: a.<<: merge keys are not read; write the merged keys out", id="merge key"
        ),
        pytest.param("a:\n\tb: 1\n", "2:1: a tab stands where only spaces may; use spaces", id="tab"),
        pytest.param("a: 1\t# one\n", "1:5: a tab stands where only spaces may; use spaces", id="tab before a comment"),
        pytest.param(
            "a: 1\nb: \x07\n",
            '2:4: the character U+0007 is not allowed in the text; remove it, or write it as "\\U00000007" in double '
            "quotes",
            id="control character",
        ),
        pytest.param(
            "a: x\u2028y\n",
            '1:5: the character U+2028 is not allowed in the text; remove it, or write it as "\\U00002028" in double '
            "quotes",
            id="hidden line break",
        ),
        pytest.param("a: 0b_\n", '1:4: a: 0b_ is no number; quote it: "0b_"', id="no number"),
        pytest.param(
            f"a: {'9' * 1001}\n",
            "1:4: a: a number of more than 1000 characters is not read; quote it if it is text",
            id="endless number",
        ),
        pytest.param(
            'a: "\\ud83d"\n',
            "1:4: a: the text has one half of a surrogate pair; write the character itself",
            id="surrogate",
        ),
        pytest.param(
            'a: "\\UFFFFFFFF"', "1:7: the number of an escape or a directive is out of range", id="escape range"
        ),
        pytest.param(
            "%YAML 1." + "9" * 5000 + "\n---\na: 1",
            "1:9: the number of an escape or a directive is out of range",
            id="directive range",
        ),
        pytest.param(
            "[" * (MAX_DEPTH + 1), f"1:{MAX_DEPTH + 1}: mappings and lists are nested deeper than 64 levels", id="depth"
        ),
    ],
)
def test_refuses_at_the_exact_place(text: str, fault: str) -> None:
    assert faults_of(text) == [f"plugin.yaml:{fault}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "a: 1\nb: c: d\n",
            (
                "2:5: a ':' is not allowed here; align the key with the keys around it, "
                "or quote the text that holds the ':'"
            ),
        ),
        ("a: {: 1}\n", "1:5: expected the node content, but found ':' (while parsing a flow node)"),
        ("a: 1\nb\nc: 2\n", "2:1: a key without its ':'; add it, or indent text that goes on"),
        (
            "a:\n  b: 1\n c: 2\n",
            (
                "3:2: this does not line up with what stands above; "
                "give all keys, and all items, of one block the same indentation"
            ),
        ),
        ("a: 'b' c\n", "1:8: text after the end of a value; quote the whole value"),
        ("a: @b\n", "1:4: a value cannot begin with @; quote the value"),
        ("a: 1\nb: [1,\n  2\n", "2:4: the [ is never closed; add the closing bracket"),
        ("a: 'b\nc: 1\n", "1:4: the text opened by ' is never closed; add the closing '"),
        ('a: "b\n---\n"', '1:4: the text opened by " is never closed; add the closing "'),
        ('a: "C:\\plugins"\n', "1:8: the escape \\p is unknown; write \\\\ for a backslash, or use single quotes"),
        ("a: [1}\n", "1:6: expected ',' or ']', but got '}' (while parsing a flow sequence)"),
        (
            "a: *",
            "1:5: expected alphabetic or numeric character, but found the end of the text (while scanning an alias)",
        ),
    ],
)
def test_says_in_plain_words_what_is_no_yaml(text: str, fault: str) -> None:
    assert faults_of(text) == [f"plugin.yaml:{fault}"]


def test_reports_all_faults_of_one_text_in_its_order() -> None:
    assert faults_of("a: &x 1\nb:\n  no: 1\na: *x\nc: [1\n") == [
        "plugin.yaml:1:4: a: the anchor &x is not read; remove it",
        'plugin.yaml:3:3: b.no: a key must be text, not no; quote it: "no"',
        "plugin.yaml:4:1: a: duplicate key 'a', first written at 1:1; keep one of them",
        "plugin.yaml:4:4: a: the alias *x is not read; write the value out",
        "plugin.yaml:5:4: the [ is never closed; add the closing bracket",
    ]


def test_puts_a_bracket_that_is_never_closed_before_what_is_inside() -> None:
    assert faults_of("a: [&x 1\n") == [
        "plugin.yaml:1:4: the [ is never closed; add the closing bracket",
        "plugin.yaml:1:5: a[0]: the anchor &x is not read; remove it",
    ]


def test_the_size_of_a_text_is_that_of_its_bytes() -> None:
    assert parse_document("#" + "é" * (MAX_BYTES // 2 - 1), "plugin.yaml").data == {}
    (fault,) = faults_of("#" + "é" * (MAX_BYTES // 2))
    assert fault == "plugin.yaml: the text is longer than 1048576 bytes; split it, or move data out of it"


def test_reports_faults_inside_a_key_that_is_no_text() -> None:
    assert faults_of("? {b: !t 1}\n: 2\n") == [
        "plugin.yaml:1:3: a key must be text, not a mapping or a list",
        "plugin.yaml:1:7: [\"key at 1:3\"].b: the tag '!t' is not read; write the value without it",
    ]


def test_an_alias_bomb_costs_no_more_than_its_length() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 30)]
    assert len(faults_of("\n".join(lines))) == 30 + 29 * 9


def test_binary_content_names_only_the_first_characters() -> None:
    assert len(faults_of("\0" * 1000)) == 20


# What is read


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "\ufeff", "--- # nothing\n...\n"])
def test_an_empty_text_is_an_empty_mapping(text: str) -> None:
    document = parse_document(text, "plugin.yaml")
    assert document.data == {}
    assert document.positions.keys() == {()}


def test_a_written_null_is_null() -> None:
    assert parse_document("null\n", "plugin.yaml").data is None


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_keeps_the_position_of_every_key_and_value(line_end: str, mark: str) -> None:
    text = "id: a\nspec:\n  items:\n  - name: x\n    on-load: [1, {é: 2}]\n  none:\n"
    document = parse_document(mark + text.replace("\n", line_end), "plugin.yaml")
    assert document.positions == {
        (): Position(1, 1),
        ("id",): Position(1, 5),
        ("spec",): Position(3, 3),
        ("spec", "items"): Position(4, 3),
        ("spec", "items", 0): Position(4, 5),
        ("spec", "items", 0, "name"): Position(4, 11),
        ("spec", "items", 0, "on-load"): Position(5, 14),
        ("spec", "items", 0, "on-load", 0): Position(5, 15),
        ("spec", "items", 0, "on-load", 1): Position(5, 18),
        ("spec", "items", 0, "on-load", 1, "é"): Position(5, 22),
        ("spec", "none"): Position(6, 8),
    }
    assert document.key_positions == {
        ("id",): Position(1, 1),
        ("spec",): Position(2, 1),
        ("spec", "items"): Position(3, 3),
        ("spec", "items", 0, "name"): Position(4, 5),
        ("spec", "items", 0, "on-load"): Position(5, 5),
        ("spec", "items", 0, "on-load", 1, "é"): Position(5, 19),
        ("spec", "none"): Position(6, 3),
    }


def test_keeps_the_value_of_yaml_and_how_it_was_written() -> None:
    document = parse_document("a: no\nb: 1.10\nc: ~\nd:\ne: 0x1F\nf: 'no'\ng: 12:30\nh: text\n", "plugin.yaml")
    assert document.data == {
        "a": False, "b": 1.1, "c": None, "d": None, "e": 31, "f": "no", "g": 750, "h": "text",
    }  # fmt: skip
    assert document.spellings == {
        ("a",): "no", ("b",): "1.10", ("c",): "~", ("d",): "", ("e",): "0x1F", ("g",): "12:30",
    }  # fmt: skip


def test_a_date_stays_text_even_as_a_key() -> None:
    assert parse_document("2024-01-31: 2024-02-30\n", "plugin.yaml").data == {"2024-01-31": "2024-02-30"}


def test_plain_signs_that_yaml_gives_a_meaning_stay_text_as_values() -> None:
    assert parse_document("a: =\nb: <<\n'<<': c\n", "plugin.yaml").data == {"a": "=", "b": "<<", "<<": "c"}


def test_tabs_stay_in_text_and_comments() -> None:
    text = "a: 'x\ty'\n#\tcomment\nb: |\n  x\ty\n"
    assert parse_document(text, "plugin.yaml").data == {"a": "x\ty", "b": "x\ty\n"}


def test_the_deepest_nesting_allowed_is_read() -> None:
    document = parse_document("[" * MAX_DEPTH + "]" * MAX_DEPTH, "plugin.yaml")
    assert (0,) * (MAX_DEPTH - 1) in document.positions


def test_json_reads_its_numbers_and_pairs_of_escapes_by_its_own_rules() -> None:
    text = '{\n\t"rate": 1e-5,\n\t"big": 2E3, "zero": -0, "one": 1.0,\n\t"face": "\\ud83d\\ude00\\/"\n}'
    document = parse_document(text, "params.json")
    assert document.data == {"rate": 1e-5, "big": 2000.0, "zero": 0, "one": 1.0, "face": "\U0001f600/"}
    assert document.positions[("rate",)] == Position(2, 10)
    assert document.spellings[("rate",)] == "1e-5"


def test_a_number_without_a_dot_stays_what_yaml_makes_of_it() -> None:
    assert parse_document("a: 1e-5\n", "plugin.yaml").data == {"a": "1e-5"}


texts = st.text(max_size=40) | st.sampled_from(
    ["no", "1.10", "~", "", "<<", "=", "2024-01-31", "1e5", " a", "a: b", "\t"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5), max_leaves=25
)


class PlainDumper(yaml.SafeDumper):
    """The safe dumper without aliases, which it writes where one object stands twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@given(data=values)
def test_what_yaml_dumps_reads_back_equal_with_a_position_for_every_path(data: JsonValue) -> None:
    document = parse_document(yaml.dump(data, Dumper=PlainDumper), "plugin.yaml")
    assert document.data == data
    assert json.dumps(document.data, sort_keys=True) == json.dumps(data, sort_keys=True)  # 1, 1.0 and True differ
    assert document.positions.keys() == set(paths_of(data))
    assert document.key_positions.keys() == {path for path in paths_of(data) if path and isinstance(path[-1], str)}


@given(
    data=st.dictionaries(texts, values, max_size=5) | st.lists(values, max_size=5),
    indent=st.sampled_from([None, 2, "\t"]),
)
def test_what_json_dumps_reads_back_equal(data: JsonValue, indent: int | str | None) -> None:
    text = json.dumps(data, indent=indent)
    if "Infinity" not in text:
        assert parse_document(text, "params.json").data == json.loads(text)


fragments = st.sampled_from(
    [*"-?:,[]{}#&*!|>'\"%@`~ \n\t\r0_.a\\\0\x85\ufeff", "---", "...", "<<", "%YAML ", "\\U", "0b_", ": "]
)


@given(text=st.text() | st.lists(fragments, max_size=60).map("".join))
@example("\ud800")
@example("'\\ud800'")
@example("!<%ff> a")
@example("._: 1")
def test_any_text_is_read_or_refused_at_places_in_it(text: str) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        document = parse_document(text, "plugin.yaml")
        assert document.positions.keys() == set(paths_of(document.data))
    except DocumentError as error:
        faults = error.faults
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for fault in faults:
        assert fault.position is not None
        assert 1 <= fault.position.line <= len(lines)
        assert 1 <= fault.position.column <= len(lines[fault.position.line - 1]) + 1


# Files


def test_reads_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    path.write_bytes("name: é\n".encode("utf-8-sig"))
    document = read_document(path)
    assert document.data == {"name": "é"}
    assert document.source == str(path)
    assert document.key_positions[("name",)] == Position(1, 1)


@pytest.mark.parametrize(("content", "place"), [(b"a: \xc3\xa9\r\nb: \xc3\xa9 \xe9\n", "2:6"), (b"a: \xe9\n", "1:4")])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_refuses_bytes_that_are_not_utf8_where_they_stand(
    tmp_path: Path, mark: bytes, content: bytes, place: str
) -> None:
    path = tmp_path / "plugin.yaml"
    path.write_bytes(mark + content)
    with pytest.raises(DocumentError) as caught:
        read_document(path)
    assert str(caught.value) == (
        f"cannot read document '{path}': {path}:{place}: the byte 0xe9 is not UTF-8; save the file as UTF-8"
    )


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    with pytest.raises(DocumentError) as caught:
        read_document(path)
    assert str(caught.value) == f"cannot read document '{path}': no such file or directory"
    assert caught.value.faults[0].position is None
    assert str(caught.value.faults[0]) == f"{path}: no such file or directory"


def test_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(tmp_path)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.faults[0].why


def test_refuses_a_path_that_can_be_no_file() -> None:
    with pytest.raises(DocumentError, match="null"):
        read_document(Path("plugin\0.yaml"))


@pytest.mark.parametrize("character", ["a", "é"])
def test_reads_a_file_of_the_longest_size_and_refuses_a_longer_one(tmp_path: Path, character: str) -> None:
    path = tmp_path / "plugin.yaml"
    length = len(character.encode())
    comment = "#" + " " * (length - 1) + character * ((MAX_BYTES - length) // length)
    path.write_bytes(comment.encode("utf-8-sig"))
    assert read_document(path).data == {}
    path.write_bytes((comment + character).encode("utf-8-sig"))
    with pytest.raises(DocumentError) as caught:
        read_document(path)
    assert caught.value.faults[0].why == f"the text is longer than {MAX_BYTES} bytes"


def test_a_cut_through_a_character_of_a_longer_file_is_not_blamed_on_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    path.write_bytes(("#" + "é" * MAX_BYTES).encode())
    with pytest.raises(DocumentError, match="longer than 1048576 bytes"):
        read_document(path)


# Faults and the error


def test_the_error_lists_every_fault_on_its_own_line() -> None:
    first = Fault(source="a.yaml", position=Position(2, 3), path=("a", 0), why="wrong", remedy="mend it")
    second = Fault(source="a.yaml", position=Position(4, 1), why="worse")
    assert str(DocumentError("a.yaml", (first, second))) == (
        "cannot read document 'a.yaml': 2 faults\na.yaml:2:3: a[0]: wrong; mend it\na.yaml:4:1: worse"
    )
    assert str(DocumentError("a.yaml", (second,))) == "cannot read document 'a.yaml': a.yaml:4:1: worse"


def test_the_error_pickles_with_its_facts() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document("a: *b\na: &c 1\n", "plugin.yaml")
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert type(copy) is DocumentError
    assert (copy.source, copy.faults) == ("plugin.yaml", caught.value.faults)
    assert str(copy) == str(caught.value)


def test_the_error_is_caught_as_a_loader_error_and_as_a_value_error() -> None:
    assert issubclass(DocumentError, LoaderError)
    assert issubclass(DocumentError, ValueError)


@pytest.mark.parametrize(
    ("path", "rendered"),
    [
        (("spec", "interfaces", 0, "protocol"), "spec.interfaces[0].protocol"),
        ((0, 1, "a"), "[0][1].a"),
        ((), ""),
        (("on-load", "a.b", "", "two words", "é"), 'on-load["a.b"][""]["two words"].é'),
        (("a\nb", 'q"'), '["a\\nb"]["q\\""]'),
        (("a\u200bb",), '["a\\u200bb"]'),
    ],
)
def test_renders_a_path_as_a_person_writes_it(path: DocumentPath, rendered: str) -> None:
    assert render_path(path) == rendered
