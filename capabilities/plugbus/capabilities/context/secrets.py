"""Which settings are secrets, and what is shown in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "********"

# Words of a name, whatever joins them: API_KEY, api-key, apiKey.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS: Final = frozenset({
    "accesskey", "apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials",
    "dsn", "jwt", "passcode", "passphrase", "passwd", "password", "passwords", "pin", "privatekey", "pw", "pwd",
    "secret", "secretkey", "secrets", "sessionid", "token", "tokens",
})  # fmt: skip
_KEYS: Final = frozenset({"key", "keys"})
# What makes a key one that anybody may see.
_OPEN_KEYS: Final = frozenset({"foreign", "primary", "public", "sort"})
_PASSWORD_IN_URL: Final = re.compile(r"(?P<head>[A-Za-z][\w+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)")


def is_secret_name(name: str) -> bool:
    """Tell whether a name is that of a secret: whether one of its words is ``password``, ``token``, ``key`` ..."""
    words = [one.lower() for one in _WORD.findall(name)]
    for place, word in enumerate(words):
        if word in _SECRET_WORDS or (word in _KEYS and (place == 0 or words[place - 1] not in _OPEN_KEYS)):
            return True
    return False


def masked(name: str, value: object, secrets: frozenset[str] = frozenset()) -> Any:
    """Return what may be shown of a value: ``MASK`` for a secret, and nothing secret inside of other values.

    Args:
        name: Of the setting that it is the value of.
        value: The value; mappings and lists are looked into, and addresses with a password.
        secrets: Further names of secrets.
    """
    if value is None or isinstance(value, bool):
        return value
    if name in secrets or is_secret_name(name) or hasattr(value, "get_secret_value"):
        return MASK
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(rf"\g<head>{MASK}", value) if "://" in value else value
    if isinstance(value, Mapping):
        return {key: masked(str(key), one, secrets) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked("", one, secrets) for one in value]
    return value
