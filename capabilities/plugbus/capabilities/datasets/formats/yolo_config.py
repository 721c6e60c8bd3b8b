"""``dataset.yaml`` of YOLO datasets: names of classes, splits, the form of keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..checking import Faults
from ..errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from ..items import Label

SPLITS: Final = ("train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class YOLOConfig:
    """What ``dataset.yaml`` says.

    Args:
        names: Labels by class number.
        splits: Folders or lists of images by split; None stands for the one that several splits name.
        kpt_shape: How many keypoints an object has and how many values each of them: 2, or 3 with visibility.
    """

    names: dict[int, str]
    splits: tuple[tuple[str | None, tuple[Path, ...]], ...]
    kpt_shape: tuple[int, int] | None


def find_config(path: Path) -> Path:
    """Return the configuration of a dataset by its folder, or by itself.

    Raises:
        DatasetError: There is none, or several.
    """
    if path.is_file():
        return path
    for name in ("dataset.yaml", "data.yaml", "dataset.yml", "data.yml"):
        if (path / name).is_file():
            return path / name
    found = sorted((*path.glob("*.yaml"), *path.glob("*.yml"))) if path.is_dir() else []
    if len(found) == 1:
        return found[0]
    cause = "there is no dataset.yaml in it" if not found else f"name one of {', '.join(one.name for one in found)}"
    raise DatasetError("read", str(path), (("", cause),))


def read_config(path: Path) -> YOLOConfig:
    """Return what a configuration says.

    Raises:
        DatasetError: It is wrong; holds every fault.
    """
    import yaml

    faults = Faults()
    try:
        # Every scalar stays a text: a class may be called yes, null or 1e3.
        said = yaml.load(path.read_text("utf-8-sig"), Loader=yaml.BaseLoader)  # noqa: S506 - makes texts, lists and mappings alone
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetError("read", str(path), (("", f"it is no YAML: {' '.join(str(error).split())}"),)) from error
    root = faults.mapping(said, "$") or {}
    config = YOLOConfig(
        names=_names(root, faults), splits=_splits(root, path, faults), kpt_shape=_kpt_shape(root, faults)
    )
    refused = faults.error("read", path)
    if refused is not None:
        raise refused
    return config


def write_config(
    path: Path, labels: list[Label], splits: dict[str | None, str], kpt_shape: tuple[int, int] | None
) -> None:
    """Write a configuration. It names no ``path``: the folder can be moved."""
    import yaml

    said: dict[str, Any] = {split: folder for split, folder in splits.items() if split is not None}
    if None in splits:
        whole = splits[None]
        # Who trains needs both; a dataset without splits is trained and looked at as a whole.
        said = {"train": whole, "val": whole} if not said else {**said, "train": _joined(said.get("train"), whole)}
    said["nc"] = len(labels)
    said["names"] = {number: label.name for number, label in enumerate(labels)}
    if kpt_shape is not None:
        said["kpt_shape"] = list(kpt_shape)
    path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _joined(one: str | None, other: str) -> str | list[str]:
    return other if one is None else [one, other]


def _names(root: dict[str, Any], faults: Faults) -> dict[int, str]:
    said = root.get("names")
    pairs = list(enumerate(said)) if isinstance(said, list) else list(said.items()) if isinstance(said, dict) else []
    if not isinstance(said, list | dict):
        faults.add("$.names", "there are none; give a list, or a mapping from class numbers")
    found: dict[int, str] = {}
    for key, name in pairs:
        number = _int(key)
        if number is None or number < 0:
            faults.add(f"$.names.{key}", f"'{key}' is no class number")
        elif not isinstance(name, str) or not name.strip():
            faults.add(f"$.names.{key}", f"it is {name!r}, not a text")
        else:
            found[number] = name
    if len(set(found.values())) < len(found):
        twice = sorted({one for one in found.values() if list(found.values()).count(one) > 1})
        faults.add("$.names", f"several classes are called {', '.join(twice)}")
    if "nc" in root and isinstance(said, list | dict) and _int(root["nc"]) != len(pairs):
        faults.add("$.nc", f"it is {root['nc']}, and there are {len(pairs)} names")
    return dict(sorted(found.items()))


def _splits(root: dict[str, Any], path: Path, faults: Faults) -> tuple[tuple[str | None, tuple[Path, ...]], ...]:
    base = path.parent
    if isinstance(root.get("path"), str) and (path.parent / root["path"]).is_dir():
        base = path.parent / root["path"]
    found: dict[str, tuple[Path, ...]] = {}
    for split in SPLITS:
        said = root.get(split) or (root.get("valid") if split == "val" else None)
        places = said if isinstance(said, list) else [said] if said else []
        resolved: list[Path] = []
        for one in places:
            place = _place(base, one) if isinstance(one, str) else None
            if place is None:
                faults.add(f"$.{split}", f"there is no '{one}' in '{base}'")
            else:
                resolved.append(place)
        if resolved:
            found[split] = tuple(resolved)
    if not found and not faults.found:
        faults.add("$", "it names no images; give train, val or test")
    merged: dict[tuple[Path, ...], str | None] = {}
    for split, one in found.items():
        # The same images as train and as val: there are no splits.
        merged[one] = None if one in merged else split
    return tuple((name, one) for one, name in merged.items())


def _place(base: Path, said: str) -> Path | None:
    if (base / said).exists():
        return base / said
    # A widespread exporter writes paths from a folder below.
    if said.startswith("../") and (base / said[3:]).exists():
        return base / said[3:]
    return None


def _kpt_shape(root: dict[str, Any], faults: Faults) -> tuple[int, int] | None:
    said = root.get("kpt_shape")
    if said is None:
        return None
    values = [_int(one) for one in said] if isinstance(said, list) else []
    if len(values) == 2 and values[0] is not None and values[0] > 0 and values[1] in {2, 3}:
        return values[0], values[1]
    faults.add("$.kpt_shape", f"it is {said}, not [number of keypoints, 2 or 3]")
    return None


def _int(said: Any) -> int | None:
    if isinstance(said, int):
        return said
    return int(said) if isinstance(said, str) and said.isascii() and said.isdigit() else None
