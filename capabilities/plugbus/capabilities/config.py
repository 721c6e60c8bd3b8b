"""A plugin's configuration as an object of its own model, whichever host gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from .errors import PluginConfigError

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext

M = TypeVar("M", bound=BaseModel)


def plugin_config(ctx: PluginContext, model: type[M]) -> M:
    """Return the configuration of the plugin that owns ``ctx``.

    A host that reads files has validated it already, with places in the file; a program that embeds the kernel hands
    a mapping over, which is validated here.

    Raises:
        PluginConfigError: It does not fit; holds every fault.
    """
    if isinstance(ctx.config, model):
        return ctx.config
    try:
        return model.model_validate(ctx.config)
    except ValidationError as error:
        faults = tuple((".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors())
        raise PluginConfigError(ctx.plugin_id, faults) from error
