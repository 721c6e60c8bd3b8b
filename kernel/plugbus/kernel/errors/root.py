"""The root of every error that the kernel raises."""

from __future__ import annotations


class KernelError(Exception):
    """Root of everything the kernel raises on purpose."""
