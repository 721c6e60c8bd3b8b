"""One thing that is wrong with the definition of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PipelineFault:
    """Say what is wrong with a pipeline, where, and what to do; ``str`` tells all of it.

    Args:
        action: The name of the action that it is about; None where it is about the pipeline.
        path: Where in the action's node, or in the pipeline: ``("params", "epochs")``, ``("inputs", "weights")``,
            ``("after", 0)``, ``("when",)``; empty for the whole of it. Parts below a parameter are those of its value.
        why: What is wrong.
        remedy: What to do; empty where ``why`` says all that is known.
    """

    action: str | None
    path: tuple[str | int, ...]
    why: str
    remedy: str = ""

    def __str__(self) -> str:
        about = "" if self.action is None else f"action '{self.action}': "
        return f"{about}{self.why}{f'; {self.remedy}' if self.remedy else ''}"
