"""What is searched: how hyperparameters are declared, and what is wrong with them, all at once."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from plugbus.capabilities import (
    ParameterKind,
    SearchSpaceError,
    TrialPrunedError,
    TuneConfig,
    TunerUnavailableError,
    TuningFailedError,
    read_space,
)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"type": "uniform", "low": 0, "high": 1}, ParameterKind.UNIFORM),
        ({"type": "quniform", "min": 0, "max": 1, "q": 0.25}, ParameterKind.QUNIFORM),
        ({"type": "loguniform", "lower": 1e-5, "upper": 1}, ParameterKind.LOGUNIFORM),
        ({"type": "randn", "mean": 3, "sd": 2}, ParameterKind.RANDN),
        ({"type": "randn"}, ParameterKind.RANDN),
        ({"type": "randint", "low": 1, "high": 9}, ParameterKind.RANDINT),
        ({"type": "qrandint", "low": 0, "high": 8, "step": 2}, ParameterKind.QRANDINT),
        ({"type": "lograndint", "low": 1, "high": 512}, ParameterKind.LOGRANDINT),
        ({"type": "choice", "options": ["sgd", None, [1, 2]]}, ParameterKind.CHOICE),
        ({"kind": "grid_search", "values": [1, 2]}, ParameterKind.GRID_SEARCH),
    ],
)
def test_every_kind_is_read_from_a_mapping_and_from_a_list(said: dict[str, Any], kind: ParameterKind) -> None:
    (one,) = read_space({"x": said})
    assert (one.name, one.kind) == ("x", kind)
    assert read_space([{"name": "x", **said}]) == (one,)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "there are none"),
        ({"x": 5}, "x: it is 5; write a mapping with 'type'"),
        ({"x": {"type": "normal"}}, "x: its type is 'normal'; there are uniform"),
        ({"x": {"type": "uniform", "low": 0}}, "x: 'high' is missing"),
        ({"x": {"type": "uniform", "low": 0, "high": 1, "q": 1}}, "x: 'q' is nothing that a uniform has"),
        ({"x": {"type": "uniform", "low": 2, "high": 1}}, "x: 'low' is 2, above 'high', 1"),
        ({"x": {"type": "uniform", "low": "a", "high": 1}}, "x: 'low' is 'a', no number"),
        ({"x": {"type": "uniform", "low": True, "high": 1}}, "x: 'low' is True, no number"),
        ({"x": {"type": "uniform", "low": 0, "high": float("inf")}}, "x: 'high' is inf, no number"),
        ({"x": {"type": "loguniform", "low": 0, "high": 1}}, "orders of magnitude begin above 0"),
        ({"x": {"type": "randint", "low": 0.5, "high": 1}}, "x: 'low' is 0.5, no whole number"),
        ({"x": {"type": "quniform", "low": 0, "high": 1, "q": 0}}, "x: 'q' is 0; steps are above 0"),
        ({"x": {"type": "randn", "sd": 0}}, "x: 'sd' is 0; it has to be above 0"),
        ({"x": {"type": "choice", "options": []}}, r"'options' is \[\]; list at least one"),
        ({"x": {"type": "choice", "options": "abc"}}, "'options' is 'abc'; list at least one"),
        ([{"type": "uniform", "low": 0, "high": 1}], "has no name"),
        ([{"name": "x", "type": "randn"}] * 2, "x: it is there twice"),
    ],
)
def test_what_can_not_be_searched_is_refused(said: Any, message: str) -> None:
    with pytest.raises(SearchSpaceError, match=message):
        read_space(said)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SearchSpaceError) as refused:
        read_space({"x": 5, "y": {"type": "uniform"}, "z": {"type": "choice"}})
    assert [name for name, _ in refused.value.faults] == ["x", "y", "y", "z"]


@pytest.mark.parametrize("wrong", [{"mode": "up"}, {"trials": 0}, {"search": "guess"}, {"timeout_s": 0}, {"x": 1}])
def test_a_search_that_there_is_not_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TuneConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TrialPrunedError(3, 7), "cannot go on with trial '3': others did better at step 7"),
        (
            TuningFailedError("s", ("a", "b", "c", "d")),
            "cannot tune 's': no trial came to a value: a; b; c; and 1 more",
        ),
        (TuningFailedError("s", ()), "cannot tune 's': no trial came to a value: all trials were left early"),
        (TunerUnavailableError("j"), "cannot tune for job 'j': nothing provides 'tuner'; load a plugin that does"),
    ],
)
def test_errors_say_what_is_wrong_and_survive_pickling(error: Exception, text: str) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert str(again) == str(error)
    assert str(error).startswith(text)
