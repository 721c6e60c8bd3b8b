"""Files of arrays with a header that says what they are: a ``.npz`` without pickles, checked entry by entry."""

from __future__ import annotations

import hashlib
import io
import json
import tokenize
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    ScalarT = TypeVar("ScalarT", bound=np.generic)

# What zipfile and numpy's reader of array headers raise for an entry that was damaged or made to harm.
BROKEN_ENTRY = (
    zipfile.BadZipFile,
    tokenize.TokenError,
    EOFError,
    IndexError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


class ArrayFileError(ValueError):
    """Refuse a file that is not a whole, unchanged file of a known format and version.

    Args:
        path: The file.
        cause: Why it was refused, naming the entry at fault.
        remedy: What to do about it; the kind's own by default.
    """

    kind = "array file"
    remedy_by_default = "choose another file"
    remedy_for_version = "write the file again with this version of the plugin"

    def __init__(self, path: str, cause: str, remedy: str | None = None) -> None:
        self.path = path
        self.cause = cause
        self.remedy = self.remedy_by_default if remedy is None else remedy
        super().__init__(path, cause, self.remedy)

    def __str__(self) -> str:
        return f"cannot load {self.kind} '{self.path}': {self.cause}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class ArrayFormat:
    """What a file says that it is.

    Args:
        name: The format.
        version: Its version.
        max_bytes: Bytes that a file may unpack to.
        error: What a file that is refused is refused with.
    """

    name: str
    version: int
    max_bytes: int
    error: type[ArrayFileError]


@dataclass(frozen=True, slots=True)
class ArrayEntries:
    """The entries of a file that is open.

    Args:
        path: The file.
        archive: What it holds.
        error: What it is refused with.
    """

    path: str
    archive: zipfile.ZipFile
    error: type[ArrayFileError]

    def read(self, name: str, kind: type[ScalarT], shape: tuple[int, ...]) -> NDArray[ScalarT]:
        """Return one entry as a read-only array of the given kind and shape, all numbers finite.

        Raises:
            ArrayFileError: It is not there, or something else.
        """
        import numpy as np

        try:
            content = self.archive.read(f"{name}.npy")
            array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        except KeyError as error:
            raise self.error(self.path, f"it has no entry '{name}'") from error
        except BROKEN_ENTRY as error:
            raise self.error(self.path, f"entry '{name}' can't be read ({error})") from error
        if not np.issubdtype(array.dtype, kind):
            raise self.error(self.path, f"entry '{name}' holds {array.dtype}, not {kind.__name__}")
        if array.shape != shape:
            raise self.error(self.path, f"entry '{name}' has shape {array.shape}, not {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self.error(self.path, f"entry '{name}' holds a number that is not finite")
        array.setflags(write=False)
        return array

    def read_header(self, form: ArrayFormat) -> dict[str, Any]:
        """Return the header, once format and version are known ones.

        Raises:
            ArrayFileError: They are not.
        """
        import numpy as np

        text = self.read("header", np.str_, ())
        try:
            header = json.loads(str(text))
        except (ValueError, RecursionError) as error:
            raise self.error(self.path, f"entry 'header' is no JSON ({error})") from error
        if not isinstance(header, dict) or header.get("format") != form.name:
            raise self.error(self.path, f"entry 'header' does not name the format '{form.name}'")
        version = header.get("version")
        if version != form.version:
            cause = f"its format version is {version!r}, this plugin reads {form.version}"
            raise self.error(self.path, cause, self.error.remedy_for_version)
        return header


def packed(form: ArrayFormat, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a file of arrays; equal headers and arrays give equal bytes.

    Args:
        form: What it is.
        header: Facts that JSON holds; format and version are added.
        arrays: Name to array.
    """
    import numpy as np

    whole = {**header, "format": form.name, "version": form.version}
    buffer = io.BytesIO()
    text = np.array(json.dumps(whole, sort_keys=True, allow_nan=False))
    np.savez(buffer, allow_pickle=False, **{"header": text, **arrays})
    return buffer.getvalue()


@contextmanager
def opened(path: Path, form: ArrayFormat) -> Iterator[ArrayEntries]:
    """Open a file of arrays; nothing in it is run.

    Raises:
        ArrayFileError: It can't be read, is no such file, or unpacks to too much.
    """
    name = str(path)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > form.max_bytes:
                raise form.error(name, f"it unpacks to {size} bytes, more than {form.max_bytes}")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise form.error(name, "it holds a compressed entry, which this format does not have")
            yield ArrayEntries(name, archive, form.error)
    except OSError as error:
        raise form.error(name, error.strerror or str(error)) from error
    except zipfile.BadZipFile as error:
        raise form.error(name, f"it is no whole .npz file ({error})") from error


def digest_of(arrays: Iterable[NDArray[Any]]) -> str:
    """Return the SHA-256 over the shape and the content of every array, in their order, hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        stored = array.astype(array.dtype.newbyteorder("<"), order="C")  # the same on every machine
        digest.update(f"{stored.dtype.str}{stored.shape}".encode())
        digest.update(stored.tobytes())
    return digest.hexdigest()
