"""Writing a call so that another process can read it."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from plugbus.capabilities import reopening_of

from .errors import NotSendableError
from .worker import Order, PrivatePackage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.capabilities import ActionCall

_NUMBERS: Final = count(1)


def order_of(call: ActionCall) -> Order:
    """Return a call as an order for another process.

    The token stays here, where it can be watched.

    Raises:
        NotSendableError: Something in it can't be pickled; says what.
    """
    try:
        written = _written(replace(call, cancellation=None))
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise NotSendableError(call.label, "call", cause) from error
    sent = (call.params, call.client, call.storage)
    kinds = {call.action_cls.__module__, *(type(one).__module__ for one in sent)}
    return Order(next(_NUMBERS), call.label, written, tuple(_private(kinds)))


class _Pickler(pickle.Pickler):
    """Write classes that were made of others as what they are made of; by their names they are not found."""

    def reducer_override(self, obj: Any) -> Any:
        made_by = vars(obj).get("__pickled_as__") if isinstance(obj, type) else None
        return made_by or NotImplemented


def _written(call: ActionCall) -> bytes:
    file = BytesIO()
    _Pickler(file).dump(call)
    return file.getvalue()


def _private(modules: set[str]) -> Iterator[PrivatePackage]:
    """Yield the packages around some modules that only this process can import by their names."""
    for name in sorted({module.partition(".")[0] for module in modules}):
        package = sys.modules.get(name)
        spec = None if package is None else package.__spec__
        if spec is None or spec.submodule_search_locations is None or not name.startswith("plugbus_plugin_"):
            continue
        yield PrivatePackage(name, spec.origin, tuple(spec.submodule_search_locations), reopening_of(name))
