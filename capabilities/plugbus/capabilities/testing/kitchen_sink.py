"""Parameters of every shape that a form has to show: what nobody has edited is what the model has by default."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AnyUrl, AwareDatetime, BaseModel, ByteSize, ConfigDict, Field, NaiveDatetime, SecretStr


class Colour(Enum):
    """A choice by text."""

    RED = "red"
    GREEN = "green"
    BLUE = "$blue"


class Level(IntEnum):
    """A choice by number."""

    LOW = 1
    MIDDLE = 2
    HIGH = 3
    HIGHEST = 4


class Optimiser(BaseModel):
    """A model inside the model."""

    lr: float = Field(
        default=0.1, gt=0, lt=10, description="Step size.", json_schema_extra={"x-ui": {"unit": "1/step"}}
    )
    momentum: float | None = Field(default=0.9, ge=0, le=1)
    steps: list[int] = Field(default_factory=lambda: [7])


class Cat(BaseModel):
    """One alternative."""

    kind: Literal["cat"] = "cat"
    lives: int = Field(default=9, ge=1)
    name: str = "Tom"


class Dog(BaseModel):
    """Another one, with a field of the same name."""

    kind: Literal["dog"] = "dog"
    bark: str = "$woof"
    name: str = "Rex"


class Plain(BaseModel):
    """A model that nothing tells apart from another."""

    rows: int = 1


class Tree(BaseModel):
    """A model that holds itself."""

    value: int = 0
    inner: Tree | None = None


class Sparse(BaseModel):
    """Fields that may hold nothing, and have a default: in a list, the one is not to be taken for the other."""

    whole: int | None = 1
    number: float | None = 1.5
    text: str | None = "text"
    huge: int | None = 2**60
    flag: bool | None = True
    day: date | None = date(2024, 2, 29)
    moment: datetime | None = datetime(2024, 2, 29, tzinfo=UTC)
    choice: Literal["a", "b"] | None = "a"
    table: dict[str, int] | None = {"a": 1}
    any: Any = 1
    model: Plain | None = Plain(rows=4)
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = Cat(lives=2)


NOTHING = Sparse(
    whole=None, number=None, text=None, huge=None, flag=None, day=None, moment=None, choice=None, table=None, any=None,
    model=None, pet=None,
)  # fmt: skip

Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class KitchenSink(BaseModel):
    """Parameters of every shape, all with a default."""

    model_config = ConfigDict(extra="forbid")

    epochs: int = Field(default=10, ge=1, le=1000, description="How often all data is seen.")
    even: int = Field(default=16, ge=1, multiple_of=8)
    above: int = Field(default=1, gt=0, lt=5)
    huge: int = 2**53 + 1
    maybe_number: int | None = 5
    no_number: int | None = None
    ratio: float = Field(default=0.5, ge=0, le=1)
    above_zero: float = Field(default=0.25, gt=0)
    endless: float = float("inf")
    price: Decimal = Decimal("1.50")
    size: ByteSize = ByteSize(1024)
    flag: bool = True
    no_flag: bool = False
    maybe_flag: bool | None = None
    agreed: Literal[True] = True
    text: str = "plain"
    hostile_text: str = "$HOME/<img src=x onerror=ran.push(1)>"
    empty_text: str = ""
    lines: str = "one\ntwo"
    maybe_text: str | None = None
    short: str = Field(default="ab", min_length=2, max_length=4)
    code: str = Field(default="a", pattern=r"^(a|b){1,3}$")
    python_pattern: str = Field(default="x", json_schema_extra={"pattern": "(?P<x>x)"})
    address: str = Field(default="me@example.org", json_schema_extra={"format": "email"})
    url: AnyUrl = AnyUrl("s3://bucket/key")
    path: Path = Path("data/in")
    uuid: UUID = UUID(int=7)
    raw: bytes = b"bytes"
    secret: SecretStr = SecretStr("hush")
    maybe_secret: SecretStr | None = None
    day: date = date(2024, 2, 29)
    clock: time = time(9, 30)
    moment: datetime = datetime(2024, 2, 29, 9, 30, tzinfo=UTC)
    local: AwareDatetime = datetime(2024, 2, 29, 9, 30, 5, tzinfo=timezone(timedelta(hours=2)))
    naive: NaiveDatetime = datetime(2024, 2, 29, 9, 30)
    precise: datetime = datetime(2024, 2, 29, 9, 30, 0, 123456, tzinfo=UTC)
    span: timedelta = timedelta(hours=1, minutes=30)
    constant: Literal["v1"] = "v1"
    few: Literal["a", "b"] = "b"
    many: Literal["$a", "b", "c", "d", "e"] = "$a"
    maybe_choice: Literal["a", "b"] | None = None
    mixed_choice: Literal[1, "one", None] = 1
    colour: Colour = Colour.BLUE
    level: Level = Level.HIGH
    colours: list[Colour] = [Colour.GREEN, Colour.RED]
    numbers: list[int] = Field(default=[1, 2], max_length=3)
    made: list[int] = Field(default_factory=lambda: [7])
    names: set[str] = {"a", "$b"}
    optimisers: list[Optimiser] = [Optimiser(lr=0.5, momentum=None), Optimiser(steps=[])]
    sparse: list[Sparse] = [NOTHING, Sparse()]
    pair: tuple[int, str] = (1, "$x")
    table: dict[str, int] = {"if": 1, "then": 2}
    any: Any = {"if": "$x", "then": [1, None]}
    optimiser: Optimiser = Optimiser(lr=0.5, momentum=None)
    maybe_model: Optimiser | None = None
    given_model: Optimiser | None = Optimiser(lr=0.25)
    pet: Pet = Dog(name="Bello")
    maybe_pet: Pet | None = None
    pets: list[Pet] = [Cat(lives=3), Dog()]
    number_or_text: int | str = "12"
    models: Plain | Optimiser = Plain(rows=3)
    tree: Tree = Tree(value=1, inner=Tree(value=2))
    hidden: int = Field(default=3, json_schema_extra={"x-ui": {"hidden": True}})
    dotted: int = Field(default=4, alias="a.b")
    dollar: int = Field(default=5, alias="$node")
    proto: int = Field(default=6, alias="__proto__")
