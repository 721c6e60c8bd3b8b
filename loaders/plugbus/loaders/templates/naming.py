"""What a new plugin may be called: its name is its id, its folder and, in its tests, its package."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from importlib.util import find_spec
from typing import Final

from ..manifest import MANIFEST_NAME
from ..shipped import shipped_plugins
from .errors import PluginNameError

_LONGEST: Final = 40
_NAME: Final = re.compile(r"[a-z](?:_?[a-z0-9])*")
_RULE: Final = (
    f"a name is up to {_LONGEST} lower-case letters, digits and single '_' between them, and begins with a letter"
)
_TAKEN: Final = frozenset({"conftest", "plugbus", "plugin", "setup", "tests"})


def check_name(name: str) -> None:
    """Raise unless a plugin may have this name.

    Raises:
        PluginNameError: It may not; holds every fault, and a name that will do.
    """
    faults = _faults(name)
    if faults:
        raise PluginNameError(name, faults, _near(name))


def class_name(name: str) -> str:
    """Return a name in the spelling of classes: ``my_trainer`` is ``MyTrainer``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def title(name: str) -> str:
    """Return a name in the spelling of sentences: ``my_trainer`` is ``My trainer``."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _faults(name: str) -> tuple[str, ...]:
    if _NAME.fullmatch(name) is None or len(name) > _LONGEST:
        return (_RULE,)
    if keyword.iskeyword(name):
        return ("it is a keyword of Python",)
    if name in _TAKEN:
        return ("files of plugins, or of plugbus, have this name",)
    if name in sys.stdlib_module_names:
        return ("a module of Python's standard library has this name",)
    if (shipped_plugins() / name / MANIFEST_NAME).is_file():
        return ("a plugin that ships with plugbus has this name",)
    if _is_installed(name):
        return ("an installed module has this name",)
    return ()


def _is_installed(name: str) -> bool:
    """Tell whether the plugin's tests would find another module by its name; a mere folder is none."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and "site-packages" in spec.origin


def _near(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", plain)
    made = "_".join(words).lower().lstrip("0123456789_")[:_LONGEST].rstrip("_")
    return next((one for one in (made, f"{made}_plugin", f"my_{made}") if made and not _faults(one)), "")
