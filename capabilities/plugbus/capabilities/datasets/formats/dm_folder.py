"""The folders of DM datasets, of both versions: ``[split/]json/*.json`` and ``[split/]original_files/*``."""

from __future__ import annotations

import json
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ...types import ImageStream
from ..checking import Faults, parse_json
from ..converter import Converter
from ..errors import DatasetError
from ..items import ImageItem, ItemStream
from ..placing import ImageMode
from ..walking import ImageFinder, count_files, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..job import ConversionJob

_JSON: Final = frozenset({".json"})
_DOCUMENTS: Final = "json"
_IMAGES: Final = "original_files"
_SPLIT_OF: Final = {"valid": "val"}
_FOLDER_OF: Final = {"val": "valid"}


class DMReader(Converter):
    """Read one JSON document an image. An image without a document is not part of the dataset."""

    target = ImageStream

    def convert(self, value: Any, job: ConversionJob) -> ItemStream:
        """Return the images of a folder; documents are read when they are iterated over."""
        root = Path(value)
        folders = _split_folders(root)
        if not folders:
            cause = f"there is no folder '{_DOCUMENTS}' in it, nor in a folder of it"
            raise DatasetError("read", str(root), (("", cause),))
        total = sum(count_files(folder / _DOCUMENTS, _JSON) for _, folder in folders)
        return ItemStream(lambda: self._items(folders, job), total=total)

    @abstractmethod
    def parse(self, document: Any, faults: Faults) -> ImageItem:
        """Return what a document says, with an empty name."""

    def _items(self, folders: list[tuple[str | None, Path]], job: ConversionJob) -> Iterator[ImageItem]:
        for split, folder in folders:
            finder = ImageFinder(folder / _IMAGES)
            for name in walk(folder / _DOCUMENTS, _JSON):
                path = folder / _DOCUMENTS / name
                faults = Faults()
                item = ImageItem(name="")
                try:
                    document = parse_json(path.read_bytes())
                except ValueError as refused:
                    faults.add("", str(refused))
                else:
                    item = self.parse(document, faults)
                stem = name.removesuffix(path.suffix)
                image = _find_image(finder, stem, folder, job, faults)
                error = faults.error("read", path)
                if error is not None:
                    job.refuse(error)
                    continue
                yield ImageItem(
                    name=image or f"{stem}.jpg",
                    source=None if image is None else folder / _IMAGES / image,
                    split=split,
                    annotations=item.annotations,
                    links=item.links,
                    extra=item.extra,
                )


class DMWriter(Converter):
    """Write one JSON document an image."""

    source = ImageStream
    kept_extra: ClassVar[str]

    def convert(self, value: Any, job: ConversionJob) -> Path:
        """Write all images of a stream."""
        stream: ItemStream = value
        for item in job.track(stream):
            folder = job.folder / (_FOLDER_OF.get(item.split, item.split) if item.split else "")
            path = folder / _DOCUMENTS / Path(item.name).with_suffix(".json")
            try:
                if path.exists():
                    raise ValueError("another image has the same name but for its suffix")
                job.place(item, folder / _IMAGES / item.name)
            except ValueError as error:
                job.refuse(DatasetError("write", str(path.relative_to(job.folder)), (("", f"{item.name}: {error}"),)))
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.render(item, job), ensure_ascii=False, separators=(",", ":"))
            path.write_text(text, encoding="utf-8")
        if not job.done:
            (job.folder / _DOCUMENTS).mkdir(exist_ok=True)
        return job.folder

    @abstractmethod
    def render(self, item: ImageItem, job: ConversionJob) -> dict[str, Any]:
        """Return the document of an image."""


def _split_folders(root: Path) -> list[tuple[str | None, Path]]:
    found: list[tuple[str | None, Path]] = [(None, root)] if (root / _DOCUMENTS).is_dir() else []
    for one in sorted(root.iterdir()) if root.is_dir() else ():
        if not one.name.startswith(".") and (one / _DOCUMENTS).is_dir():
            found.append((_SPLIT_OF.get(one.name, one.name), one))
    order = {"train": 0, "val": 1, "test": 2}
    return sorted(found, key=lambda one: order.get(one[0] or "", 3 if one[0] else -1))


def _find_image(finder: ImageFinder, stem: str, folder: Path, job: ConversionJob, faults: Faults) -> str | None:
    images = finder.find(stem)
    if len(images) > 1:
        faults.add("", f"several images are called so: {', '.join(images)}")
    elif not images and job.images is not ImageMode.LEAVE:
        faults.add("", f"there is no image '{stem}' in '{folder / _IMAGES}'")
    return images[0] if images else None
