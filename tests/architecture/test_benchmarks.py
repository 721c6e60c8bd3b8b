"""The parts of the benchmarks that compute and decide, on given numbers: nothing here takes the time of anything."""

from __future__ import annotations

import gc
import json
import sys
import tomllib
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from benchmarks import synapse
from benchmarks.__main__ import OPTIONAL, SUITES, main, run
from benchmarks.bus import against_fastest
from benchmarks.contest import Contest, Forecast, Peer, describe_refusal, growth_row, opened
from benchmarks.figures import growth_exponent, median_of_ratios
from benchmarks.fleets import bare_fleet, make_host, providing_fleet
from benchmarks.imports import ABSENT, NEAREST_FIRST_USE, OUR_FIRST_USE, absence_row, first_use_row
from benchmarks.imports import rows as import_rows
from benchmarks.machine import DISTRIBUTIONS, machine_facts
from benchmarks.memory import WARM, Footprint, our_rows, peer_rows, traced
from benchmarks.problems import Problem, back_jumps, chain, wide
from benchmarks.report import as_json, in_unit, render, summary
from benchmarks.rows import Budget, Measure, Row, Verdict, judge, standing
from benchmarks.steps import over_the_loop
from benchmarks.synapse_sides import SIZES, Plugbus, measure_side
from benchmarks.timing import QUICK, Effort, Series, Statement, Steps, compare, quiet
from packaging.requirements import Requirement

from plugbus.kernel import PluginState, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.timing import Subject

ROOT = Path(__file__).parents[2]
PATIENT = Effort(is_quick=True, repeats=3, sample_seconds=0.0, patience_seconds=1e9)


class Scripted:
    """A subject whose samples are given; the last one is given again and again."""

    phases: tuple[str, ...] = ("",)

    def __init__(self, *samples: float, log: list[str] | None = None, name: str = "") -> None:
        self._samples = list(samples)
        self._log = [] if log is None else log
        self._name = name

    def warm(self, seconds: float) -> None:
        self._log.append(f"warm {self._name}")

    def sample(self) -> tuple[float, ...]:
        self._log.append(self._name)
        return (self._samples.pop(0) if len(self._samples) > 1 else self._samples[0],)


class Failing(Scripted):
    """A subject that raises at its second sample."""

    def sample(self) -> tuple[float, ...]:
        if "once" in self._log:
            raise RuntimeError("it broke")
        self._log.append("once")
        return (1.0,)


# figures


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_the_medians() -> None:
    # The machine was ten times slower for the last two pairs.
    samples, bases = (2.0, 4.0, 6.0, 40.0, 50.0), (1.0, 1.0, 1.0, 10.0, 10.0)
    assert median_of_ratios(samples, bases) == 4.0
    assert Series(samples, bases).ratio == 4.0
    assert Series(samples, bases).figure == 6.0
    assert Series(samples, bases).base == 1.0


def test_samples_without_a_base_of_their_own_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        median_of_ratios((1.0, 2.0), (1.0,))
    with pytest.raises(ValueError, match="took no time"):
        median_of_ratios((1.0,), (0.0,))


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_the_growth_exponent_is_the_power_that_the_totals_follow(power: float) -> None:
    sizes = (10, 100, 1_000, 10_000)
    assert growth_exponent(sizes, [3e-6 * size**power for size in sizes]) == pytest.approx(power)


def test_the_growth_exponent_of_scattered_totals_is_that_of_least_squares() -> None:
    # Logarithms to base 10: sizes 1, 2, 3, totals 0, 2, 1; the slope is ((-1)(-1) + (1)(0)) / 2 = 1/2.
    assert growth_exponent((10, 100, 1_000), (1.0, 100.0, 10.0)) == pytest.approx(0.5)


def test_growth_needs_two_sizes() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        growth_exponent((10, 10), (1.0, 2.0))


# rows


@pytest.mark.parametrize(
    ("budget", "verdict"),
    [
        (None, Verdict.NONE),
        (Budget(limit=2.0), Verdict.KEPT),
        (Budget(limit=1.99), Verdict.MISSED),
        (Budget(limit=5.0, of=Measure.FIGURE), Verdict.KEPT),
        (Budget(limit=4.99, of=Measure.FIGURE), Verdict.MISSED),
    ],
)
def test_a_budget_is_kept_up_to_its_limit_of_the_ratio_or_the_figure(budget: Budget | None, verdict: Verdict) -> None:
    row = judge(Row(suite="a", what="b", figure=5.0, ratio=2.0, budget=budget))
    assert row.verdict is verdict
    assert row.is_fault is (verdict is Verdict.MISSED)


def test_a_budget_that_nobody_measured_is_a_fault() -> None:
    row = judge(Row(suite="a", what="b", figure=5.0, budget=Budget(limit=2.0)))
    assert row.verdict is Verdict.FAILED
    assert row.is_fault


def test_what_was_not_run_keeps_its_reason() -> None:
    row = judge(Row(suite="a", what="b", budget=Budget(limit=2.0), verdict=Verdict.NOT_RUN, note="why"))
    assert (row.verdict, row.is_fault) == (Verdict.NOT_RUN, False)


def test_a_peer_is_never_a_fault_of_ours() -> None:
    assert not Row(suite="a", what="b", is_peer=True, verdict=Verdict.FAILED).is_fault


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (1.0, 2.0, Verdict.AHEAD),
        (2.0, 1.0, Verdict.BEHIND),
        (1.00, 1.02, Verdict.LEVEL),
        (1.00, 1.04, Verdict.AHEAD),
        (0.0, 0.0, Verdict.LEVEL),
        (1.0, -1.0, Verdict.BEHIND),
        (None, 1.0, Verdict.NONE),
        (1.0, None, Verdict.NONE),
    ],
)
def test_the_smaller_one_is_ahead(ours: float | None, theirs: float | None, verdict: Verdict) -> None:
    assert standing(ours, theirs) is verdict


# timing


def test_the_base_is_sampled_between_any_two_samples_and_averaged_around_each() -> None:
    log: list[str] = []
    base = Scripted(1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, log=log, name="base")
    found = compare(base, {"a": Scripted(1.0, log=log, name="a"), "b": Scripted(2.0, log=log, name="b")}, PATIENT)
    assert log == ["warm base", "warm a", "warm b", "base", *["a", "base", "b", "base"] * 3]
    assert found.series["a"][""].bases == (2.0, 6.0, 10.0)
    assert found.series["b"][""].bases == (4.0, 8.0, 12.0)
    assert found.series["b"][""].samples == (2.0, 2.0, 2.0)


def test_a_subject_that_raises_has_a_reason_and_no_series_and_stops_no_other() -> None:
    found = compare(Scripted(1.0), {"bad": Failing(1.0), "good": Scripted(2.0)}, PATIENT)
    assert set(found.series) == {"good"}
    assert len(found.series["good"][""].samples) == PATIENT.repeats
    assert str(found.failures["bad"]) == "it broke"


def test_a_subject_that_raises_when_it_is_warmed_has_a_reason() -> None:
    found = compare(Scripted(1.0), {"bad": Statement("unknown")}, PATIENT)
    assert found.series == {}
    assert isinstance(found.failures["bad"], NameError)


def test_without_patience_each_subject_is_sampled_once() -> None:
    effort = Effort(is_quick=True, repeats=3, sample_seconds=0.0, patience_seconds=0.0)
    found = compare(Scripted(1.0), {"a": Scripted(2.0)}, effort)
    assert found.series["a"][""].samples == (2.0,)


def test_the_collector_is_off_inside_samples_and_as_before_afterwards() -> None:
    seen: list[bool] = []
    with quiet():
        Steps(list, {"look": lambda _: seen.append(gc.isenabled())}).sample()
        Steps(list, {"look": lambda _: seen.append(gc.isenabled())}, is_collecting=True).sample()
        seen.append(gc.isenabled())
    assert seen == [False, True, False]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_the_collector_is_on_again_when_a_measurement_breaks() -> None:
    with pytest.raises(RuntimeError), quiet():
        raise RuntimeError
    assert gc.isenabled()


def test_a_statement_is_repeated_in_a_sample_as_often_as_warming_found() -> None:
    calls: list[int] = []
    statement = Statement("calls.append(1)", calls=calls)
    statement.warm(0.0)
    assert len(calls) == 1
    statement.sample()
    assert len(calls) == 2
    statement.warm(0.001)
    calls.clear()
    statement.sample()
    assert len(calls) > 2


def test_steps_are_done_in_order_each_to_the_whole_batch_of_fresh_states() -> None:
    log: list[str] = []
    made: list[list[str]] = []

    def prepare() -> list[str]:
        made.append([])
        return made[-1]

    def step(name: str) -> Callable[[list[str]], None]:
        def act(state: list[str]) -> None:
            state.append(name)
            log.append(name)

        return act

    steps = Steps(prepare, {"load": step("load"), "unload": step("unload")})
    assert steps.phases == ("load", "unload")
    assert len(steps.sample()) == 2
    assert log == ["load", "unload"]
    steps.warm(1e9)  # so long a sample takes the largest batch
    log.clear()
    made.clear()
    steps.sample()
    assert log == ["load"] * 100 + ["unload"] * 100
    assert all(state == ["load", "unload"] for state in made)


def test_steps_that_have_to_be_alone_are_never_batched() -> None:
    log: list[str] = []
    steps = Steps(list, {"load": lambda _: log.append("load")}, is_alone=True)
    steps.warm(1e9)
    log.clear()
    steps.sample()
    assert log == ["load"]


# contest


@contextmanager
def missing(work: int) -> Iterator[Subject]:
    import_module("surely_not_installed")
    yield Scripted(1.0)


@contextmanager
def broken(work: int) -> Iterator[Subject]:
    raise OSError("no luck")
    yield


def peer(name: str, make: Callable[[int], Subject]) -> Peer[int]:
    return Peer(name, opened(make))


def contest(**facts: object) -> Contest[int]:
    defaults: dict[str, object] = {
        "suite": "suite",
        "what": "work",
        "work": lambda size: size,
        "base": lambda work: Scripted(1.0 * work),
        "base_name": "bare",
        "ours": lambda work: Scripted(2.0 * work),
        "budgets": {"": lambda size: Budget(limit=3.0)},
    }
    return Contest(**{**defaults, **facts})  # type: ignore[arg-type]


def test_a_contest_judges_plugbus_and_marks_where_it_stands_against_each_peer() -> None:
    peers = (peer("slow", lambda work: Scripted(4.0 * work)), peer("fast", lambda _: Scripted(1.0)))
    rows = list(contest(peers=peers).run((10,), PATIENT))
    assert [(row.what, row.ratio, row.verdict, row.is_peer) for row in rows] == [
        ("work", 2.0, Verdict.KEPT, False),
        ("slow", 4.0, Verdict.AHEAD, True),
        ("fast", 0.1, Verdict.BEHIND, True),
    ]
    assert all(row.budget is None for row in rows if row.is_peer)


def test_a_peer_that_is_missing_fails_or_would_take_too_long_is_said_so_in_its_row() -> None:
    peers: tuple[Peer[int], ...] = (
        Peer("missing", missing),
        Peer("broken", broken),
        peer("late", lambda _: Failing(1.0)),
        Peer("limited", opened(lambda _: Scripted(1.0)), 5, "it never ends"),
    )
    rows = {row.what: row for row in contest(peers=peers).run((10,), PATIENT)}
    assert rows["missing"].verdict is Verdict.NOT_RUN
    assert "'surely_not_installed' is not installed" in rows["missing"].note
    assert (rows["broken"].verdict, rows["broken"].note) == (Verdict.FAILED, "OSError: no luck")
    assert (rows["late"].verdict, rows["late"].note) == (Verdict.FAILED, "RuntimeError: it broke")
    assert (rows["limited"].verdict, rows["limited"].note) == (Verdict.NOT_RUN, "it never ends")
    assert rows["work"].verdict is Verdict.KEPT
    assert not any(row.is_fault for row in rows.values())


def test_a_failure_of_plugbus_in_a_contest_is_a_fault() -> None:
    (row,) = contest(ours=lambda _: Failing(1.0)).run((10,), PATIENT)
    assert (row.verdict, row.is_fault, row.note) == (Verdict.FAILED, True, "RuntimeError: it broke")


def test_figures_for_one_item_are_shares_and_ratios_stay() -> None:
    (row,) = contest(per="plugin").run((10,), PATIENT)
    assert (row.figure, row.base, row.ratio, row.unit) == (2.0, 1.0, 2.0, "s/plugin")
    assert row.samples == (2.0,) * 3
    assert row.bases == (1.0,) * 3


class Phased(Scripted):
    """Three phases that take 2, 3 and 4 times the base."""

    phases = ("register", "load", "unload")

    def sample(self) -> tuple[float, ...]:
        return 2.0, 3.0, 4.0


class Loading(Scripted):
    """A peer that does in one phase what plugbus does in two."""

    phases = ("load",)

    def sample(self) -> tuple[float, ...]:
        return (4.0,)


def test_a_phase_of_a_peer_is_held_against_all_phases_that_do_the_same() -> None:
    facts = {"ours": lambda _: Phased(), "base": lambda _: Scripted(1.0), "budgets": {}}
    peers = (peer("peer", lambda _: Loading()),)
    rows = list(contest(peers=peers, **facts).run((1,), PATIENT))
    assert [row.what for row in rows] == ["work, register", "work, load", "work, unload", "peer, load"]
    assert rows[-1].verdict is Verdict.AHEAD
    counted = contest(peers=peers, counterparts={"load": ("register", "load")}, **facts)
    assert list(counted.run((1,), PATIENT))[-1].verdict is Verdict.BEHIND


@pytest.mark.parametrize("per", ["", "plugin"])
@pytest.mark.parametrize(("power", "verdict"), [(1.0, Verdict.KEPT), (1.14, Verdict.KEPT), (1.2, Verdict.MISSED)])
def test_growth_has_to_be_linear_however_figures_are_told(power: float, verdict: Verdict, per: str) -> None:
    grown = contest(ours=lambda work: Scripted(float(work) ** power), growing=("",), per=per)
    row = list(grown.run((10, 100, 1_000), PATIENT))[-1]
    assert row.what == "work, growth"
    assert row.figure == pytest.approx(power)
    assert row.verdict is verdict
    assert row.note == "exponent over 10 to 1,000"


def test_the_growth_of_peers_is_shown_without_a_budget() -> None:
    peers = (peer("peer", lambda work: Scripted(float(work) ** 2)), Peer("missing", missing))
    rows = list(contest(peers=peers, growing=("",)).run((10, 100), PATIENT))
    row = rows[-1]
    assert (row.what, row.is_peer, row.verdict, row.budget) == ("peer, growth", True, Verdict.AHEAD, None)
    assert row.figure == pytest.approx(2.0)
    assert [one.what for one in rows if "growth" in one.what] == ["work, growth", "peer, growth"]


def test_growth_that_could_not_be_measured_is_a_fault() -> None:
    row = list(contest(growing=("",)).run((10,), PATIENT))[-1]
    assert (row.what, row.verdict) == ("work, growth", Verdict.FAILED)
    assert "two sizes" in growth_row([], "work", is_per_item=False).note


def test_a_forecast_lets_unknown_and_fast_subjects_run() -> None:
    effort = Effort(is_quick=True, repeats=1, sample_seconds=0, patience_seconds=10.0)
    forecast = Forecast()
    assert forecast.refusal("peer", 1_000, effort) == ""
    forecast.note("peer", 100, 0.1)
    assert forecast.refusal("peer", 1_000, effort) == ""


def test_a_forecast_expects_growth_to_go_on() -> None:
    effort = Effort(is_quick=True, repeats=1, sample_seconds=0, patience_seconds=10.0)
    forecast = Forecast()
    forecast.note("peer", 10, 0.01)
    forecast.note("peer", 100, 1.0)  # N ** 2: 100 s are next, 200 s with what is added to be careful
    assert forecast.refusal("peer", 1_000, effort) == "expected to take 200 s here, after 1 s at 100"
    assert forecast.refusal("other", 1_000, effort) == ""


def test_a_peer_that_grew_too_slow_is_not_run_at_the_next_size() -> None:
    slow = peer("slow", lambda work: Scripted(float(work)))
    effort = Effort(is_quick=True, repeats=1, sample_seconds=0.0, patience_seconds=50.0)
    rows = [row for row in contest(peers=(slow,)).run((10, 100), effort) if row.is_peer]
    assert [row.verdict for row in rows] == [Verdict.BEHIND, Verdict.NOT_RUN]
    assert rows[1].note.startswith("expected to take")


def test_a_module_that_is_missing_is_told_with_the_remedy_and_any_other_error_as_it_is() -> None:
    verdict, note = describe_refusal(ModuleNotFoundError("No module named 'x'", name="x"))
    assert (verdict, "--group bench" in note) == (Verdict.NOT_RUN, True)
    assert describe_refusal(KeyError("x")) == (Verdict.FAILED, "KeyError: 'x'")


# report


ROWS = (
    Row(suite="bus", what="publish", size=1_000, figure=2.5e-6, base=1e-6, base_name="loop", ratio=2.5,
        budget=Budget(limit=3.0), verdict=Verdict.KEPT, samples=(2.5e-6,), bases=(1e-6,)),
    Row(suite="bus", what="other send", size=1_000, figure=5e-6, base=1e-6, base_name="loop", ratio=5.0,
        is_peer=True, verdict=Verdict.AHEAD),
    Row(suite="bus", what="gone", size=1_000, is_peer=True, verdict=Verdict.NOT_RUN, note="not installed"),
    Row(suite="loading", what="load", unit="s/plugin", figure=18.7e-6, ratio=900.0,
        budget=Budget(limit=15e-6, of=Measure.FIGURE), verdict=Verdict.MISSED),
    Row(suite="loading", what="unload", budget=Budget(limit=1.0), verdict=Verdict.FAILED, note="it broke"),
)  # fmt: skip


def test_the_table_has_a_line_for_every_row_under_its_suite_with_peers_indented() -> None:
    assert render(ROWS).splitlines() == [
        "what             size          figure  base           ratio             budget  verdict",
        "---------------------------------------------------------------------------------------",
        "[bus]",
        "  publish       1,000         2.50 us  loop 1.00 us  2.50 x             <= 3 x  kept",
        "    other send  1,000         5.00 us  loop 1.00 us  5.00 x                     ahead",
        "    gone        1,000                                                           not run  not installed",
        "[loading]",
        "  load                 18.7 us/plugin                 900 x  <= 15.0 us/plugin  MISSED",
        "  unload                                                                <= 1 x  FAILED   it broke",
    ]


def test_the_summary_names_every_fault_and_counts_the_budgets() -> None:
    absent = Row(suite="bus", what="beside the fastest", budget=Budget(limit=1.0), verdict=Verdict.NOT_RUN)
    assert summary((*ROWS, absent)).splitlines() == [
        "MISSED: loading: load: 18.7 us/plugin, budget 15.0 us/plugin",
        "FAILED: loading: unload: it broke",
        "1 of 3 budgets kept",
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.77e-7, "s", "177 ns"),
        (9.99e-7, "s", "999 ns"),
        (1.5e-3, "s", "1.50 ms"),
        (12.34, "s", "12.3 s"),
        (5e-11, "s", "0.05 ns"),
        (1.5e-5, "s/plugin", "15.0 us/plugin"),
        (2_860.0, "B/plugin", "2.86 kB/plugin"),
        (-3.0, "B", "-3.00 B"),
        (-3_000.0, "B", "-3.00 kB"),
        (0.0, "B", "0.00 B"),
        (0.953, "", "0.95"),
        (3.0, "", "3"),
    ],
)
def test_values_are_written_with_three_digits_and_the_unit_that_suits_them(value: float, unit: str, text: str) -> None:
    assert in_unit(value, unit) == text


def test_the_json_holds_raw_samples_and_machine_facts() -> None:
    document = json.loads(as_json(ROWS, machine_facts(), {"quick": True}))
    assert document["machine"]["versions"]["plugbus"]
    assert document["options"] == {"quick": True}
    first = document["rows"][0]
    assert (first["samples"], first["bases"], first["verdict"]) == ([2.5e-6], [1e-6], "kept")
    assert first["budget"] == {"limit": 3.0, "of": "ratio"}
    assert len(document["rows"]) == len(ROWS)


# the suites


def bus_rows(ours: float, *theirs: float | None) -> list[Row]:
    peers = [Row(suite="bus", what=f"peer {one}", size=1, figure=one, ratio=one, is_peer=True) for one in theirs]
    return [Row(suite="bus", what="publish", size=1, figure=ours, ratio=ours), *peers]


def test_the_bus_has_to_be_ahead_of_the_fastest_peer() -> None:
    row = against_fastest(bus_rows(2.0, 9.0, 4.0, None))
    assert (row.ratio, row.base_name, row.verdict) == (0.5, "peer 4.0", Verdict.KEPT)
    assert against_fastest(bus_rows(4.2, 9.0, 4.0)).verdict is Verdict.MISSED


def test_the_bus_is_not_judged_against_peers_that_are_not_there() -> None:
    row = against_fastest(bus_rows(2.0, None))
    assert (row.verdict, row.is_fault) == (Verdict.NOT_RUN, False)


def import_verdicts(ours: float, pluggy: float) -> list[Verdict]:
    costs = {"plugbus.kernel": [ours] * 3, "pluggy": [pluggy] * 3}
    missing = {"blinker": "ModuleNotFoundError: No module named 'blinker'"}
    rows = list(import_rows([0.01] * 3, costs, {**missing, **dict.fromkeys(IMPORT_PEERS, "gone")}))
    assert all(row.verdict is Verdict.NOT_RUN for row in rows[3:])
    assert len(rows) == 3 + 1 + len(IMPORT_PEERS)
    return [row.verdict for row in rows[:3]]


IMPORT_PEERS = ("resolvelib", "pelix.framework", "stevedore", "svcs", "psygnal", "npe2")


def test_an_import_has_a_budget_over_bare_python_and_one_beside_pluggy() -> None:
    assert import_verdicts(0.030, 0.025) == [Verdict.KEPT, Verdict.KEPT, Verdict.BEHIND]
    assert import_verdicts(0.030, 0.020) == [Verdict.KEPT, Verdict.MISSED, Verdict.BEHIND]
    assert import_verdicts(0.041, 0.050) == [Verdict.MISSED, Verdict.KEPT, Verdict.AHEAD]


def test_an_import_of_the_kernel_that_fails_is_a_fault_and_a_missing_pluggy_is_not() -> None:
    (row,) = import_rows([0.01], {}, {"plugbus.kernel": "ImportError: no"})
    assert (row.is_fault, row.note) == (True, "ImportError: no")
    missing: dict[str, str] = dict.fromkeys(("pluggy", "blinker", *IMPORT_PEERS), "gone")
    rows = list(import_rows([0.01], {"plugbus.kernel": [0.02]}, missing))
    assert [row.verdict for row in rows[:2]] == [Verdict.KEPT, Verdict.NOT_RUN]
    assert not any(row.is_fault for row in rows)


def test_a_heavy_module_in_the_kernel_is_a_fault_that_names_it() -> None:
    assert absence_row({"re", "plugbus.kernel"}).verdict is Verdict.KEPT
    row = absence_row({"yaml", "re", "asyncio"})
    assert (row.verdict, row.note) == (Verdict.MISSED, "brings in asyncio, yaml")
    assert {"asyncio", "packaging", "pydantic", "yaml"} == set(ABSENT)


@pytest.mark.parametrize("make", [chain, wide, back_jumps])
@pytest.mark.parametrize("size", [10, 101])
def test_the_graph_of_a_problem_is_that_of_its_plan(make: Callable[[int], Problem], size: int) -> None:
    problem = make(size)
    plan = resolve(problem.candidates, problem.wanted)
    assert {one.id: tuple(plan.providers[one.id].values()) for one in plan.order} == problem.graph
    assert size - 1 <= len(problem.graph) <= size


def test_back_jumps_leave_each_pair_its_oldest_version_of_five() -> None:
    problem = back_jumps(21)
    plan = resolve(problem.candidates, problem.wanted)
    assert {one.version for one in plan.order} == {"1.0.0"}
    assert len(problem.candidates) == 1 + 20 * 5


@pytest.mark.parametrize("make", [bare_fleet, providing_fleet])
def test_a_fleet_is_registered_loaded_and_unloaded_as_a_whole(make: Callable[[int], object]) -> None:
    host = make_host(make(7))  # type: ignore[arg-type]
    host.register()
    assert len(host.kernel.list(PluginState.REGISTERED)) == 7
    host.load()
    assert len(host.kernel.list(PluginState.ACTIVE)) == 7
    assert len(host.kernel.services.keys) == (7 if make is providing_fleet else 0)
    host.unload()
    assert len(host.kernel.list(PluginState.REGISTERED)) == 7


def footprint(*unloaded: float) -> Footprint:
    return Footprint(registered=1_000.0, loaded=(3_000.0,) * len(unloaded), unloaded=unloaded)


def test_memory_is_flat_when_nothing_is_added_after_the_first_cycles() -> None:
    found = footprint(1_500.0, 1_600.0, 1_700.0, 1_800.0, *[1_900.0] * 6)
    assert WARM == 4
    assert (found.left, found.drift) == (500.0, 0.0)
    loaded, left, drift = our_rows(10, found)
    assert (loaded.figure, left.figure, drift.figure) == (300.0, 50.0, 0.0)
    assert drift.verdict is Verdict.KEPT


def test_memory_that_every_cycle_adds_to_is_a_fault() -> None:
    found = footprint(*(1_000.0 + 160.0 * cycle for cycle in range(10)))
    assert found.drift == pytest.approx(160.0)
    assert list(our_rows(10, found))[-1].is_fault


def test_peers_are_level_in_memory_within_a_few_bytes_a_plugin() -> None:
    ours, theirs = footprint(*[1_000.0] * 10), footprint(*[1_039.0] * 10)
    assert [row.verdict for row in peer_rows("peer", 10, ours, theirs)] == [Verdict.LEVEL] * 3
    worse = Footprint(1_000.0, (5_000.0,) * 10, tuple(2_000.0 + 100 * cycle for cycle in range(10)))
    assert [row.verdict for row in peer_rows("peer", 10, ours, worse)] == [Verdict.AHEAD] * 3


def test_traced_memory_is_what_steps_keep() -> None:
    def load(state: list[bytearray]) -> None:
        state.append(bytearray(100_000))

    def keep(state: list[bytearray]) -> None:
        state.append(bytearray(10_000))

    found = traced(Steps(list[bytearray], {"register": keep, "load": load, "unload": list[bytearray].pop}), 6)
    assert found.registered == pytest.approx(10_000, abs=2_000)
    assert found.loaded == pytest.approx([110_000] * 6, abs=2_000)
    assert found.unloaded == pytest.approx([10_000] * 6, abs=2_000)


# the command


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Effort], Iterator[Row]]], None]:
    def add(name: str, measure: Callable[[Effort], Iterator[Row]]) -> None:
        module = ModuleType(f"benchmarks.{name}")
        module.measure = measure  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return add


def good(effort: Effort) -> Iterator[Row]:
    yield judge(Row(suite="good", what="one", ratio=1.0, budget=Budget(limit=2.0)))


def bad(effort: Effort) -> Iterator[Row]:
    yield judge(Row(suite="bad", what="two", ratio=3.0, budget=Budget(limit=2.0)))
    raise RuntimeError("half way")


def test_a_suite_that_breaks_is_a_row_and_the_next_one_is_run(
    made_up: Callable[[str, Callable[[Effort], Iterator[Row]]], None],
) -> None:
    made_up("good", good)
    made_up("bad", bad)
    rows = list(run(("bad", "absent", "good"), QUICK))
    assert [(row.suite, row.verdict) for row in rows] == [
        ("bad", Verdict.MISSED),
        ("bad", Verdict.FAILED),
        ("absent", Verdict.FAILED),
        ("good", Verdict.KEPT),
    ]
    assert rows[1].note == "RuntimeError: half way"


def test_the_command_ends_with_1_when_a_budget_is_missed_and_prints_the_table_whole(
    made_up: Callable[[str, Callable[[Effort], Iterator[Row]]], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made_up("good", good)
    made_up("bad", bad)
    result = tmp_path / "results" / "latest.json"
    assert main([], suites=("bad", "good"), result=result) == 1
    table = capsys.readouterr().out
    assert "MISSED: bad: two: 3.00 x, budget 2 x" in table
    assert table.index("[bad]") < table.index("[good]") < table.index("1 of 2 budgets kept")
    assert [row["what"] for row in json.loads(result.read_text("utf-8"))["rows"]] == ["two", "bad", "one"]


def test_the_command_ends_with_0_when_all_budgets_are_kept(
    made_up: Callable[[str, Callable[[Effort], Iterator[Row]]], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made_up("good", good)
    made_up("bad", bad)
    result = tmp_path / "latest.json"
    assert main(["--only", "good", "--quick", "--json"], suites=("bad", "good"), result=result) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(result.read_text("utf-8"))
    assert document["options"] == {"only": ["good"], "quick": True}
    assert document["machine"]["seconds"] >= 0


@pytest.mark.parametrize(("longer", "verdict"), [(1.4e-6, Verdict.KEPT), (1.6e-6, Verdict.MISSED)])
def test_a_step_is_judged_by_what_it_takes_over_its_turn_in_the_plain_loop(longer: float, verdict: Verdict) -> None:
    # Ten steps of a microsecond, on a machine that is twice as slow for the last pair.
    bases = (1e-5, 1e-5, 2e-5)
    samples = tuple(base + 10 * longer for base in bases)
    row = over_the_loop("execute", 10, Series(samples, bases), is_limited=True)
    assert row.figure == pytest.approx(longer)
    assert row.base == pytest.approx(1e-6)
    assert row.verdict is verdict
    assert over_the_loop("execute", 10, Series(samples, bases), is_limited=False).verdict is Verdict.NONE


def test_every_suite_that_is_named_has_a_measure() -> None:
    assert all(callable(import_module(f"benchmarks.{name}").measure) for name in (*SUITES, *OPTIONAL))


def taken(what: str, size: int, *samples: float) -> dict[str, object]:
    return {"what": what, "size": size, "samples": samples, "bases": (1.0,) * len(samples)}


def test_the_synapse_sdk_is_compared_by_ratios_and_never_a_fault_of_ours() -> None:
    failed: dict[str, object] = {"what": "discover", "size": 10, "failure": "OSError: gone"}
    ours = [taken("execute", 4, 2.0, 3.0, 2.5), taken("discover", 10, 2.0)]
    mine, peer, _, broken = synapse.rows(ours, [{**taken("execute", 4, 9.0), "bases": (10.0,)}, failed])
    assert (mine.ratio, peer.ratio, peer.verdict) == (2.5, 0.9, Verdict.BEHIND)
    assert (broken.verdict, broken.note, broken.is_fault) == (Verdict.FAILED, "OSError: gone", False)
    assert next(synapse.rows([failed], [failed])).is_fault


def test_without_its_interpreter_the_synapse_sdk_is_said_not_to_be_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(synapse, "PEER_PYTHON", synapse.ROOT / ".venv-of-nobody" / "python")
    (row,) = synapse.measure(QUICK)
    assert (row.verdict, row.is_fault) == (Verdict.NOT_RUN, False)
    assert ".venv-of-nobody" in row.note
    assert "Python 3.12" in row.note


def test_a_side_that_can_not_be_imported_is_told_with_its_reason() -> None:
    with pytest.raises(RuntimeError, match="cannot measure nobody: KeyError"):
        synapse.run_side(Path(sys.executable), "nobody", QUICK, str(ROOT))


def test_what_plugbus_does_beside_the_synapse_sdk_runs() -> None:
    found = measure_side(Plugbus(), PATIENT)
    assert [(one["what"], one["size"], one.get("failure")) for one in found] == [
        (what, size, None) for what, sizes in SIZES.items() for size in sizes
    ]


def test_the_group_that_is_installed_and_the_versions_that_are_told_name_the_same_peers() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    peers = {Requirement(one).name for one in groups["bench"]}
    assert peers | {"plugbus", "blinker", "packaging"} == set(DISTRIBUTIONS)


def test_the_first_use_is_shown_beside_the_nearest_peer_and_has_no_budget() -> None:
    row = first_use_row([0.02, 0.03, 0.04], [0.01, 0.01, 0.02])

    assert (row.figure, row.base, row.ratio, row.budget) == (0.03, 0.01, 2.0, None)
    assert row.verdict is Verdict.NONE


@pytest.mark.parametrize("program", [OUR_FIRST_USE, NEAREST_FIRST_USE])
def test_the_first_uses_run(program: str) -> None:
    if "pluggy" in program:
        pytest.importorskip("pluggy", reason="a peer of the benchmarks")

    exec(program, {"__name__": "first_use"})  # noqa: S102 - text of the benchmarks
