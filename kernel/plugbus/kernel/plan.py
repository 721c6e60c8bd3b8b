"""The answer of a resolution: what to load, in which order, and who meets whose needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    @property
    def explanations(self) -> tuple[str, ...]:
        """One sentence for each plugin in ``order``: who asked for it, and which versions were passed over."""
        from .reasons import Reasons  # not imported for plans that nobody asks

        return tuple(Reasons(self, self._candidates).sentences())

    def explain(self) -> str:
        """Return the explanations as lines of text."""
        return "\n".join(self.explanations)
