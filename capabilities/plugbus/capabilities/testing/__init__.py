"""For tests of plugins: suites that every provider of a capability has to pass, and fakes. Needs pytest."""

import pytest

# Plain asserts of the suites are to say what they compared, as those of test modules do.
pytest.register_assert_rewrite(
    f"{__name__}.backend_contract",
    f"{__name__}.dialect_contract",
    f"{__name__}.executor_contract",
    f"{__name__}.pipeline_executor_contract",
    f"{__name__}.storage_contract",
    f"{__name__}.tracking_contract",
)

from .backend_contract import BackendContract  # noqa: E402 - see above
from .dialect_contract import DialectContract  # noqa: E402
from .executor_contract import ExecutorContract  # noqa: E402
from .fake_tracking import FakeTracking, FakeTrackingClient  # noqa: E402
from .kitchen_sink import KitchenSink  # noqa: E402
from .pipeline_executor_contract import PipelineExecutorContract  # noqa: E402
from .storage_contract import StorageContract  # noqa: E402
from .tracking_contract import Tracked, TrackingContract  # noqa: E402
from .untouched_form import form_property, untouched_form  # noqa: E402

__all__ = [
    "BackendContract",
    "DialectContract",
    "ExecutorContract",
    "FakeTracking",
    "FakeTrackingClient",
    "KitchenSink",
    "PipelineExecutorContract",
    "StorageContract",
    "Tracked",
    "TrackingContract",
    "form_property",
    "untouched_form",
]
