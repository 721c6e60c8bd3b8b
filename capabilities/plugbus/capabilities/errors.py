"""Every error of the domain: what is wrong with an action, a run, or what it tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


class CapabilityError(Exception):
    """Root of everything that this package raises on purpose."""


class ActionDefinitionError(CapabilityError, TypeError):
    """Refuse an action class that could not be run."""

    def __init__(self, action: str, cause: str) -> None:
        super().__init__(action, cause)
        self.action = action
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot use action '{self.action}': {self.cause}"


class ActionPolicyError(CapabilityError, ValueError):
    """Refuse a policy that could not be followed, with every fault as ``(name, why)``."""

    def __init__(self, kind: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(kind, faults)
        self.kind = kind
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot make {self.kind}: {_told(self.faults)}"


class ActionTimeoutError(CapabilityError, TimeoutError):
    """Say that an action took longer than its policy allows.

    Args:
        action: The action.
        limit: Which limit: ``timeout_s``, of one attempt, or ``deadline_s``, of all.
        seconds: How long it is.
        result: What the action returned all the same when its time was over; None if it did not.
    """

    def __init__(self, action: str, limit: str, seconds: float, result: Any = None) -> None:
        super().__init__(action, limit, seconds, result)
        self.action = action
        self.limit = limit
        self.seconds = seconds
        self.result = result

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, float, Any], dict[str, Any]]:
        # OSError, the base of TimeoutError, would keep the first two arguments alone.
        return type(self), (self.action, self.limit, self.seconds, self.result), vars(self)

    def __str__(self) -> str:
        return (
            f"cannot finish action '{self.action}': it took longer than {self.seconds:g} s; "
            f"raise {self.limit} of its policy, or give it less to do"
        )


class ActionNotFoundError(CapabilityError, LookupError):
    """Name an action that no loaded plugin offers, and what is near."""

    def __init__(self, action: str, near: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> None:
        super().__init__(action, near, known)
        self.action = action
        self.near = near
        self.known = known

    def __str__(self) -> str:
        names = self.near or self.known
        if not names:
            return f"cannot find action '{self.action}': no plugin offers any"
        offered = " or ".join(f"'{name}'" for name in names) if self.near else ", ".join(f"'{one}'" for one in names)
        tail = f"did you mean {offered}?" if self.near else f"there are {offered}"
        return f"cannot find action '{self.action}': no plugin offers it; {tail}"


class PluginConfigError(CapabilityError, ValueError):
    """Refuse a plugin's configuration, with every fault as ``(path, why)``."""

    def __init__(self, plugin_id: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(plugin_id, faults)
        self.plugin_id = plugin_id
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot configure plugin '{self.plugin_id}': {_told(self.faults)}"


class ParamsError(CapabilityError, ValueError):
    """Refuse parameters, with every fault.

    Args:
        action: The action that they were meant for.
        faults: One ``(path, why)`` for each fault; the path is dotted, such as ``optimiser.learning_rate``.
    """

    def __init__(self, action: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(action, faults)
        self.action = action
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot run action '{self.action}': {_told(self.faults)}"


class ResultError(CapabilityError, TypeError):
    """Refuse what an action returned; the result is kept.

    Args:
        action: The action.
        expected: Name of the declared result model.
        faults: One ``(path, why)`` for each fault.
        result: What the action returned.
    """

    def __init__(self, action: str, expected: str, faults: tuple[tuple[str, str], ...], result: Any) -> None:
        super().__init__(action, expected, faults, result)
        self.action = action
        self.expected = expected
        self.faults = faults
        self.result = result

    def __str__(self) -> str:
        return f"cannot accept result of action '{self.action}' as {self.expected}: {_told(self.faults)}"


class RunSpecError(CapabilityError, ValueError):
    """Refuse a run's specification, with every fault."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot run specification: {'; '.join(self.faults)}"


class RunLifecycleError(CapabilityError, RuntimeError):
    """Refuse to let a plugin start or end the run that it is part of, or to track after its end."""

    def __init__(self, run_id: str, verb: str, cause: str) -> None:
        super().__init__(run_id, verb, cause)
        self.run_id = run_id
        self.verb = verb
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot {self.verb} run '{self.run_id}': {self.cause}"


class NoRunError(CapabilityError, RuntimeError):
    """Refuse what needs the files of a run to a job that is part of none."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"cannot keep files of job '{self.job_id}': it is part of no run; start it with ActionRunner.run"


class WorkCancelledError(CapabilityError, RuntimeError):
    """Say that work stopped because it was asked to.

    Args:
        work: What stopped, such as ``step 'upload'``.
        reason: Why it was asked to.
    """

    def __init__(self, work: str, reason: str) -> None:
        super().__init__(work, reason)
        self.work = work
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot go on with {self.work}: {self.reason}"


class TrackingError(CapabilityError, ValueError):
    """Refuse something that can't be tracked."""

    def __init__(self, kind: str, key: str, cause: str) -> None:
        super().__init__(kind, key, cause)
        self.kind = kind
        self.key = key
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot track {self.kind} '{self.key}': {self.cause}"


class RunNotFoundError(CapabilityError, LookupError):
    """Name a run that is not there."""

    def __init__(self, wanted: str, root: str, remedy: str) -> None:
        super().__init__(wanted, root, remedy)
        self.wanted = wanted
        self.root = root
        self.remedy = remedy

    def __str__(self) -> str:
        return f"cannot find run '{self.wanted}': it is not under {self.root}; {self.remedy}"


class ModelFileError(CapabilityError, FileNotFoundError):
    """Name a model whose file is not where it should be."""

    def __init__(self, verb: str, model: str, cause: str) -> None:
        super().__init__(verb, model, cause)
        self.verb = verb
        self.model = model
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot {self.verb} model '{self.model}': {self.cause}"


def _told(faults: tuple[tuple[str, str], ...]) -> str:
    return "; ".join(f"{path}: {why}" if path else why for path, why in faults)


def unloaded(plugins: tuple[str, ...], capability: str) -> str:
    """Return what to do where plugins that would provide a capability are registered and not loaded; empty without."""
    if not plugins:
        return ""
    named = ", ".join(f"'{one}'" for one in plugins)
    would = "would, and is" if len(plugins) == 1 else "would, and are"
    return (
        f"{named} {would} not loaded: require '{capability}' in the manifest of the plugin that uses it, "
        "or set 'activate_on_demand: true' in the host file"
    )
