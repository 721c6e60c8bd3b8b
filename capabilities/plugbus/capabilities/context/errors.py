"""What is wrong with settings and with messages."""

from __future__ import annotations

from ..errors import CapabilityError


class SettingNotFoundError(CapabilityError, KeyError):
    """Name a setting that is not there, and what is near."""

    def __init__(self, key: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(key, near)
        self.key = key
        self.near = near

    def __str__(self) -> str:
        near = " or ".join(f"'{one}'" for one in self.near)
        remedy = f"did you mean {near}?" if near else "set it, or give a default"
        return f"cannot find setting '{self.key}': nothing sets it; {remedy}"


class SettingValueError(CapabilityError, ValueError):
    """Refuse the value of a setting. A secret value is neither told nor kept.

    Args:
        key: The setting.
        expected: What it has to be, with an example.
        found: What it is; masked where it is a secret.
        origin: Where it came from; empty where that is not known.
    """

    def __init__(self, key: str, expected: str, found: str, origin: str = "") -> None:
        super().__init__(key, expected, found, origin)
        self.key = key
        self.expected = expected
        self.found = found
        self.origin = origin

    def __str__(self) -> str:
        origin = f", from {self.origin}" if self.origin else ""
        return f"cannot read setting '{self.key}': it is {self.found}{origin}; give {self.expected}"


class SettingsFileError(CapabilityError, ValueError):
    """Refuse a file that is no TOML.

    Args:
        path: The file.
        line: Where it is wrong, counted from 1; 0 where that is not known.
        cause: What is wrong there.
    """

    def __init__(self, path: str, line: int, cause: str) -> None:
        super().__init__(path, line, cause)
        self.path = path
        self.line = line
        self.cause = cause

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"cannot read settings file '{place}': {self.cause}; write TOML, such as NAME = \"value\""


class MessageDefinitionError(CapabilityError, ValueError):
    """Refuse messages whose templates are not texts by language, with every fault as ``(code, why)``."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{code}: {why}" if code else why for code, why in self.faults)
        return f"cannot define messages: {told}"
