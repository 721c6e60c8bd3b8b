"""Changing a YAML text without losing what people wrote around the data: comments, order, quotes, anchors."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from ..errors import MissingModulesError
from ..faults import DocumentError, Fault, Position

if TYPE_CHECKING:
    from ruamel.yaml import YAML

EXTRA = "plugbus[config]"


class YamlText:
    """A YAML text whose data can be changed, and that is written back with all else as it was.

    Line ends, a byte order mark and the indentation stay. Needs ``ruamel.yaml``, of the extra ``config``.

    Args:
        content: The bytes of the file.
        source: What messages call it, usually a path.

    Raises:
        MissingModulesError: ``ruamel.yaml`` is not installed.
        DocumentError: It is no YAML, or no mapping.
    """

    def __init__(self, content: bytes, source: str) -> None:
        self._source = source
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._refusal(Position(1, 1), "it is not UTF-8", "save the file as UTF-8") from error
        self._mark = "\ufeff" if text.startswith("\ufeff") else ""
        text = text.removeprefix("\ufeff")
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        text = text.replace("\r\n", "\n")
        self._ends_with_line = text.endswith("\n") or not text
        self._yaml = self._reader(text)
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # the reader found it to be there

        try:
            data = self._yaml.load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Position(1, 1) if mark is None else Position(mark.line + 1, mark.column + 1)
            raise self._refusal(place, " ".join((error.problem or "no YAML").split())) from error
        except YAMLError as error:
            raise self._refusal(Position(1, 1), " ".join(str(error).split())) from error
        if not isinstance(data, dict):
            raise self._refusal(Position(1, 1), "it should be a mapping")
        self._old = text
        self._keys = _key_lines(data)
        self.data: dict[str, Any] = data

    def written(self, key: str) -> bytes:
        """Return the text with the data as it is now, where nothing but the value of one key was changed.

        What stands before and after that key is taken from the old text, to the letter.
        """
        stream = StringIO()
        self._yaml.dump(self.data, stream)
        text = self._spliced(stream.getvalue(), key)
        if not self._ends_with_line:
            text = text.removesuffix("\n")
        return (self._mark + text.replace("\n", self._line_end)).encode("utf-8")

    def append(self, mapping: dict[str, Any], key: str, value: Any) -> None:
        """Set a key; a new one comes after the last, and before the comments that belong to what follows."""
        if key in mapping or not mapping:
            mapping[key] = value
            return
        trailer = take_trailer(mapping)
        mapping[key] = value
        give_trailer(mapping, trailer)

    def replace(self, mapping: Any, key: str, inner: str) -> dict[str, Any]:
        """Put a mapping in the place of a value, which becomes its only entry; return it. Nothing becomes nothing."""
        made: Any = self.mapping()
        value = mapping[key]
        if value is not None:
            made[inner] = value
            if key in mapping.ca.items:
                made.ca.items[inner] = mapping.ca.items.pop(key)
        mapping[key] = made
        made.lc.col = (mapping.lc.col or 0) + self._depth
        return cast("dict[str, Any]", made)

    def remove(self, mapping: dict[str, Any], key: str) -> None:
        """Take a key out; comments after it that belong to what follows stay."""
        keys = list(mapping)
        place = keys.index(key)
        trailer = take_trailer(mapping, key, is_all=True)
        del mapping[key]
        if place > 0:
            give_trailer(mapping, trailer, keys[place - 1])

    def _spliced(self, dumped: str, key: str) -> str:
        old = _block(self._old, self._keys, key)
        again = self._yaml.load(dumped)
        new = _block(dumped, _key_lines(again), key)
        if new is None or self._old.lstrip().startswith("{"):
            return dumped
        lines, made = self._old.split("\n"), dumped.split("\n")[slice(*new)]
        if old is None:  # the key is new
            end = len(lines) - (lines[-1] == "")
            return "\n".join((*lines[:end], *made, ""))
        return "\n".join((*lines[: old[0]], *made, *lines[old[1] :]))

    def mapping(self) -> dict[str, Any]:
        """Return a new mapping of the kind that the text is made of."""
        from ruamel.yaml.comments import CommentedMap

        made: dict[str, Any] = CommentedMap()
        return made

    def _reader(self, text: str) -> YAML:
        try:
            from ruamel.yaml import YAML
        except ModuleNotFoundError as error:
            raise MissingModulesError("plugbus.loaders", ("ruamel.yaml",), EXTRA) from error
        reader = YAML(typ="rt")
        reader.preserve_quotes = True
        reader.width = 1 << 20  # no line is folded that nobody folded
        reader.allow_unicode = True
        reader.composer.warn_double_anchors = False  # an anchor may be set again, says YAML
        mapping, sequence, offset = _indentation(text)
        self._depth = mapping
        reader.indent(mapping=mapping, sequence=sequence, offset=offset)
        reader.explicit_start = text.startswith("---\n") or "\n---\n" in text
        return reader

    def _refusal(self, position: Position, why: str, remedy: str = "") -> DocumentError:
        fault = Fault(source=self._source, position=position, why=why, remedy=remedy)
        return DocumentError(self._source, (fault,))


def take_trailer(mapping: Any, key: str | None = None, *, is_all: bool = False) -> str:
    """Take away the comments and empty lines that come after an entry and belong to what follows; return them.

    Args:
        mapping: One of ruamel's mappings.
        key: The entry; the last one by default.
        is_all: Take also those that are indented as the mapping's own entries are.
    """
    node: Any = mapping
    last: Any = list(mapping)[-1] if key is None else key
    comments, slot = _slot(node, last)
    if comments.items.get(slot[0]) is None:
        return ""
    token = comments.items[slot[0]][slot[1]]
    if token is None:
        return ""
    first, _, rest = token.value.partition("\n")
    lines = rest.split("\n")
    column = mapping.lc.col
    if column is None:
        return ""
    limit = column + is_all
    place = next((number for number, line in enumerate(lines) if line.strip() and _depth(line) < limit), len(lines))
    while place > 0 and not lines[place - 1].strip():
        place -= 1
    kept, taken = lines[:place], lines[place:]
    if not any(line.strip() for line in taken) and len(taken) < 2:
        return ""
    token.value = "\n".join((first, *kept, "")) if first or kept else "\n"
    return "\n".join(taken)


def give_trailer(mapping: Any, trailer: str, key: str | None = None) -> None:
    """Put comments and empty lines after an entry, the last one by default."""
    if not trailer:
        return
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    comments, slot = _slot(mapping, list(mapping)[-1] if key is None else key)
    present = comments.items.setdefault(slot[0], [None, None, None, None])
    if present[slot[1]] is None:
        present[slot[1]] = CommentToken("\n" + trailer, CommentMark(0), None)
    else:
        present[slot[1]].value = present[slot[1]].value.rstrip("\n") + "\n" + trailer


def _slot(mapping: Any, key: Any) -> tuple[Any, tuple[Any, int]]:
    """Return where ruamel keeps the comment after an entry: that of the last thing in it."""
    node, place = mapping, key
    while True:
        inner: Any = node[place]
        if not isinstance(inner, dict | list) or not inner or _is_flow(inner):
            break
        node, place = inner, list(inner)[-1] if isinstance(inner, dict) else len(inner) - 1
    slot = 2 if isinstance(node, dict) else 0
    return _comments(node), (place, slot)


def _is_flow(node: Any) -> bool:
    return bool(node.fa.flow_style())


def _comments(node: Any) -> Any:
    return node.ca


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _key_lines(data: Any) -> dict[str, int]:
    """Return the line of each key of a mapping, counted from 0."""
    return {str(key): data.lc.key(key)[0] for key in data if key in data.lc.data}


def _block(text: str, keys: dict[str, int], key: str) -> tuple[int, int] | None:
    """Return the lines that a key and its value take, without the comments and empty lines after them."""
    if key not in keys:
        return None
    lines = text.split("\n")
    start = keys[key]
    end = min((line for line in keys.values() if line > start), default=len(lines))
    for number in range(start + 1, end):  # a document ends, too
        if lines[number] in {"...", "---"}:
            end = number
            break
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return start, end


def _indentation(text: str) -> tuple[int, int, int]:
    """Return how deep mappings and lists are indented, and the dash in a list; of the first that is there."""
    mapping = offset = None
    before = 0
    is_open = False  # the line before ends in ':' and holds no value
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        if is_open and stripped.startswith("- ") and depth >= before and offset is None:
            offset = depth - before
        elif is_open and depth > before and mapping is None and not stripped.startswith("- "):
            mapping = depth - before
        before, is_open = depth, stripped.partition(" #")[0].rstrip().endswith(":")
    offset = 2 if offset is None else offset
    return mapping or 2, offset + 2, offset
