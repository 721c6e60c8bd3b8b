"""Actions written as functions: the form of before there was a base class."""

from __future__ import annotations

import inspect
import warnings
from abc import ABCMeta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, overload

from pydantic import BaseModel

from ..errors import ActionDefinitionError
from .action import BaseAction, NoResult
from .forward import ForwardModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..context import RuntimeContext
    from ..enums import PluginCategory

P = TypeVar("P", bound=BaseModel)


class FunctionAction(BaseAction[BaseModel]):
    """An action whose work is a function; ``action`` makes a subclass of it.

    Attributes:
        function: The function, as it was written.
    """

    function: ClassVar[Callable[..., Any]]

    def execute(self) -> Any:
        """Call the function with the parameters and the context."""
        return type(self).function(self.params, self.ctx)


class ActionDecorator(Protocol):
    """Turns ``fn(params, ctx)`` into an action."""

    def __call__(self, function: Callable[[P, RuntimeContext], Any], /) -> type[FunctionAction]:
        """Return the action."""
        ...


@overload
def action(name: Callable[[P, RuntimeContext], Any], /) -> type[FunctionAction]: ...


@overload
def action(
    name: str | None = None,
    description: str = "",
    params: type[BaseModel] | None = None,
    result: type[BaseModel] | None = None,
    category: PluginCategory | str | None = None,
) -> ActionDecorator: ...


def action(
    name: Callable[..., Any] | str | None = None,
    description: str = "",
    params: type[BaseModel] | None = None,
    result: type[BaseModel] | None = None,
    category: PluginCategory | str | None = None,
) -> type[FunctionAction] | ActionDecorator:
    """Turn ``fn(params, ctx)`` into an action that every executor runs. Deprecated: write a subclass of ``BaseAction``.

    The function's name then stands for the action, a class; the function itself is its ``function``. It may be async.

    Args:
        name: What the action is called; the function's name by default.
        description: What it does; the function's docstring by default.
        params: The model of its parameters; by default the annotation of its first parameter, or any parameters.
        result: The model of its result.
        category: What it is for.

    Raises:
        ActionDefinitionError: The function does not take two arguments, or a model is no model.
    """
    warnings.warn(
        "@action is deprecated: write a subclass of BaseAction, whose execute uses self.params and self.ctx",
        DeprecationWarning,
        stacklevel=2,
    )
    if callable(name):
        return _made(name, name.__name__, "", None, None, None)

    def decorate(function: Callable[[P, RuntimeContext], Any], /) -> type[FunctionAction]:
        return _made(function, name or function.__name__, description, params, result, category)

    return decorate


def _made(
    function: Callable[..., Any],
    name: str,
    description: str,
    params: type[BaseModel] | None,
    result: type[BaseModel] | None,
    category: PluginCategory | str | None,
) -> type[FunctionAction]:
    try:
        first, _ = inspect.signature(function).bind(None, None).arguments
    except (TypeError, ValueError):
        raise ActionDefinitionError(name, "its function does not take two arguments, (params, ctx)") from None
    if result is not None and not (isinstance(result, type) and issubclass(result, BaseModel)):
        raise ActionDefinitionError(name, f"its result model {result!r} is no pydantic model")
    body = {
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
        "__doc__": description or function.__doc__,
        "action_name": name,
        "category": category,
        "params_model": _params_model(function, name, first, params),
        "result_model": result or NoResult,
        "function": staticmethod(function),
    }
    made: Any = ABCMeta(function.__name__, (FunctionAction,), body)
    found: type[FunctionAction] = made
    return found


def _params_model(function: Callable[..., Any], name: str, first: str, params: object) -> object:
    from .open_params import OpenParams  # the first model of a process is dear: not made for those who decorate nothing

    given = params if params is not None else function.__annotations__.get(first, OpenParams)
    known = function.__globals__
    if isinstance(given, str) and given not in known and given.replace(".", "_").isidentifier():
        # Written in a module whose annotations are texts: the model is defined below the function.
        return ForwardModel(given, known)
    if isinstance(given, str):
        given = known.get(given)
    if isinstance(given, type) and issubclass(given, BaseModel):
        return given
    if params is None:
        return OpenParams
    raise ActionDefinitionError(name, f"its parameter model {params!r} is no pydantic model")
