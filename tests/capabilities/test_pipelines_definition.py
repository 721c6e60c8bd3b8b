"""What is known to be wrong with a pipeline before it is run, and what its actions are wired to."""

from __future__ import annotations

import json
import pickle
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from plugbus.capabilities import (
    Action,
    ActionNode,
    ActionPipeline,
    BaseAction,
    Dataset,
    DataType,
    ModelWeights,
    PipelineDefinitionError,
    PipelineFailedError,
    PipelineFault,
    PipelineParamsError,
    TestResults,
    WiringError,
    YOLODataset,
)
from plugbus.kernel import Kernel, Plugin, PluginContext, PluginMetadata

if TYPE_CHECKING:
    from pathlib import Path


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DownloadParams(Strict):
    dataset: int


class Folder(BaseModel):
    path: str
    images: int = 0


class Download(BaseAction[DownloadParams]):
    result_model = Folder
    output_type = Dataset

    def execute(self) -> Folder:
        return Folder(path=f"/data/{self.params.dataset}", images=self.params.dataset)


class TrainParams(Strict):
    path: str
    epochs: int = Field(default=1, ge=1)


class Trained(BaseModel):
    weights_path: str
    scores: Folder = Folder(path="scores")


class Train(BaseAction[TrainParams]):
    result_model = Trained
    input_type = YOLODataset
    output_type = ModelWeights

    def execute(self) -> Trained:
        return Trained(weights_path=f"{self.params.path}@{self.params.epochs}")


class ExportParams(Strict):
    weights: str
    images: int = -1


class Export(BaseAction[ExportParams]):
    input_type = ModelWeights

    def execute(self) -> str:
        return f"{self.params.weights}/{self.params.images}"


class Anything(BaseAction[Strict]):
    """Say nothing of what it returns."""

    def execute(self) -> dict[str, Any]:
        return {"path": "/anything", "weights": "w"}


NO_REFERENCE = (
    "action 'Export': input 'images': 'no reference' is no reference; write 'action.field', 'action' or 'params.field'"
)
WIRED = ActionNode(Export, inputs={"weights": "Train.weights_path"})


def faults_of(*actions: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PipelineDefinitionError) as caught:
        ActionPipeline(actions, **options)
    return tuple(map(str, caught.value.faults))


def test_a_chain_merges_results_into_the_parameters_of_what_comes_after() -> None:
    pipeline = ActionPipeline([Download, Train, WIRED])
    assert pipeline.execute({"dataset": 7, "epochs": 3}) == "/data/7@3/7"
    assert repr(pipeline) == "ActionPipeline(Download | Train | Export)"
    assert pipeline.edges == (("Download", "Train"), ("Train", "Export"))


def test_parameters_may_be_an_object_of_a_model() -> None:
    assert ActionPipeline([Download]).execute(DownloadParams(dataset=2)) == Folder(path="/data/2", images=2)


def test_every_fault_of_the_definition_is_told_at_once() -> None:
    faults = faults_of(
        ActionNode(Download, params={"dataset": "many"}),
        ActionNode(Train, params={"epocs": 1, "epochs": 0}, inputs={"path": "Download.paht"}),
        ActionNode(Export, inputs={"weights": "Tran.weights_path", "images": "no reference"}),
    )
    assert sorted(faults) == [
        "action 'Download': parameter 'dataset': Input should be a valid integer, unable to parse string as an integer",
        NO_REFERENCE,
        "action 'Export': input 'weights': there is no action 'Tran'; did you mean 'Train'?",
        "action 'Train': input 'path': 'Download' has no field 'paht'; did you mean 'path'?",
        "action 'Train': it has no parameter 'epocs', given as parameter; did you mean 'epochs'?",
        "action 'Train': parameter 'epochs': Input should be greater than or equal to 1",
    ]


def test_a_fault_says_where_it_is_why_and_what_to_do() -> None:
    class Nested(BaseModel):
        folder: Folder
        rate: float = Field(default=1.0, validation_alias=AliasChoices("speed", "pace"), ge=0)
        model_config = ConfigDict(populate_by_name=False)

    class Deep(BaseAction[Nested]):
        def execute(self) -> None: ...

    nodes = [
        ActionNode(
            Deep,
            {"folder": {"path": "p", "images": "many"}, "rate": -1},
            {"x.y": "a b", "folder": "Trian.path"},
            after=["Deeep"],
            when="params",
            weight=-1,
        ),
        ActionNode(Deep, name="no name"),
    ]
    with pytest.raises(PipelineDefinitionError) as caught:
        ActionPipeline.graph(nodes, name="a b")
    places = {(one.action, one.path, one.remedy) for one in caught.value.faults}
    assert places == {
        (None, ("name",), "write letters, digits, '_' and '-'"),
        ("no name", ("name",), "give it another: ActionNode(..., name=...)"),
        ("Deep", ("weight",), "give a number from 0 on"),
        ("Deep", ("inputs", "x.y"), "write 'action.field', 'action' or 'params.field'"),
        ("Deep", ("inputs", "folder"), ""),
        ("Deep", ("inputs", "folder"), "keep one of them"),
        ("Deep", ("after", 0), "did you mean 'Deep'?"),
        ("Deep", ("when",), ""),
        ("Deep", ("params", "folder", "images"), ""),
        ("Deep", ("params", "rate"), ""),
    }
    assert str(caught.value) == f"cannot use pipeline 'a b': {'; '.join(map(str, caught.value.faults))}"
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults  # noqa: S301 - made in the line itself


def test_a_fault_is_told_with_its_action_and_its_remedy_where_there_are_such() -> None:
    assert str(PipelineFault(None, (), "it is wrong")) == "it is wrong"
    assert str(PipelineFault("a", ("when",), "it is wrong", "right it")) == "action 'a': it is wrong; right it"


def test_an_empty_pipeline_is_refused() -> None:
    assert faults_of() == ("it has no action",)


def test_two_actions_of_one_name_are_refused_with_the_remedy() -> None:
    faults = faults_of(Download, Download)
    assert faults == (
        "action 'Download': 2 actions have this name; name all but one of them: ActionNode(..., name='Download_2')",
    )


def test_the_same_action_twice_has_parameters_of_its_own() -> None:
    pipeline = ActionPipeline.graph(
        [
            ActionNode(Download, name="left", params={"dataset": 1}),
            ActionNode(Download, name="right", params={"dataset": 2}),
            ActionNode(Train, inputs={"path": "right.path"}),
        ]
    )
    done = pipeline.run()
    assert {name: done.results[name].path for name in ("left", "right")} == {"left": "/data/1", "right": "/data/2"}
    assert done.result == Trained(weights_path="/data/2@1")


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        (ActionNode(Download, name="params"), "is what references call the initial parameters"),
        (ActionNode(Download, name="a b"), "is no name in a pipeline"),
        (ActionNode("demo.train"), "is a name; say where it is found"),
        (ActionNode(Download, weight=-1), "its weight is -1"),
        (ActionNode(Download, after=["Train"]), "after is for graphs"),
        (ActionNode(Download, after="Train"), "after is the text 'Train'"),
        (3, "it is a int; give a subclass of BaseAction"),
        (DownloadParams, "give a subclass of BaseAction"),
    ],
)
def test_a_node_that_can_not_be_used_is_refused(node: Any, fault: str) -> None:
    assert any(fault in one for one in faults_of(node))


def test_an_action_that_could_not_be_run_is_refused() -> None:
    class Unfinished(BaseAction[Strict]):
        @abstractmethod
        def part(self) -> None: ...

        def execute(self) -> None: ...

    class Bare(BaseAction):  # type: ignore[type-arg] # what an author may forget
        def execute(self) -> None: ...

    (abstract, bare) = faults_of(Unfinished, Bare)
    assert abstract == "action 'Unfinished': its class Unfinished is abstract; implement part"
    assert bare.startswith("action 'Bare': it has no parameter model")


class TestTypes:
    def test_a_general_producer_passes_where_it_is_not_strict(self) -> None:
        ActionPipeline([Download, Train])

    def test_a_general_producer_is_refused_where_it_is_strict(self) -> None:
        (fault,) = faults_of(Download, Train, strict=True)
        assert fault == (
            "action 'Train': it takes yolo_dataset, and no action before it makes that for sure: "
            "'Download' makes dataset"
        )

    @pytest.mark.parametrize("strict", [False, True])
    def test_what_no_action_makes_is_refused(self, strict: bool) -> None:
        class Measure(BaseAction[Strict]):
            input_type = TestResults

            def execute(self) -> None: ...

        faults = faults_of(Download, Measure, strict=strict)
        told = "action 'Measure': it takes test_results, and no action before it makes that: 'Download' makes dataset"
        assert faults == (told,)

    @pytest.mark.parametrize("strict", [False, True])
    def test_what_any_earlier_action_makes_counts(self, strict: bool) -> None:
        class Evaluate(BaseAction[Strict]):
            input_type = ModelWeights
            output_type = TestResults

            def execute(self) -> None: ...

        class Ready(Download):
            output_type = YOLODataset

        ActionPipeline([Ready, Train, Evaluate, WIRED], strict=strict)

    def test_types_of_plugins_count_by_their_class(self) -> None:
        class Special(DataType):
            name = "special"

        class Make(BaseAction[Strict]):
            output_type = Special

            def execute(self) -> None: ...

        class Use(BaseAction[Strict]):
            input_type = Special

            def execute(self) -> None: ...

        ActionPipeline([Make, Use], strict=True)
        assert "it takes special" in faults_of(Download, Use)[0]

    def test_nothing_is_looked_at_where_that_is_not_wanted(self) -> None:
        class Use(BaseAction[Strict]):
            input_type = TestResults

            def execute(self) -> str:
                return "done"

        assert ActionPipeline([Download, Use], validate_schemas=False).execute({"dataset": 1}) == "done"


class TestMerging:
    def test_parallel_producers_of_one_parameter_are_refused(self) -> None:
        with pytest.raises(PipelineDefinitionError) as caught:
            ActionPipeline.graph(
                [
                    ActionNode(Download, name="a", params={"dataset": 1}),
                    ActionNode(Download, name="b", params={"dataset": 2}),
                    ActionNode(Train, after=["a", "b"]),
                ]
            )
        assert list(map(str, caught.value.faults)) == [
            "action 'Train': parameter 'path' could be taken from 'a' or 'b'; say which: inputs={'path': 'b.path'}"
        ]

    def test_the_nearest_producer_wins_where_one_comes_after_the_other(self) -> None:
        class Move(BaseAction[TrainParams]):
            result_model = Folder

            def execute(self) -> Folder:
                return Folder(path=f"moved {self.params.path}")

        chain: list[Any] = [Download, Move, Train]
        assert ActionPipeline(chain).execute({"dataset": 1}) == Trained(weights_path="moved /data/1@1")
        (fault,) = [one for one in faults_of(*chain, strict=True) if "could be taken" in one]
        assert "'Download' or 'Move'" in fault

    def test_a_result_wins_over_an_initial_parameter_unless_that_is_strictly_refused(self) -> None:
        chain: list[Any] = [Download, ActionNode(Train)]
        assert ActionPipeline(chain).execute({"dataset": 1, "path": "given"}) == Trained(weights_path="/data/1@1")

        class Ready(Download):
            output_type = YOLODataset

        with pytest.raises(PipelineParamsError) as caught:
            ActionPipeline([Ready, Train], strict=True).execute({"dataset": 1, "path": "given"})
        remedy = "say which: inputs={'path': 'params.path'} or 'Ready.path'"
        told = f"it is given, and action 'Ready' returns it too; {remedy}"
        assert caught.value.faults == (("Train.path", told),)

    def test_initial_parameters_can_be_wired(self) -> None:
        pipeline = ActionPipeline([Download, ActionNode(Train, inputs={"path": "params.place"})])
        assert pipeline.execute({"dataset": 1, "place": "here"}) == Trained(weights_path="here@1")
        with pytest.raises(PipelineParamsError) as caught:
            pipeline.execute({"dataset": 1})
        assert caught.value.faults == (("place", "it is missing, and 'Train' refers to it"),)

    def test_undeclared_results_are_merged_when_they_come(self) -> None:
        assert ActionPipeline([Anything, Train]).execute() == Trained(weights_path="/anything@1")
        assert ActionPipeline([Anything, Train]).validate_initial_params() == []
        assert ActionPipeline([Anything, Train], strict=True).validate_initial_params() == ["Train.path"]

    def test_undeclared_results_that_collide_fail_the_action_that_needs_them(self) -> None:
        pipeline = ActionPipeline.graph(
            [ActionNode(Anything, name="a"), ActionNode(Anything, name="b"), ActionNode(Train, after=["a", "b"])]
        )
        with pytest.raises(PipelineFailedError) as caught:
            pipeline.execute()
        assert caught.value.action == "Train"
        assert isinstance(caught.value.__cause__, WiringError)
        assert "could be taken from 'a' or 'b'" in str(caught.value.__cause__)

    def test_a_wired_field_that_is_not_there_when_it_comes_to_it_is_named(self) -> None:
        pipeline = ActionPipeline([Anything, ActionNode(Train, inputs={"path": "Anything.pth"})])
        with pytest.raises(PipelineFailedError) as caught:
            pipeline.execute()
        told = str(caught.value.__cause__)
        assert told.endswith("path: 'Anything' has no field 'pth'; did you mean 'path'?")

    def test_wires_lead_into_nested_results_and_to_whole_ones(self) -> None:
        class Take(BaseModel):
            place: str
            everything: Trained

        class Keep(BaseAction[Take]):
            def execute(self) -> tuple[str, Trained]:
                return self.params.place, self.params.everything

        keep = ActionNode(Keep, inputs={"place": "Train.scores.path", "everything": "Train"})
        trained = Trained(weights_path="/data/1@1")
        assert ActionPipeline([Download, Train, keep]).execute({"dataset": 1}) == ("scores", trained)
        (fault,) = faults_of(Download, Train, ActionNode(Keep, inputs={"place": "Train.scores.pth"}))
        assert fault == "action 'Keep': input 'place': 'Train.scores' has no field 'pth'; did you mean 'path'?"

    def test_a_collection_is_no_single_value(self) -> None:
        class Listing(BaseModel):
            path: list[str]

        class Lists(BaseAction[Strict]):
            result_model = Listing

            def execute(self) -> Listing:
                return Listing(path=["a"])

        (merged,) = faults_of(Lists, Train)
        assert merged == "action 'Train': parameter 'path' is str, and 'Lists.path' list[str]"
        (wired,) = faults_of(Lists, ActionNode(Train, inputs={"path": "Lists.path"}))
        assert wired == "action 'Train': input 'path' is str, and 'Lists.path' list[str]"

    def test_a_model_that_converts_may_take_anything(self) -> None:
        class Listing(BaseModel):
            path: list[str]

        class Lists(BaseAction[Strict]):
            result_model = Listing

            def execute(self) -> Listing:
                return Listing(path=["a", "b"])

        class Joining(BaseModel):
            path: str

            @field_validator("path", mode="before")
            @classmethod
            def join(cls, value: Any) -> Any:
                return "+".join(value)

        class Joins(BaseAction[Joining]):
            def execute(self) -> str:
                return self.params.path

        assert ActionPipeline([Lists, Joins]).execute() == "a+b"

    def test_parameters_are_found_by_their_aliases(self) -> None:
        class Aliased(BaseModel):
            weights: str = Field(validation_alias=AliasChoices("path", "weights_path"))

        class Takes(BaseAction[Aliased]):
            def execute(self) -> str:
                return self.params.weights

        assert ActionPipeline([Download, Takes]).execute({"dataset": 4}) == "/data/4"
        assert ActionPipeline([Takes]).validate_initial_params() == ["Takes.weights"]
        assert ActionPipeline([ActionNode(Takes, params={"weights": "own"})]).execute() == "own"

    def test_a_model_that_takes_more_gets_all_initial_parameters(self) -> None:
        class Open(BaseModel):
            model_config = ConfigDict(extra="allow")

        class Takes(BaseAction[Open]):
            def execute(self) -> Any:
                return self.params.model_extra

        assert ActionPipeline([Download, Takes]).execute({"dataset": 1, "lr": 0.5}) == {"dataset": 1, "lr": 0.5}

    def test_a_parameter_given_twice_is_refused(self) -> None:
        (fault,) = faults_of(Download, ActionNode(Train, params={"path": "a"}, inputs={"path": "Download.path"}))
        assert fault == "action 'Train': 'path' is given as parameter and as input; keep one of them"


class TestInitialParams:
    def test_what_no_action_gets_from_anywhere_is_listed_for_the_whole_chain(self) -> None:
        pipeline = ActionPipeline([Train, ActionNode(Export, name="out")])
        assert pipeline.validate_initial_params({}) == ["Train.path", "out.weights"]
        assert pipeline.validate_initial_params({"path": "p", "weights": "w"}) == []

    def test_nothing_is_run_where_they_are_wrong_and_every_fault_is_told(self) -> None:
        ran: list[str] = []

        class Noted(Download):
            def execute(self) -> Folder:
                ran.append("download")
                return super().execute()

        pipeline = ActionPipeline([Noted, Train, ActionNode(Export, name="out")])
        with pytest.raises(PipelineParamsError) as caught:
            pipeline.execute({"dataset": "x", "epochs": 0, "wieghts": 1})
        assert dict(caught.value.faults).keys() == {"Noted.dataset", "Train.epochs", "out.weights", "wieghts"}
        assert dict(caught.value.faults)["wieghts"].endswith("did you mean 'weights'?")
        assert ran == []

    def test_a_file_that_an_earlier_action_makes_need_not_be_there_yet(self, tmp_path: Path) -> None:
        from pydantic import FilePath

        class File(BaseModel):
            file: FilePath

        class Nothing(BaseModel):
            pass

        class Write(BaseAction[Nothing]):
            def execute(self) -> None:
                (tmp_path / "made").write_text("text")

        class Read(BaseAction[File]):
            def execute(self) -> str:
                return self.params.file.read_text()

        assert ActionPipeline([Write, Read]).execute({"file": tmp_path / "made"}) == "text"

    @given(given=st.sets(st.sampled_from(["path", "epochs", "weights", "images", "dataset"])))
    @settings(deadline=None)
    def test_what_is_listed_is_what_a_run_refuses(self, given: set[str]) -> None:
        pipeline = ActionPipeline([Download, Train, ActionNode(Export, name="out")])
        params = dict.fromkeys(given, "1")
        missing = pipeline.validate_initial_params(params)
        try:
            pipeline.execute(params)
        except PipelineParamsError as error:
            told = [path for path, why in error.faults if why.startswith("it is missing")]
            assert told == missing != []
        else:
            assert missing == []


class TestGraphs:
    def test_a_circle_is_told_as_its_path(self) -> None:
        class Loop(BaseAction[TrainParams]):
            result_model = Folder

            def execute(self) -> Folder:
                return Folder(path="")

        def node(name: str, source: str) -> ActionNode:
            return ActionNode(Loop, name=name, inputs={"path": f"{source}.path"})

        with pytest.raises(PipelineDefinitionError) as caught:
            ActionPipeline.graph([node("a", "c"), node("b", "a"), node("c", "b"), node("d", "d")])
        assert caught.value.faults == (
            PipelineFault(None, ("actions",), "actions wait for each other: a -> c -> b -> a"),
        )

    def test_the_order_is_that_of_the_declaration_as_far_as_needs_allow(self) -> None:
        pipeline = ActionPipeline.graph(
            [
                ActionNode(Anything, name="last", after=["z", "a"]),
                ActionNode(Anything, name="z"),
                ActionNode(Anything, name="a"),
                ActionNode(Anything, name="m", after=["a"]),
            ]
        )
        assert pipeline.action_names == ("z", "a", "last", "m")
        assert repr(pipeline) == "ActionPipeline.graph(Anything, Anything, Anything, Anything)"

    @given(st.data())
    @settings(deadline=None, max_examples=50)
    def test_every_action_comes_after_what_it_needs(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, 12))
        places = data.draw(st.permutations(range(count)))
        needs = {one: data.draw(st.sets(st.integers(0, one - 1), max_size=3)) if one else set() for one in range(count)}
        nodes = [ActionNode(Anything, name=f"n{one}", after=[f"n{need}" for need in needs[one]]) for one in places]
        order = ActionPipeline.graph(nodes).action_names
        assert sorted(order) == sorted(f"n{one}" for one in range(count))
        for one, needed in needs.items():
            assert all(order.index(f"n{need}") < order.index(f"n{one}") for need in needed)
        assert ActionPipeline.graph(nodes).action_names == order

    def test_it_can_be_drawn(self) -> None:
        pipeline = ActionPipeline([Download, Train, ActionNode(Export, inputs={"weights": "Train.weights_path"})])
        assert pipeline.draw().splitlines() == [
            "flowchart LR",
            '    n0["Download"]',
            '    n1["Train"]',
            '    n2["Export"]',
            "    n0 --> n1",
            '    n1 -->|"weights"| n2',
        ]
        assert '"Train" -> "Export" [label="weights"];' in pipeline.draw("dot")
        facts = json.loads(pipeline.draw("json"))
        assert [one["name"] for one in facts["actions"]] == ["Download", "Train", "Export"]
        assert facts["actions"][2]["inputs"] == {"weights": "Train.weights_path"}
        with pytest.raises(ValueError, match="there are mermaid, dot, json"):
            pipeline.draw("svg")


class Offering(Plugin):
    metadata = PluginMetadata("demo", "1.0.0", provides=(Action("demo.download"), Action("demo.train")))

    def on_load(self, ctx: PluginContext) -> None:
        ctx.provide(Action("demo.download"), Download)
        ctx.provide(Action("demo.train"), Train)


def test_actions_are_found_by_the_names_that_plugins_offer() -> None:
    with Kernel() as kernel:
        kernel.register(Offering())
        kernel.load("demo")
        pipeline = ActionPipeline(["demo.download", "demo.train"], services=kernel.services)
        assert pipeline.action_names == ("download", "train")
        assert pipeline.execute({"dataset": 1}) == Trained(weights_path="/data/1@1")
        with pytest.raises(PipelineDefinitionError, match=r"did you mean 'demo\.train'\?"):
            ActionPipeline(["demo.download", "demo.tran"], services=kernel.services)


def test_parameters_of_actions_can_be_replaced() -> None:
    pipeline = ActionPipeline([ActionNode(Download, params={"dataset": 1}), Train])
    other = pipeline.with_params({"Download": {"dataset": 5}, "Train": {"epochs": 2}})
    assert other.execute() == Trained(weights_path="/data/5@2")
    assert pipeline.execute() == Trained(weights_path="/data/1@1")
    with pytest.raises(PipelineDefinitionError, match="there is no action 'Trian'; did you mean 'Train'"):
        pipeline.with_params({"Trian": {}})
    with pytest.raises(PipelineDefinitionError, match="it has no parameter 'epocs'"):
        pipeline.with_params({"Train": {"epocs": 2}})


@pytest.mark.parametrize(
    "error",
    [
        PipelineDefinitionError("p", (PipelineFault(None, (), "a"), PipelineFault("b", ("after", 0), "c", "d"))),
        PipelineParamsError("p", (("a.b", "why"),)),
        PipelineFailedError("p", (("a", "why"), ("b", "why"))),
        WiringError("a", (("p", "why"),)),
    ],
)
def test_errors_keep_their_facts_when_they_are_sent(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    assert str(again) == str(error)
    assert again.args == error.args
