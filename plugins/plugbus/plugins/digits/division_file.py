"""The file in which ``prepare`` writes down which sample belongs to which part."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .array_file import digest_of
from .artifacts import write_bytes
from .data import CLASSES, Division

if TYPE_CHECKING:
    from pathlib import Path

    from .data import Split

MAX_BYTES = 2**20  # that of 1,797 samples has 12 KiB
REMEDY = "prepare the data again"


class DivisionFileError(ValueError):
    """Refuse a file that is no division of this data set.

    Args:
        path: The file.
        cause: Why it was refused.
    """

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot load division '{self.path}': {self.cause}; {REMEDY}"


Numbers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=CLASSES)]


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["plugbus-digits-division"]
    version: Literal[1]
    data_sha256: str
    samples: int
    train: Numbers
    validation: Numbers
    test: Numbers

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        """Refuse what names a sample twice, or leaves one out."""
        named = sorted((*self.train, *self.validation, *self.test))
        if named != list(range(self.samples)):
            raise ValueError(f"its parts do not name each of {self.samples} samples once")
        return self


def save_division(path: Path, division: Division, samples: Split) -> Path:
    """Write a division of a data set at once and return its path."""
    content = _Content(
        format="plugbus-digits-division",
        version=1,
        data_sha256=_digest(samples),
        samples=len(samples),
        train=division.train,
        validation=division.validation,
        test=division.test,
    )
    return write_bytes(path, (json.dumps(content.model_dump(), sort_keys=True) + "\n").encode())


def load_division(path: Path, samples: Split) -> Division:
    """Read a division.

    Args:
        path: The file.
        samples: The data set that it has to be of.

    Raises:
        DivisionFileError: The file can't be read, is no division, or one of other data.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise DivisionFileError(str(path), f"it is longer than {MAX_BYTES} bytes")
        content = _Content.model_validate_json(text)
    except OSError as error:
        raise DivisionFileError(str(path), error.strerror or str(error)) from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
        raise DivisionFileError(str(path), "; ".join(faults)) from error
    if (content.samples, content.data_sha256) != (len(samples), _digest(samples)):
        raise DivisionFileError(str(path), "it is of other data than scikit-learn ships here")
    return Division(train=content.train, validation=content.validation, test=content.test)


def _digest(samples: Split) -> str:
    return digest_of((samples.x, samples.y))
