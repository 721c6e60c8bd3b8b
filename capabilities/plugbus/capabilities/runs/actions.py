"""Running an action by its name, tracked, on the executor of choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugbus.kernel import ServiceNotFoundError

from ..actions import Action, ActionCall, find_action, validate_params
from ..autolog.contract import autologs_of
from ..backend.client import BACKEND
from ..context import HostServices, find_messages
from ..context.services import find_later
from ..events import encode_value
from ..executors import EXECUTOR
from ..storage.contract import STORAGE
from .runner import RunEngine
from .spec import PluginInfo, RunSpec
from .tracking import TRACKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from plugbus.kernel import Kernel, ServiceLocator

    from ..actions import BaseAction
    from ..cancellation import CancellationToken
    from ..executors import Executor
    from .context import RunContext
    from .result import RunResult
    from .store import RunStore


class ActionRunner:
    """Run actions that loaded plugins offer, each as a tracked run.

    Args:
        kernel: Where actions, executors and tracking are found.
        store: Where runs are kept.
    """

    def __init__(self, kernel: Kernel, store: RunStore) -> None:
        self._kernel = kernel
        self._store = store

    def run(
        self,
        name: str,
        params: Mapping[str, Any] | BaseModel | None = None,
        *,
        executor: str | None = None,
        tags: Mapping[str, str] | None = None,
        notes: str | None = None,
        env: Mapping[str, Any] | None = None,
        cancellation: CancellationToken | None = None,
        language: str | None = None,
    ) -> RunResult:
        """Run an action and return what came of it.

        Everything that can be wrong before the work is checked first; then no run is made.

        Args:
            name: The action, such as ``digits.train``.
            params: Its parameters.
            executor: Id of the plugin whose executor is to carry it; the host's preference by default.
            tags: Coarse classification of the run.
            notes: For people.
            env: Settings from outside for the action.
            cancellation: Says when the action is to stop; it reaches executors within this process.
            language: The language of the people that read its messages.

        Raises:
            ActionNotFoundError: No loaded plugin offers the action.
            ParamsError: The parameters do not fit; holds every fault.
            ServiceNotFoundError: There is no such executor, or no tracking.
        """
        services = self._kernel.services
        action_cls = find_action(services, name)
        valid = validate_params(action_cls, params, name=name)
        chosen = chosen_executor(services, executor)
        autologs = autologs_of(services)
        plugin = self._plugin_info(name, action_cls)
        owner = (name.rpartition(".")[0] or name) if plugin is None else plugin.key
        client, storage = find_later(services, BACKEND), find_later(services, STORAGE)
        engine = RunEngine(self._store, services.get(TRACKING), self._kernel.bus)
        plugin_key, _, pipeline = name.rpartition(".")
        seed = getattr(valid, "seed", None)
        spec = RunSpec(
            plugin_key or name,
            pipeline,
            data_spec=valid.model_dump(mode="json"),
            seed=seed if isinstance(seed, int) else None,
            tags=tags or {},
            notes=notes,
        )

        def work(spec: RunSpec, /, *, context: RunContext) -> Mapping[str, Any]:
            context.tracking.log_params(_flat(spec.data_spec))
            call = ActionCall(
                action_cls,
                valid,
                name,
                context.run_id,
                env or {},
                context,
                cancellation,
                client,
                storage,
                autologs=autologs,
                language=language,
                messages=find_messages(services, owner),
                services=HostServices(services, self._kernel.find_by_capability),
            )
            outputs = encode_value(chosen.submit(call, self._kernel.bus.publish).result())
            return outputs if isinstance(outputs, dict) else {"result": outputs}

        return engine.run(spec, work, plugin=plugin)

    def _plugin_info(self, name: str, action_cls: type[BaseAction[Any]]) -> PluginInfo | None:
        offers = self._kernel.services.providers(Action(name))
        owner = next((one.owner for one in offers if one.provided is action_cls), "")
        if owner not in self._kernel.registry:
            return None
        metadata = self._kernel.registry.record(owner).metadata
        return PluginInfo(metadata.id, metadata.name, metadata.version, metadata.description)


def chosen_executor(services: ServiceLocator, owner: str | None) -> Executor:
    """Return the executor of a plugin; that of the host's preference where none is named.

    Raises:
        ServiceNotFoundError: There is none; offers near names.
    """
    if owner is None:
        return services.get(EXECUTOR)
    offered = {one.owner: one.provided for one in services.providers(EXECUTOR)}
    if owner not in offered:
        from difflib import get_close_matches

        raise ServiceNotFoundError(f"executor of {owner}", tuple(get_close_matches(owner, offered)), tuple(offered))
    found: Executor = offered[owner]
    return found


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name nested parameters by their path: ``{"model": {"depth": 3}}`` is ``{"model.depth": 3}``."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if hasattr(value, "items"):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return flat
