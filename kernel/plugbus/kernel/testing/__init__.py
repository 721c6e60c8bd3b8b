"""Fakes and checks for those who test plugins and hosts: real objects of the kernel's contracts, made to be steered.

Nothing here needs a test framework: a check that fails raises ``AssertionError`` and names everything that is wrong.
The module ``fixtures`` beside it has what pytest wants.
"""

from .fakes import FakePlugin, FakeSource, Gate
from .leaks import LeakCheck, assert_unloaded
from .recording import RecordedEvents
from .unloads import UnloadCheck

__all__ = ["FakePlugin", "FakeSource", "Gate", "LeakCheck", "RecordedEvents", "UnloadCheck", "assert_unloaded"]
