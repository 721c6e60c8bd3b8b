"""``plugbus runs`` and ``plugbus events``: what was run, and what happened in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]
    Spawn = Callable[..., subprocess.Popen[str]]
    Fifo = Callable[[str], Path]

TOPICS = [
    "RunStarted",
    "ActionStarted",
    "ProgressReported",
    "MetricsRecorded",
    "EventLogged",
    "ActionCompleted",
    "RunEnded",
]


@pytest.fixture
def greeted(plugbus: Cli) -> str:
    """Run ``demo.greet`` and return the run's id."""
    run_id: str = json.loads(plugbus("run", "demo.greet", "--name", "Ann", "--json")[1])["run_id"]
    return run_id


def test_runs_without_any_says_so_on_stderr(plugbus: Cli, place: Path) -> None:
    assert plugbus("runs") == (0, "", f"no runs under {place / 'artifacts'}\n")
    assert plugbus("runs", "--json") == (0, "[]\n", "")


def test_runs_lists_each_run_with_its_outcome(plugbus: Cli, greeted: str, place: Path) -> None:
    plugbus("run", "demo.fail")
    code, out, err = plugbus("runs", "--json")
    assert (code, err) == (0, "")
    found = {one["action"]: one for one in json.loads(out)}
    assert set(found) == {"demo.greet", "demo.fail"}
    assert (found["demo.greet"]["run"], found["demo.greet"]["status"]) == (greeted, "ok")
    assert (found["demo.fail"]["status"], found["demo.fail"]["message"]) == ("failed", "ValueError: no luck today")
    assert found["demo.greet"]["artifact_dir"] == str(place / "artifacts" / "runs" / greeted)
    _, out, _ = plugbus("runs")
    assert out.splitlines()[0].split() == ["run", "action", "status", "seconds", "message"]
    (line,) = [line for line in out.splitlines() if greeted in line]
    assert len(line.split()) == 5, "a run that took no time has its seconds too"


def test_a_run_that_was_killed_is_unfinished(plugbus: Cli, greeted: str, place: Path) -> None:
    (place / "artifacts" / "runs" / greeted / "summary" / "run_summary.json").unlink()
    _, out, _ = plugbus("runs", "--json")
    assert [one["status"] for one in json.loads(out)] == ["unfinished"]
    assert "unfinished" in plugbus("runs")[1]


def test_events_of_the_latest_run_are_lines_for_people_or_json(plugbus: Cli, greeted: str) -> None:
    code, out, err = plugbus("events")
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in out.splitlines()] == TOPICS
    assert "current=1 total=1 category=greet" in out
    assert "values={words: 2}" in out
    code, out, err = plugbus("events", "--json")
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert [one["type"] for one in events] == TOPICS
    assert {one["job_id"] for one in events} == {greeted}
    assert [one["ts"] for one in events] == sorted(one["ts"] for one in events)


def test_events_may_be_of_one_run_and_of_some_topics(plugbus: Cli, greeted: str) -> None:
    plugbus("run", "demo.fail")
    _, out, _ = plugbus("events", greeted, "--topic", "RunEnded", "--topic", "MetricsRecorded", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [one["type"] for one in events] == ["MetricsRecorded", "RunEnded"]
    assert {one["job_id"] for one in events} == {greeted}


def test_events_without_a_run_says_what_to_do(plugbus: Cli, place: Path) -> None:
    code, out, err = plugbus("events")
    assert (code, out) == (2, "")
    assert err == f"error: cannot find run 'latest': it is not under {place / 'artifacts'}; run an action first\n"


def test_events_of_an_unknown_run_offers_a_near_one(plugbus: Cli, greeted: str) -> None:
    code, out, err = plugbus("events", f"{greeted[:-1]}x")
    assert (code, out) == (2, "")
    assert f"did you mean '{greeted}'?" in err


def test_a_run_whose_events_were_not_recorded_says_so(plugbus: Cli, greeted: str, place: Path) -> None:
    (place / "artifacts" / "runs" / greeted / "events.jsonl").unlink()
    code, out, err = plugbus("events", greeted)
    assert (code, out) == (0, "")
    assert err.startswith("no events were recorded in ")


def test_a_line_that_is_still_being_written_is_not_shown(plugbus: Cli, greeted: str, place: Path) -> None:
    file = place / "artifacts" / "runs" / greeted / "events.jsonl"
    *lines, _ = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines) + '{"type": "RunEn')
    code, out, _ = plugbus("events", "--json")
    assert (code, [json.loads(line)["type"] for line in out.splitlines()]) == (0, TOPICS[:-1])


def test_follow_of_a_run_that_is_over_ends_at_once(plugbus: Cli, greeted: str) -> None:
    code, out, _ = plugbus("events", "--follow", "--json")
    assert (code, [json.loads(line)["type"] for line in out.splitlines()]) == (0, TOPICS)


def test_follow_shows_events_of_a_live_run_until_it_ends(spawn: Spawn, fifo: Fifo) -> None:
    started, release = fifo("started"), fifo("release")
    run = spawn("run", "demo.wait", "--started", str(started), "--release", str(release), "--json")
    assert started.read_text() == "running"
    follower = spawn("events", "--follow", "--json")
    assert follower.stdout is not None
    seen = []
    for line in follower.stdout:
        seen.append(json.loads(line)["type"])
        if seen[-1] == "ProgressReported":
            release.write_text("go")
    assert seen == ["RunStarted", "ActionStarted", "ProgressReported", "ActionCompleted", "RunEnded"]
    out, err = run.communicate()
    assert (json.loads(out)["outputs"], err) == ({"word": "go"}, "")
    assert (run.returncode, follower.wait()) == (0, 0)


def test_follow_waits_for_the_first_run(spawn: Spawn, plugbus: Cli) -> None:
    follower = spawn("events", "--follow", "--topic", "RunEnded", "--json")
    plugbus("run", "demo.greet", "--name", "Ann")
    out, err = follower.communicate()
    assert (json.loads(out)["status"], err, follower.returncode) == ("ok", "", 0)
