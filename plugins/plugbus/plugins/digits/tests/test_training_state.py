"""A training that is taken up: it ends as one without a break does, and a damaged state is never gone on from."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install "plugbus[sklearn]"')

import numpy as np

from plugbus.plugins.digits.artifacts import save_model
from plugbus.plugins.digits.data import Splits, load_split
from plugbus.plugins.digits.train import EpochReport, TrainedModel, TrainingState, train
from plugbus.plugins.digits.training_state import (
    STATE,
    TrainingStateError,
    load_state,
    mark_of,
    save_state,
    state_path,
)

if TYPE_CHECKING:
    from pathlib import Path

EPOCHS = 5
SETTINGS: dict[str, Any] = {"batch_size": 100, "learning_rate": 0.01, "hidden_units": 8, "seed": 4}


def ignore(_: EpochReport) -> None:
    """Take a report and do nothing with it."""


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_split(0.2, 0.1, 0)


@pytest.fixture(scope="module")
def whole(splits: Splits) -> tuple[TrainedModel, list[TrainingState]]:
    """Train without a break; return the model, and the state after each epoch."""
    states: list[TrainingState] = []
    model = train(splits, epochs=EPOCHS, **SETTINGS, on_epoch=ignore, on_state=states.append)
    return model, states


def content(state: TrainingState) -> tuple[Any, ...]:
    """Return all of a state, so that two can be compared."""
    groups = (state.weights, state.biases, state.first_moments, state.second_moments)
    return (
        *((array.shape, array.dtype, array.tobytes()) for group in groups for array in group),
        state.updates,
        state.generator,
        state.reports,
    )


@pytest.mark.parametrize("done", range(1, EPOCHS + 1))
def test_a_training_that_is_taken_up_ends_as_one_without_a_break(
    tmp_path: Path, splits: Splits, whole: tuple[TrainedModel, list[TrainingState]], done: int
) -> None:
    model, states = whole
    save_state(tmp_path, "mark", states[done - 1])
    state = load_state(tmp_path, "mark", EPOCHS)
    assert state is not None
    assert content(state) == content(states[done - 1])
    told: list[int] = []
    kept: list[TrainingState] = []
    again = train(
        splits,
        epochs=EPOCHS,
        **SETTINGS,
        on_epoch=lambda one: told.append(one.epoch),
        state=state,
        on_state=kept.append,
    )
    assert told == list(range(done + 1, EPOCHS + 1))
    assert again.reports == model.reports
    assert [content(one) for one in kept] == [content(one) for one in states[done:]]
    paths = [save_model(tmp_path / name, one) for name, one in (("whole.npz", model), ("again.npz", again))]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_training_may_be_made_longer_but_not_shorter(
    tmp_path: Path, splits: Splits, whole: tuple[TrainedModel, list[TrainingState]]
) -> None:
    states: list[TrainingState] = []
    train(splits, epochs=2, **SETTINGS, on_epoch=ignore, on_state=states.append)
    save_state(tmp_path, "mark", states[-1])
    state = load_state(tmp_path, "mark", EPOCHS)
    assert state is not None
    assert state.reports == whole[0].reports[:2]
    assert train(splits, epochs=EPOCHS, **SETTINGS, on_epoch=ignore, state=state).reports == whole[0].reports
    assert load_state(tmp_path, "mark", 1) is None


def test_trainings_that_differ_have_files_of_their_own(tmp_path: Path, splits: Splits) -> None:
    spoilt = replace(splits, validation=splits.test)
    marks = {
        mark_of(splits, SETTINGS),
        mark_of(spoilt, SETTINGS),
        *(mark_of(splits, {**SETTINGS, name: 7}) for name in SETTINGS),
    }
    assert len({state_path(tmp_path, mark) for mark in marks}) == len(SETTINGS) + 2
    assert mark_of(load_split(0.2, 0.1, 0), dict(reversed(SETTINGS.items()))) in marks


def test_other_versions_of_the_libraries_begin_anew(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    before = mark_of(splits, SETTINGS)
    monkeypatch.setattr(np, "__version__", "99.0")
    assert mark_of(splits, SETTINGS) != before


def test_where_nothing_was_kept_nothing_is_found(tmp_path: Path) -> None:
    assert load_state(tmp_path / "none", "mark", EPOCHS) is None


def test_a_state_of_another_training_is_refused(
    tmp_path: Path, whole: tuple[TrainedModel, list[TrainingState]]
) -> None:
    save_state(tmp_path, "other", whole[1][0]).rename(state_path(tmp_path, "mark"))
    with pytest.raises(TrainingStateError, match="it is of another training; remove it to train from the beginning"):
        load_state(tmp_path, "mark", EPOCHS)


def test_a_model_file_is_no_state(tmp_path: Path, whole: tuple[TrainedModel, list[TrainingState]]) -> None:
    save_model(state_path(tmp_path, "mark"), whole[0])
    with pytest.raises(TrainingStateError, match="does not name the format 'plugbus-digits-training'") as caught:
        load_state(tmp_path, "mark", EPOCHS)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


@given(data=st.data())
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_state_is_refused_or_the_one_that_was_written(
    tmp_path: Path, whole: tuple[TrainedModel, list[TrainingState]], data: st.DataObject
) -> None:
    path = save_state(tmp_path, "mark", whole[1][1])
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        bad = good[:place]
    else:
        bad = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    path.write_bytes(bad)
    try:
        found = load_state(tmp_path, "mark", EPOCHS)
    except TrainingStateError as error:
        assert error.path == str(path)  # noqa: PT017 - either is right
    else:
        assert found is not None
        assert content(found) == content(whole[1][1])


def test_a_state_that_was_changed_with_its_checksums_is_refused(
    tmp_path: Path, whole: tuple[TrainedModel, list[TrainingState]]
) -> None:
    path = save_state(tmp_path, "mark", whole[1][1])
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for name in entries:
        if name == "header.npy":
            bad = entries[name].replace("updates".encode("utf-32-le"), "udpates".encode("utf-32-le"))
        else:
            bad = entries[name][:-1] + bytes([entries[name][-1] ^ 1])
        assert bad != entries[name]
        with zipfile.ZipFile(path, "w") as archive:
            for other, text in entries.items():
                archive.writestr(other, bad if other == name else text)
        with pytest.raises(TrainingStateError, match="do not match the header's sha256"):
            load_state(tmp_path, "mark", EPOCHS)


def test_the_widest_network_fits_into_a_state(tmp_path: Path, splits: Splits) -> None:
    states: list[TrainingState] = []
    train(splits, epochs=1, **{**SETTINGS, "hidden_units": 1024}, on_epoch=ignore, on_state=states.append)
    path = save_state(tmp_path, "mark", states[0])
    assert path.stat().st_size < STATE.max_bytes / 2
    assert load_state(tmp_path, "mark", 1) is not None
