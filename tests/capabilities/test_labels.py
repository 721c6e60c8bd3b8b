"""The shared labels: one token for each, and text forms that people write."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plugbus.capabilities as face
from plugbus.capabilities import Backend, Custom, PluginCapability
from plugbus.kernel import Capability, CapabilityNameError

FIXED = {
    "Operators": face.OPERATORS,
    "LossFunctions": face.LOSS_FUNCTIONS,
    "Optimizers": face.OPTIMIZERS,
    "DataLoaders": face.DATA_LOADERS,
    "Visualization": face.VISUALIZATION,
    "Telemetry": face.TELEMETRY,
    "Language": face.LANGUAGE,
    "Vision": face.VISION,
    "ReinforcementLearning": face.REINFORCEMENT_LEARNING,
    "GraphNeuralNetworks": face.GRAPH_NEURAL_NETWORKS,
    "Recommender": face.RECOMMENDER,
}

# What a qualifier may be made of: anything but parentheses, and not blank.
QUALIFIERS = st.text(st.characters(exclude_characters="()"), min_size=1).filter(lambda text: text.strip() == text)


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_label_has_one_token_under_all_its_names(name: str) -> None:
    assert getattr(PluginCapability, name) is FIXED[name]
    assert FIXED[name] == name
    assert FIXED[name].is_label


def test_no_two_fixed_labels_are_the_same() -> None:
    assert len(set(FIXED.values())) == len(FIXED)


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("write", [str, str.lower, str.upper, lambda text: f"  {text}\n"])
def test_a_fixed_label_is_read_whatever_its_case(name: str, write: type[str]) -> None:
    assert PluginCapability.parse(write(name)) is FIXED[name]


@pytest.mark.parametrize(
    "text", ["loss_functions", "Loss Functions", "LOSS-FUNCTIONS", "loss - functions", "LossFunctions:"]
)
def test_a_fixed_label_is_read_whatever_divides_its_words(text: str) -> None:
    assert PluginCapability.parse(text) is face.LOSS_FUNCTIONS


@pytest.mark.parametrize("text", ["Backend(CUDA)", "backend:CUDA", "BACKEND ( CUDA )", " backend : CUDA "])
def test_a_backend_is_read_in_either_form(text: str) -> None:
    assert PluginCapability.parse(text) == Backend("CUDA") == PluginCapability.Backend("CUDA")


def test_a_backend_keeps_the_case_and_the_colon_of_its_device() -> None:
    assert Backend("cuda") != Backend("CUDA")
    assert PluginCapability.parse("Backend(cuda:0)").qualifier == "cuda:0"
    assert PluginCapability.parse("backend:cuda:0").qualifier == "cuda:0"


@pytest.mark.parametrize("text", ["backend", "Backend()", "backend:", "Backend( )"])
def test_a_backend_without_its_device_is_refused(text: str) -> None:
    with pytest.raises(CapabilityNameError, match="a backend names its device"):
        PluginCapability.parse(text)


@pytest.mark.parametrize("text", ["Custom(ZSpaceSequencer)", "custom:ZSpaceSequencer", "ZSpaceSequencer"])
def test_a_label_of_ones_own_is_read_in_every_form(text: str) -> None:
    assert PluginCapability.parse(text) == Custom("ZSpaceSequencer") == PluginCapability.Custom("ZSpaceSequencer")


@pytest.mark.parametrize(
    ("text", "qualifier"), [("zspace:v2", "zspace:v2"), ("custom", "custom"), ("operators:fast", "operators:fast")]
)
def test_what_is_no_fixed_name_is_a_label_of_ones_own(text: str, qualifier: str) -> None:
    assert PluginCapability.parse(text) == Custom(qualifier)


@pytest.mark.parametrize("text", ["", "  ", "Operators(fast)", "a(b)c", "a(b", "Backend(a(b))"])
def test_a_text_that_could_not_be_read_back_is_refused(text: str) -> None:
    with pytest.raises(CapabilityNameError):
        PluginCapability.parse(text)


@given(st.sampled_from([Backend, Custom]), QUALIFIERS)
def test_every_label_is_read_back_from_its_text(make: object, qualifier: str) -> None:
    label: Capability[object] = make(qualifier)  # type: ignore[operator] # one of the two
    assert PluginCapability.parse(str(label)) == label
    assert PluginCapability.parse(str(label)).qualifier == qualifier


def test_a_label_travels_between_processes() -> None:
    for label in (*FIXED.values(), Backend("CUDA"), Custom("x")):
        assert pickle.loads(pickle.dumps(label)) == label  # noqa: S301 - made in the line itself
