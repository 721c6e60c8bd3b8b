"""A file of plain data: what a checkpoint is kept in."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ..files import write_whole
from ..sole_use import InUseError, sole_use
from .errors import CheckpointError
from .plain import fault_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_plain(path: Path) -> Any:
    """Return what a file holds, None where there is no file.

    Raises:
        CheckpointError: It is no UTF-8, no JSON, or nothing but ``null``.
        OSError: It can't be read.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise CheckpointError(str(path), "read", f"it is no UTF-8: {error}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(str(path), "read", f"it is no JSON: {error}") from error
    if found is None:
        raise CheckpointError(str(path), "read", "it holds nothing but null")
    return found


def write_plain(path: Path, document: dict[str, Any]) -> None:
    """Put a document in the place of what a file holds, whole or not at all.

    Raises:
        CheckpointError: It holds what is no plain data.
        OSError: The file can't be written, and is as it was.
    """
    fault = fault_of(document)
    if fault is not None:
        raise CheckpointError(str(path), "write", f"{fault}; keep plain data alone")
    try:
        text = json.dumps(document, indent=1)
    except ValueError as error:  # a number that Python writes no digits of
        raise CheckpointError(str(path), "write", str(error)) from error
    write_whole(path, text)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep others from a checkpoint until the end of the block.

    Raises:
        CheckpointError: Somebody is using it.
        OSError: It can't be locked.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(sole_use(path.with_name(f".{path.name}.lock")))
        except InUseError as error:
            raise CheckpointError(str(path), "use", error.cause) from None
        yield
