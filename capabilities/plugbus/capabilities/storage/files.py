"""What is known of a file in a storage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """Say where a file is, and how to tell that it is still the same.

    Args:
        uri: Its address, such as ``file:///data/cats/1.jpg`` or ``s3://bucket/cats/1.jpg``.
        size: Bytes, from 0 on.
        sha256: SHA-256 of its content, 64 lower-case hexadecimal digits.
        media_type: What its name says that it holds, such as ``image/jpeg``; None where it says nothing.
    """

    uri: str
    size: int
    sha256: str
    media_type: str | None = None
