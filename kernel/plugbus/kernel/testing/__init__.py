"""Fakes and checks for those who test plugins and hosts: real objects of the kernel's contracts, made to be steered.

Nothing here needs a test framework: a check that fails raises ``AssertionError`` and names everything that is wrong.
"""

from .fakes import FakePlugin, FakeSource, Gate
from .leaks import LeakCheck, assert_unloaded
from .recording import RecordedEvents

__all__ = ["FakePlugin", "FakeSource", "Gate", "LeakCheck", "RecordedEvents", "assert_unloaded"]
