"""The base class of actions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context import ActionLogger, RuntimeContext
    from ..types import DataType

P = TypeVar("P", bound=BaseModel)


class NoResult:
    """Say that an action's result is not described by a model: whatever it returns is its result."""


class BaseAction(ABC, Generic[P]):
    """Work with validated parameters: subclass it with a parameter model and implement ``execute``.

    Lifecycle:

    1. The parameters are validated against ``params_model``, which is taken from the generic parameter.
    2. The action is made with them and a context.
    3. ``execute`` does the work; progress, metrics and logs go out as events.
    4. Its result is validated against ``result_model``, if there is one.

    Attributes:
        action_name: The name that it goes by, if that is not left to whoever offers it.
        params_model: The pydantic model of its parameters.
        result_model: The pydantic model of its result; ``NoResult`` leaves it free.
        input_type: What kind of data it takes, None where that is left open. Nothing is checked when it runs.
        output_type: What kind of data it makes, None where that is left open.
        params: The validated parameters.
        ctx: Services of the job that this is.
    """

    action_name: ClassVar[str | None] = None
    params_model: type[P]
    result_model: ClassVar[type[BaseModel] | type[NoResult]] = NoResult
    input_type: ClassVar[type[DataType] | None] = None
    output_type: ClassVar[type[DataType] | None] = None

    params: P
    ctx: RuntimeContext

    if not TYPE_CHECKING:  # pragma: no branch
        # typing's own subscription keeps its arguments in a cache, and so a plugin's classes alive after its unload.
        __class_getitem__ = classmethod(GenericAlias)

    def __init_subclass__(cls, **options: Any) -> None:
        """Take the parameter model from the generic parameter, unless the class names one itself."""
        super().__init_subclass__(**options)
        if "params_model" in cls.__dict__:
            return
        given = _given_for_params(cls)
        if isinstance(given, type) and issubclass(given, BaseModel):
            cls.params_model = given  # type: ignore[assignment] # P is what the class was subscribed with

    def __init__(self, params: P, ctx: RuntimeContext) -> None:
        self.params = params
        self.ctx = ctx

    @abstractmethod
    def execute(self) -> Any:
        """Do the work and return its result."""

    @property
    def logger(self) -> ActionLogger:
        """Return the job's logger."""
        return self.ctx.logger

    def log(self, event: str, data: Mapping[str, Any] | None = None, file: str | None = None) -> None:
        """Log that something happened, with its facts."""
        self.ctx.log(event, data, file)

    def set_progress(self, current: float, total: float | None, category: str | None = None) -> None:
        """Report that ``current`` of ``total`` is done, of one category of the work if named."""
        self.ctx.set_progress(current, total, category)

    def set_metrics(self, value: Mapping[str, float], category: str | None = None, *, step: int | None = None) -> None:
        """Record measured values, of one category and one step (epoch, iteration) if named."""
        self.ctx.set_metrics(value, category, step=step)


def _given_for_params(cls: type) -> object:
    """Return what a class gives for ``P``, through generic bases of any order of parameters; None if it gives nothing.

    It is a model, a type variable that is still open, or a forward reference.
    """
    for base in cls.__dict__.get("__orig_bases__", ()):
        if not isinstance(base, GenericAlias):
            continue
        origin, arguments = base.__origin__, base.__args__
        if origin is BaseAction:
            return arguments[0]
        if isinstance(origin, type) and issubclass(origin, BaseAction):
            wanted = _given_for_params(origin)
            if isinstance(wanted, TypeVar):
                return dict(zip(origin.__parameters__, arguments, strict=False)).get(wanted)  # type: ignore[attr-defined] # typing sets it on generic classes
    return None
