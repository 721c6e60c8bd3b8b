"""A running iPOPO framework for the time of one measurement."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def pelix_framework(*bundles: str) -> Iterator[Any]:
    """Start the framework, of which a process has one at a time, with some bundles; yield its bundle context.

    Raises:
        ModuleNotFoundError: iPOPO is not installed.
    """
    module = import_module("pelix.framework")
    framework = module.create_framework(bundles)
    framework.start()
    try:
        yield framework.get_bundle_context()
    finally:
        module.FrameworkFactory.delete_framework(framework)
