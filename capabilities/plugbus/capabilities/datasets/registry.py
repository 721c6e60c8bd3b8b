"""The registry of converters: what can be converted, and how."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from plugbus.kernel import Capability

from ..types import DataType, TypeRegistry
from .builtin import BUILT_IN_CONVERTERS
from .conversion import run_path
from .converter import CONVERTER, Converter, check_converter
from .errors import ConverterExistsError
from .placing import ImageMode
from .planning import find_path

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from plugbus.kernel import ServiceLocator

    from .conversion import ConversionReport
    from .errors import DatasetError
    from .placing import ImageSize
    from .planning import ConversionPath


class ConverterRegistry:
    """Find ways between data types: through converters that ship, of the host, and of loaded plugins.

    What a plugin offers is read where it is offered, at each call, so that it is gone when the plugin is unloaded. Of
    several converters of one name, one that ships or is the host's is used, else the one that was offered first.
    All calls are safe from several threads. A registry belongs to whoever made it; there is no global one.

    Args:
        services: Where the plugins' types and converters are found: ``kernel.services``. None for none.
        types: Where names of types are looked up; a registry of its own by default.
        converters: What it holds from the start.

    Raises:
        ConverterDefinitionError: One of ``converters`` does not say what a converter has to say.
        ConverterExistsError: Two of them have one name.
    """

    def __init__(
        self,
        services: ServiceLocator | None = None,
        *,
        types: TypeRegistry | None = None,
        converters: Iterable[Converter] = BUILT_IN_CONVERTERS,
    ) -> None:
        self._services = services
        self.types = TypeRegistry(services) if types is None else types
        self._lock = threading.Lock()
        self._own: dict[str, tuple[Converter, str]] = {}
        for one in converters:
            self._add(one, "plugbus" if one in BUILT_IN_CONVERTERS else "host")

    def register(self, converter: Converter) -> Callable[[], None]:
        """Add a converter of the host; return a function that takes it out again, idempotent.

        Raises:
            ConverterDefinitionError: It does not say what a converter has to say; holds every fault.
            ConverterExistsError: Its name is taken.
        """
        return self._add(converter, "host")

    @property
    def all(self) -> tuple[Converter, ...]:
        """Return every converter, sorted by name."""
        return tuple(one for one, _ in self._entries().values())

    def plan(
        self, source: type[DataType] | str, target: type[DataType] | str, *, using: Iterable[Converter] = ()
    ) -> ConversionPath:
        """Return the way from one type to another, without going it.

        Args:
            source: The type that there is, or its name.
            target: The type that is wanted, or its name.
            using: Converters in place of those of the same names, as with other settings.

        Raises:
            NoConversionError: There is no way; names what can be reached.
            TypeNotFoundError: A name is no type's; offers near names.
        """
        known = {one.name: one for one in self.all}
        for one in using:
            check_converter(one)
            known[one.name] = one
        return find_path(known.values(), self.types.get(source), self.types.get(target))

    def convert(
        self,
        value: Any,
        source: type[DataType] | str,
        target: type[DataType] | str,
        *,
        output: str | os.PathLike[str] | None = None,
        using: Iterable[Converter] = (),
        images: ImageMode | str = ImageMode.COPY,
        image_size: ImageSize | None = None,
        on_fault: Callable[[DatasetError], object] | None = None,
        progress: Callable[[int, int | None], object] | None = None,
    ) -> ConversionReport:
        """Convert a value: ``run_path`` along what ``plan`` returns. See both for arguments and errors."""
        path = self.plan(source, target, using=using)
        return run_path(
            path,
            value,
            output=output,
            images=images,
            image_size=image_size,
            on_fault=on_fault,
            progress=progress,
        )

    def describe(self) -> str:
        """Return a table for people: name, from, to, what may be lost."""
        lines = [("name", "from", "to", "may lose")]
        for one in self.all:
            losses = ", ".join(loss.name for loss in one.losses) or "-"
            lines.append((one.name, one.source.name, one.target.name, losses))
        widths = [max(len(line[column]) for line in lines) for column in range(3)]
        return "\n".join(
            "  ".join((*(cell.ljust(width) for cell, width in zip(line[:3], widths, strict=True)), line[3]))
            for line in lines
        )

    def to_json(self) -> list[dict[str, Any]]:
        """Return every converter with its facts as JSON has them, sorted by name."""
        return [
            {
                "name": one.name,
                "source": one.source.name,
                "target": one.target.name,
                "cost": one.cost,
                "losses": [{"name": loss.name, "reason": loss.reason, "weight": loss.weight} for loss in one.losses],
                "owner": owner,
            }
            for one, owner in self._entries().values()
        ]

    def _add(self, converter: Converter, owner: str) -> Callable[[], None]:
        check_converter(converter)
        entry = (converter, owner)
        offered = self._offered()
        with self._lock:
            present = self._own.get(converter.name) or (owner == "host" and offered.get(converter.name))
            if present:
                raise ConverterExistsError(converter.name, present[1])
            self._own = {**self._own, converter.name: entry}

        def unregister() -> None:
            with self._lock:
                self._own = {name: one for name, one in self._own.items() if one is not entry}

        return unregister

    def _entries(self) -> dict[str, tuple[Converter, str]]:
        return dict(sorted({**self._offered(), **self._own}.items()))

    def _offered(self) -> dict[str, tuple[Converter, str]]:
        found: dict[str, tuple[Converter, str]] = {}
        for key in () if self._services is None else self._services.keys:
            if key.startswith(f"{CONVERTER}("):
                for one in self._services.providers(Capability.parse(key)) if self._services is not None else ():
                    found.setdefault(one.provided.name, (one.provided, one.owner))
        return found


def convert(
    value: Any,
    source: type[DataType] | str,
    target: type[DataType] | str,
    *,
    output: str | os.PathLike[str] | None = None,
    using: Iterable[Converter] = (),
    images: ImageMode | str = ImageMode.COPY,
    image_size: ImageSize | None = None,
    on_fault: Callable[[DatasetError], object] | None = None,
    progress: Callable[[int, int | None], object] | None = None,
) -> ConversionReport:
    """Convert a value with the converters that ship; a ``ConverterRegistry`` has those of plugins, too.

    Args:
        value: A path, or whatever the first converter takes.
        source: The type that there is, or its name.
        target: The type that is wanted, or its name.
        output: The folder to make; nothing may be there.
        using: Converters in place of those of the same names, as with other settings.
        images: What is done with image files: ``copy``, ``link``, ``symlink`` or ``leave``.
        image_size: Measures images whose size the dataset does not say.
        on_fault: Called with what is wrong with a document, which is then left out whole; without it, the first such
            document ends the conversion.
        progress: Called with the number of images that are done and of all, which is None while it is not known.

    Raises:
        DatasetError: A document is wrong; names the file and every fault with its place.
        NoConversionError: There is no way; names what can be reached.
        ConversionError: The folder is there already, is missing though one is written, or would not be written.
    """
    registry = ConverterRegistry()
    return registry.convert(
        value,
        source,
        target,
        output=output,
        using=using,
        images=images,
        image_size=image_size,
        on_fault=on_fault,
        progress=progress,
    )
