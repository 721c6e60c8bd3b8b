"""What several suites measure with; it needs pydantic alone, and so another interpreter can use it, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, Field, create_model

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS: Final = "from plugbus.capabilities import BaseAction, Dataset, ModelWeights"

_SOURCE = '''"""Actions of part {number}."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import BaseModel, Field

{imports}


class Params{number}(BaseModel):
    """What the work of part {number} is given."""

    epochs: int = Field(default=10, ge=1, le=1000, description="How often.")
    rate: float = Field(default=0.1, gt=0)
    names: list[str] = Field(default_factory=list)


class Result{number}(BaseModel):
    """What comes out of it."""

    loss: float
    path: Path


class Part{number}Action(BaseAction[Params{number}]):
    """Do the work of part {number}."""

    action_name = "part_{number}"
    input_type = Dataset
    output_type = ModelWeights
    result_model = Result{number}

    def execute(self) -> Result{number}:
        loss = 1.0
        for epoch in range(self.params.epochs):
            loss = self._step(loss, epoch)
            self.set_progress(epoch + 1, self.params.epochs)
            if loss < 1e-6 or math.isnan(loss):
                break
        path = Path("weights") / "{number}.bin"
        path.write_bytes(b"".join(name.encode() for name in self.params.names))
        return Result{number}(loss=loss, path=path)

    def _step(self, loss: float, epoch: int) -> float:
        rate = self.params.rate / (1 + epoch)
        terms = [loss * rate ** power / math.factorial(power) for power in range(1, 8)]
        return max(0.0, loss - sum(term for term in terms if term > 0))
'''


def write_actions(root: Path, size: int, imports: str = IMPORTS) -> None:
    """Write so many source files into a folder, each with a model, a result and an action, 50 to a folder."""
    for number in range(size):
        part = root / f"part{number // 50}"
        part.mkdir(parents=True, exist_ok=True)
        text = _SOURCE.replace("{imports}", imports).replace("{number}", str(number))
        (part / f"work{number}.py").write_text(text, encoding="utf-8")


def params_of(size: int) -> tuple[type[BaseModel], dict[str, Any]]:
    """Return a model with so many fields of four kinds, each with a limit, and valid values for it."""
    kinds: tuple[tuple[Any, Any], ...] = (
        (int, Field(default=100, ge=1, le=1000)),
        (float, Field(default=0.001, gt=0)),
        (str, Field(default="n", max_length=8)),
        (bool, Field(default=False)),
    )
    values = (3, 0.5, "x", True)
    definitions: dict[str, Any] = {f"field_{place}": kinds[place % 4] for place in range(size)}
    return create_model(f"Params{size}", **definitions), {f"field_{place}": values[place % 4] for place in range(size)}
