"""Trained models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plugbus.capabilities import ModelRecord, RecordConflictError, StoredFile

from .content import Content
from .table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.capabilities import ModelDraft

    from .database import Database


class Models:
    """Keep models."""

    def __init__(self, database: Database) -> None:
        self._database = database
        columns = ("id", "name", "version", "file", "metrics", "metadata")
        self._models = Table(database, "model", "models", columns, _model)

    def create_model(self, draft: ModelDraft) -> ModelRecord:
        """Create a model."""
        content = Content("create", "model")
        row = {
            "name": content.name("name", draft.name),
            "version": content.name("version", draft.version),
            "file": content.file("file", draft.file),
            "metrics": content.mapping("metrics", draft.metrics),
            "metadata": content.mapping("metadata", draft.metadata),
            "key": content.optional_text("key", draft.key),
        }
        content.refuse()
        with self._database.writing("create model") as connection:
            found = self._models.find_key(connection, row)
            if found is None:
                same = self._models.find(connection, name=row["name"], version=row["version"])
                if same is not None:
                    name = f"{draft.name} {draft.version}"
                    raise RecordConflictError("create", "model", name, f"model {same} has this name and version")
                found = self._models.insert(connection, row)
            return self._models.read(connection, (found,))[0]

    def model(self, model: int) -> ModelRecord:
        """Return a model."""
        return self._models.get(model)

    def models(self, *, name: str | None = None, after: int = 0, page_size: int = 200) -> Iterator[ModelRecord]:
        """Yield models."""
        return self._models.list(page_size, after, name=name)

    def delete_model(self, model: int) -> None:
        """Delete a model."""
        self._models.delete((model,))


def _model(model: int, name: str, version: str, file: str | None, metrics: str, metadata: str) -> ModelRecord:
    return ModelRecord(
        id=model,
        name=name,
        version=version,
        file=None if file is None else StoredFile(**json.loads(file)),
        metrics=json.loads(metrics),
        metadata=json.loads(metadata),
    )
