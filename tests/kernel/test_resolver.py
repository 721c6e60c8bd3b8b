"""What ``resolve`` promises, clause by clause."""

from __future__ import annotations

import copy
import pickle
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from plugbus.kernel.capabilities import Capability, Requirement
from plugbus.kernel.errors import CycleError, ResolutionError
from plugbus.kernel.metadata import PluginMetadata
from plugbus.kernel.resolver import Plan, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

EXECUTOR = Capability[object]("executor")
STORE = Capability[object]("store")


def plugin(
    plugin_id: str,
    version: str = "1.0.0",
    *requires: Requirement,
    provides: tuple[Capability[object], ...] = (),
    dependencies: Mapping[str, str] = MappingProxyType({}),
    **more: str,
) -> PluginMetadata:
    return PluginMetadata(
        plugin_id, version, dependencies={**dependencies, **more}, provides=provides, requires=requires
    )


def needs(target: Capability[object] | str, text: str = "*") -> Requirement:
    return Requirement(target, text)


def likes(target: Capability[object] | str, text: str = "*") -> Requirement:
    return Requirement(target, text, optional=True)


def loads(plan: Plan) -> list[str]:
    return [f"{one.id} {one.version}" for one in plan.order]


def causes(*candidates: PluginMetadata, wanted: str = "app", **preferences: str) -> tuple[str, ...]:
    with pytest.raises(ResolutionError) as caught:
        resolve(candidates, wanted.split(), preferences)
    assert caught.value.wanted == tuple(wanted.split())
    return caught.value.causes


BASE_1, BASE_2 = plugin("base", "1.0.0"), plugin("base", "2.0.0")


# Order


def test_dependencies_go_first() -> None:
    plan = resolve([plugin("app", base="*"), BASE_1], ["app"])
    assert loads(plan) == ["base 1.0.0", "app 1.0.0"]
    assert plan.providers == {"base": {}, "app": {"base": "base"}}
    assert plan.wanted == ("app",)


def test_ties_keep_the_order_of_wanting_and_of_declaration() -> None:
    candidates = [plugin(name) for name in "abcd"] + [plugin("top", c="*", a="*")]
    assert [one.id for one in resolve(candidates, ["d", "top", "b", "d"]).order] == ["d", "c", "a", "top", "b"]


def test_nothing_wanted_is_an_empty_plan() -> None:
    plan = resolve([BASE_1], [])
    assert plan.order == ()
    assert plan.explain() == ""


def test_plans_are_equal_by_value_and_cannot_be_changed() -> None:
    plan = resolve([BASE_1], ["base"])
    assert plan == resolve([BASE_1, plugin("other")], ["base"])
    assert hash(plan) == hash(resolve([BASE_1], ["base"]))
    with pytest.raises(TypeError):
        plan.providers["base"] = {}  # type: ignore[index]
    with pytest.raises(TypeError):
        plan.providers["base"]["x"] = "y"  # type: ignore[index]


# Versions


def test_newest_version_inside_the_range_is_chosen() -> None:
    group = [plugin("base", version) for version in ("1.2.0", "1.10.0", "2.0.0", "1.9.0")]
    assert loads(resolve([*group, plugin("app", base="^1")], ["app"])) == ["base 1.10.0", "app 1.0.0"]


def test_all_ranges_on_one_id_hold() -> None:
    group = [plugin("base", version) for version in ("1.0.0", "1.5.0", "2.0.0")]
    needy = [plugin("app", base=">=1"), plugin("plug", base="<2"), plugin("more", base="!=1.5.0")]
    plan = resolve([*group, *needy], ["app", "plug", "more"])
    assert loads(plan) == ["base 1.0.0", "app 1.0.0", "plug 1.0.0", "more 1.0.0"]


def test_older_version_is_chosen_where_the_newest_leads_nowhere() -> None:
    candidates = [plugin("app", base=">=1"), BASE_1, plugin("base", "2.0.0", gone="*")]
    assert loads(resolve(candidates, ["app"])) == ["base 1.0.0", "app 1.0.0"]


def test_plugin_may_be_required_by_id_beside_the_dependencies() -> None:
    candidates = [plugin("app", "1.0.0", needs("base", "<2"), base=">=1"), BASE_1, BASE_2]
    assert loads(resolve(candidates, ["app"])) == ["base 1.0.0", "app 1.0.0"]


def test_wanted_plugin_takes_its_newest_stable_version() -> None:
    assert loads(resolve([plugin("base", "3.0.0rc1"), BASE_1, BASE_2], ["base"])) == ["base 2.0.0"]


def test_wanted_plugin_without_stable_version_takes_its_newest_prerelease() -> None:
    assert loads(resolve([plugin("base", "3.0.0b1"), plugin("base", "3.0.0rc1")], ["base"])) == ["base 3.0.0rc1"]


def test_prerelease_is_chosen_where_a_range_names_one() -> None:
    candidates = [BASE_1, plugin("base", "3.0.0rc1"), plugin("app", base=">=3.0.0b1")]
    assert loads(resolve(candidates, ["app", "base"])) == ["base 3.0.0rc1", "app 1.0.0"]


def test_prerelease_does_not_stand_in_for_a_stable_version_that_cannot_be_had() -> None:
    assert causes(plugin("app", gone="*"), plugin("app", "2.0.0b1")) == (
        "'app' 1.0.0 requires plugin 'gone' *, which is not registered",
        "plugin 'app' 2.0.0b1: a pre-release has to be named by a range",
    )


def test_prerelease_provides_only_where_a_range_on_its_id_names_one() -> None:
    stable, early = plugin("local"), plugin("local", "2.0.0b1", provides=(EXECUTOR,))
    app = plugin("app", "1.0.0", needs(EXECUTOR))
    assert causes(stable, early, app) == (
        "'app' 1.0.0 requires capability 'executor' *, which only 'local' can provide",
        "plugin 'local' 2.0.0b1: a pre-release has to be named by a range",
    )
    named = plugin("other", local=">=2.0.0b1")
    assert loads(resolve([stable, early, app, named], ["app", "other"])) == [
        "local 2.0.0b1",
        "app 1.0.0",
        "other 1.0.0",
    ]


# Capabilities


def test_range_of_a_capability_is_about_its_own_version() -> None:
    old = plugin("old", "9.0.0", provides=(Capability("executor", version="1.4.0"),))
    new = plugin("new", "0.1.0", provides=(Capability("executor", version="2.1.0"),))
    for text, provider in (("^1", "old"), ("^2", "new"), ("*", "new")):
        plan = resolve([old, new, plugin("app", "1.0.0", needs(EXECUTOR, text))], ["app"])
        assert plan.providers["app"] == {"executor": provider}


def test_newest_plugin_provides_among_equal_capabilities_and_the_first_declared_among_equal_plugins() -> None:
    app = plugin("app", "1.0.0", needs(EXECUTOR))
    one, two, three = (plugin(name, "1.0.0", provides=(EXECUTOR,)) for name in ("one", "two", "three"))
    newest = plugin("newest", "1.1.0", provides=(EXECUTOR,))
    assert resolve([app, two, one, three], ["app"]).providers["app"] == {"executor": "two"}
    assert resolve([app, two, one, newest], ["app"]).providers["app"] == {"executor": "newest"}


def test_provider_in_the_plan_goes_before_a_newer_one() -> None:
    old, new = plugin("old", "1.0.0", provides=(EXECUTOR,)), plugin("new", "2.0.0", provides=(EXECUTOR,))
    needy = plugin("app", "1.0.0", needs(EXECUTOR))
    for candidates, wanted in (
        ([old, new, needy], ["app", "old"]),
        ([old, new, needy, plugin("top", old="*", app="*")], ["top"]),
    ):
        plan = resolve(candidates, wanted)
        assert plan.providers["app"] == {"executor": "old"}
        assert "new" not in plan.providers


def test_preferred_provider_goes_before_all_others() -> None:
    old, new = plugin("old", "1.0.0", provides=(EXECUTOR,)), plugin("new", "2.0.0", provides=(EXECUTOR,))
    app = plugin("app", "1.0.0", needs(EXECUTOR))
    plan = resolve([old, new, app], ["app", "new"], {"executor": "old"})
    assert loads(plan) == ["old 1.0.0", "app 1.0.0", "new 2.0.0"]


def test_preferred_provider_that_does_not_fit_is_passed_over() -> None:
    old, new = plugin("old", "1.0.0", provides=(EXECUTOR,), gone="*"), plugin("new", "2.0.0", provides=(EXECUTOR,))
    app = plugin("app", "1.0.0", needs(EXECUTOR))
    assert loads(resolve([old, new, app], ["app"], {"executor": "old"})) == ["new 2.0.0", "app 1.0.0"]
    assert loads(resolve([new, app], ["app"], {"executor": "nobody"})) == ["new 2.0.0", "app 1.0.0"]


def test_plugin_does_not_meet_its_own_requirement() -> None:
    wrapper = plugin("wrapper", "9.0.0", needs(EXECUTOR), provides=(EXECUTOR,))
    plan = resolve([wrapper, plugin("local", provides=(EXECUTOR,))], ["wrapper"])
    assert plan.providers["wrapper"] == {"executor": "local"}
    assert causes(wrapper, wanted="wrapper") == (
        "'wrapper' 9.0.0 requires capability 'executor' *, which nothing else provides",
    )


def test_plugin_required_under_the_text_of_a_capability_provides_it() -> None:
    app = plugin("app", "1.0.0", needs(STORE, "^2"), store="<3")
    stores = [
        plugin("store", "1.0.0", provides=(Capability("store", version="2.0.0"),)),
        plugin("store", "2.0.0", provides=(Capability("store", version="1.0.0"),)),
        plugin("other", "9.0.0", provides=(Capability("store", version="2.0.0"),)),
    ]
    assert loads(resolve([app, *stores], ["app"])) == ["store 1.0.0", "app 1.0.0"]


def test_several_ranges_on_a_capability_are_met_by_one_provider() -> None:
    app = plugin("app", "1.0.0", needs(EXECUTOR, ">=1.5"), needs(EXECUTOR, "<2"))
    group = [
        plugin(name, provides=(Capability("executor", version=version),))
        for name, version in (("a", "1.0"), ("b", "1.6"), ("c", "2.0"))
    ]
    assert resolve([app, *group], ["app"]).providers["app"] == {"executor": "b"}


def test_another_provider_is_taken_where_the_first_leads_nowhere() -> None:
    app = plugin("app", "1.0.0", needs(EXECUTOR), needs(STORE), base="<2")
    candidates = [
        app,
        BASE_1,
        BASE_2,
        plugin("ray", "3.0.0", provides=(EXECUTOR, STORE), base=">=2"),
        plugin("local", "1.0.0", provides=(EXECUTOR,)),
        plugin("disk", "2.0.0", needs(EXECUTOR), provides=(STORE,)),
    ]
    plan = resolve(candidates, ["app"])
    assert loads(plan) == ["base 1.0.0", "local 1.0.0", "disk 2.0.0", "app 1.0.0"]


# Preferences that restrict


def test_pin_is_binding() -> None:
    candidates = [plugin("app", base=">=1"), BASE_1, BASE_2]
    assert loads(resolve(candidates, ["app"], {"base": "==1.0.0"})) == ["base 1.0.0", "app 1.0.0"]
    assert causes(*candidates, wanted="app", base="==3.0.0")[-1] == (
        "plugin 'base' 2.0.0, 1.0.0: the host's preferences ask for ==3.0.0"
    )


def test_pin_that_names_a_prerelease_admits_it() -> None:
    candidates = [BASE_1, plugin("base", "3.0.0rc1")]
    assert loads(resolve(candidates, ["base"], {"base": ">=3.0.0rc1"})) == ["base 3.0.0rc1"]


def test_pin_admits_a_prerelease_beside_a_stable_version() -> None:
    candidates = [plugin("base", "3.0.0", gone="*"), plugin("base", "3.0.0rc1")]
    assert loads(resolve(candidates, ["base"], {"base": ">=3.0.0rc1"})) == ["base 3.0.0rc1"]


def test_pin_on_what_is_not_needed_or_not_known_changes_nothing() -> None:
    assert loads(resolve([plugin("app"), BASE_1], ["app"], {"base": "==9", "nobody": "==1"})) == ["app 1.0.0"]


# What is loaded


def test_loaded_plugin_meets_needs_and_is_not_loaded_again() -> None:
    local = plugin("local", provides=(EXECUTOR,))
    newer = plugin("newer", "2.0.0", provides=(EXECUTOR,))
    app = plugin("app", "1.0.0", needs(EXECUTOR), base=">=1")
    plan = resolve([app, BASE_1, BASE_2, newer], ["app", "base"], active=[BASE_1, local])
    assert loads(plan) == ["app 1.0.0"]
    assert plan.providers == {"app": {"base": "base", "executor": "local"}}


def test_needs_of_a_loaded_plugin_are_not_asked_again() -> None:
    assert loads(resolve([plugin("app", base="*")], ["app"], active=[plugin("base", gone="*")])) == ["app 1.0.0"]


def test_loaded_plugin_stays_at_its_version() -> None:
    with pytest.raises(ResolutionError) as caught:
        resolve([plugin("app", base=">=2"), BASE_1, BASE_2], ["app"], active=[BASE_1])
    assert caught.value.causes == (
        "plugin 'base' 1.0.0: 'app' 1.0.0 requires >=2",
        "plugin 'base' 2.0.0: 1.0.0 is loaded and stays",
    )


def test_loaded_plugin_that_is_no_candidate_is_told() -> None:
    with pytest.raises(ResolutionError) as caught:
        resolve([plugin("app", base=">=2")], ["app"], active=[BASE_1])
    assert caught.value.causes == ("plugin 'base' 1.0.0: 'app' 1.0.0 requires >=2",)


def test_loaded_plugin_outside_its_pin_is_no_provider() -> None:
    local, other = plugin("local", provides=(EXECUTOR,)), plugin("other", "0.1", provides=(EXECUTOR,))
    candidates = [local, other, plugin("app", "1.0.0", needs(EXECUTOR), likes("local"))]
    plan = resolve(candidates, ["app"], {"local": ">=2"}, active=[local])
    assert plan.providers["app"] == {"executor": "other"}
    with pytest.raises(ResolutionError, match=r"plugin 'local' 1\.0\.0: the host's preferences ask for >=2"):
        resolve(candidates, ["local"], {"local": ">=2"}, active=[local])


# What is optional


def test_optional_requirement_pulls_nothing_in() -> None:
    app = plugin("app", "1.0.0", likes("base"), likes(EXECUTOR), likes("gone"), likes("other", "1.2.3"))
    plan = resolve([app, BASE_1, plugin("local", provides=(EXECUTOR,)), plugin("other")], ["app"])
    assert loads(plan) == ["app 1.0.0"]
    assert plan.providers == {"app": {}}


def test_optional_requirement_that_is_there_goes_first() -> None:
    app = plugin("app", "1.0.0", likes("base", "^1"), likes(EXECUTOR, "^1"))
    local = plugin("local", provides=(EXECUTOR,))
    plan = resolve([app, BASE_1, local], ["app", "base", "local"])
    assert loads(plan) == ["base 1.0.0", "local 1.0.0", "app 1.0.0"]
    assert plan.providers["app"] == {"base": "base", "executor": "local"}


def test_optional_capability_follows_the_best_of_its_providers() -> None:
    app = plugin("app", "1.0.0", likes(EXECUTOR))
    old, new = plugin("old", provides=(EXECUTOR,)), plugin("new", "2.0.0", provides=(EXECUTOR,))
    assert resolve([app, old, new], ["app", "old", "new"]).providers["app"] == {"executor": "new"}
    plan = resolve([app, old, new], ["app", "old", "new"], {"executor": "old"})
    assert plan.providers["app"] == {"executor": "old"}


def test_optional_requirement_out_of_range_orders_nothing() -> None:
    app = plugin("app", "1.0.0", likes("base", "^2"), likes(EXECUTOR, "^2"))
    plan = resolve([app, BASE_1, plugin("local", provides=(EXECUTOR,))], ["app", "base", "local"])
    assert loads(plan) == ["app 1.0.0", "base 1.0.0", "local 1.0.0"]


def test_optional_requirement_met_by_what_is_loaded_is_told() -> None:
    plan = resolve([plugin("app", "1.0.0", likes("base"), likes(EXECUTOR))], ["app"], active=[BASE_1])
    assert plan.providers == {"app": {"base": "base"}}


def test_optional_requirement_that_would_close_a_circle_is_dropped() -> None:
    a = plugin("a", "1.0.0", likes("b"), likes("c"))
    plan = resolve([a, plugin("b", a="*"), plugin("c")], ["a", "b", "c"])
    assert loads(plan) == ["c 1.0.0", "a 1.0.0", "b 1.0.0"]
    assert plan.providers["a"] == {"c": "c"}


def test_first_of_two_optional_requirements_wins_where_both_close_a_circle() -> None:
    a, b = plugin("a", "1.0.0", likes("b")), plugin("b", "1.0.0", likes("a"))
    assert loads(resolve([a, b], ["a", "b"])) == ["b 1.0.0", "a 1.0.0"]
    assert loads(resolve([a, b], ["b", "a"])) == ["a 1.0.0", "b 1.0.0"]


def test_optional_capability_falls_to_another_provider_where_the_first_would_close_a_circle() -> None:
    a = plugin("a", "1.0.0", likes(EXECUTOR))
    above, below = plugin("above", "2.0.0", provides=(EXECUTOR,), a="*"), plugin("below", provides=(EXECUTOR,))
    plan = resolve([a, above, below], ["a", "above", "below"])
    assert loads(plan) == ["below 1.0.0", "a 1.0.0", "above 2.0.0"]
    assert plan.providers["a"] == {"executor": "below"}


def test_optional_requirements_are_kept_where_others_close_a_circle() -> None:
    candidates = [
        plugin("a", "1.0.0", likes("b")),
        plugin("b", "1.0.0", likes("a", ">=1"), likes("base"), likes("c"), a="*"),
        plugin("x", "1.0.0", likes("y"), likes("a")),
        plugin("y", low="*"),
        plugin("low", "1.0.0", likes("x")),
        plugin("c"),
    ]
    plan = resolve(candidates, ["a", "b", "x", "y", "c"], active=[BASE_1])
    assert [one.id for one in plan.order] == ["a", "c", "b", "low", "y", "x"]
    assert plan.providers == {
        "a": {},
        "b": {"a": "a", "base": "base", "c": "c"},
        "x": {"y": "y", "a": "a"},
        "y": {"low": "low"},
        "low": {},
        "c": {},
    }


# Circles


def test_circle_is_named_as_a_path() -> None:
    with pytest.raises(CycleError) as caught:
        resolve([plugin("top", a="*"), plugin("a", b="*"), plugin("b", a="*")], ["top"])
    assert caught.value.path == ("a", "b", "a")
    assert str(caught.value) == "cannot resolve plugins 'top': they need each other: a -> b -> a"


def test_circle_through_a_capability_is_named() -> None:
    local = plugin("local", provides=(EXECUTOR,), app="*")
    with pytest.raises(CycleError) as caught:
        resolve([plugin("app", "1.0.0", needs(EXECUTOR)), local], ["app"])
    assert caught.value.path == ("app", "local", "app")


def test_circle_of_every_version_is_named_once() -> None:
    with pytest.raises(CycleError) as caught:
        resolve([plugin("a", version, b="*") for version in ("1.0.0", "2.0.0")] + [plugin("b", a="*")], ["a"])
    assert caught.value.causes == ("they need each other: a -> b -> a",)


def test_first_of_several_circles_is_named() -> None:
    candidates = [plugin("a", "1.0.0", c="*"), plugin("a", "2.0.0", b="*"), plugin("b", a="*"), plugin("c", a="*")]
    with pytest.raises(CycleError) as caught:
        resolve(candidates, ["a"])
    assert caught.value.path == ("a", "b", "a")


def test_circle_is_avoided_by_another_version_or_provider() -> None:
    a = [plugin("a", "1.0.0"), plugin("a", "2.0.0", b="*")]
    assert loads(resolve([*a, plugin("b", a="*")], ["b"])) == ["a 1.0.0", "b 1.0.0"]
    app = plugin("app", "1.0.0", needs(EXECUTOR))
    above, below = plugin("above", "2.0.0", provides=(EXECUTOR,), app="*"), plugin("below", provides=(EXECUTOR,))
    assert loads(resolve([app, above, below], ["app", "above"])) == ["below 1.0.0", "app 1.0.0", "above 2.0.0"]


# Why not


def test_conflict_names_each_requirement_and_what_it_ruled_out() -> None:
    with pytest.raises(ResolutionError) as caught:
        resolve([plugin("app", base=">=1,<2"), plugin("plug", base=">=2"), BASE_1, BASE_2], ["app", "plug"])
    assert str(caught.value) == (
        "cannot resolve plugins 'app', 'plug': plugin 'base' 2.0.0: 'app' 1.0.0 requires >=1,<2; "
        "plugin 'base' 1.0.0: 'plug' 1.0.0 requires >=2"
    )


def test_conflict_that_only_shows_while_searching_is_named_as_well() -> None:
    candidates = [plugin("app", version, base="<2") for version in ("1.0.0", "1.1.0")]
    candidates += [plugin("plug", version, base=">=2") for version in ("1.0.0", "1.1.0")]
    assert sorted(causes(*candidates, BASE_1, BASE_2, wanted="app plug")) == [
        "plugin 'base' 1.0.0: 'plug' 1.1.0, 1.0.0 require >=2",
        "plugin 'base' 2.0.0: 'app' 1.1.0, 1.0.0 require <2",
    ]


def test_far_cause_is_told_without_the_chain_that_leads_to_it() -> None:
    chain = [plugin("app", mid="^1"), plugin("mid", low="^1"), plugin("low", base="^3")]
    assert causes(*chain, BASE_1, BASE_2) == ("plugin 'base' 2.0.0, 1.0.0: 'low' 1.0.0 requires ^3",)


def test_unknown_ids_are_named_with_near_ones() -> None:
    assert causes(BASE_1, wanted="bse zzz") == (
        "plugin 'bse' is not registered; did you mean 'base'?",
        "plugin 'zzz' is not registered",
    )
    assert causes(BASE_1, plugin("app", bsae="^1")) == (
        "'app' 1.0.0 requires plugin 'bsae' ^1, which is not registered; did you mean 'base'?",
    )


def test_missing_capability_is_named_with_near_ones() -> None:
    app = plugin("app", "1.0.0", needs(EXECUTOR, "^2"))
    assert causes(app, plugin("local", provides=(Capability("executors"),))) == (
        "'app' 1.0.0 requires capability 'executor' ^2, which nothing provides; did you mean 'executors'?",
    )
    assert causes(app, plugin("local", "3.0.0", provides=(EXECUTOR,))) == (
        "capability 'executor' 1.0.0 of 'local' 3.0.0: 'app' 1.0.0 requires ^2",
    )


def test_providers_that_cannot_be_had_are_named() -> None:
    app = plugin("app", "1.0.0", needs(EXECUTOR))
    assert causes(app, plugin("local", provides=(EXECUTOR,), base="^3"), BASE_1) == (
        "'app' 1.0.0 requires capability 'executor' *, which only 'local' can provide",
        "plugin 'base' 1.0.0: 'local' 1.0.0 requires ^3",
    )


def test_unreadable_range_is_named_with_its_owner() -> None:
    assert causes(plugin("app", base="1.2.3"), BASE_1) == (
        (
            "'app' 1.0.0 requires 'base' in a range that is unreadable: cannot read version range '1.2.3': '1.2.3' "
            "has no operator, and tools disagree on what that means; write '==1.2.3' or '^1.2.3'"
        ),
    )


def test_candidate_with_an_unreadable_range_is_passed_over() -> None:
    assert loads(resolve([plugin("app", "2.0.0", base="1.2.3"), plugin("app"), BASE_1], ["app"])) == ["app 1.0.0"]


def test_unreadable_version_of_a_capability_meets_nothing() -> None:
    odd = plugin("odd", provides=(Capability("executor", version="new"),))
    assert causes(plugin("app", "1.0.0", needs(EXECUTOR)), odd) == (
        "capability 'executor' new of 'odd' 1.0.0: 'app' 1.0.0 requires *",
    )


def test_unreadable_preferences_are_refused_all_at_once() -> None:
    assert causes(BASE_1, wanted="base", base="1.0", other="") == (
        (
            "the host's preference for 'base' is unreadable: cannot read version range '1.0': '1.0' has no operator, "
            "and tools disagree on what that means; write '==1.0' or '^1.0'"
        ),
        (
            "the host's preference for 'other' is unreadable: cannot read version range '': it is empty; "
            "write '*' for any version"
        ),
    )


def test_every_requirement_that_nothing_meets_is_told() -> None:
    app = plugin("app", "1.0.0", needs(EXECUTOR), base=">=3", gone="*")
    assert sorted(causes(app, BASE_1)) == [
        "'app' 1.0.0 requires capability 'executor' *, which nothing provides",
        "'app' 1.0.0 requires plugin 'gone' *, which is not registered",
        "plugin 'base' 1.0.0: 'app' 1.0.0 requires >=3",
    ]


def test_independent_causes_are_told_at_once() -> None:
    candidates = [
        plugin("a", gone="*"),
        plugin("b", base="<2"),
        plugin("c", base=">=2"),
        plugin("d", e="*"),
        plugin("e", d="*"),
        plugin("fine"),
        BASE_1,
        BASE_2,
    ]
    assert causes(*candidates, wanted="fine a b c d") == (
        "'a' 1.0.0 requires plugin 'gone' *, which is not registered",
        "plugin 'base' 2.0.0: 'b' 1.0.0 requires <2",
        "plugin 'base' 1.0.0: 'c' 1.0.0 requires >=2",
        "they need each other: d -> e -> d",
    )


def test_search_for_independent_causes_ends() -> None:
    candidates = []
    for n in range(12):
        candidates += [plugin(f"base{n}", version) for version in ("1.0.0", "2.0.0")]
        candidates += [
            plugin(f"{who}{n}", dependencies={f"base{n}": text}) for who, text in (("b", "<2"), ("c", ">=2"))
        ]
    found = causes(*candidates, wanted=" ".join(f"b{n} c{n}" for n in range(12)))
    assert found[:2] == (
        "plugin 'base0' 2.0.0: 'b0' 1.0.0 requires <2",
        "plugin 'base0' 1.0.0: 'c0' 1.0.0 requires >=2",
    )
    assert len(set(found)) == 21


def test_long_list_of_causes_is_cut() -> None:
    found = causes(
        *(plugin(f"p{n}", dependencies={f"q{n}": "*"}) for n in range(50)), wanted=" ".join(f"p{n}" for n in range(50))
    )
    assert len(found) == 21
    assert found[-1] == "and more of the kind"


def test_only_fitting_prereleases_are_explained() -> None:
    assert causes(plugin("app", base=">=1"), plugin("base", "2.0.0b1")) == (
        "plugin 'base' 2.0.0b1: 'app' 1.0.0 requires >=1; a pre-release has to be named, as in >=2.0.0b1",
    )


# Why


def test_plan_explains_who_asked_and_what_was_passed_over() -> None:
    base = [
        plugin("base", "1.0.0"),
        plugin("base", "2.0.0", needs(EXECUTOR), needs("gone"), helper="*"),
        plugin("base", "3.0.0", app=">=2"),
        plugin("base", "4.0.0", needs(STORE)),
        plugin("base", "5.0.0"),
    ]
    plan = resolve([plugin("app", base="<5"), plugin("helper", provides=(EXECUTOR,)), *base], ["helper", "app"])
    assert plan.explanations[1:] == (
        (
            "'base' 1.0.0: required by 'app' 1.0.0 (<5); the newest that fits of 5 candidates; "
            "ruled out: 5.0.0, because 'app' 1.0.0 requires <5; "
            "ruled out: 4.0.0, because it requires capability 'store' *, which can't be had; "
            "ruled out: 3.0.0, because it requires plugin 'app' >=2, and 'app' 1.0.0 is chosen; "
            "ruled out: 2.0.0, because it requires plugin 'gone' *, which is not registered"
        ),
        "'app' 1.0.0: wanted; the only candidate",
    )
    assert plan.explain() == "\n".join(plan.explanations)


def test_plan_explains_the_choice_of_a_provider() -> None:
    old, new = plugin("old", provides=(EXECUTOR,)), plugin("new", "2.0.0", provides=(EXECUTOR,))
    plan = resolve([plugin("app", "1.0.0", needs(EXECUTOR, "^1")), old, new], ["app"], {"executor": "old"})
    assert plan.explanations[0] == (
        "'old' 1.0.0: required by 'app' 1.0.0 (capability 'executor' ^1); preferred by the host for 'executor'; "
        "the only candidate"
    )


def test_plan_explains_pins_and_what_leads_nowhere() -> None:
    dead = plugin("dead", gone="*")
    group = [plugin("base", "1.0.0"), plugin("base", "2.0.0", dead="*"), plugin("base", "3.0.0")]
    plan = resolve([dead, *group], ["base"], {"base": "<3"})
    assert plan.explanations == (
        (
            "'base' 1.0.0: wanted; the newest that fits of 3 candidates; "
            "ruled out: plugin 'base' 3.0.0: the host's preferences ask for <3; "
            "ruled out: 2.0.0, because it requires plugin 'dead' *, which can't be had"
        ),
    )
    circle = resolve([plugin("a"), plugin("a", "2.0.0", b="*"), plugin("b", a="*")], ["b"])
    assert circle.explanations[0] == (
        "'a' 1.0.0: required by 'b' 1.0.0 (*); the newest that fits of 2 candidates; "
        "ruled out: 2.0.0, because it leads to no plan"
    )


# Size


@pytest.mark.parametrize("versions", [1, 3])
def test_long_chain_needs_no_recursion(versions: int) -> None:
    length = 10_000
    candidates = [
        plugin(f"p{n}", f"1.{minor}.0", dependencies={f"p{n + 1}": "^1.0"} if n + 1 < length else {})
        for n in range(length)
        for minor in range(versions)
    ]
    order = resolve(candidates, ["p0"]).order
    assert [order[0].id, order[-1].id, len(order)] == [f"p{length - 1}", "p0", length]
    assert {one.version for one in order} == {f"1.{versions - 1}.0"}


def test_long_chain_that_breaks_at_its_end_needs_no_recursion() -> None:
    length = 10_000
    candidates = [
        plugin(f"p{n}", f"1.{minor}.0", dependencies={f"p{n + 1}": "^1.0"}) for n in range(length) for minor in range(2)
    ]
    assert causes(*candidates, wanted="p0") == (
        (
            f"'p{length - 1}' 1.1.0, 1.0.0 require plugin 'p{length}' ^1.0, which is not registered; "
            "did you mean 'p1000' or 'p100' or 'p9100'?"
        ),
    )


def test_long_circle_needs_no_recursion() -> None:
    length = 10_000
    with pytest.raises(CycleError) as caught:
        resolve([plugin(f"p{n}", dependencies={f"p{(n + 1) % length}": "*"}) for n in range(length)], ["p0"])
    assert len(caught.value.path) == length + 1


def impossible_three() -> list[PluginMetadata]:
    """Make three plugins any two of which can be had: only a search finds that all three can't."""
    three = [plugin(name, version) for name in "abc" for version in ("1.0.0", "2.0.0")]
    for left, right in ("ab", "bc", "ca"):
        for version, other in (("1.0.0", "2.0.0"), ("2.0.0", "1.0.0")):
            three.append(plugin(left + right, version, dependencies={left: f"=={version}", right: f"=={other}"}))
    return three


ALL_THREE = {"ab": "*", "bc": "*", "ca": "*"}


def test_decision_that_took_the_last_good_version_away_is_given_up() -> None:
    top = [plugin("top", "2.0.0", mid=">=2"), plugin("top", "1.0.0")]
    mid = [plugin("mid", version, dependencies=ALL_THREE) for version in ("2.0.0", "3.0.0")]
    plan = resolve([*top, *mid, plugin("mid", "1.0.0"), *impossible_three()], ["top", "mid"])
    assert loads(plan) == ["top 1.0.0", "mid 1.0.0"]


def test_decision_that_needs_a_capability_nobody_can_provide_is_given_up() -> None:
    top = [plugin("top", "2.0.0", needs(STORE)), plugin("top", "1.0.0")]
    both = [plugin(name, provides=(STORE,), dependencies=ALL_THREE) for name in ("disk", "ram")]
    assert loads(resolve([*top, *both, *impossible_three()], ["top"])) == ["top 1.0.0"]


def test_conflict_at_the_end_goes_back_to_its_cause_alone() -> None:
    # 2 ** 200 choices lie between the cause and the conflict.
    three = impossible_three()
    first = [plugin("first", "1.0.0"), plugin("first", "2.0.0", dependencies=ALL_THREE)]
    between = [plugin(f"p{n}", version) for n in range(200) for version in ("1.0.0", "2.0.0")]
    order = resolve([*first, *between, *three], ["first", *(f"p{n}" for n in range(200))]).order
    assert (order[0].id, order[0].version) == ("first", "1.0.0")
    assert {one.version for one in order[1:]} == {"2.0.0"}
    told = causes(*three, plugin("app", dependencies=ALL_THREE))
    assert len(told) == 12
    assert "plugin 'b' 1.0.0: 'ab' 1.0.0 requires ==2.0.0" in told
    # So it is where each of two providers leads there.
    both = [plugin(name, provides=(STORE,), dependencies=ALL_THREE) for name in ("disk", "ram")]
    told = causes(*three, *both, plugin("app", "1.0.0", needs(STORE)))
    assert len(told) == 13
    assert told[0] == "'app' 1.0.0 requires capability 'store' *, which only 'disk', 'ram' can provide"


def test_a_plan_survives_pickling_and_copying() -> None:
    store: Capability[object] = Capability("store")
    candidates = [
        PluginMetadata("a", "1.0.0", dependencies={"b": "^1"}, requires=(Requirement(store),)),
        PluginMetadata("b", "1.0.0"),
        PluginMetadata("b", "1.1.0"),
        PluginMetadata("c", "1.0.0", provides=(store,)),
    ]
    plan = resolve(candidates, ["a"], {"b": "<1.1"})
    for twin in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):  # noqa: S301 - our own
        assert twin == plan
        assert twin.providers == plan.providers
        assert twin.explanations == plan.explanations
        with pytest.raises(TypeError):
            twin.providers["a"]["b"] = "c"  # type: ignore[index] # it is what the test is about
