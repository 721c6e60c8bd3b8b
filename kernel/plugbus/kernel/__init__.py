"""The plugbus microkernel: plugins, typed capabilities, an event bus, and the lifecycle that holds them together."""

from typing import TYPE_CHECKING

from .bus import EventBus, EventHandler, PluginIds, TopicHandler
from .capabilities import Capability, Requirement
from .causality import Cause, Tracing
from .context import PluginContext
from .errors import (
    ActivationError,
    AmbiguousServiceError,
    CapabilityNameError,
    ContractError,
    CycleError,
    DependentsError,
    FailedDependencyError,
    ForgedEventError,
    HookTimeoutError,
    KernelClosedError,
    KernelError,
    MetadataError,
    PayloadTypeError,
    PluginExcludedError,
    PluginExistsError,
    PluginLoadError,
    PluginNotFoundError,
    PluginStateError,
    PluginTypeError,
    PluginUnloadError,
    PublishChainError,
    PublishDepthError,
    ReloadError,
    ResolutionError,
    SavedStateError,
    ScopeCloseError,
    ScopeError,
    ServiceBuildError,
    ServiceCircleError,
    ServiceCloseError,
    ServiceExistsError,
    ServiceNotFoundError,
    ServiceTimeoutError,
    ServiceTypeError,
    ServiceWithdrawnError,
    StateError,
    SubscriptionError,
    SubscriptionOrderError,
    SwapError,
    UndeclaredCapabilityError,
    VersionError,
    VersionRangeError,
)
from .event_port import EventPort
from .events import (
    CapabilityProvided,
    CapabilityWithdrawn,
    CustomEvent,
    Event,
    KernelEvent,
    PluginDisabled,
    PluginEnabled,
    PluginFailed,
    PluginLoaded,
    PluginQuarantined,
    PluginRegistered,
    PluginSwapped,
    PluginUnloaded,
    PluginUnregistered,
    SubscriberFailed,
    SystemInit,
    SystemShutdown,
)
from .exclusion import Exclusion, ExclusionKind
from .handles import Ref, Withdrawal
from .hooks import HookRunner, HungHook
from .keeping import SavedState, StateStore
from .kernel import Kernel
from .late import import_late
from .load_cause import LoadCause, LoadCauseKind
from .locator import ServiceLocator
from .metadata import PluginMetadata
from .plugin import InstanceSource, Plugin, PluginSource
from .providers import Provision
from .ranges import VersionRange, parse_range
from .registry import PluginFailure, PluginRecord, PluginRegistry, PluginState
from .subscriptions import Subscription
from .versions import Version, parse_version
from .watching import ChangeHandler, ChangeKind, ServiceChange

# What many hosts never name is imported when it is first asked for.
if TYPE_CHECKING:
    from .health import HealthReport, HealthStatus
    from .outcomes import LoadReport, ReloadReport, SwapReport
    from .proof import Leftover, LeftoverKind, UnloadProof
    from .report import KernelReport, PluginReport
    from .resolver import Plan, resolve
    from .scopes import Scope
    from .timings import Timing, Timings
else:
    __getattr__ = import_late(
        __name__,
        health=("HealthReport", "HealthStatus"),
        outcomes=("LoadReport", "ReloadReport", "SwapReport"),
        proof=("Leftover", "LeftoverKind", "UnloadProof"),
        report=("KernelReport", "PluginReport"),
        resolver=("Plan", "resolve"),
        scopes=("Scope",),
        timings=("Timing", "Timings"),
    )

__all__ = [
    "ActivationError",
    "AmbiguousServiceError",
    "Capability",
    "CapabilityNameError",
    "CapabilityProvided",
    "CapabilityWithdrawn",
    "Cause",
    "ChangeHandler",
    "ChangeKind",
    "ContractError",
    "CustomEvent",
    "CycleError",
    "DependentsError",
    "Event",
    "EventBus",
    "EventHandler",
    "EventPort",
    "Exclusion",
    "ExclusionKind",
    "FailedDependencyError",
    "ForgedEventError",
    "HealthReport",
    "HealthStatus",
    "HookRunner",
    "HookTimeoutError",
    "HungHook",
    "InstanceSource",
    "Kernel",
    "KernelClosedError",
    "KernelError",
    "KernelEvent",
    "KernelReport",
    "Leftover",
    "LeftoverKind",
    "LoadCause",
    "LoadCauseKind",
    "LoadReport",
    "MetadataError",
    "PayloadTypeError",
    "Plan",
    "Plugin",
    "PluginContext",
    "PluginDisabled",
    "PluginEnabled",
    "PluginExcludedError",
    "PluginExistsError",
    "PluginFailed",
    "PluginFailure",
    "PluginIds",
    "PluginLoadError",
    "PluginLoaded",
    "PluginMetadata",
    "PluginNotFoundError",
    "PluginQuarantined",
    "PluginRecord",
    "PluginRegistered",
    "PluginRegistry",
    "PluginReport",
    "PluginSource",
    "PluginState",
    "PluginStateError",
    "PluginSwapped",
    "PluginTypeError",
    "PluginUnloadError",
    "PluginUnloaded",
    "PluginUnregistered",
    "Provision",
    "PublishChainError",
    "PublishDepthError",
    "Ref",
    "ReloadError",
    "ReloadReport",
    "Requirement",
    "ResolutionError",
    "SavedState",
    "SavedStateError",
    "Scope",
    "ScopeCloseError",
    "ScopeError",
    "ServiceBuildError",
    "ServiceChange",
    "ServiceCircleError",
    "ServiceCloseError",
    "ServiceExistsError",
    "ServiceLocator",
    "ServiceNotFoundError",
    "ServiceTimeoutError",
    "ServiceTypeError",
    "ServiceWithdrawnError",
    "StateError",
    "StateStore",
    "SubscriberFailed",
    "Subscription",
    "SubscriptionError",
    "SubscriptionOrderError",
    "SwapError",
    "SwapReport",
    "SystemInit",
    "SystemShutdown",
    "Timing",
    "Timings",
    "TopicHandler",
    "Tracing",
    "UndeclaredCapabilityError",
    "UnloadProof",
    "Version",
    "VersionError",
    "VersionRange",
    "VersionRangeError",
    "Withdrawal",
    "import_late",
    "parse_range",
    "parse_version",
    "resolve",
]
