"""The parameters of functions that say nothing of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class OpenParams(BaseModel):
    """Take any names, each an attribute."""

    model_config = ConfigDict(extra="allow")
