"""Executors on this machine: in the caller's thread, in threads, in processes; and pipelines in the background."""

from typing import TYPE_CHECKING

from plugbus.kernel import import_late

from .executor import LocalExecutor
from .plugin import LocalExecutorPlugin

# What starts threads and processes is imported when it is first asked for.
if TYPE_CHECKING:
    from .errors import NotSendableError, WorkerDiedError
    from .pipelines import LocalPipelineExecutor
    from .processes import ProcessExecutor
    from .threads import ThreadExecutor
else:
    __getattr__ = import_late(
        __name__,
        errors=("NotSendableError", "WorkerDiedError"),
        pipelines=("LocalPipelineExecutor",),
        processes=("ProcessExecutor",),
        threads=("ThreadExecutor",),
    )

__all__ = [
    "LocalExecutor",
    "LocalExecutorPlugin",
    "LocalPipelineExecutor",
    "NotSendableError",
    "ProcessExecutor",
    "ThreadExecutor",
    "WorkerDiedError",
]
