"""Progress, metrics and logs of jobs in the backend: batched, coalesced, with an honest report of what was lost."""

from .log_writer import JobLogWriter
from .plugin import BackendLoggingConfig, BackendLoggingPlugin
from .settings import WriterSettings

__all__ = ["BackendLoggingConfig", "BackendLoggingPlugin", "JobLogWriter", "WriterSettings"]
