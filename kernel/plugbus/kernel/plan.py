"""The answer of a resolution: what to load, in which order, and who meets whose needs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .values import field, value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .candidates import Candidates
    from .metadata import PluginMetadata


@value(frozen=True, slots=True)
class Plan:
    """Say what to load and why. A value: nothing is loaded, and nothing keeps it true but its user.

    Args:
        order: The plugins to load, each after those that it needs. Loaded ones are not among them.
        providers: Id of each plugin in ``order`` to what it requires (a plugin's id or a capability's text) and the id
            that meets it. What is optional is there when it is met.
        wanted: The ids that were asked for.
    """

    order: tuple[PluginMetadata, ...]
    providers: Mapping[str, Mapping[str, str]] = field(hash=False)
    wanted: tuple[str, ...]
    _candidates: Candidates = field(repr=False, compare=False)

    def __init__(
        self,
        order: tuple[PluginMetadata, ...],
        providers: Mapping[str, Mapping[str, str]],
        wanted: tuple[str, ...],
        _candidates: Candidates,
    ) -> None:
        # Written out, as each load of one plugin makes one.
        _put_order(self, order)
        _put_providers(self, providers)
        _put_wanted(self, wanted)
        _put_candidates(self, _candidates)

    @property
    def explanations(self) -> tuple[str, ...]:
        """One sentence for each plugin in ``order``: who asked for it, and which versions were passed over."""
        from .reasons import Reasons  # not imported for plans that nobody asks

        return tuple(Reasons(self, self._candidates).sentences())

    def explain(self) -> str:
        """Return the explanations as lines of text."""
        return "\n".join(self.explanations)

    def __reduce__(self) -> tuple[Any, ...]:
        # Views of dictionaries can't be pickled.
        providers = {plugin_id: dict(row) for plugin_id, row in self.providers.items()}
        return _restored, (self.order, providers, self.wanted, self._candidates)


_put_order, _put_providers, _put_wanted, _put_candidates = (getattr(Plan, name).__set__ for name in Plan.__slots__)


def _restored(
    order: tuple[PluginMetadata, ...],
    providers: dict[str, dict[str, str]],
    wanted: tuple[str, ...],
    candidates: Candidates,
) -> Plan:
    views = {plugin_id: MappingProxyType(row) for plugin_id, row in providers.items()}
    return Plan(order, MappingProxyType(views), wanted, candidates)
