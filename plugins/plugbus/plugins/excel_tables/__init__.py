"""Tables in Excel workbooks, read by openpyxl."""

from .plugin import ExcelTablesPlugin
from .reader import ExcelTableReader

__all__ = ["ExcelTableReader", "ExcelTablesPlugin"]
