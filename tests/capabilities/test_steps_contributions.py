"""Steps that plugins contribute to the workflows of others: where they stand, and what is refused."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import (
    STEP,
    BaseStep,
    BaseStepContext,
    LoggingStep,
    Orchestrator,
    Step,
    StepContribution,
    StepCycleError,
    StepExistsError,
    StepNotFoundError,
    StepRegistry,
    StepResult,
    TimingStep,
)
from plugbus.kernel import Capability, ContractError, Kernel, Plugin, PluginContext, PluginMetadata, ServiceLocator
from plugbus.kernel.testing import assert_unloaded

if TYPE_CHECKING:
    from collections.abc import Iterable

Ctx = BaseStepContext
UPLOAD = Step("pictures.upload")


class Named(BaseStep[Ctx]):
    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return 1.0

    def execute(self, context: Ctx) -> StepResult:
        context.errors.append(self._name)
        return StepResult()


def put(name: str, before: str | tuple[str, ...] = (), after: str | tuple[str, ...] = ()) -> StepContribution:
    return StepContribution(Named(name), before=before, after=after)


def merged(own: Iterable[str], *contributed: StepContribution) -> str:
    """Return the names of a workflow's steps, run together."""
    services = ServiceLocator()
    for one in contributed:
        services.provide(UPLOAD, one)
    return "".join(StepRegistry.from_services(services, "pictures.upload", map(Named, own)).names)


class TestPlaces:
    @pytest.mark.parametrize(
        ("contributed", "expected"),
        [
            ((), "abc"),
            ((put("x"),), "abcx"),
            ((put("x", after="a"),), "axbc"),
            ((put("x", before="c"),), "abxc"),
            ((put("x", before="a"),), "xabc"),
            ((put("x", after="c"),), "abcx"),
            ((put("x", after="a", before="c"),), "axbc"),
            ((put("x", after=("a", "b")),), "abxc"),
            ((put("x", before=("b", "c")),), "axbc"),
            # Several at one place keep their order, and each side of a gap is told apart by its order alone.
            ((put("x", after="a"), put("y", after="a")), "axybc"),
            ((put("x", before="c"), put("y", before="c")), "abxyc"),
            ((put("x"), put("y")), "abcxy"),
            # Beside one another.
            ((put("x", after="y"), put("y", after="a")), "ayxbc"),
            ((put("x", before="y"), put("y", before="b")), "axybc"),
            ((put("x", after="a"), put("y", before="x", after="b")), "abyxc"),
            ((put("x", after="a"), put("y", before="x")), "ayxbc"),
            ((put("x"), put("y", after="x")), "abcxy"),
            ((put("x", after="y"), put("y")), "abcyx"),
            ((put("x", before="y"), put("y")), "abcxy"),
        ],
    )
    def test_a_step_stands_as_near_as_it_can_to_what_it_names(
        self, contributed: tuple[StepContribution, ...], expected: str
    ) -> None:
        assert merged("abc", *contributed) == expected

    def test_a_workflow_may_have_no_steps_of_its_own(self) -> None:
        assert merged("", put("x"), put("y", before="x")) == "yx"

    def test_a_step_inside_another_one_can_be_named(self) -> None:
        services = ServiceLocator()
        services.provide(UPLOAD, put("x", after="send"))
        found = StepRegistry.from_services(services, "pictures.upload", [LoggingStep(Named("send")), Named("end")])
        assert found.names == ("logged_send", "x", "end")

    def test_other_workflows_are_left_alone(self) -> None:
        services = ServiceLocator()
        services.provide(Step("other"), put("x"))
        assert StepRegistry.from_services(services, "pictures.upload", [Named("a")]).names == ("a",)

    def test_a_long_chain_is_no_matter_of_recursion(self) -> None:
        size = 5_000
        services = ServiceLocator()
        for place in range(size):
            services.provide(UPLOAD, put(f"s{place}", before=f"s{place + 1}" if place + 1 < size else "end"))
        found = StepRegistry.from_services(services, "pictures.upload", [Named("end")])
        assert found.names == (*(f"s{place}" for place in range(size)), "end")


class TestRefusals:
    def test_a_name_that_is_not_there_offers_near_ones_and_says_who_wants_it(self) -> None:
        with pytest.raises(StepNotFoundError) as caught:
            merged(["upload_files", "finalize"], put("x", before="upload_file"))
        assert (caught.value.step, caught.value.wanted_by) == ("upload_file", "x")
        assert str(caught.value) == (
            "cannot find step 'upload_file', which step 'x' stands beside: "
            "no single step has this name; did you mean 'upload_files'?"
        )

    def test_a_name_inside_two_steps_is_refused(self) -> None:
        services = ServiceLocator()
        services.provide(UPLOAD, put("x", after="send"))
        own = [LoggingStep(Named("send")), TimingStep(Named("send"))]
        with pytest.raises(StepNotFoundError):
            StepRegistry.from_services(services, "pictures.upload", own)

    @pytest.mark.parametrize(
        ("contributed", "members"),
        [
            ((put("x", before="a", after="b"),), {"x", "a", "b"}),
            ((put("x", before="x"),), {"x"}),
            ((put("x", before="a", after="a"),), {"x", "a"}),
            ((put("x", before="y"), put("y", before="x")), {"x", "y"}),
        ],
    )
    def test_a_circle_is_refused_with_its_path(
        self, contributed: tuple[StepContribution, ...], members: set[str]
    ) -> None:
        with pytest.raises(StepCycleError, match=r"cannot order steps of workflow 'pictures\.upload': ") as caught:
            merged("abc", *contributed)
        path = caught.value.path
        assert path[0] == path[-1]
        assert set(path) == members
        assert " -> ".join(path) in str(caught.value)

    def test_the_path_of_a_circle_goes_from_what_comes_first_to_what_comes_later(self) -> None:
        with pytest.raises(StepCycleError) as caught:
            merged("abc", put("x", before="a", after="c"))
        path = caught.value.path
        pairs = set(pairwise(path))
        assert pairs == {("a", "b"), ("b", "c"), ("c", "x"), ("x", "a")}

    def test_two_steps_of_one_name_are_refused(self) -> None:
        with pytest.raises(StepExistsError):
            merged("abc", put("b"))
        with pytest.raises(StepExistsError):
            merged("abc", put("x"), put("x"))


class Contributing(Plugin):
    metadata = PluginMetadata("compression", "1.0.0", provides=(UPLOAD,))

    def on_load(self, ctx: PluginContext) -> None:
        ctx.provide(UPLOAD, put("compress", before="send"))


class Owning(Plugin):
    metadata = PluginMetadata("pictures", "1.0.0")

    def on_load(self, ctx: PluginContext) -> None:
        self.ctx = ctx

    def upload(self) -> list[str]:
        context = Ctx()
        registry = StepRegistry[Ctx].from_services(self.ctx, "pictures.upload", [Named("check"), Named("send")])
        Orchestrator(registry, context).execute()
        return context.errors


class TestPlugins:
    def test_a_plugin_contributes_while_it_is_loaded(self) -> None:
        with Kernel() as kernel:
            owner = Owning()
            kernel.register(owner)
            kernel.load("pictures")
            assert owner.upload() == ["check", "send"]
            kernel.register(Contributing())
            kernel.load("compression")
            assert owner.upload() == ["check", "compress", "send"]
            kernel.unload("compression")
            assert owner.upload() == ["check", "send"]
            assert_unloaded(kernel, "compression")

    def test_the_token_is_one_of_the_kind_and_has_a_contract(self) -> None:
        assert STEP == UPLOAD.name == "step"
        assert UPLOAD.qualifier == "pictures.upload"
        assert Capability.parse("step(pictures.upload)") == UPLOAD
        step: Any = Named("x")
        with pytest.raises(ContractError):
            ServiceLocator().provide(UPLOAD, step)

    def test_places_may_be_given_as_one_name_or_several(self) -> None:
        found = put("x", before="a", after=("b", "c"))
        assert (found.before, found.after) == (("a",), ("b", "c"))


NAMES = "uvwxyz"


@st.composite
def contributions(draw: st.DrawFn) -> tuple[StepContribution, ...]:
    count = draw(st.integers(0, len(NAMES)))
    anchors = st.lists(st.sampled_from("abc" + NAMES[:count]), max_size=2, unique=True).map(tuple)
    return tuple(put(name, draw(anchors), draw(anchors)) for name in NAMES[:count])


def allowed(order: str, contributed: tuple[StepContribution, ...]) -> bool:
    """Tell whether an order is one that everybody asked for."""
    at = {name: place for place, name in enumerate(order)}
    return at["a"] < at["b"] < at["c"] and all(
        all(at[one.step.name] < at[other] for other in one.before)
        and all(at[other] < at[one.step.name] for other in one.after)
        for one in contributed
    )


@given(contributions())
def test_an_order_that_everybody_asked_for_is_found_if_there_is_one(contributed: tuple[StepContribution, ...]) -> None:
    names = "abc" + "".join(one.step.name for one in contributed)
    try:
        found = merged("abc", *contributed)
    except StepCycleError:
        # With more steps there are too many orders to try.
        assert len(contributed) > 4 or not any(allowed("".join(one), contributed) for one in permutations(names))
    else:
        assert allowed(found, contributed)
        assert sorted(found) == sorted(names)
        assert merged("abc", *contributed) == found
