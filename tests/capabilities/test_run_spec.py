"""The specification of a run: what is refused, and that nobody can change it under the run."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import PluginInfo, RunSpec, RunSpecError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def thawed(value: Any) -> Any:
    """Turn what a specification keeps into the plain data that it was made of."""
    if hasattr(value, "items"):
        return {key: thawed(one) for key, one in value.items()}
    return [thawed(one) for one in value] if isinstance(value, tuple) else value


def test_little_has_to_be_said() -> None:
    spec = RunSpec("digits")
    assert (spec.pipeline, spec.run_mode, spec.seed, dict(spec.data_spec), dict(spec.tags)) == (
        "train",
        "once",
        None,
        {},
        {},
    )
    assert (spec.dataset_id, spec.notes, spec.request_id) == (None, None, None)


def test_the_short_name_says_who_what_and_how() -> None:
    assert RunSpec("digits", "score", "backfill").short_name == "digits:score:backfill"


@pytest.mark.parametrize("seed", [None, 0, 1, 2**63])
def test_a_seed_is_a_whole_number_from_0_on_or_none(seed: int | None) -> None:
    assert RunSpec("p", seed=seed).seed == seed


@pytest.mark.parametrize("seed", [-1, True, 0.5, "7"])
def test_another_seed_is_refused(seed: Any) -> None:
    with pytest.raises(RunSpecError) as caught:
        RunSpec("p", seed=seed)
    assert caught.value.faults == (f"seed is {seed!r}; give a whole number from 0 on, or none",)


def test_all_faults_are_named_at_once() -> None:
    wrong: Any = {"data_spec": [1], "tags": "purpose=smoke"}
    with pytest.raises(RunSpecError) as caught:
        RunSpec(" ", "", None, seed=-1, **wrong)  # type: ignore[arg-type] # that is the fault
    assert caught.value.faults == (
        "plugin_key is blank",
        "pipeline is blank",
        "run_mode is blank",
        "seed is -1; give a whole number from 0 on, or none",
        "data_spec is a list; give a mapping",
        "tags is a str; give a mapping",
    )
    assert str(caught.value) == f"cannot run specification: {'; '.join(caught.value.faults)}"


def test_fields_can_not_be_set() -> None:
    spec = RunSpec("p")
    for one in fields(spec):
        with pytest.raises(FrozenInstanceError):
            setattr(spec, one.name, "changed")


def test_nothing_in_it_can_be_changed() -> None:
    sizes, model = [1, 2], {"depth": 3}
    spec = RunSpec(
        "p", data_spec={"model": model, "sizes": sizes, "kinds": {"a"}, "pairs": [{"a": [1]}]}, tags={"a": "b"}
    )
    sizes.append(3)
    model["depth"] = 4
    assert spec.data_spec["sizes"] == (1, 2)
    assert spec.data_spec["model"]["depth"] == 3
    assert spec.data_spec["kinds"] == frozenset({"a"})
    mappings: tuple[Any, ...] = (spec.data_spec, spec.data_spec["model"], spec.data_spec["pairs"][0], spec.tags)
    for mapping in mappings:
        with pytest.raises(TypeError):
            mapping["new"] = 1
    with pytest.raises(AttributeError):
        spec.data_spec["kinds"].add("b")
    with pytest.raises(AttributeError):
        spec.data_spec["pairs"][0]["a"].append(2)


@given(st.dictionaries(st.text(), PLAIN))
def test_it_keeps_what_it_was_given(data: dict[str, Any]) -> None:
    expected = copy.deepcopy(data)
    spec = RunSpec("p", data_spec=data)
    for one in data.values():
        if isinstance(one, list | dict):
            one.clear()
    assert thawed(spec.data_spec) == expected


@given(st.dictionaries(st.text(), PLAIN))
def test_it_travels_between_processes(data: dict[str, Any]) -> None:
    spec = RunSpec("p", "score", "once", "mnist", data, 0, {"purpose": "smoke"}, "notes", "request")
    assert pickle.loads(pickle.dumps(spec)) == spec  # noqa: S301 - made in the line itself
    assert copy.deepcopy(spec) == spec


def test_a_changed_one_can_be_made_of_it() -> None:
    spec = RunSpec("p", data_spec={"sizes": [1]}, seed=3)
    assert replace(spec, seed=4) == RunSpec("p", data_spec={"sizes": [1]}, seed=4)


def test_a_plugin_needs_no_more_than_its_key() -> None:
    assert PluginInfo("digits") == PluginInfo("digits", "", "0.1.0", "")
