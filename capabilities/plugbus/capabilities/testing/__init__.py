"""For tests of plugins: suites that every provider of a capability has to pass, and fakes. Needs pytest."""

import pytest

# Plain asserts of the suites are to say what they compared, as those of test modules do.
pytest.register_assert_rewrite(
    f"{__name__}.backend_contract",
    f"{__name__}.deployer_contract",
    f"{__name__}.dialect_contract",
    f"{__name__}.executor_contract",
    f"{__name__}.image_size_contract",
    f"{__name__}.pipeline_executor_contract",
    f"{__name__}.storage_contract",
    f"{__name__}.table_contract",
    f"{__name__}.tracking_contract",
    f"{__name__}.tuner_contract",
)

from .backend_contract import BackendContract  # noqa: E402 - see above
from .deployer_contract import DeployerContract  # noqa: E402
from .dialect_contract import DialectContract  # noqa: E402
from .executor_contract import ExecutorContract  # noqa: E402
from .fake_tracking import FakeTracking, FakeTrackingClient  # noqa: E402
from .image_size_contract import ImageSizeContract  # noqa: E402
from .kitchen_sink import KitchenSink  # noqa: E402
from .pipeline_executor_contract import PipelineExecutorContract  # noqa: E402
from .storage_contract import StorageContract  # noqa: E402
from .table_contract import TableReaderContract  # noqa: E402
from .tracking_contract import Tracked, TrackingContract  # noqa: E402
from .tuner_contract import TunerContract  # noqa: E402
from .untouched_form import form_property, untouched_form  # noqa: E402

__all__ = [
    "BackendContract",
    "DeployerContract",
    "DialectContract",
    "ExecutorContract",
    "FakeTracking",
    "FakeTrackingClient",
    "ImageSizeContract",
    "KitchenSink",
    "PipelineExecutorContract",
    "StorageContract",
    "TableReaderContract",
    "Tracked",
    "TrackingContract",
    "TunerContract",
    "form_property",
    "untouched_form",
]
