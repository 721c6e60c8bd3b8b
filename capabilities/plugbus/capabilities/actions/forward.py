"""Parameter models that are named before they are defined."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..errors import ActionDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .action import BaseAction


class ForwardModel:
    """Stand for a model given as text, as in ``BaseAction["Params"]``, until somebody asks for it.

    The name is looked up in the action's own class body, then in its module; a dotted one goes on from there. Nothing
    is evaluated. What is found takes this object's place.

    Args:
        text: The name.
        known: The names around the action; those of its module by default.
    """

    __slots__ = ("_known", "_text")

    def __init__(self, text: str, known: Mapping[str, Any] | None = None) -> None:
        self._text = text
        self._known = known

    def __get__(self, instance: object, owner: type[BaseAction[Any]]) -> type[BaseModel]:
        """Return the model.

        Raises:
            ActionDefinitionError: There is none of that name.
        """
        home: Any = next(one for one in owner.__mro__ if one.__dict__.get("params_model") is self)
        first, *rest = self._text.split(".")
        around = vars(sys.modules[home.__module__]) if self._known is None else self._known
        found: object = home.__dict__.get(first, around.get(first))
        for name in rest:
            found = getattr(found, name, None)
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            why = "is not there" if found is None else f"is {found!r}, which is no pydantic model"
            cause = (
                f"its parameter model '{self._text}' {why}; define it in module '{home.__module__}', "
                "or set params_model in the class"
            )
            raise ActionDefinitionError(home.action_name or home.__qualname__, cause)
        home.params_model = found
        return found
