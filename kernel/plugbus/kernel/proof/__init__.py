"""The proof of an unload: what still lives of a plugin that is gone, and who holds it.

What looks at the process is imported when the first proof is asked for.
"""

from .report import Leftover, LeftoverKind, UnloadProof

__all__ = ["Leftover", "LeftoverKind", "UnloadProof"]
