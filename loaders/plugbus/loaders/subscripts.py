"""Caches of the standard library and of pydantic that hold on to the classes of plugins."""

from __future__ import annotations

import sys
import typing
from contextvars import ContextVar


def forget_subscripts(package: str) -> None:
    """Empty the caches of other modules that would keep the classes of a package alive for ever."""
    # typing keeps subscripts such as Base[Params] in lru caches. The list of their cache_clear functions is
    # private, but there is no public way to empty them.
    for clear in getattr(typing, "_cleanups", ()):
        clear()
    # pydantic keeps Page[Params] weakly, but under a key that holds Params, and Params reaches Page[Params] through
    # the globals of its methods: the entry keeps itself alive. Only the plugin's own entries may go, a host's
    # models would change their identity. Looked up and not imported, as most plugins use no pydantic.
    generics = sys.modules.get("pydantic._internal._generics")
    models: typing.Any = getattr(generics, "_GENERIC_TYPES_CACHE", None)
    if isinstance(models, ContextVar):  # 2.11 and 2.12 have one a context, and only this context's can be reached
        models = models.get(None)
    for key in list(getattr(models, "data", ())):
        if _is_mentioned(package, key):
            model = models.pop(key, None)
            # Before 2.14 a subscript at module level is also put into the module of its origin, the host's here.
            module = sys.modules.get(getattr(model, "__module__", ""))
            for name in [name for name, held in list(vars(module).items()) if held is model] if module else ():
                if "[" in name:  # no name that somebody has written
                    vars(module).pop(name, None)


def _is_mentioned(package: str, part: object) -> bool:
    """Return whether a class of the package is, or is an argument of, a part of a type."""
    module = getattr(part, "__module__", None)
    if isinstance(module, str) and (module == package or module.startswith(f"{package}.")):
        return True
    nested = part if isinstance(part, tuple) else typing.get_args(part)
    model = getattr(part, "__pydantic_generic_metadata__", None) or {}
    return any(_is_mentioned(package, one) for one in (*nested, *model.get("args", ())))
