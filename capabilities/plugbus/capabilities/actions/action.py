"""The base class of actions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, ForwardRef, Generic, TypeVar

from pydantic import BaseModel

from ..autolog.errors import AutologError
from ..enums import PluginCategory
from ..errors import ActionDefinitionError
from ..events import LogLevel
from .forward import ForwardModel
from .policy import ActionPolicy
from .validation import params_model_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..autolog.session import AutologSession
    from ..context import ActionLogger, LogMessageCode, RuntimeContext
    from ..forms import FormDialect
    from ..types import DataType
    from .invocation import ActionCall

P = TypeVar("P", bound=BaseModel)


class NoResult:
    """Say that an action's result is not described by a model: whatever it returns is its result."""


class BaseAction(ABC, Generic[P]):
    """Work with validated parameters: subclass it with a parameter model and implement ``execute``.

    Lifecycle:

    1. The parameters are validated against ``params_model``, which is taken from the generic parameter.
    2. The action is made with them and a context.
    3. ``execute`` does the work; progress, metrics and logs go out as events. It may be ``async def``.
    4. Its result is validated against ``result_model``, if there is one.
    5. What fails is done again from 2 on where ``policy`` says so.

    Attributes:
        action_name: The name that it goes by, if that is not left to whoever offers it.
        category: What it is for, if that is not left to whoever offers it.
        params_model: The pydantic model of its parameters. ``BaseAction["Params"]`` names one that is defined later.
        result_model: The pydantic model of its result; ``NoResult`` leaves it free.
        input_type: What kind of data it takes, None where that is left open. Nothing is checked when it runs.
        output_type: What kind of data it makes, None where that is left open.
        policy: How long it may take and when it is tried again; None for once, and without limits.
        progress_categories: What the action reports the progress of, and how much each is of the whole.
        params: The validated parameters.
        ctx: Services of the job that this is.
    """

    action_name: ClassVar[str | None] = None
    category: ClassVar[PluginCategory | None] = None
    params_model: type[P]
    result_model: ClassVar[type[BaseModel] | type[NoResult]] = NoResult
    input_type: ClassVar[type[DataType] | None] = None
    output_type: ClassVar[type[DataType] | None] = None
    policy: ClassVar[ActionPolicy | None] = None
    progress_categories: ClassVar[Mapping[str, float]] = {}

    params: P
    ctx: RuntimeContext

    _call: ActionCall | None = None
    _autologs: AutologSession | None = None

    if not TYPE_CHECKING:  # pragma: no branch
        # typing's own subscription keeps its arguments in a cache, and so a plugin's classes alive after its unload.
        __class_getitem__ = classmethod(GenericAlias)

    def __init_subclass__(cls, **options: Any) -> None:
        """Take the parameter model from the generic parameter, unless the class names one itself.

        Raises:
            ActionDefinitionError: What the class says of itself can't be used.
        """
        super().__init_subclass__(**options)
        own = cls.__dict__
        if own.get("category") is not None:
            cls.category = _category(cls, own["category"])
        if not isinstance(own.get("policy"), ActionPolicy | None):
            raise ActionDefinitionError(_label(cls), f"its policy {own['policy']!r} is no ActionPolicy")
        if "params_model" in own:
            return
        given = _given_for_params(cls)
        if isinstance(given, ForwardRef):
            given = given.__forward_arg__
        if isinstance(given, str):
            given = ForwardModel(given)
        elif isinstance(given, TypeVar) or given is None:
            return
        elif not (isinstance(given, type) and issubclass(given, BaseModel)):
            raise ActionDefinitionError(_label(cls), f"its parameter model {given!r} is no pydantic model")
        cls.params_model = given  # type: ignore[assignment] # P is what the class was subscribed with

    def __init__(self, params: P, ctx: RuntimeContext) -> None:
        self.params = params
        self.ctx = ctx

    @abstractmethod
    def execute(self) -> Any:
        """Do the work and return its result."""

    @classmethod
    def planned_categories(cls, params: BaseModel) -> Mapping[str, float]:
        """Return those of ``progress_categories`` that a job with these parameters reports."""
        return cls.progress_categories

    @classmethod
    def params_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the parameters: what forms, command lines and remote callers are made of.

        Raises:
            ActionDefinitionError: The action names no parameter model.
            SchemaError: A parameter's type has no JSON Schema.
        """
        from ..forms import params_schema  # most jobs need none

        return params_schema(params_model_of(cls))

    @classmethod
    def result_schema(cls) -> dict[str, Any] | None:
        """Return the JSON Schema of the result; None where it is free, or of a type that JSON Schema can't describe."""
        from ..forms import SchemaError, params_schema  # most jobs need none

        model = cls.result_model
        try:
            return params_schema(model) if issubclass(model, BaseModel) else None
        except SchemaError:
            return None  # a result may be any object of Python, as long as it stays in the process

    @classmethod
    def ui_schema(cls, dialect: str | FormDialect = "formkit") -> Any:
        """Return the form of the parameters in a dialect; one that a plugin offers is found by ``find_dialect``.

        Raises:
            ActionDefinitionError: The action names no parameter model.
            DialectNotFoundError: There is no such dialect.
            SchemaError: No form can be made of the parameters.
        """
        from ..forms import ui_schema  # most jobs need none

        return ui_schema(cls.params_schema(), dialect)

    @property
    def logger(self) -> ActionLogger:
        """Return the job's logger."""
        return self.ctx.logger

    def log(
        self,
        event: str,
        data: Mapping[str, Any] | None = None,
        file: str | None = None,
        level: LogLevel | str = LogLevel.INFO,
    ) -> None:
        """Log that something happened, with its facts."""
        self.ctx.log(event, data, file, level)

    def set_progress(
        self, current: float, total: float | None, category: str | None = None, *, step: str | None = None
    ) -> None:
        """Report that ``current`` of ``total`` is done, of one category of the work (another word: step) if named."""
        self.ctx.set_progress(current, total, category, step=step)

    def set_metrics(
        self, value: Mapping[str, float], category: str | None = None, *, step: int | str | None = None
    ) -> None:
        """Record measured values, of one category and one step (epoch, iteration) if named."""
        self.ctx.set_metrics(value, category, step=step)

    def log_message(
        self,
        message: str | LogMessageCode | Mapping[str, str],
        /,
        level: LogLevel | str | None = None,
        *,
        language: str | None = None,
        **fields: object,
    ) -> None:
        """Tell people something: a text, a code, or a text for each language. See ``RuntimeContext.log_message``."""
        self.ctx.log_message(message, level, language=language, **fields)

    def autolog(self, framework: str) -> None:
        """Report what a machine-learning framework does from now on until the action ends, as metrics and progress.

        What is done in this thread or task is reported, and in those that were handed its context variables.

        Args:
            framework: ``sklearn``, ``ultralytics``, ``lightning``, ``pytorch_lightning``, or what a plugin offers.

        Raises:
            UnknownFrameworkError: Nobody offers that; known and near names are told.
            FrameworkMissingError: The framework is not installed.
            AutologError: The action is not being executed by an executor, so that nothing would end it.
        """
        if self._call is None:
            cause = "the action is not being executed by an executor, so that nothing would end it"
            raise AutologError(framework, cause)
        if self._autologs is None:
            from ..autolog.session import AutologSession  # few actions log automatically

            self._autologs = AutologSession(self, self._call.autologs or {})
        self._autologs.begin(framework)

    def log_dev_event(self, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Log something for developers, with its facts."""
        self.ctx.log_dev_event(message, data)


def _label(cls: type[BaseAction[Any]]) -> str:
    return cls.action_name or cls.__qualname__


def _category(cls: type[BaseAction[Any]], given: object) -> PluginCategory:
    """Return a category that a class gives as one, or as its text."""
    try:
        return PluginCategory(str(given))
    except ValueError:
        from difflib import get_close_matches

        known = [one.value for one in PluginCategory]
        near = get_close_matches(str(given), known, n=1)
        tail = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
        raise ActionDefinitionError(_label(cls), f"its category '{given}' is unknown; {tail}") from None


def _given_for_params(cls: type) -> object:
    """Return what a class gives for ``P``, through generic bases of any order of parameters; None if it gives nothing.

    It is a model, a type variable that is still open, or a forward reference.
    """
    for base in cls.__dict__.get("__orig_bases__", ()):
        if not isinstance(base, GenericAlias):
            continue
        origin, arguments = base.__origin__, base.__args__
        if origin is BaseAction:
            if len(arguments) != 1:
                cause = f"BaseAction takes the parameter model alone, not {len(arguments)} types; name a result_model"
                raise ActionDefinitionError(cls.__qualname__, cause)
            return arguments[0]
        if isinstance(origin, type) and issubclass(origin, BaseAction):
            wanted = _given_for_params(origin)
            if isinstance(wanted, TypeVar):
                return dict(zip(origin.__parameters__, arguments, strict=False)).get(wanted)  # type: ignore[attr-defined] # typing sets it on generic classes
    return None
