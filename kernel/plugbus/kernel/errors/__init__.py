"""Every error the kernel raises: one root, the built-in that fits beside it, facts as attributes.

Each class takes positional facts, keeps them as attributes and passes them to ``Exception.__init__``, so that errors
can be told apart without reading their text, and survive pickling on their way through processes and Ray.
The text has one form: ``cannot <verb> <kind> '<id>': <cause>[; <what to do>]``.
"""

from .changes import (
    DependentsError,
    PluginLoadError,
    PluginUnloadError,
    ReloadError,
    SavedStateError,
    StateError,
    SwapError,
    UndeclaredCapabilityError,
)
from .events import (
    ForgedEventError,
    PayloadTypeError,
    PublishChainError,
    PublishDepthError,
    SubscriptionError,
    SubscriptionOrderError,
)
from .exclusion import ActivationError, PluginExcludedError
from .hooks import HookTimeoutError
from .naming import CapabilityNameError, ContractError, MetadataError, VersionError, VersionRangeError
from .plugins import KernelClosedError, PluginExistsError, PluginNotFoundError, PluginStateError, PluginTypeError
from .resolution import CycleError, FailedDependencyError, ResolutionError
from .root import KernelError
from .services import (
    AmbiguousServiceError,
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
)
from .wording import near_names, offer

__all__ = [
    "ActivationError",
    "AmbiguousServiceError",
    "CapabilityNameError",
    "ContractError",
    "CycleError",
    "DependentsError",
    "FailedDependencyError",
    "ForgedEventError",
    "HookTimeoutError",
    "KernelClosedError",
    "KernelError",
    "MetadataError",
    "PayloadTypeError",
    "PluginExcludedError",
    "PluginExistsError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PluginStateError",
    "PluginTypeError",
    "PluginUnloadError",
    "PublishChainError",
    "PublishDepthError",
    "ReloadError",
    "ResolutionError",
    "SavedStateError",
    "ScopeCloseError",
    "ScopeError",
    "ServiceBuildError",
    "ServiceCircleError",
    "ServiceCloseError",
    "ServiceExistsError",
    "ServiceNotFoundError",
    "ServiceTimeoutError",
    "ServiceTypeError",
    "ServiceWithdrawnError",
    "StateError",
    "SubscriptionError",
    "SubscriptionOrderError",
    "SwapError",
    "UndeclaredCapabilityError",
    "VersionError",
    "VersionRangeError",
    "near_names",
    "offer",
]
