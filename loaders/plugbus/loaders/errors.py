"""Every error of finding plugins and bringing them in."""

from __future__ import annotations


class LoaderError(Exception):
    """Root of everything the loaders raise on purpose."""
