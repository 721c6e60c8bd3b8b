"""The plugin's parameters and results, and what importing its modules costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from plugbus.plugins.digits.config import (
    EvaluateParams,
    EvaluateResult,
    ExportParams,
    ExportResult,
    PredictParams,
    PredictResult,
    PrepareParams,
    PrepareResult,
    TrainParams,
    TrainResult,
)

PARAMS: tuple[type[BaseModel], ...] = (PrepareParams, TrainParams, EvaluateParams, ExportParams, PredictParams)
RESULTS: tuple[type[BaseModel], ...] = (PrepareResult, TrainResult, EvaluateResult, ExportResult, PredictResult)
MODULES = ("config", "data", "train", "eval", "array_file", "artifacts", "division_file", "training_state")
ROW: list[float] = [0.0, 16.0] * 32

IMPORT_PRIVATELY = """
import importlib, json, sys, types
folder, module = sys.argv[1:]
sys.modules["_private_7"] = package = types.ModuleType("_private_7")
package.__path__ = [folder]
importlib.import_module("_private_7." + module)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_under_a_private_name_without_heavy_libraries(module: str) -> None:
    folder = Path(__file__).parent.parent
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", IMPORT_PRIVATELY, str(folder), module], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "_private_7" in loaded
    assert loaded.isdisjoint({"numpy", "scipy", "sklearn", "matplotlib", "PIL", "joblib"})
    assert "plugbus" not in loaded


def test_the_documented_defaults_are_the_defaults() -> None:
    assert TrainParams().model_dump() == {
        "epochs": 40,
        "batch_size": 32,
        "learning_rate": 0.001,
        "hidden_units": 64,
        "seed": 0,
        "test_fraction": 0.2,
        "validation_fraction": 0.1,
        "division": None,
    }
    assert PrepareParams().model_dump() == {"test_fraction": 0.2, "validation_fraction": 0.1, "seed": 0}
    assert EvaluateParams().run is None
    assert ExportParams().model_dump() == {"run": None, "model": None, "filename": "digits.npz"}


@pytest.mark.parametrize("model", PARAMS + RESULTS)
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert model.model_fields
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no description"
        assert field.description.endswith("."), f"{model.__name__}.{name}"


@pytest.mark.parametrize("model", [PrepareParams, TrainParams, EvaluateParams, ExportParams])
def test_an_unknown_parameter_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.model_validate({"epoch": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 1001),
        ("batch_size", 0),
        ("batch_size", 1025),
        ("learning_rate", 0.0),
        ("learning_rate", 1.01),
        ("learning_rate", float("nan")),
        ("hidden_units", 0),
        ("hidden_units", 1025),
        ("seed", -1),
        ("seed", 2**32),
        ("test_fraction", 0.0),
        ("test_fraction", 0.5),
        ("validation_fraction", 0.0),
        ("validation_fraction", 0.5),
    ],
)
def test_a_training_parameter_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainParams.model_validate({name: value})
    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


def test_a_training_parameter_at_the_end_of_its_range_is_taken() -> None:
    TrainParams(epochs=1, batch_size=1, learning_rate=1.0, hidden_units=1, seed=2**32 - 1)
    TrainParams(epochs=1000, batch_size=1024, hidden_units=1024, test_fraction=0.499, validation_fraction=0.001)


def test_an_evaluation_takes_a_training_or_a_model_file_with_its_division() -> None:
    given = {"model": Path("model.npz"), "division": Path("division.json")}
    assert EvaluateParams.model_validate(given).model_dump() == {"run": None, **given}


@pytest.mark.parametrize(
    ("model", "given", "cause"),
    [
        (EvaluateParams, {"run": "a", "model": "m.npz", "division": "d.json"}, "both run and model are given"),
        (EvaluateParams, {"model": "m.npz"}, "model and division belong together"),
        (EvaluateParams, {"division": "d.json"}, "model and division belong together"),
        (ExportParams, {"run": "a", "model": "m.npz"}, "both run and model are given"),
    ],
)
def test_a_model_that_is_named_twice_or_by_halves_is_refused(
    model: type[BaseModel], given: dict[str, str], cause: str
) -> None:
    with pytest.raises(ValidationError, match=cause):
        model.model_validate(given)


@pytest.mark.parametrize(
    "filename",
    ["digits", "digits.pkl", ".npz", "a/b.npz", "../b.npz", "/b.npz", "a\\b.npz", "c:b.npz", "a\n.npz", "b.npz\n"],
)
def test_an_export_name_that_is_no_bare_npz_name_is_refused(filename: str) -> None:
    with pytest.raises(ValidationError, match="filename"):
        ExportParams(filename=filename)


def test_an_export_name_may_hold_dots_and_spaces() -> None:
    assert ExportParams(filename="my digits.v2.npz").filename == "my digits.v2.npz"


def test_a_prediction_takes_a_row_or_an_image() -> None:
    assert PredictParams(row=ROW).row == ROW
    assert PredictParams(image=Path("seven.png")).image == Path("seven.png")


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({}, "neither image nor row is given"),
        ({"row": ROW, "image": Path("seven.png")}, "both image and row are given"),
    ],
)
def test_a_prediction_without_exactly_one_input_is_refused(given: dict[str, object], cause: str) -> None:
    with pytest.raises(ValidationError, match=cause):
        PredictParams.model_validate(given)


@pytest.mark.parametrize(
    "row", [ROW[:-1], [*ROW, 0.0], [*ROW[:-1], 16.5], [*ROW[:-1], -0.5], [*ROW[:-1], float("nan")]]
)
def test_a_row_of_another_length_or_range_is_refused(row: list[float]) -> None:
    with pytest.raises(ValidationError, match="row"):
        PredictParams(row=row)


def test_a_result_is_immutable_and_survives_json() -> None:
    result = PredictResult(digit=3, confidence=0.91, probabilities=[0.01] * 3 + [0.91] + [0.01] * 6)
    assert PredictResult.model_validate_json(result.model_dump_json()) == result
    with pytest.raises(ValidationError, match="frozen"):
        result.digit = 4
