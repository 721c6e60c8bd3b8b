"""The resolver against brute force on small random problems."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from plugbus.kernel.candidates import Candidates
from plugbus.kernel.capabilities import Capability, Requirement
from plugbus.kernel.errors import CycleError, ResolutionError
from plugbus.kernel.greedy import choose_greedily
from plugbus.kernel.metadata import PluginMetadata
from plugbus.kernel.ordering import Circle, arrange
from plugbus.kernel.ranges import parse_range
from plugbus.kernel.resolver import Plan, resolve
from plugbus.kernel.search import Search
from plugbus.kernel.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IDS = ("a", "b", "c", "d")
CAPABILITIES = ("x", "y")
RANGES = ("*", ">=2", "<3", ">=1", "!=2", "<2", ">=3", "1.x")
VERSIONS = ("1.0", "2.0", "3.0")
VARIABLES = 6


@dataclass(frozen=True)
class Problem:
    candidates: tuple[PluginMetadata, ...]
    wanted: tuple[str, ...]
    preferences: Mapping[str, str]
    active: tuple[PluginMetadata, ...]

    def outcome(self) -> Plan | ResolutionError:
        try:
            return resolve(self.candidates, self.wanted, self.preferences, active=self.active)
        except ResolutionError as error:
            return error


@st.composite
def problems(draw: st.DrawFn, versions: tuple[str, ...] = VERSIONS) -> Problem:
    ids = IDS[: draw(st.integers(2, 4))]
    candidates: list[PluginMetadata] = []
    active: list[PluginMetadata] = []
    ranges = st.sampled_from(RANGES)
    for plugin_id in ids:
        others = st.sampled_from([other for other in (*ids, *ids, "gone") if other != plugin_id])
        capabilities = st.sampled_from(CAPABILITIES)
        group = []
        # The patch number keeps versions of different ids apart, so that nothing is decided by a tie.
        patch = IDS.index(plugin_id)
        for version in draw(st.lists(st.sampled_from(versions), unique=True, min_size=1, max_size=3)):
            provided = draw(st.lists(capabilities, unique=True, max_size=2))
            required = draw(
                st.lists(st.tuples(st.one_of(others, capabilities.map(Capability)), ranges, st.booleans()), max_size=2)
            )
            group.append(
                PluginMetadata(
                    plugin_id,
                    version.replace(".0", f".0.{patch}", 1),
                    dependencies=draw(st.dictionaries(others, ranges, max_size=2)),
                    provides=tuple(Capability(name, version=draw(st.sampled_from(VERSIONS))) for name in provided),
                    requires=tuple(Requirement(*one) for one in required),
                )
            )
        candidates += group
        if group and draw(st.integers(0, 5)) == 0:
            active.append(draw(st.sampled_from(group)))
    wanted = draw(st.lists(st.sampled_from(ids), unique=True, min_size=1, max_size=3))
    preferred = st.dictionaries(st.sampled_from(CAPABILITIES), st.sampled_from(ids), max_size=2)
    pinned = st.dictionaries(st.sampled_from(ids), ranges, max_size=1)
    return Problem(tuple(candidates), tuple(wanted), {**draw(preferred), **draw(pinned)}, tuple(active))


def inside(text: str, version: str) -> bool:
    return parse_range(text).matches(parse_version(version))


def meets(plugin: PluginMetadata, requirement: Requirement) -> bool:
    if not requirement.is_capability:
        return plugin.id == requirement.target and inside(requirement.range, plugin.version)
    return any(token == requirement.target and inside(requirement.range, token.version) for token in plugin.provides)


def needs(plugin: PluginMetadata) -> dict[str, list[Requirement]]:
    """Group what must be met by its target: one provider has to meet a group."""
    found: dict[str, list[Requirement]] = {}
    for requirement in plugin.requirements:
        if not requirement.optional:
            found.setdefault(str(requirement.target), []).append(requirement)
    return found


def is_circular(edges: Mapping[str, set[str]]) -> bool:
    left = {node: set(after) & edges.keys() for node, after in edges.items()}
    while free := [node for node, after in left.items() if not after]:
        for node in free:
            del left[node]
        for after in left.values():
            after.difference_update(free)
    return bool(left)


def solutions(problem: Problem, *, circles: bool = False) -> Iterator[dict[str, PluginMetadata]]:
    """Try every choice of versions, and for each every choice of providers."""
    loaded = {plugin.id: plugin for plugin in problem.active}
    ids = sorted({plugin.id for plugin in (*problem.candidates, *problem.active)})
    pins = {key: text for key, text in problem.preferences.items() if not text[0].isalpha()}
    options: list[list[PluginMetadata | None]] = []
    for plugin_id in ids:
        if plugin_id in loaded:
            options.append([loaded[plugin_id]])
            continue
        group = [plugin for plugin in problem.candidates if plugin.id == plugin_id]
        options.append([None, *(one for one in group if inside(pins.get(plugin_id, "*"), one.version))])
    for combination in product(*options):
        chosen = {plugin.id: plugin for plugin in combination if plugin is not None}
        usable = {
            key: one for key, one in chosen.items() if key not in loaded or inside(pins.get(key, "*"), one.version)
        }
        if not all(plugin_id in usable for plugin_id in problem.wanted):
            continue
        owners: list[str] = []
        providers: list[list[str]] = []
        for owner in chosen.values():
            if owner.id in loaded:
                continue
            for group_ in needs(owner).values():
                owners.append(owner.id)
                providers.append(
                    [one.id for one in usable.values() if one is not owner and all(meets(one, need) for need in group_)]
                )
        for picks in product(*providers):
            edges: dict[str, set[str]] = {plugin_id: set() for plugin_id in chosen if plugin_id not in loaded}
            for owner_id, pick in zip(owners, picks, strict=True):
                edges[owner_id].add(pick)
            if circles or not is_circular(edges):
                yield chosen
                break


def check(problem: Problem, plan: Plan) -> None:
    """Assert everything that the words of ``resolve`` promise of a plan."""
    loaded = {plugin.id: plugin for plugin in problem.active}
    chosen = {plugin.id: plugin for plugin in plan.order}
    pins = {key: text for key, text in problem.preferences.items() if not text[0].isalpha()}
    usable = {key: one for key, one in loaded.items() if inside(pins.get(key, "*"), one.version)}
    everything = {**usable, **chosen}
    place = {plugin.id: number for number, plugin in enumerate(plan.order)}
    assert len(chosen) == len(plan.order)
    assert not chosen.keys() & loaded.keys()
    assert all(plugin in problem.candidates for plugin in plan.order)
    assert all(plugin_id in everything for plugin_id in problem.wanted)
    assert list(plan.providers) == [plugin.id for plugin in plan.order]
    used = set(problem.wanted)
    for plugin in plan.order:
        row = plan.providers[plugin.id]
        groups = needs(plugin)
        for target, group in groups.items():
            assert all(meets(everything[row[target]], requirement) for requirement in group)
            used.add(row[target])
        for target, provider in row.items():
            assert provider != plugin.id
            assert provider in loaded or place[provider] < place[plugin.id]
            if target not in groups:
                wishes = [one for one in plugin.requires if one.optional and one.target == target]
                assert any(meets(everything[provider], one) for one in wishes)
        edges = {owner: set(found.values()) for owner, found in plan.providers.items()}
        for wish in plugin.requires:
            if wish.optional and str(wish.target) not in row:
                for one in everything.values():
                    if one is not plugin and meets(one, wish):
                        assert is_circular({**edges, plugin.id: edges[plugin.id] | {one.id}})
    assert chosen.keys() <= used
    for key, text in pins.items():
        if key in chosen:
            assert inside(text, chosen[key].version)
    assert len(plan.explanations) == len(plan.order)


@settings(max_examples=250, deadline=None)
@given(problems())
def test_plan_is_found_exactly_when_one_exists(problem: Problem) -> None:
    found = list(solutions(problem))
    outcome = problem.outcome()
    if isinstance(outcome, Plan):
        event(f"plan of {len(outcome.order)}")
        assert found
        check(problem, outcome)
        # What is decided first is decided best.
        first = problem.wanted[0]
        versions = {plugin.id: plugin.version for plugin in (*outcome.order, *problem.active)}
        assert parse_version(versions[first]) == max(parse_version(one[first].version) for one in found)
        return
    assert not found
    if isinstance(outcome, CycleError):
        event("circle")
        assert any(solutions(problem, circles=True))
        assert outcome.path[0] == outcome.path[-1]
        for owner, needed in pairwise(outcome.path):
            # Each step is one that some version of its owner may take.
            owners = [one for one in problem.candidates if one.id == owner]
            targets = [one for one in problem.candidates if one.id == needed]
            assert any(meets(other, need) for one in owners for need in one.requirements for other in targets)
    else:
        event("impossible")
        assert not any(solutions(problem, circles=True))
        assert outcome.causes


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers())
def test_order_of_candidates_decides_nothing_but_ties(problem: Problem, seed: int) -> None:
    shuffled = list(problem.candidates)
    Random(seed).shuffle(shuffled)
    other = Problem(tuple(shuffled), problem.wanted, problem.preferences, problem.active)
    outcome, again = problem.outcome(), other.outcome()
    assert type(again) is type(outcome)
    if isinstance(outcome, Plan):
        assert again == outcome
        assert isinstance(again, Plan)
        assert again.explain() == outcome.explain()


@settings(max_examples=250, deadline=None)
@given(problems(versions=(*VERSIONS, "4.0b1")))
def test_first_pass_gives_the_answer_of_the_complete_search(problem: Problem) -> None:
    candidates = Candidates(problem.candidates, problem.preferences, problem.active)
    choice = choose_greedily(candidates, problem.wanted)
    if choice is None:
        event("contradiction")
        return
    chosen, rows = choice
    try:
        arrange(problem.wanted, rows)
    except Circle:
        event("circle")
        return
    event(f"choice of {len(rows)}")
    found, found_rows, _ = Search(candidates, problem.wanted).run()
    assert found_rows == rows
    assert all(chosen[plugin_id] is plugin for plugin_id, plugin in found.items())


@dataclass(frozen=True)
class Puzzle:
    """Variables of three values, and for some pairs of them the values that go together."""

    allowed: Mapping[tuple[int, int], tuple[tuple[int, int], ...]]
    as_capability: frozenset[tuple[int, int]]
    at_root: bool
    by_rules: bool

    def assignments(self) -> Iterator[tuple[int, ...]]:
        """Yield what is allowed, the highest values first, the first variable first."""
        for values in product((3, 2, 1), repeat=VARIABLES):
            if all((values[left], values[right]) in pairs for (left, right), pairs in self.allowed.items()):
                yield values

    def resolve(self) -> Plan:
        candidates = [PluginMetadata(f"v{n}", f"{value}.0") for n in range(VARIABLES) for value in (1, 2, 3)]
        wanted = [] if self.by_rules else [f"v{n}" for n in range(VARIABLES)]
        dependencies: dict[str, str] = {}
        requires: list[Requirement] = []
        for (left, right), pairs in self.allowed.items():
            name = f"c{left}{right}"
            for number, (low, high) in enumerate(pairs, 1):
                fits = {f"v{left}": f"=={low}.0", f"v{right}": f"=={high}.0"}
                if (left, right) in self.as_capability:
                    provider = PluginMetadata(f"{name}.{number}", "1.0", dependencies=fits)
                    candidates.append(provider.with_capability(Capability(name)))
                else:
                    candidates.append(PluginMetadata(name, f"{number}.0", dependencies=fits))
            if (left, right) in self.as_capability:
                requires.append(Requirement(Capability(name)))
            else:
                dependencies[name] = "*"
        candidates.append(PluginMetadata("rules", "2.0", dependencies=dependencies, requires=tuple(requires)))
        if self.at_root:
            return resolve(candidates, [*wanted, "rules"])
        # Without the rules anything goes; they come first, so that giving them up is the last way out.
        return resolve([*candidates, PluginMetadata("rules", "1.0")], ["rules", *wanted])


@st.composite
def puzzles(draw: st.DrawFn) -> Puzzle:
    places = [(left, right) for right in range(VARIABLES) for left in range(right)]
    chosen = draw(st.lists(st.sampled_from(places), unique=True, min_size=6, max_size=15))
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    allowed = {place: tuple(draw(st.lists(pairs, unique=True, min_size=3, max_size=6))) for place in chosen}
    as_capability = frozenset(place for place in chosen if draw(st.booleans()))
    return Puzzle(allowed, as_capability, draw(st.booleans()), draw(st.booleans()))


@settings(max_examples=300, deadline=None)
@given(puzzles())
def test_puzzle_is_solved_by_the_best_of_its_solutions(puzzle: Puzzle) -> None:
    best = next(puzzle.assignments(), None)
    if best is None and puzzle.at_root:
        event("impossible")
        with pytest.raises(ResolutionError) as caught:
            puzzle.resolve()
        assert caught.value.causes
        return
    plan = puzzle.resolve()
    versions = {plugin.id: plugin.version for plugin in plan.order}
    event(f"rules {versions['rules']}")
    assert versions["rules"] == ("1.0" if best is None else "2.0")
    if not puzzle.by_rules and (puzzle.at_root or best is None):
        expected = best or (3,) * VARIABLES
        assert tuple(versions[f"v{n}"] for n in range(VARIABLES)) == tuple(f"{value}.0" for value in expected)
    for (left, right), pairs in puzzle.allowed.items():
        if best is not None:
            assert any(versions[f"v{left}"] == f"{a}.0" and versions[f"v{right}"] == f"{b}.0" for a, b in pairs)
