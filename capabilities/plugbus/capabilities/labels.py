"""Labels that many plugins share: declarations of what a plugin is about, found with ``find_by_capability``."""

from __future__ import annotations

import re
from typing import Any, Final

from plugbus.kernel import Capability, CapabilityNameError

OPERATORS: Final[Capability[object]] = Capability("Operators")
LOSS_FUNCTIONS: Final[Capability[object]] = Capability("LossFunctions")
OPTIMIZERS: Final[Capability[object]] = Capability("Optimizers")
DATA_LOADERS: Final[Capability[object]] = Capability("DataLoaders")
VISUALIZATION: Final[Capability[object]] = Capability("Visualization")
TELEMETRY: Final[Capability[object]] = Capability("Telemetry")
LANGUAGE: Final[Capability[object]] = Capability("Language")
VISION: Final[Capability[object]] = Capability("Vision")
REINFORCEMENT_LEARNING: Final[Capability[object]] = Capability("ReinforcementLearning")
GRAPH_NEURAL_NETWORKS: Final[Capability[object]] = Capability("GraphNeuralNetworks")
RECOMMENDER: Final[Capability[object]] = Capability("Recommender")

_FIXED: Final[tuple[Capability[object], ...]] = (
    OPERATORS,
    LOSS_FUNCTIONS,
    OPTIMIZERS,
    DATA_LOADERS,
    VISUALIZATION,
    TELEMETRY,
    LANGUAGE,
    VISION,
    REINFORCEMENT_LEARNING,
    GRAPH_NEURAL_NETWORKS,
    RECOMMENDER,
)

# A device has a colon of its own in Backend(cuda:0): whichever of "(" and ":" comes first ends the kind.
_TEXT: Final = re.compile(r"(?P<kind>[^:(]*)(?:\((?P<inside>.*)\)|:(?P<after>.*))?", re.DOTALL)


def Backend(device: str) -> Capability[object]:  # noqa: N802 - a kind of label, spelled as one
    """Label a plugin that computes on a device: ``Backend("CUDA")``. Case counts."""
    return Capability("Backend", qualifier=device)


def Custom(label: str) -> Capability[object]:  # noqa: N802 - a kind of label, spelled as one
    """Label a plugin with a text of its own: ``Custom("ZSpaceSequencer")``."""
    return Capability("Custom", qualifier=label)


class PluginCapability:
    """The shared labels under one name: ``PluginCapability.Backend("WGPU")``, ``PluginCapability.Operators``."""

    Operators: Final = OPERATORS
    LossFunctions: Final = LOSS_FUNCTIONS
    Optimizers: Final = OPTIMIZERS
    DataLoaders: Final = DATA_LOADERS
    Visualization: Final = VISUALIZATION
    Telemetry: Final = TELEMETRY
    Language: Final = LANGUAGE
    Vision: Final = VISION
    ReinforcementLearning: Final = REINFORCEMENT_LEARNING
    GraphNeuralNetworks: Final = GRAPH_NEURAL_NETWORKS
    Recommender: Final = RECOMMENDER
    Backend = staticmethod(Backend)
    Custom = staticmethod(Custom)

    @staticmethod
    def parse(text: str) -> Capability[Any]:
        """Read a label's text form, forgiving case, blanks, ``_`` and ``-`` in the fixed names.

        ``Backend(CUDA)`` and ``backend:CUDA`` name a backend; what is not one of the fixed names is a custom label.

        Raises:
            CapabilityNameError: The text is blank, or a backend without its device.
        """
        match = _TEXT.fullmatch(text.strip())
        kind, rest = (match["kind"], match["inside"] or match["after"] or "") if match else (text, "")
        plain = re.sub(r"[\s_-]", "", kind).lower()
        if plain == "backend":
            if not rest.strip():
                raise CapabilityNameError(text, "a backend names its device, such as Backend(CUDA)")
            return Backend(rest.strip())
        if plain == "custom" and rest.strip():
            return Custom(rest.strip())
        for label in _FIXED:
            if plain == label.lower() and not rest:
                return label
        return Custom(text.strip())
