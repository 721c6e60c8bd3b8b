"""Optuna searches as every tuner has to."""

from __future__ import annotations

import pytest

pytest.importorskip("optuna", reason='needs optuna: pip install "plugbus[tune]"')

from plugbus.capabilities.testing import TunerContract
from plugbus.plugins.optuna_tuner import OptunaTuner


class TestOptunaTuner(TunerContract):
    @pytest.fixture
    def tuner(self) -> OptunaTuner:
        return OptunaTuner()
