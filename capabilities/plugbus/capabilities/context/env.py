"""The settings of a job from outside: keys, hosts, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from .errors import SettingNotFoundError, SettingsFileError, SettingValueError
from .secrets import is_secret_name, masked

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

DEFAULT_PREFIX: Final = "PLUGIN_"

_TRUE: Final = frozenset({"true", "1", "yes", "on", "y", "t"})
_FALSE: Final = frozenset({"false", "0", "no", "off", "n", "f"})
_LONGEST_SHOWN: Final = 60


class _Required:
    """The default of a setting that has to be there."""

    def __repr__(self) -> str:
        return "REQUIRED"


_REQUIRED: Final = _Required()


class PluginEnvironment(Mapping[str, Any]):
    """Settings by name, read only, with getters that check what they return.

    Secrets are masked wherever the whole is shown: ``repr``, ``str``, logs, errors. They are those whose name has a
    word such as ``password``, ``token`` or ``key``, those that are named in ``secrets``, and values such as pydantic's
    ``SecretStr``. What is asked for by name is returned as it is.

    Args:
        values: The settings. A value of None counts as not set for the getters.
        secrets: Names of further settings that are secrets.
        origin: Where they came from, for errors.
    """

    __slots__ = ("_origins", "_secrets", "_values")

    def __init__(
        self, values: Mapping[str, Any] | None = None, *, secrets: Iterable[str] = (), origin: str = ""
    ) -> None:
        self._values: dict[str, Any] = dict(values) if values else {}
        self._secrets = frozenset(secrets) if secrets else _NO_SECRETS
        self._origins: Mapping[str, str] = dict.fromkeys(self._values, origin) if origin else _NO_ORIGINS
        # Not isinstance: what derives from an ABC is asked slowly, and every job makes settings.
        if type(values) is PluginEnvironment:
            self._secrets |= values._secrets
            self._origins = self._origins or values._origins

    @classmethod
    def from_environ(
        cls,
        prefix: str | None = None,
        *,
        prefixes: Iterable[str] = (),
        secrets: Iterable[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> PluginEnvironment:
        """Take the variables of the process whose names begin with a prefix.

        Never all of them: the environment of a process holds secrets that are not for its plugins. Whoever wants all
        says so, with ``PluginEnvironment(os.environ)``.

        Args:
            prefix: It is taken off the names. ``PLUGIN_`` if neither this nor ``prefixes`` is given.
            prefixes: Variables with these are taken under their full names; ``prefix`` wins where names meet.
            secrets: Names, as they are taken, of further secrets.
            environ: The variables; those of the process by default.

        Raises:
            ValueError: A prefix is empty.
        """
        if environ is None:
            from os import environ as found

            environ = found
        whole = tuple(prefixes)
        if prefix is None and not whole:
            prefix = DEFAULT_PREFIX
        if "" in (prefix, *whole):
            raise ValueError(
                "cannot read settings from variables with the prefix '': that would be the whole environment; "
                "give a prefix, or PluginEnvironment(os.environ) if that is what you want"
            )
        taken = {name: name for name in environ if name.startswith(whole)}
        if prefix is not None:
            taken |= {name[len(prefix) :]: name for name in environ if name.startswith(prefix) and name != prefix}
        made = cls({key: environ[name] for key, name in taken.items()}, secrets=secrets)
        made._origins = {key: f"environment variable {name}" for key, name in taken.items()}
        return made

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, secrets: Iterable[str] = ()) -> PluginEnvironment:
        """Read a TOML file; its tables become mappings.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: It can't be read.
            SettingsFileError: It is no TOML; says in which line.
        """
        import tomllib

        place = Path(path)
        data = place.read_bytes()
        try:
            values = tomllib.loads(data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise SettingsFileError(str(place), line, "it is not written in UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            # From None: the rest of what the parser kept may hold secrets.
            raise SettingsFileError(str(place), *_line_and_cause(str(error), data)) from None
        return cls(values, secrets=secrets, origin=str(place))

    def merge(self, *others: Mapping[str, Any]) -> PluginEnvironment:
        """Return settings of which those of later ones win; tables are replaced as a whole.

        Also ``PluginEnvironment.merge(first, second, ...)``.
        """
        made = PluginEnvironment(self)
        origins = dict(self._origins)
        for other in others:
            given = other if isinstance(other, PluginEnvironment) else PluginEnvironment(other)
            made._values |= given._values
            made._secrets |= given._secrets
            for key in given._values:
                origins[key] = given._origins.get(key, "")
        made._origins = origins
        return made

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as they are, secrets too."""
        return dict(self._values)

    def masked(self) -> dict[str, Any]:
        """Return all settings as they may be shown."""
        return {key: masked(key, value, self._secrets) for key, value in self._values.items()}

    def is_secret(self, key: str) -> bool:
        """Tell whether a setting of this name is masked where all are shown."""
        value = self._values.get(key)
        return key in self._secrets or is_secret_name(key) or hasattr(value, "get_secret_value")

    def origin(self, key: str) -> str:
        """Return where a setting came from: a file, a variable; empty where that is not known."""
        return self._origins.get(key, "")

    @overload
    def get_str(self, key: str) -> str: ...
    @overload
    def get_str(self, key: str, default: T) -> str | T: ...
    def get_str(self, key: str, default: object = _REQUIRED) -> object:
        """Return a setting as text; numbers and booleans as they are written.

        Raises:
            SettingNotFoundError: It is not set, and there is no default.
            SettingValueError: It is a table or a list.
        """
        return self._read(key, default, _as_str, "a text")

    @overload
    def get_int(self, key: str) -> int: ...
    @overload
    def get_int(self, key: str, default: T) -> int | T: ...
    def get_int(self, key: str, default: object = _REQUIRED) -> object:
        """Return a setting as a whole number.

        Raises:
            SettingNotFoundError: It is not set, and there is no default.
            SettingValueError: It is none.
        """
        return self._read(key, default, _as_int, "a whole number, such as 32")

    @overload
    def get_float(self, key: str) -> float: ...
    @overload
    def get_float(self, key: str, default: T) -> float | T: ...
    def get_float(self, key: str, default: object = _REQUIRED) -> object:
        """Return a setting as a number.

        Raises:
            SettingNotFoundError: It is not set, and there is no default.
            SettingValueError: It is none.
        """
        return self._read(key, default, _as_float, "a number, such as 0.001")

    @overload
    def get_bool(self, key: str) -> bool: ...
    @overload
    def get_bool(self, key: str, default: T) -> bool | T: ...
    def get_bool(self, key: str, default: object = _REQUIRED) -> object:
        """Return a setting as true or false: ``true``, ``1``, ``yes``, ``on``, ``y``, ``t`` or their opposites.

        Raises:
            SettingNotFoundError: It is not set, and there is no default.
            SettingValueError: It is none of them.
        """
        return self._read(key, default, _as_bool, "true or false, 1 or 0, yes or no, on or off")

    @overload
    def get_list(self, key: str) -> list[Any]: ...
    @overload
    def get_list(self, key: str, default: T) -> list[Any] | T: ...
    def get_list(self, key: str, default: object = _REQUIRED) -> object:
        """Return a setting as a new list; a text is split at its commas, and what is empty between them left out.

        Tuples become lists, sets sorted ones.

        Raises:
            SettingNotFoundError: It is not set, and there is no default.
            SettingValueError: It is neither.
        """
        return self._read(key, default, _as_list, "a list, or texts with commas between them")

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting as it is, or the default where it is not set."""
        return self._values.get(key, default)

    def __getitem__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise SettingNotFoundError(key, self._near(key)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __hash__(self) -> int:
        return hash(frozenset(self._values))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({self.masked()!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._values, self._secrets, dict(self._origins))

    def _near(self, key: object) -> tuple[str, ...]:
        from difflib import get_close_matches

        by_folded = {str(one).casefold(): one for one in self._values}
        found = get_close_matches(str(key).casefold(), by_folded, n=3, cutoff=0.6)
        return tuple(by_folded[one] for one in found)

    def _read(self, key: str, default: object, read: Callable[[Any], object], expected: str) -> object:
        value = self._values.get(key)
        if value is None:
            if default is _REQUIRED:
                raise SettingNotFoundError(key, self._near(key))
            return default
        reveal = getattr(value, "get_secret_value", None)
        try:
            return read(reveal() if callable(reveal) else value)
        except (TypeError, ValueError, OverflowError):
            # From None: what was raised may quote the value.
            raise SettingValueError(key, expected, self._told(key, value), self.origin(key)) from None

    def _told(self, key: str, value: object) -> str:
        """Say what a wrong value is, without it where it is a secret."""
        if self.is_secret(key):
            return "a secret of another form"
        shown = repr(masked(key, value, self._secrets))
        return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."


_NO_SECRETS: Final[frozenset[str]] = frozenset()
_NO_ORIGINS: Final[Mapping[str, str]] = {}
NO_SETTINGS: Final = PluginEnvironment()


def _restored(values: dict[str, Any], secrets: frozenset[str], origins: dict[str, str]) -> PluginEnvironment:
    made = PluginEnvironment(values, secrets=secrets)
    made._origins = origins
    return made


def _line_and_cause(message: str, data: bytes) -> tuple[int, str]:
    """Take apart what the parser says: ``Invalid value (at line 2, column 5)``, or ``(at end of document)``."""
    cause, _, place = message.rpartition(" (at ")
    line, _, column = place.removeprefix("line ").rstrip(")").partition(", column ")
    if line.isdecimal():
        return int(line), f"{cause} at column {column}"
    return data.count(b"\n") + 1, f"{cause or message} at the end of the file"


def _as_str(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple | Set | bytes):
        raise TypeError
    return str(value)


def _as_int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _as_float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _as_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [part for part in (one.strip() for one in value.split(",")) if part]
    if isinstance(value, Set):
        try:
            return sorted(value)
        except TypeError:  # of several kinds
            return sorted(value, key=repr)
    if isinstance(value, list | tuple):
        return list(value)
    raise TypeError
