"""Versions and ranges against independent definitions, over generated texts."""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version as Pep440Version

from plugbus.kernel.errors import VersionError, VersionRangeError
from plugbus.kernel.ranges import VersionRange, parse_range
from plugbus.kernel.versions import Version, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable

# Small numbers, so that generated versions are often equal or neighbours.
NUMBERS = st.integers(0, 4) | st.integers(0, 10**20)
RELEASES = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)
SHARED_OPERATORS = (">=", ">", "<", "<=", "==", "!=")

Release = tuple[int, ...]


def dotted(release: Release) -> str:
    return ".".join(map(str, release))


def filled(release: Release) -> Release:
    return release + (0,) * (4 - len(release))


@st.composite
def version_texts(draw: st.DrawFn) -> str:
    """Draw a version with any of PEP 440's parts, in its spellings and in SemVer's."""
    epoch = draw(st.sampled_from(["", "", "", "0!", "1!"]))
    release = dotted(draw(RELEASES | st.tuples(NUMBERS, NUMBERS, NUMBERS)))
    separator = draw(st.sampled_from(["", ".", "-"]))
    words = st.sampled_from(["a", "alpha", "b", "beta", "rc", "c", "preview"])
    parts = [
        f"{separator}{draw(words)}{draw(st.sampled_from(['', '.']))}{draw(st.integers(0, 12))}",
        f".post{draw(st.integers(0, 2))}",
        f".dev{draw(st.integers(0, 2))}",
        f"+{draw(st.sampled_from(['cpu', 'cpu.1', 'cpu.10', 'cuda', '1', '2.a', '007', 'A.b']))}",
    ]
    return epoch + release + "".join(part for part in parts if draw(st.booleans()))


@given(version_texts(), version_texts())
def test_versions_order_as_in_packaging(one: str, other: str) -> None:
    ours, theirs = (Version(one), Version(other)), (Pep440Version(one), Pep440Version(other))

    assert (ours[0] < ours[1]) is (theirs[0] < theirs[1])
    assert (ours[0] <= ours[1]) is (theirs[0] <= theirs[1])
    assert (ours[0] > ours[1]) is (theirs[0] > theirs[1])
    assert (ours[0] >= ours[1]) is (theirs[0] >= theirs[1])
    assert (ours[0] == ours[1]) is (theirs[0] == theirs[1])
    if ours[0] == ours[1]:
        assert hash(ours[0]) == hash(ours[1])


@given(st.lists(version_texts(), max_size=12))
def test_sorting_by_key_is_sorting_as_in_packaging(texts: list[str]) -> None:
    ordered = sorted(map(Version, texts), key=lambda version: version.key)

    assert [Pep440Version(version.text) for version in ordered] == sorted(map(Pep440Version, texts))
    assert all(low <= high for low, high in pairwise(ordered))


@given(version_texts())
def test_a_version_tells_what_packaging_tells(text: str) -> None:
    ours, theirs = Version(text), Pep440Version(text)

    assert ours.is_prerelease is theirs.is_prerelease
    assert ours.major == theirs.major
    assert ours.release == theirs.release


@given(version_texts())
def test_a_version_comes_back_from_its_text_and_from_a_pickle(text: str) -> None:
    version = Version(text)

    assert parse_version(str(version)) == version
    assert str(parse_version(str(version))) == text
    assert pickle.loads(pickle.dumps(version)) == version  # noqa: S301


@given(version_texts())
def test_exact_ranges_of_a_version_hold_it_and_ignore_its_local_part(text: str) -> None:
    public = text.partition("+")[0]

    for version in (text, public, f"{public}+other.7"):
        assert parse_range(f"=={text}").matches(version)
        assert parse_range(f"<={text}").matches(version)
        assert parse_range(f">={text}").matches(version)
        assert not parse_range(f">{text}").matches(version)
        assert not parse_range(f"<{text}").matches(version)
        assert not parse_range(f"!={text}").matches(version)


@given(
    st.lists(st.tuples(st.sampled_from(SHARED_OPERATORS), RELEASES, st.booleans()), min_size=1, max_size=4),
    st.lists(RELEASES, min_size=1, max_size=6),
)
def test_shared_operators_agree_with_packaging_on_plain_releases(
    comparators: list[tuple[str, Release, bool]], versions: list[Release]
) -> None:
    text = ", ".join(
        f"{operator}{dotted(release)}{'.*' if wild and operator in ('==', '!=') else ''}"
        for operator, release, wild in comparators
    )

    for version in map(dotted, versions):
        assert parse_range(text).matches(version) is SpecifierSet(text).contains(version)


def caret_holds(written: Release, version: Release) -> bool:
    """Define ``^``: not older, and no change at or left of the leftmost number that is not zero."""
    fixed = written
    for end in range(1, len(written) + 1):
        if any(written[:end]):
            fixed = written[:end]
            break
    return filled(version) >= filled(written) and filled(version)[: len(fixed)] == fixed


def tilde_holds(written: Release, version: Release) -> bool:
    """Define ``~``: not older, and no change in the first two numbers written."""
    fixed = written[:2]
    return filled(version) >= filled(written) and filled(version)[: len(fixed)] == fixed


def wildcard_holds(written: Release, version: Release) -> bool:
    """Define ``1.2.x``: it begins with the numbers written."""
    return filled(version)[: len(written)] == written


@given(RELEASES, RELEASES)
@example((0, 0, 3), (0, 0, 4))
@example((0,), (1,))
@example((0, 0), (0, 1))
@example((1, 2, 3), (2,))
def test_caret_tilde_and_wildcard_agree_with_their_definitions(written: Release, version: Release) -> None:
    text = dotted(version)

    assert parse_range(f"^{dotted(written)}").matches(text) is caret_holds(written, version)
    assert parse_range(f"~{dotted(written)}").matches(text) is tilde_holds(written, version)
    assert parse_range(f"{dotted(written)}.x").matches(text) is wildcard_holds(written, version)


RANGE_TEXTS = st.lists(
    st.builds("{}{}".format, st.sampled_from(["^", "~", ">=", ">", "<", "<=", "==", "=", "!="]), version_texts()),
    min_size=1,
    max_size=3,
)


@given(RANGE_TEXTS, version_texts())
def test_a_comma_list_holds_plain_releases_that_every_comparator_holds(comparators: list[str], version: str) -> None:
    whole = parse_range(" , ".join(comparators))
    base = Pep440Version(version).base_version

    assert whole.matches(base) is all(parse_range(comparator).matches(base) for comparator in comparators)


@given(RANGE_TEXTS, version_texts())
def test_a_prerelease_is_inside_only_when_a_comparator_names_one_of_its_release(
    comparators: list[str], version: str
) -> None:
    named = {
        Pep440Version(Pep440Version(comparator.lstrip("^~<>=!")).base_version)
        for comparator in comparators
        if not comparator.startswith("!=") and Pep440Version(comparator.lstrip("^~<>=!")).is_prerelease
    }
    read = Pep440Version(version)

    if read.is_prerelease and Pep440Version(read.base_version) not in named:
        assert not parse_range(",".join(comparators)).matches(version)


@given(RANGE_TEXTS, st.lists(version_texts(), max_size=4))
def test_a_range_comes_back_from_its_text_and_from_a_pickle(comparators: list[str], versions: list[str]) -> None:
    accepted = VersionRange(",".join(comparators))

    for twin in (VersionRange(str(accepted)), pickle.loads(pickle.dumps(accepted))):  # noqa: S301
        assert twin == accepted
        assert hash(twin) == hash(accepted)
        for version in versions:
            assert twin.matches(version) is accepted.matches(version)


RAW = st.text() | st.text("0123456789.,^~<>=!xX* vrcpost+-") | st.text("01.x*,^<", max_size=8)


def refusal(read: Callable[[str], object], text: str) -> VersionError | None:
    """Return the error that ``read`` refuses ``text`` with; any other kind of error passes through."""
    try:
        read(text)
    except VersionError as error:
        return error
    return None


@given(RAW)
@example("1.0po\u017ft1")
@example("1.0+\u212a")
def test_any_text_is_a_version_or_refused_as_one(text: str) -> None:
    error = refusal(Version, text)

    assert error is None or (error.text == text.strip() and error.cause)


@given(RAW)
@example("^1,\x1c")
def test_any_text_is_a_range_or_refused_as_one(text: str) -> None:
    error = refusal(VersionRange, text)

    assert error is None or (type(error) is VersionRangeError and error.text == text and error.cause)


@given(RANGE_TEXTS, st.sampled_from(["banana", "v1", ">=", ""]), st.data())
def test_one_bad_comparator_spoils_the_list(comparators: list[str], bad: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(comparators)))

    with pytest.raises(VersionRangeError):
        parse_range(",".join([*comparators[:place], bad, *comparators[place:]]))
