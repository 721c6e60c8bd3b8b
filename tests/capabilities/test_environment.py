"""Settings from outside: where they come from, how they are read, and that no secret is shown."""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from plugbus.capabilities import (
    CapabilityError,
    PluginEnvironment,
    RuntimeContext,
    SettingNotFoundError,
    SettingsFileError,
    SettingValueError,
    encode_event,
    encode_value,
)

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "hunter2-very-secret"


class TestVariables:
    def test_lose_their_prefix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PLUGIN_API_KEY", "xxx")
        monkeypatch.setenv("PLUGIN_BATCH_SIZE", "32")
        monkeypatch.setenv("PLUGIN_", "nameless")
        monkeypatch.setenv("OTHER_NAME", "not for plugins")
        env = PluginEnvironment.from_environ(prefix="PLUGIN_")
        assert dict(env) == {"API_KEY": "xxx", "BATCH_SIZE": "32"}
        assert PluginEnvironment.from_environ() == env

    def test_keep_their_names_with_several_prefixes(self) -> None:
        environ = {"A_X": "1", "B_X": "2", "C_X": "3", "P_A_X": "4"}
        env = PluginEnvironment.from_environ(prefixes=("A_", "B_"), environ=environ)
        assert dict(env) == {"A_X": "1", "B_X": "2"}
        both = PluginEnvironment.from_environ("P_", prefixes=["A_"], environ=environ)
        assert dict(both) == {"A_X": "4"}

    @pytest.mark.parametrize("asked", [{"prefix": ""}, {"prefixes": ("A_", "")}])
    def test_are_never_all_taken_by_accident(self, asked: Any) -> None:
        assert os.environ
        with pytest.raises(ValueError, match="the whole environment"):
            PluginEnvironment.from_environ(**asked)
        assert dict(PluginEnvironment(os.environ)) == dict(os.environ)

    def test_are_named_by_errors(self) -> None:
        env = PluginEnvironment.from_environ(environ={"PLUGIN_SIZE": "large"})
        with pytest.raises(SettingValueError) as caught:
            env.get_int("SIZE")
        assert str(caught.value) == (
            "cannot read setting 'SIZE': it is 'large', from environment variable PLUGIN_SIZE; "
            "give a whole number, such as 32"
        )


class TestFile:
    def test_is_read_with_its_tables(self, tmp_path: Path) -> None:
        path = tmp_path / "config.toml"
        path.write_text('A = 1\nTAGS = ["x"]\n[database]\nhost = "größe"\n', "utf-8")
        env = PluginEnvironment.from_file(path)
        assert env == {"A": 1, "TAGS": ["x"], "database": {"host": "größe"}}
        assert PluginEnvironment.from_file(str(path)) == env
        assert env.origin("A") == str(path)

    def test_may_begin_with_a_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "config.toml"
        path.write_bytes(b"\xef\xbb\xbfA = 1\r\n")
        assert PluginEnvironment.from_file(path) == {"A": 1}

    def test_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"nowhere\.toml"):
            PluginEnvironment.from_file(tmp_path / "nowhere.toml")

    @pytest.mark.parametrize(
        ("data", "line", "cause"),
        [
            (b"A = 1\nB = \n", 2, "Invalid value at column 5"),
            (b"A = 1\nB\n", 2, "Expected '=' after a key in a key/value pair at column 2"),
            (b"A = 1\nA = 2\n", 2, "Cannot overwrite a value at column 6"),
            (b"A = [1,\n", 2, "Invalid value at the end of the file"),
            (b"A = 1\nB = '\xff'\n", 2, "it is not written in UTF-8"),
        ],
    )
    def test_that_is_no_toml_says_in_which_line(self, tmp_path: Path, data: bytes, line: int, cause: str) -> None:
        path = tmp_path / "config.toml"
        path.write_bytes(data)
        with pytest.raises(SettingsFileError) as caught:
            PluginEnvironment.from_file(path)
        error = caught.value
        assert (error.path, error.line) == (str(path), line)
        assert str(error).startswith(f"cannot read settings file '{path}:{line}': ")
        assert error.cause == cause
        assert error.__cause__ is None

    def test_that_is_wrong_does_not_tell_its_secrets(self, tmp_path: Path) -> None:
        path = tmp_path / "config.toml"
        path.write_text(f"PASSWORD = '{VALUE}'\nPASSWORD = '{VALUE}'\n")
        with pytest.raises(SettingsFileError) as caught:
            PluginEnvironment.from_file(path)
        assert VALUE not in str(caught.value)
        assert caught.value.__suppress_context__


class TestMerge:
    def test_lets_later_values_win_and_keeps_the_others(self) -> None:
        first, second = PluginEnvironment({"A": 1, "B": 1}), PluginEnvironment({"B": 2, "C": 2})
        assert first.merge(second) == {"A": 1, "B": 2, "C": 2}
        assert PluginEnvironment.merge(first, second) == first.merge(second)
        assert PluginEnvironment.merge(first, second, {"C": 3}) == {"A": 1, "B": 2, "C": 3}
        assert first.merge() == first
        assert (dict(first), dict(second)) == ({"A": 1, "B": 1}, {"B": 2, "C": 2})

    def test_keeps_origins_and_secrets(self) -> None:
        first = PluginEnvironment({"A": "x", "B": "x"}, origin="one", secrets=["A"])
        merged = first.merge(PluginEnvironment({"B": "y"}, origin="two"), {"C": "z"})
        assert [merged.origin(key) for key in "ABC"] == ["one", "two", ""]
        assert merged.masked() == {"A": "********", "B": "y", "C": "z"}
        assert first.merge({"A": "new"}).masked()["A"] == "********"
        assert PluginEnvironment().merge(first).masked() == {"A": "********", "B": "x"}

    @given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers())))
    def test_is_what_updates_of_a_dict_are(self, parts: list[dict[str, int]]) -> None:
        expected: dict[str, int] = {}
        for part in parts:
            expected.update(part)
        assert PluginEnvironment().merge(*parts) == expected


class Opaque:
    def __str__(self) -> str:
        raise ValueError(VALUE)


GETTERS = ("get_str", "get_int", "get_float", "get_bool", "get_list")


class TestGetters:
    @pytest.mark.parametrize(
        ("getter", "value", "read"),
        [
            ("get_str", "text", "text"),
            ("get_str", "", ""),
            ("get_str", 3, "3"),
            ("get_str", True, "true"),
            ("get_str", SecretStr("s"), "s"),
            ("get_int", "32", 32),
            ("get_int", " -3 ", -3),
            ("get_int", 32, 32),
            ("get_int", 32.0, 32),
            ("get_int", SecretStr("32"), 32),
            ("get_float", "1e-3", 0.001),
            ("get_float", 1, 1.0),
            ("get_float", "inf", float("inf")),
            ("get_bool", 1, True),
            ("get_bool", 0, False),
            ("get_bool", " TRUE\n", True),
            ("get_bool", False, False),
            ("get_list", "a, b,, c ,", ["a", "b", "c"]),
            ("get_list", "", []),
            ("get_list", ["a", 1], ["a", 1]),
            ("get_list", ("a", 1), ["a", 1]),
            ("get_list", {3, 1, 2}, [1, 2, 3]),
            ("get_list", frozenset({"b", 1}), ["b", 1]),
        ],
    )
    def test_read(self, getter: str, value: object, read: object) -> None:
        found = getattr(PluginEnvironment({"K": value}), getter)("K")
        assert found == read
        assert type(found) is type(read)

    @pytest.mark.parametrize(
        ("yes", "no"), [("true", "false"), ("1", "0"), ("yes", "no"), ("on", "off"), ("y", "n"), ("t", "f")]
    )
    def test_read_booleans_as_people_write_them(self, yes: str, no: str) -> None:
        env = PluginEnvironment({"YES": yes, "NO": no, "LOUD": yes.upper(), "NEVER": no.title()})
        assert [env.get_bool(key) for key in env] == [True, False, True, False]

    @pytest.mark.parametrize(
        ("getter", "value"),
        [
            ("get_str", ["a"]),
            ("get_str", {"a": 1}),
            ("get_str", {1}),
            ("get_str", Opaque()),
            ("get_int", "1.5"),
            ("get_int", 1.5),
            ("get_int", float("inf")),
            ("get_int", True),
            ("get_int", ""),
            ("get_int", [1]),
            ("get_float", "fast"),
            ("get_float", False),
            ("get_float", 10**400),
            ("get_bool", "maybe"),
            ("get_bool", ""),
            ("get_bool", 2),
            ("get_bool", 1.0),
            ("get_list", 3),
            ("get_list", {"a": 1}),
        ],
    )
    @pytest.mark.parametrize("default", [{}, {"default": None}], ids=["required", "with a default"])
    def test_refuse_what_they_can_not_read_default_or_not(
        self, getter: str, value: object, default: dict[str, None]
    ) -> None:
        env = PluginEnvironment({"SIZE": value}, origin="here")
        with pytest.raises(SettingValueError) as caught:
            getattr(env, getter)("SIZE", **default)
        assert (caught.value.key, caught.value.origin) == ("SIZE", "here")
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    @pytest.mark.parametrize("getter", GETTERS)
    @pytest.mark.parametrize("values", [{}, {"SIZE": None}], ids=["missing", "None"])
    def test_raise_for_what_is_not_set_without_a_default(self, getter: str, values: dict[str, None]) -> None:
        with pytest.raises(SettingNotFoundError) as caught:
            getattr(PluginEnvironment({**values, "BATCH_SIZ": 1}), getter)("SIZE")
        assert isinstance(caught.value, KeyError | CapabilityError)
        assert caught.value.key == "SIZE"

    @pytest.mark.parametrize("getter", GETTERS)
    @pytest.mark.parametrize("default", [None, [], "production", 0])
    def test_return_the_default_as_it_is(self, getter: str, default: object) -> None:
        assert getattr(PluginEnvironment(), getter)("SIZE", default=default) is default
        assert getattr(PluginEnvironment({"SIZE": None}), getter)("SIZE", default) is default

    def test_offer_near_names(self) -> None:
        env = PluginEnvironment({"BATCH_SIZE": 1, "API_KEY": "x"})
        for ask in (env.get_int, env.__getitem__):
            with pytest.raises(SettingNotFoundError, match=r"did you mean 'BATCH_SIZE'\?"):
                ask("batch_siz")
        with pytest.raises(SettingNotFoundError, match="set it, or give a default"):
            env.get_int("UNLIKE")

    @given(st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.text()))
    def test_return_their_kind_or_refuse_whatever_the_value(self, value: object) -> None:
        env = PluginEnvironment({"K": value})
        for getter, kind in zip(GETTERS, (str, int, float, bool, list), strict=True):
            try:
                found = getattr(env, getter)("K")
            except (SettingNotFoundError, SettingValueError):
                continue
            assert type(found) is kind

    @given(st.integers())
    def test_read_every_whole_number_from_its_text(self, number: int) -> None:
        assert PluginEnvironment({"K": str(number)}).get_int("K") == number

    def test_give_lists_of_their_own(self) -> None:
        given_list = ["a"]
        env = PluginEnvironment({"TAGS": given_list})
        env.get_list("TAGS").append("b")
        assert given_list == ["a"]


class TestMapping:
    def test_is_one_that_can_not_be_written_to(self) -> None:
        values = {"A": 1}
        env: Any = PluginEnvironment(values)
        values["A"] = 2
        assert (env["A"], env.get("A"), "A" in env, len(env), list(env)) == (1, 1, True, 1, ["A"])
        assert (env.get("B"), env.get("B", ""), "B" in env, {**env}) == (None, "", False, {"A": 1})
        with pytest.raises(TypeError):
            env["A"] = 3
        with pytest.raises(KeyError):
            env["B"]

    def test_is_what_a_context_makes_of_any_mapping(self) -> None:
        env = PluginEnvironment({"A": 1}, secrets=["A"])
        assert RuntimeContext(env=env).env is env
        assert type(RuntimeContext(env={"A": 1}).env) is PluginEnvironment
        assert RuntimeContext(env={"A": "1"}).env.get_int("A") == 1
        assert RuntimeContext().env == {}

    def test_comes_out_of_a_pickle_as_it_went_in(self) -> None:
        env = PluginEnvironment({"A": VALUE, "B": 1}, secrets=["A"], origin="here")
        again = pickle.loads(pickle.dumps(env))  # noqa: S301 - our own
        assert again == env
        assert again["A"] == VALUE
        assert again.origin("B") == "here"
        assert VALUE not in repr(again)

    @pytest.mark.parametrize(
        "error",
        [
            SettingNotFoundError("A", ("B",)),
            SettingValueError("A", "a text", "'x'", "o"),
            SettingsFileError("p", 2, "c"),
        ],
        ids=lambda one: type(one).__name__,
    )
    def test_errors_come_out_of_a_pickle_as_they_went_in(self, error: CapabilityError) -> None:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert type(again) is type(error)
        assert str(again) == str(error)


SECRET_NAMES = (
    "API_KEY", "apiKey", "api-key", "KEY", "aws.secret", "DB_PASSWORD", "dbPassword", "ACCESS_TOKEN", "PAT_TOKEN",
    "CREDENTIALS", "Authorization", "session_cookie", "SSH_PRIVATE_KEY", "DB_PWD", "HF_TOKENS",
)  # fmt: skip
OPEN_NAMES = (
    "BATCH_SIZE",
    "PUBLIC_KEY",
    "primary-key",
    "KEYBOARD",
    "MONKEY",
    "AUTHOR",
    "SECRETARY_NAME",
    "HOST",
    "a",
    "",
)


class TestSecrets:
    @pytest.mark.parametrize("name", SECRET_NAMES)
    def test_are_known_by_their_names(self, name: str) -> None:
        env = PluginEnvironment({name: VALUE})
        assert env.is_secret(name)
        assert env.masked() == {name: "********"}

    @pytest.mark.parametrize("name", OPEN_NAMES)
    def test_are_not_seen_where_there_are_none(self, name: str) -> None:
        assert PluginEnvironment({name: "shown"}).masked() == {name: "shown"}

    @pytest.mark.parametrize(
        "env",
        [
            PluginEnvironment({"API_KEY": VALUE}),
            PluginEnvironment({"HOST_ID": VALUE}, secrets=["HOST_ID"]),
            PluginEnvironment({"HOST": SecretStr(VALUE)}),
            PluginEnvironment({"API_KEY": SecretStr(VALUE)}),
            PluginEnvironment({"db": {"password": VALUE, "deep": [{"token": VALUE}]}}),
            PluginEnvironment({"db": {"id": VALUE}}, secrets=["id"]),
            PluginEnvironment({"TOKENS": [VALUE, VALUE], "KEYS": (VALUE,)}),
            PluginEnvironment({"URL": f"postgres://user:{VALUE}@host:5432/db"}),
            PluginEnvironment({"URLS": [f"redis://:{VALUE}@host/0"]}),
        ],
        ids=repr,
    )
    def test_are_shown_nowhere(self, env: PluginEnvironment) -> None:
        events: list[Any] = []
        ctx = RuntimeContext(env=env, publish=events.append)
        ctx.log("settings", env)
        ctx.log("settings", {"env": env})
        ctx.log_dev_event("settings", env)
        ctx.log_message("{env}", env=env)
        ctx.logger.info("%s", env)
        ctx.logger.info("%r %d", env)
        shown = [repr(env), str(env), f"{env}", f"{env!r}", repr(ctx), json.dumps(encode_value(env))]
        shown += [json.dumps(encode_event(one)) for one in events]
        shown += [repr(one) for one in events]
        for key in env:
            for getter in GETTERS:
                try:
                    getattr(env, getter)(key)
                except SettingValueError as error:
                    shown += [str(error), repr(error), repr(error.args)]
        assert len(events) == 6
        assert not [one for one in shown if VALUE in one]

    def test_are_returned_to_whoever_asks_by_name(self) -> None:
        env = PluginEnvironment({"API_KEY": VALUE, "PIN": SecretStr(VALUE)})
        assert (env["API_KEY"], env.get("API_KEY"), env.get_str("API_KEY"), env.get_str("PIN")) == (VALUE,) * 4
        assert env.to_dict()["API_KEY"] == VALUE

    @given(st.text(min_size=1, alphabet="abcXYZ09-_"), st.sampled_from(SECRET_NAMES[:4]))
    def test_of_a_wrong_form_are_not_told(self, text: str, name: str) -> None:
        value = f"<{text}>"
        env = PluginEnvironment({name: value})
        for getter in ("get_int", "get_float", "get_bool"):
            with pytest.raises(SettingValueError) as caught:
                getattr(env, getter)(name)
            assert value not in str(caught.value)
            assert value not in repr(caught.value.args)
            assert caught.value.found == "a secret of another form"

    def test_other_values_are_told_but_not_at_length(self) -> None:
        with pytest.raises(SettingValueError) as caught:
            PluginEnvironment({"SIZE": "x" * 1000}).get_int("SIZE")
        assert "'xxx" in str(caught.value)
        assert len(str(caught.value)) < 200
