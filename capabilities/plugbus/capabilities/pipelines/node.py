"""One action of a pipeline as its author writes it, and references to what other actions return."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from ..actions import BaseAction

NODE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
INITIAL: Final = "params"
"""What references call the parameters that the pipeline begins with; no action can have this name."""

REFERENCE_FORM: Final = "write 'action.field', 'action' or 'params.field'"
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[^.\s]+)*")


@dataclass(frozen=True, slots=True)
class Reference:
    """Name what an action gets: ``train.weights_path``, ``train`` for all that it returns, ``params.dataset``.

    Args:
        source: An action's name, or ``params``.
        path: Where in its result; empty for the whole.
    """

    source: str
    path: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference.

        Raises:
            ValueError: It is none.
        """
        if not isinstance(text, str) or not _REFERENCE.fullmatch(text):  # pyright: ignore[reportUnnecessaryIsInstance] # an author may write anything
            raise ValueError(f"{text!r} is no reference; {REFERENCE_FORM}")
        source, *path = text.split(".")
        return cls(source, tuple(path))

    def __str__(self) -> str:
        return ".".join((self.source, *self.path))


@dataclass(frozen=True, slots=True)
class ActionNode:
    """One action of a pipeline.

    Args:
        action: The action's class, or the name that a plugin offers it under.
        params: Parameters of this action alone.
        inputs: Parameter to what it gets: ``{"weights": "train.weights_path"}``.
        name: Its name in the pipeline: letters, digits, ``_`` and ``-``; by default the last part of the action's own.
        after: Names of actions that have to be done before, besides those that it gets something from. For graphs.
        when: What has to be true for it to be run, such as ``prepare.has_changed``; it is skipped otherwise.
        weight: Its share of the progress of the whole, relative to the others', from 0 on.
    """

    action: type[BaseAction[Any]] | str
    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    after: Sequence[str] = ()
    when: str | None = None
    weight: float = 1.0
