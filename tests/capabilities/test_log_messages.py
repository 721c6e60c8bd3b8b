"""Messages: codes, levels, languages, templates, and catalogues that plugins contribute."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import (
    BaseStepContext,
    LocalizedMessage,
    LogLevel,
    LogMessageCode,
    MessageCatalogue,
    MessageDefinitionError,
    MessageLogged,
    Messages,
    RuntimeContext,
    encode_event,
    find_messages,
    provide_messages,
)
from plugbus.kernel import Kernel, Plugin, PluginContext, PluginMetadata


class Codes(LogMessageCode):
    STARTED = "STARTED"
    LOW_DISK = "LOW_DISK", LogLevel.WARNING, "only {free:.1f} GB left"
    SAVED = "SAVED", "success", {"en": "saved {rows}", "de": "{rows} gesichert", "pt_BR": "{rows} salvos"}


class OtherCodes(LogMessageCode):
    SAVED = "SAVED", LogLevel.DEBUG, "kept"


def told(message: Any, *, known: dict[str, Any] | None = None, **call: Any) -> MessageLogged:
    events: list[Any] = []
    RuntimeContext(job_id="job", publish=events.append, **(known or {})).log_message(message, **call)
    (event,) = events
    assert isinstance(event, MessageLogged)
    return event


class TestCodes:
    def test_bring_level_and_texts(self) -> None:
        assert told(Codes.SAVED, rows=3) == MessageLogged(
            "job", LogLevel.SUCCESS, "saved 3", code="SAVED", language="en", fields={"rows": 3}
        )
        assert told(Codes.LOW_DISK, free=0.25).level is LogLevel.WARNING

    def test_without_texts_are_told_as_they_are(self) -> None:
        event = told(Codes.STARTED)
        assert (event.message, event.code, event.language, event.level) == ("STARTED", "STARTED", None, LogLevel.INFO)

    def test_yield_to_the_level_of_the_call(self) -> None:
        assert told(Codes.SAVED, level="error", rows=1).level is LogLevel.ERROR
        assert told(Codes.SAVED, level=LogLevel.DEBUG, rows=1).level is LogLevel.DEBUG

    def test_of_two_plugins_may_be_the_same(self) -> None:
        assert told(OtherCodes.SAVED).message == "kept"
        assert told(Codes.SAVED, rows=1).message == "saved 1"

    def test_are_texts_and_leave_nothing_of_their_class_in_the_event(self) -> None:
        assert Codes.SAVED == "SAVED"
        assert type(told(Codes.SAVED).code) is str
        assert pickle.loads(pickle.dumps(Codes.SAVED)) is Codes.SAVED  # noqa: S301 - our own

    def test_with_texts_that_are_none_are_refused(self) -> None:
        wrong: Any = {"en": 3}

        def define() -> None:
            class Wrong(LogMessageCode):
                A = "A", "info", wrong

        with pytest.raises(MessageDefinitionError):
            define()


class TestLanguages:
    @pytest.mark.parametrize(
        ("call", "job", "setting", "text"),
        [
            ("de", "en", "en", "3 gesichert"),
            (None, "de", "en", "3 gesichert"),
            (None, None, "de", "3 gesichert"),
            (None, None, None, "saved 3"),
            ("fr", "de", None, "3 gesichert"),
            ("fr", "it", "xx", "saved 3"),
            ("de_AT.UTF-8", None, None, "3 gesichert"),
            ("DE-at-1996", None, None, "3 gesichert"),
            ("pt-BR", None, None, "3 salvos"),
            ("pt", None, None, "saved 3"),
            (None, None, "xx:de_CH:en", "3 gesichert"),
            ("", " ", 7, "saved 3"),
        ],
    )
    def test_are_looked_for_in_order(self, call: str | None, job: str | None, setting: Any, text: str) -> None:
        env = {} if setting is None else {"LANGUAGE": setting}
        assert told(Codes.SAVED, known={"language": job, "env": env}, language=call, rows=3).message == text

    def test_fall_back_to_whichever_there_is(self) -> None:
        event = told(LocalizedMessage(ko="완료"), language="de")
        assert (event.message, event.language) == ("완료", "ko")

    def test_are_given_for_a_message_without_a_code(self) -> None:
        for message in (LocalizedMessage(en="done {n}", de="fertig {n}"), {"en": "done {n}", "de": "fertig {n}"}):
            event = told(message, language="de", n=1)
            assert (event.message, event.code, event.language) == ("fertig 1", None, "de")
        assert told({}).message == ""

    def test_are_compared_without_regard_to_how_they_are_written(self) -> None:
        message = LocalizedMessage({"PT_br": "x"}, en="y")
        assert message == {"pt-br": "x", "en": "y"}
        assert message["pt-BR"] == "x"
        assert message == pickle.loads(pickle.dumps(message))  # noqa: S301 - our own
        assert hash(message) == hash(LocalizedMessage(en="y", pt_BR="x"))

    @pytest.mark.parametrize(
        ("texts", "faults"),
        [
            ({}, 1),
            ({"en": 3}, 1),
            ({"": "x", "de": None}, 2),
            ({"pt-br": "x", "pt_BR": "y"}, 1),
            ({3: "x"}, 1),
        ],
    )
    def test_with_wrong_texts_are_refused_with_every_fault(self, texts: Any, faults: int) -> None:
        with pytest.raises(MessageDefinitionError) as caught:
            LocalizedMessage(texts)
        assert len(caught.value.faults) == faults
        assert str(caught.value).startswith("cannot define messages: ")


class Unspeakable:
    def __format__(self, spec: str) -> str:
        raise OSError("no text")

    __str__ = __repr__ = lambda self: f"<{type(self).__name__}>"


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "fields", "text"),
        [
            ("{a} of {b}", {"a": 1, "b": 2}, "1 of 2"),
            ("{a} of {b}", {"a": 1}, "1 of {b}"),
            ("50% {done}", {"x": 1}, "50% {done}"),
            ("{a:.2f} {b!r:>5}", {"a": 1, "b": "x"}, "1.00   'x'"),
            ("{a:.2f} {b!r:>5}", {}, "{a:.2f} {b!r:>5}"),
            ("{a:.2f}", {"a": "text"}, "{a:.2f}"),
            ("{{a}} {a}", {"a": 1}, "{a} 1"),
            ("{a", {"a": 1}, "{a"),
            ("a} {a}", {"a": 1}, "a} {a}"),
            ("{} {0}", {"a": 1}, "{} {0}"),
            ("{a.real} {a[0]} {a.__class__}", {"a": 1}, "{a.real} {a[0]} {a.__class__}"),
            ("{a:{w}}", {"a": 1, "w": 5}, "{a:{w}}"),
            ("{a:99999999}", {"a": 1}, "{a:99999999}"),
            ("{a!z}", {"a": 1}, "{a!z}"),
            ("{a}", {"a": Unspeakable()}, "{a}"),
            ("{message} {self}", {"self": 2, "message": 1}, "1 2"),
        ],
    )
    def test_are_filled_as_far_as_they_can_be(self, template: str, fields: dict[str, Any], text: str) -> None:
        events: list[Any] = []
        ctx = RuntimeContext(publish=events.append)
        if "self" not in fields:
            ctx.log_message({"en": template}, **fields)
            assert events.pop().message == text
        catalogue = MessageCatalogue({"STARTED": template})
        if "self" not in fields:
            assert told(Codes.STARTED, known={"messages": catalogue}, **fields).message == text

    @given(st.text(alphabet="{}!:ab.[]0%<>^"), st.dictionaries(st.sampled_from("ab"), st.integers() | st.text()))
    def test_never_raise(self, template: str, fields: dict[str, Any]) -> None:
        told({"en": template}, **fields)
        told(template, **fields)

    @given(st.dictionaries(st.sampled_from("abc"), st.text() | st.integers(), min_size=1))
    def test_fill_in_what_is_given(self, fields: dict[str, Any]) -> None:
        template = " ".join(f"<{{{name}}}>" for name in fields)
        assert told(template, **fields).message == " ".join(f"<{value}>" for value in fields.values())

    def test_of_plain_text_without_fields_mean_nothing(self) -> None:
        assert told("{{a}} {b} %s").message == "{{a}} {b} %s"

    def test_fields_go_out_as_plain_data(self) -> None:
        event = told("{a}", a=Unspeakable(), b=float("nan"), c={1, 2})
        assert event.fields == {"a": "<Unspeakable>", "b": "nan", "c": [1, 2]}
        assert encode_event(event)["fields"] == event.fields

    @pytest.mark.parametrize("message", [None, 3, ["a"], float("nan")])
    def test_what_is_no_message_is_told_all_the_same(self, message: Any) -> None:
        assert told(message).message != ""


class TestCatalogue:
    def test_wins_over_the_code_in_each_language(self) -> None:
        known = {"messages": MessageCatalogue({"SAVED": {"de": "gut: {rows}", "fr": "{rows} lignes"}})}
        assert told(Codes.SAVED, known=known, language="de", rows=1).message == "gut: 1"
        assert told(Codes.SAVED, known=known, language="fr", rows=1).message == "1 lignes"
        assert told(Codes.SAVED, known=known, rows=1).message == "saved 1"

    def test_merges_language_by_language(self) -> None:
        first = MessageCatalogue({"A": {"en": "a", "de": "ä"}, "B": "b"})
        merged = first.merge(MessageCatalogue({"A": {"en": "A", "fr": "à"}, "C": "c"}))
        assert merged == {"A": {"en": "A", "de": "ä", "fr": "à"}, "B": {"en": "b"}, "C": {"en": "c"}}
        assert first["A"] == {"en": "a", "de": "ä"}
        assert merged == pickle.loads(pickle.dumps(merged))  # noqa: S301 - our own

    def test_refuses_what_is_no_text_with_every_fault(self) -> None:
        wrong: Any = {"A": 3, "B": {"en": 4}, "C": "fine"}
        with pytest.raises(MessageDefinitionError) as caught:
            MessageCatalogue(wrong)
        assert [code for code, _ in caught.value.faults] == ["A", "B"]
        assert "A: it is a int" in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
        assert str(again) == str(caught.value)

    def test_is_contributed_by_plugins_until_they_are_unloaded(self) -> None:
        class Owner(Plugin):
            metadata = PluginMetadata("saver", "1.0.0")

            def on_load(self, ctx: PluginContext) -> None:
                provide_messages(ctx, {"SAVED": {"en": "own {rows}"}})

        class French(Plugin):
            metadata = PluginMetadata("french", "1.0.0")

            def on_load(self, ctx: PluginContext) -> None:
                texts = {"fr": "{rows} lignes", "en": "not this {rows}"}
                provide_messages(ctx, MessageCatalogue({"SAVED": texts}), owner="saver")

        with Kernel() as kernel:
            assert find_messages(kernel.services, "saver") == {}
            kernel.register(Owner())
            kernel.register(French())
            for order in (("saver", "french"), ("french", "saver")):
                for plugin in order:
                    kernel.load(plugin)
                known = {"messages": find_messages(kernel.services, "saver")}
                assert told(Codes.SAVED, known=known, language="fr", rows=2).message == "2 lignes"
                assert told(Codes.SAVED, known=known, rows=2).message == "own 2"
                assert Messages("saver") in kernel.services.keys
                kernel.unload("french")
                assert find_messages(kernel.services, "saver") == {"SAVED": {"en": "own {rows}"}}
                kernel.unload("saver")


class TestRobustness:
    @pytest.mark.parametrize("data", [3, "text", ["a"], None, {"a": object()}, {1: 2}])
    def test_of_facts_that_are_no_facts(self, data: Any) -> None:
        events: list[Any] = []
        ctx = RuntimeContext(job_id="job", publish=events.append)
        ctx.log("event", data)
        ctx.log_dev_event("event", data)
        ctx.set_metrics(data)
        assert len(events) == 3
        assert all(encode_event(one)["job_id"] == "job" for one in events)

    @pytest.mark.parametrize(("current", "total"), [("3", 10), (3, "10"), (None, 3), (object(), None), (3j, 10)])
    def test_of_progress_that_is_no_number(self, current: Any, total: Any) -> None:
        events: list[Any] = []
        RuntimeContext(publish=events.append).set_progress(current, total, "train")
        assert [(one.current, one.total, one.category) for one in events] == [(0, None, "train")]

    def test_of_other_words_for_categories(self) -> None:
        events: list[Any] = []
        ctx = RuntimeContext(publish=events.append)
        ctx.set_progress(1, 2, step="train")
        ctx.set_metrics({"loss": 1.0}, step="train")
        ctx.set_metrics({"loss": 1.0}, "train", step=3)
        ctx.set_metrics({"loss": 1.0}, "train", step="other")
        assert [one.category for one in events] == ["train"] * 4
        assert [one.step for one in events[1:]] == [None, 3, None]

    def test_steps_tell_as_their_job_does(self) -> None:
        events: list[Any] = []
        context = BaseStepContext(runtime_ctx=RuntimeContext(publish=events.append, language="de"))
        context.log_message(Codes.SAVED, rows=3)
        context.log_message("text", "error")
        context.log_message(Codes.SAVED, language="en", rows=4)
        assert [(one.message, one.level) for one in events] == [
            ("3 gesichert", LogLevel.SUCCESS),
            ("text", LogLevel.ERROR),
            ("saved 4", LogLevel.SUCCESS),
        ]
