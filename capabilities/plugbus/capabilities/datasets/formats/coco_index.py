"""An index of one COCO document in a temporary database: images in their order, each with its objects.

A COCO document has all images, then all objects, in any order. The database is a private file of SQLite, which is
deleted when it is closed; memory does not grow with the document.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..checking import Faults
from ..items import Label
from ..placing import safe_name
from .json_arrays import read_members

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_TABLES = """
    CREATE TABLE images (id INTEGER PRIMARY KEY, place INTEGER, name TEXT UNIQUE, said TEXT);
    CREATE TABLE objects (id INTEGER PRIMARY KEY, place INTEGER, image INTEGER, said TEXT);
"""


class COCOIndex:
    """What one document says. Made by ``fill``; closed by whoever made it.

    Args:
        path: The document.

    Attributes:
        labels: The categories by id.
        faults: What is wrong with ids and links, or with the document as a whole.
        is_whole: The document could be read to its end.
    """

    def __init__(self, path: Path) -> None:
        import sqlite3

        self.path = path
        self.labels: dict[int, Label] = {}
        self.faults = Faults()
        self.is_whole = True
        # An empty name is a temporary file of its own. Streams may be read in another thread.
        self._twice = sqlite3.IntegrityError
        self._base: sqlite3.Connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)

    def fill(self) -> None:
        """Read the document once; what is wrong with its ids and links is added to ``faults``."""
        self._base.executescript("PRAGMA cache_size = -2000;" + _TABLES)
        self._base.execute("BEGIN")
        seen: set[str] = set()
        try:
            for key, index, entry in read_members(self.path):
                seen.add(key)
                if index == -1:
                    continue
                place = f"$.{key}[{index}]"
                if key in {"images", "annotations", "categories"} and index is None:
                    self.faults.items(entry, f"$.{key}")
                elif key == "images":
                    self._add_image(entry, place, index)
                elif key == "annotations":
                    self._add_object(entry, place, index)
                elif key == "categories":
                    self._add_label(entry, place)
        except ValueError as error:
            self.faults.add("", str(error))
            self.is_whole = False
        for key in ("images", "annotations", "categories"):
            if key not in seen and self.is_whole:
                self.faults.add(f"$.{key}", "it is missing, not an array")
        self._base.execute("CREATE INDEX by_place ON images (place)")
        self._base.execute("CREATE INDEX of_image ON objects (image)")
        self._base.execute("COMMIT")
        for place, identity in self._base.execute(
            "SELECT place, image FROM objects WHERE image NOT IN (SELECT id FROM images) ORDER BY place"
        ):
            self.faults.add(f"$.annotations[{place}].image_id", f"there is no image {identity}")

    @property
    def count(self) -> int:
        """Count the images."""
        found: int = self._base.execute("SELECT count(*) FROM images").fetchone()[0]
        return found

    def images(self) -> Iterator[tuple[int, dict[str, Any], list[tuple[int, dict[str, Any]]]]]:
        """Yield place, entry and objects of each image, the objects with their places, all in the document's order."""
        last = -1
        while True:
            # One query an image: a cursor that is left open would keep the database busy.
            row = self._base.execute(
                "SELECT id, place, said FROM images WHERE place > ? ORDER BY place LIMIT 1", (last,)
            ).fetchone()
            if row is None:
                return
            identity, last, said = row
            objects = self._base.execute("SELECT place, said FROM objects WHERE image = ? ORDER BY place", (identity,))
            yield last, json.loads(said), [(place, json.loads(one)) for place, one in objects.fetchall()]

    def close(self) -> None:
        """Delete the database. Idempotent."""
        self._base.close()

    def _add_image(self, entry: Any, place: str, index: int | None) -> None:
        faults = self.faults
        image = faults.mapping(entry, place)
        if image is None:
            return
        identity = _identity(image.get("id"), f"{place}.id", faults)
        name = faults.text(image.get("file_name"), f"{place}.file_name")
        if name is not None and safe_name(name) is None:
            faults.add(f"{place}.file_name", f"'{name}' leads out of the folder of the images")
            return
        if identity is None or name is None:
            return
        try:
            row = (identity, index, safe_name(name), json.dumps(image))
            self._base.execute("INSERT INTO images VALUES (?, ?, ?, ?)", row)
        except self._twice as error:
            which = "file_name" if "name" in str(error) else "id"
            faults.add(f"{place}.{which}", f"{image[which]!r} is that of another image, too")

    def _add_object(self, entry: Any, place: str, index: int | None) -> None:
        faults = self.faults
        one = faults.mapping(entry, place)
        if one is None:
            return
        image = _identity(one.get("image_id"), f"{place}.image_id", faults)
        # Result files and some tools leave the ids of objects out.
        identity = None if one.get("id") is None else _identity(one["id"], f"{place}.id", faults)
        if image is None:
            return
        try:
            self._base.execute("INSERT INTO objects VALUES (?, ?, ?, ?)", (identity, index, image, json.dumps(one)))
        except self._twice:
            faults.add(f"{place}.id", f"{one['id']} is that of another object, too")

    def _add_label(self, entry: Any, place: str) -> None:
        faults = self.faults
        one = faults.mapping(entry, place)
        if one is None:
            return
        identity = _identity(one.get("id"), f"{place}.id", faults)
        name = faults.text(one.get("name"), f"{place}.name")
        points = faults.items(one.get("keypoints") or [], f"{place}.keypoints") or []
        lines = faults.items(one.get("skeleton") or [], f"{place}.skeleton") or []
        pairs = [faults.numbers(pair, f"{place}.skeleton[{number}]", 2) for number, pair in enumerate(lines)]
        if identity is None or name is None:
            return
        if identity in self.labels:
            faults.add(f"{place}.id", f"{identity} is that of another category, too")
        if any(label.name == name for label in self.labels.values()):
            faults.add(f"{place}.name", f"'{name}' is that of another category, too")
        above = one.get("supercategory")
        self.labels[identity] = Label(
            name,
            above if isinstance(above, str) else "",
            tuple(str(point) for point in points),
            tuple((int(pair[0]), int(pair[1])) for pair in pairs if pair is not None),
        )


def _identity(value: Any, place: str, faults: Faults) -> int | None:
    found = faults.integer(value, place)
    if found is not None and not -(2**63) <= found < 2**63:
        faults.add(place, f"it is {found}, which is too large")
        return None
    return found
