"""Swap the provider of two capabilities a thousand times while threads use it, and count what goes wrong: nothing.

Threads call a price service as fast as they can, half of them through leases, half through a handle. Between two calls
they look both capabilities up, one after the other: as both change hands in one step, the second is never of an older
version than the first. Some calls publish an order; whoever serves counts the orders of each thread, and notices one
that is missing or comes twice, also across a switch.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from array import array
from collections import Counter
from contextlib import contextmanager
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, Any, Protocol

from plugbus.kernel import Capability, Event, Kernel, Plugin, PluginContext, PluginMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BARS = "▁▂▃▄▅▆▇█"
MEMORY_BOUND = 1.05
"""How many times as many blocks of memory may be in use in the last quarter of the swaps as in the second."""


class Prices(Protocol):
    """What the host calls."""

    version: int

    def price(self, number: int) -> int: ...


class Rates(Protocol):
    """What the same plugin provides besides."""

    version: int


PRICES = Capability[Prices]("prices", version="1.0.0", contract=Prices)
RATES = Capability[Rates]("rates", version="1.0.0", contract=Rates)


class Table:
    """Serve calls, and know when that is not allowed any more."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.is_alive = True

    def price(self, number: int) -> int:
        if not self.is_alive:
            raise RuntimeError(f"version {self.version} was called after its unload")
        return number * 2


class PricesPlugin(Plugin):
    """One version of the service. The orders that it has counted go over to the next one."""

    def __init__(self, version: int, orders: Counter[str]) -> None:
        # The texts come again: what the kernel remembers of each version that it has read is bounded, but not at once.
        self.metadata = PluginMetadata("prices", f"1.{version % 100}.0", provides=(PRICES, RATES))
        self.table = Table(version)
        self.orders = orders

    def on_load(self, ctx: PluginContext) -> None:
        ctx.provide(PRICES, self.table)
        ctx.provide(RATES, Table(self.table.version))
        ctx.subscribe("order", self.count)

    def count(self, event: Any) -> None:
        thread, number = event.data
        # Each thread numbers its orders, and one is delivered before the next is published.
        expected = self.orders[thread]
        self.orders["lost"] += number > expected
        self.orders["twice"] += number < expected
        self.orders[thread] = number + 1

    def on_unload(self, ctx: PluginContext) -> None:
        self.table.is_alive = False

    def save_state(self) -> Mapping[str, int]:
        return {"version": self.table.version}

    def restore_state(self, state: Mapping[str, int]) -> None:
        if state["version"] + 1 != self.table.version:
            raise ValueError(f"version {self.table.version} was given the state of version {state['version']}")


class Caller(threading.Thread):
    """Call as fast as it goes until told to stop."""

    def __init__(self, number: int, kernel: Kernel, phase: list[str], over: threading.Event) -> None:
        super().__init__(name=f"caller {number}")
        self._kernel = kernel
        self._phase = phase
        self._over = over
        self._is_leasing = number % 2 == 0
        self.found: Counter[str] = Counter()
        self.failure = ""
        # Arrays, as lists of numbers would grow the memory that is watched.
        self.times_us = {"before": array("d"), "during": array("d")}

    def run(self) -> None:
        while not self._over.is_set():
            number = self.found["calls"]
            began = time.perf_counter()
            try:
                self._call(number)
            except Exception as error:  # noqa: BLE001 - counted, and shown at the end
                self.found["failures"] += 1
                self.failure = f"{type(error).__name__}: {error}"
            if number % 64 == 0:
                self.times_us[self._phase[0]].append((time.perf_counter() - began) * 1e6)
            self._look(*((PRICES, RATES) if number % 2 else (RATES, PRICES)))
            if number % 16 == 0:
                self._kernel.bus.publish(Event.custom("order", (self.name, self.found["orders"])))
                self.found["orders"] += 1
            self.found["calls"] += 1

    def _call(self, number: int) -> None:
        services = self._kernel.services
        lease = services.lease(PRICES) if self._is_leasing else services.ref(PRICES).lease()
        with lease as prices:
            version = prices.version
            answer = prices.price(number)
            self.found["wrong_answers"] += answer != number * 2 or prices.version != version

    def _look(self, first: Capability[Any], second: Capability[Any]) -> None:
        services = self._kernel.services
        earlier = services.get(first).version
        self.found["half_swapped"] += services.get(second).version < earlier


@contextmanager
def running(callers: Sequence[Caller], over: threading.Event) -> Iterator[None]:
    """Let the callers call for the length of the block."""
    for one in callers:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in callers:
            one.join()


def demonstrate(swaps: int, threads: int) -> dict[str, Any]:
    """Swap under load; return what was counted."""
    kernel, orders, phase, over = Kernel(), Counter[str](), ["before"], threading.Event()
    kernel.register(PricesPlugin(0, orders))
    kernel.load("prices")
    callers = [Caller(number, kernel, phase, over) for number in range(threads)]
    swap_us, blocks = array("d"), array("q")
    late = 0
    is_interrupted = False
    began = time.perf_counter()
    try:
        with running(callers, over):
            time.sleep(0.5)
            phase[0] = "during"
            for place in range(swaps):
                start = time.perf_counter()
                late += not kernel.swap("prices", PricesPlugin(place + 1, orders)).is_drained
                swap_us.append((time.perf_counter() - start) * 1e6)
                blocks.append(sys.getallocatedblocks())
    except KeyboardInterrupt:
        is_interrupted = True
    seconds = time.perf_counter() - began
    kernel.shutdown()
    found = sum((one.found for one in callers), Counter[str]())
    heard = sum(count for thread, count in orders.items() if thread not in {"lost", "twice"})
    return {
        "swaps": len(swap_us),
        "threads": threads,
        "seconds": round(seconds, 2),
        "is_interrupted": is_interrupted,
        "calls": found["calls"],
        "failures": found["failures"],
        "first_failure": next((one.failure for one in callers if one.failure), ""),
        "wrong_answers": found["wrong_answers"],
        "half_swapped": found["half_swapped"],
        "orders": found["orders"],
        "orders_lost": orders["lost"] + found["orders"] - heard,
        "orders_twice": orders["twice"],
        "swaps_late": late,
        "memory_growth": round(growth(blocks), 4),
        "call_us_before": spread([time for one in callers for time in one.times_us["before"]]),
        "call_us_during": spread([time for one in callers for time in one.times_us["during"]]),
        "swap_us": spread(swap_us),
        "swap_us_means": means(swap_us),
        "memory_means": means(blocks),
    }


def growth(blocks: Sequence[int]) -> float:
    """Return how many times as much memory the last quarter used as the second; the first is for warming up."""
    quarter = len(blocks) // 4
    return fmean(blocks[-quarter:]) / fmean(blocks[quarter : 2 * quarter]) if quarter else 1.0


def spread(times: Sequence[float]) -> dict[str, float]:
    """Return median and 99th percentile."""
    cuts = quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}


def means(values: Sequence[float], count: int = 50) -> list[float]:
    """Return the means of at most ``count`` stretches of the same length."""
    width = max(1, -(-len(values) // count))
    return [round(fmean(values[at : at + width]), 1) for at in range(0, len(values), width)]


def picture(values: Sequence[float]) -> str:
    """Draw values as bars, from 0."""
    top = max(values, default=0.0) or 1.0
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in values)


def broken_promises(found: Mapping[str, Any]) -> list[str]:
    """Name what is to be zero and is not, or is to be flat and grows."""
    zero = ("failures", "wrong_answers", "half_swapped", "orders_lost", "orders_twice", "swaps_late")
    broken = [f"{name} is {found[name]}, not 0" for name in zero if found[name]]
    if found["memory_growth"] > MEMORY_BOUND:
        broken.append(f"memory_growth is {found['memory_growth']}, more than {MEMORY_BOUND}")
    return broken


def show(found: Mapping[str, Any], broken: Sequence[str]) -> None:
    """Print a table, two pictures, and the verdict."""
    rate = found["calls"] / found["seconds"]
    print(
        f"{found['swaps']:,} swaps under {found['threads']} threads in {found['seconds']} s, {rate:,.0f} calls a second"
    )
    print()
    for name in ("calls", "failures", "wrong_answers", "half_swapped", "orders", "orders_lost", "orders_twice"):
        print(f"  {name.replace('_', ' '):<28}{found[name]:>12,}")
    print(f"  {'memory, 4th against 2nd quarter':<34}{found['memory_growth']:>6}")
    print()
    print(f"  {'µs':<28}{'p50':>12}{'p99':>12}")
    for name, text in (("call_us_before", "a call before"), ("call_us_during", "a call during"), ("swap_us", "a swap")):
        print(f"  {text:<28}{found[name]['p50']:>12,}{found[name]['p99']:>12,}")
    print()
    print(f"  a swap  {picture(found['swap_us_means'])}")
    print(f"  memory  {picture(found['memory_means'])}")
    print()
    if found["first_failure"]:
        print(f"first failure: {found['first_failure']}")
    print("stopped by Ctrl-C" if found["is_interrupted"] else "all swaps done", end="; ")
    print("; ".join(broken) if broken else "every promise was kept")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description="Swap a plugin while threads use it, and count what goes wrong.")
    parser.add_argument("--swaps", type=int, default=1000, metavar="N", help="how many swaps (default: 1000)")
    parser.add_argument("--threads", type=int, default=8, metavar="N", help="how many threads call (default: 8)")
    parser.add_argument("--json", action="store_true", help="print what was counted as JSON")
    given = parser.parse_args(arguments)
    if given.swaps < 1 or given.threads < 1:
        parser.error("give at least one swap and one thread")
    found = demonstrate(given.swaps, given.threads)
    broken = broken_promises(found)
    if given.json:
        print(json.dumps({**found, "broken": broken}, indent=2))
    else:
        show(found, broken)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
