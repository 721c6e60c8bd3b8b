"""Tables in files."""

from .contract import TableReader, Tables

__all__ = ["TableReader", "Tables"]
