"""The examples of the docs, run as programs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SWAP = [sys.executable, str(EXAMPLES / "swap_under_load.py")]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SWAP, *arguments], capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - our own program


def test_nothing_goes_wrong_when_a_provider_is_swapped_under_load() -> None:
    done = run("--json", "--swaps", "60", "--threads", "4")
    found: dict[str, Any] = json.loads(done.stdout)
    zero = ("failures", "wrong_answers", "half_swapped", "orders_lost", "orders_twice", "swaps_late")
    assert {name: found[name] for name in zero} == dict.fromkeys(zero, 0), found["first_failure"]
    assert (found["swaps"], found["threads"], found["is_interrupted"]) == (60, 4, False)
    assert found["calls"] > 60
    assert found["orders"] > 4
    assert found["broken"] == []
    assert found["call_us_during"]["p50"] > 0
    assert done.returncode == 0


def test_the_table_shows_what_was_counted() -> None:
    done = run("--swaps", "8", "--threads", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 swaps under 2 threads" in done.stdout
    assert done.stdout.rstrip().endswith("every promise was kept")


def test_a_promise_that_breaks_is_named_and_ends_with_code_1() -> None:
    # A swap that loses the count of the orders loses all orders before it.
    program = (EXAMPLES / "swap_under_load.py").read_text(encoding="utf-8")
    broken = program.replace("self.orders[thread] = number + 1", "self.orders[thread] = number", 1)
    assert broken != program
    command = [sys.executable, "-c", broken, "--swaps", "2", "--threads", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - our own program
    assert done.returncode == 1
    assert "orders_lost is" in done.stdout


def test_ctrl_c_ends_the_demonstration_in_order() -> None:
    # Without another process group the signal would meet the tests, too.
    with subprocess.Popen(  # noqa: S603 - our own program
        [*SWAP, "--json", "--swaps", "1000000"], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            time.sleep(2)  # it is somewhere in the midst then: each place is a good one
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    found = json.loads(printed)
    assert found["is_interrupted"]
    assert (found["failures"], found["half_swapped"], found["orders_lost"], found["orders_twice"]) == (0, 0, 0, 0)
    assert process.returncode == 0


def test_help_and_wrong_numbers() -> None:
    assert "--swaps" in run("--help").stdout
    assert run("--swaps", "0").returncode == 2
