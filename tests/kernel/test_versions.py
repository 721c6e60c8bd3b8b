"""Versions and ranges by example: what is read, what is inside, what is refused and in which words."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from itertools import pairwise

import pytest

from plugbus.kernel.errors import VersionError, VersionRangeError
from plugbus.kernel.ranges import ANY, VersionRange, parse_range
from plugbus.kernel.versions import Version, parse_version

# In rising order; neighbours differ.
RISING = (
    "0.dev1",
    "0",
    "0.0.1",
    "1.0.0.dev1",
    "1.0.0-alpha",
    "1.0.0-alpha.1.dev1",
    "1.0.0-alpha.1",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1.dev3",
    "1.0.0-rc.1",
    "1.0.0rc1.post1",
    "1.0.0-rc.2",
    "1.0.0",
    "1.0.0+cpu",
    "1.0.0+cpu.1",
    "1.0.0+cpu.2",
    "1.0.0+cpu.10",
    "1.0.0+cuda",
    "1.0.0+1",
    "1.0.0.post1.dev2",
    "1.0.0.post1",
    "1.0.0.1",
    "1.9.0",
    "1.10.0",
    "2.0.0rc1",
    "2",
    "1!0.5",
)

EQUAL = (
    ("1", "1.0"),
    ("1.0", "1.0.0"),
    ("0", "0.0.0"),
    ("1.0.0-rc.1", "1.0rc1"),
    ("1.0.0-preview.1", "1.0.0rc1"),
    ("1.0.0-beta", "1.0.0b0"),
    ("1.0.0.post0", "1.post"),
    ("0!1.2", "1.2"),
    ("1.0+CPU", "1.0+cpu"),
    (" 1.2.3\n", "1.2.3"),
)

INSIDE = (
    ("^1.2.3", "1.2.3 1.2.3.post1 1.2.4 1.3.0 1.99.99 1.2.3+cpu"),
    ("^0.2.3", "0.2.3 0.2.99"),
    ("^0.0.3", "0.0.3 0.0.3.1"),
    ("^0.0.0", "0.0.0"),
    ("^0", "0 0.0.1 0.99.0"),
    ("^0.0", "0.0.0 0.0.99"),
    ("^1", "1 1.99.99"),
    ("^1.2", "1.2.0 1.99"),
    ("^0.0.0.5", "0.0.0.5 0.0.0.5.7"),
    ("^1.2.3-rc.1", "1.2.3rc1 1.2.3-rc.2 1.2.3 1.3.0"),
    ("^1!2.3", "1!2.3 1!2.99"),
    ("~1.2.3", "1.2.3 1.2.99"),
    ("~1", "1.0.0 1.99.99"),
    ("~1.2", "1.2.0 1.2.99"),
    ("~0", "0 0.99"),
    ("~0.0.3", "0.0.3 0.0.99"),
    ("~1.2.3.4", "1.2.3.4 1.2.99"),
    ("1.x", "1.0.0 1.99.99 1.0.0.post1"),
    ("1.X", "1.0.0 1.99.99"),
    ("1.*", "1 1.99.99"),
    ("1.2.x", "1.2.0 1.2.99 1.2.3+cpu"),
    ("1.x.x", "1.0.0 1.99.99"),
    ("1.0.*", "1 1.0.0 1.0.9"),
    ("==1.2.*", "1.2.0 1.2.99"),
    ("=1.2.x", "1.2.0 1.2.99"),
    ("!=1.2.*", "1.1.99 1.3.0 0.1"),
    ("*", "0 0.0.1 1.0 99.99.99 1.0.post1 1!0 1.0+cpu"),
    ("x", "0 99"),
    (">=0", "0 0.0.1 99"),
    (">=1.0.0-rc.1", "1.0.0rc1 1.0.0-rc.2 1.0.0 1.1.0"),
    (">=1.0, <2.0", "1.0.0 1.99.99"),
    (">1.0", "1.0.0.1 1.0.1 2"),
    (">1.0.post1", "1.0.post2 1.1"),
    (">1.0rc1", "1.0rc2 1.0 1.1"),
    ("<2", "1.99.99 0"),
    ("<2.0.0-rc.2", "1.9 2.0.0-rc.1 2.0.0-beta.1"),
    ("<=2", "2 2.0.0 1 2.0+cpu"),
    ("<=2.0rc1", "2.0rc1 2.0a1 1.9"),
    ("==1.2", "1.2 1.2.0 1.2.0+cpu"),
    ("=1.2.3", "1.2.3 1.2.3.0"),
    ("==1.2.3+cpu", "1.2.3 1.2.3+cpu 1.2.3+cuda"),
    (">=1.0+linux", "1.0 1.0+cpu 1.1"),
    (">=1.0+cpu.x", "1.0 1.0+cpu 1.1"),
    ("!=1.2", "1.1 1.2.0.1 1.2.1 1.2.post1"),
    ("!=1.2,!=1.4, ^1.1", "1.1 1.3 1.5"),
    ("  >=  1.0 ,\t< 2.0\n", "1.0.0 1.99.99"),
    ("^ 1.2", "1.2 1.3"),
    ("1.2.x, >=1.2.0-rc.1", "1.2.0rc1 1.2.0 1.2.1"),
)

OUTSIDE = (
    ("^1.2.3", "1.2.2 2.0.0 2.0.0rc1 2.0.0.dev1 1.2.3rc1 1.3.0rc1 0.9 1!1.3"),
    ("^1.0.0", "1.1.0-rc.1 1.0.0.post1.dev1"),
    ("^0.2.3", "0.2.2 0.3.0 0.3.0a1 1.0"),
    ("^0.0.3", "0.0.2 0.0.4 0.1.0"),
    ("^0.0.0", "0.0.1"),
    ("^0", "1 1.0.0a1 0.5rc1"),
    ("^0.0", "0.1.0"),
    ("^1", "0.99 2"),
    ("^1.2", "1.1.99 2"),
    ("^0.0.0.5", "0.0.0.4 0.0.0.6"),
    ("^1.2.3-rc.1", "1.2.3-beta.1 1.2.4-rc.1 2.0.0 2.0.0rc1"),
    ("^1!2.3", "2.3 1!3.0 1!2.2"),
    ("~1.2.3", "1.2.2 1.3.0 1.3.0rc1"),
    ("~1", "0.9 2 2.0a1"),
    ("~1.2", "1.1.99 1.3"),
    ("~0.0.3", "0.0.2 0.1.0"),
    ("~1.2.3.4", "1.2.3.3 1.3"),
    ("1.x", "0.99 2.0.0 2.0rc1 1.5rc1"),
    ("1.2.x", "1.1.9 1.3.0 1.2.1rc1 1.2.0rc1"),
    ("==1.2.*", "1.1 1.3"),
    ("!=1.2.*", "1.2 1.2.0 1.2.99 1.2.3+cpu"),
    ("*", "1.0rc1 1.0.dev1 0a1"),
    (">=0", "0rc1 5.0rc1"),
    (">=1.0.0-rc.1", "1.0.0b1 1.1.0rc1 0.9 2.0.dev1"),
    (">=1.0.0, !=1.1.0rc1", "1.1.0rc1 1.1.0rc2"),
    (">=1.0, <2.0", "0.9 2.0 2.0.0rc1 1.5rc1"),
    (">1.0", "1.0 1.0.0 1.0.post1 1.0+cpu 0.9"),
    (">1.0.post1", "1.0.post1 1.0.post1+cpu 1.0"),
    (">1.0rc1", "1.0rc1 1.0rc1+cpu 1.0b1 1.1rc2"),
    ("<2", "2 2.0.0rc1 2.0.dev1 2.0.0+cpu"),
    ("<2.0.0-rc.2", "2.0.0-rc.2 2.0.0 1.9rc1"),
    ("<2, >=2.0.0-rc.1", "2.0.0rc1 2.0.0 1.9"),
    ("^1.2.3, <=2.0.0-rc.1", "2.0.0-rc.1 2.0.0-beta.1"),
    ("<=2", "2.0.1 2.0.post1 2.0rc1"),
    ("<=2.0rc1", "2.0rc2 2.0 1.9rc1"),
    ("==1.2", "1.2.1 1.2.0.1 1.2.post1 1.2rc1 1.1.9"),
    ("=1.2.3", "1.2.2 1.2.4"),
    (">=99.0.0", "0.1.0"),
    ("!=1.2", "1.2 1.2.0 1.2.0+cpu"),
    ("!=1.2,!=1.4, ^1.1", "1.2 1.4.0 2 1.0"),
    (">2, <1", "0.5 1 1.5 2 3"),
    ("^1, ^2", "1.0 1.5 2.0"),
)

ONE_NUMBER = "write numbers and dots, as in '1.2.3'"
ONE_PART = "end it with a, b, rc, post or dev and one number, as in '1.2.3rc1'"
COMMAS = "join comparators with commas"
BARE_2 = "'2.0' has no operator, and tools disagree on what that means"
OPERATORS = "use one of ^ ~ >= > < <= == = !="

REFUSED_VERSIONS = (
    ("", f"it is empty; {ONE_NUMBER}"),
    ("  ", f"it is empty; {ONE_NUMBER}"),
    ("banana", f"'banana' does not begin with a number; {ONE_NUMBER}"),
    (".1", f"'.1' does not begin with a number; {ONE_NUMBER}"),
    ("-1", f"'-1' does not begin with a number; {ONE_NUMBER}"),
    ("1.0.0-alpha.beta", f"'-alpha.beta' after '1.0.0' can't be ordered; {ONE_PART}"),
    ("1..0", f"'..0' after '1' can't be ordered; {ONE_PART}"),
    ("1.x", f"'.x' after '1' can't be ordered; {ONE_PART}"),
    ("1.0 beta gamma", f"' beta gamma' after '1.0' can't be ordered; {ONE_PART}"),
    ("1.0.0+", f"'+' after '1.0.0' can't be ordered; {ONE_PART}"),
    ("\u0661.0", f"'\u0661.0' does not begin with a number; {ONE_NUMBER}"),
    ("v1.0.0", "'v1.0.0' begins with 'v'; write '1.0.0'"),
    ("V1.0.0-rc.1", "'V1.0.0-rc.1' begins with 'V'; write '1.0.0rc1'"),
    ("01.0.0", "'01' has a leading zero; write '1.0.0'"),
    ("1.00", "'00' has a leading zero; write '1.0'"),
    ("2024.01.05", "'01' has a leading zero, '05' has a leading zero; write '2024.1.5'"),
    ("1.0rc01", "'01' has a leading zero; write '1.0rc1'"),
    ("v01.2+007", "'v01.2+007' begins with 'v', '01' has a leading zero; write '1.2+7'"),
)

REFUSED_RANGES = (
    ("", "it is empty; write '*' for any version"),
    (" \t", "it is empty; write '*' for any version"),
    (">=", "'>=' names no version"),
    ("^", "'^' names no version"),
    ("not a version!!", f"'not' does not begin with a number; {ONE_NUMBER}"),
    (">=1.0.0 <", "no comma stands before '<', '<' names no version; join comparators with commas"),
    (">=1.0<2", "no comma stands before '<2'; join comparators with commas"),
    (">=1.0\n<2", "no comma stands before '<2'; join comparators with commas"),
    (">=1.0 <2\n<3", f"no comma stands before '<2', no comma stands before '<3'; {COMMAS}"),
    (">=1.0fix", f"'fix' after '1.0' can't be ordered; {ONE_PART}"),
    (">=1.0,", "nothing stands beside a comma"),
    (">=1.0,,<2", "nothing stands beside a comma"),
    ("1.2.3", "'1.2.3' has no operator, and tools disagree on what that means; write '==1.2.3' or '^1.2.3'"),
    ("1.2", "'1.2' has no operator, and tools disagree on what that means; write '==1.2' or '^1.2'"),
    ("banana", f"'banana' does not begin with a number; {ONE_NUMBER}"),
    ("~=1.2", f"'~=' is no operator; {OPERATORS}"),
    ("=>1.2", f"'=>' is no operator; {OPERATORS}"),
    ("===1.2", f"'===' is no operator; {OPERATORS}"),
    ("!1.2", f"'!' is no operator; {OPERATORS}"),
    (">=v1.0", "'v1.0' begins with 'v'; write '1.0'"),
    ("^01.2", "'01' has a leading zero; write '1.2'"),
    (">=1.x", "'>=' can't be followed by the wildcard '1.x'; write '>=1'"),
    ("^1.2.*", "'^' can't be followed by the wildcard '1.2.*'; write '^1.2'"),
    ("==*", "'==' can't be followed by the wildcard '*'; write '*'"),
    ("!=x", "'!=' can't be followed by the wildcard 'x'; write '*'"),
    ("1.x.2", f"'.x.2' after '1' can't be ordered; {ONE_PART}"),
    ("1.0rc1.*", "'1.0rc1' before a wildcard is more than a release; write '==1.0rc1'"),
    ("1.x+x", f"'.x+x' after '1' can't be ordered; {ONE_PART}"),
    ("^1 || ^2", f"no comma stands before '||', '||' does not begin with a number; {COMMAS}, {ONE_NUMBER}"),
    (
        "^1, 2.0, >=, >=banana, =>3, <3",
        (
            f"{BARE_2}, '>=' names no version, 'banana' does not begin with a number, '=>' is no operator; "
            f"write '==2.0' or '^2.0', {ONE_NUMBER}, {OPERATORS}"
        ),
    ),
    (">=a, <b", f"'a' does not begin with a number, 'b' does not begin with a number; {ONE_NUMBER}"),
)


def pairs(table: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(text, version) for text, versions in table for version in versions.split()]


@pytest.mark.parametrize(("lower", "higher"), tuple(pairwise(RISING)))
def test_versions_rise_from_development_over_prereleases_and_release_to_post_release(lower: str, higher: str) -> None:
    low, high = Version(lower), Version(higher)

    assert low < high
    assert high > low
    assert low <= high
    assert high >= low
    assert low != high


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_spellings_of_one_version_are_equal_and_hash_alike(one: str, other: str) -> None:
    assert Version(one) == Version(other)
    assert hash(Version(one)) == hash(Version(other))
    assert not Version(one) < Version(other)


def test_a_version_does_not_compare_with_a_text() -> None:
    text: object = "1.0"
    assert Version("1.0") != text
    with pytest.raises(TypeError):
        assert Version("1.0") < "2.0"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "is_prerelease"),
    [
        ("1.0", False),
        ("1.2.3.post1", False),
        ("1.0+cpu", False),
        ("1!1.0", False),
        ("1.0.0-alpha", True),
        ("1.0b2", True),
        ("1.0rc1.post1", True),
        ("1.0.dev1", True),
        ("1.0.post1.dev1", True),
        ("1.0rc1+cpu", True),
    ],
)
def test_is_prerelease_holds_for_alpha_beta_candidate_and_development_versions(text: str, is_prerelease: bool) -> None:
    assert Version(text).is_prerelease is is_prerelease


@pytest.mark.parametrize(("text", "major"), [("0", 0), ("3.1.4", 3), ("12.0-rc.1", 12), ("1!7.0", 7), ("0.0.0", 0)])
def test_major_is_the_first_number(text: str, major: int) -> None:
    assert Version(text).major == major


def test_a_version_keeps_its_spelling_without_the_blanks_around_it() -> None:
    assert str(Version(" 1.0.0-rc.1\t")) == "1.0.0-rc.1"
    assert Version("1.0.0-rc.1").text == "1.0.0-rc.1"
    assert Version("1.0.0-rc.1").release == (1, 0, 0)
    assert repr(Version("1.0")) == "Version(text='1.0')"


def test_versions_and_ranges_are_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        Version("1.0").text = "2.0"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        VersionRange("^1.0").text = "*"  # type: ignore[misc]
    assert not hasattr(Version("1.0"), "__dict__")
    assert not hasattr(ANY, "__dict__")


@pytest.mark.parametrize(("text", "message"), REFUSED_VERSIONS)
def test_a_text_that_is_no_version_is_refused_with_cause_and_remedy(text: str, message: str) -> None:
    with pytest.raises(VersionError) as caught:
        parse_version(text)

    assert str(caught.value) == f"cannot read version '{text.strip()}': {message}"


@pytest.mark.parametrize("text", ["9" * 5000, "1.0rc" + "9" * 5000, "1.0+" + "9" * 5000, "0" * 5000 + "1"])
def test_a_number_too_long_for_int_is_refused_as_a_version_and_in_a_range(text: str) -> None:
    with pytest.raises(VersionError, match="too long to be read"):
        parse_version(text)
    with pytest.raises(VersionRangeError, match="too long to be read"):
        parse_range(f">={text}")


@pytest.mark.parametrize(("text", "version"), pairs(INSIDE))
def test_a_range_accepts_the_versions_inside(text: str, version: str) -> None:
    assert parse_range(text).matches(parse_version(version))
    assert parse_range(text).matches(version)


@pytest.mark.parametrize(("text", "version"), pairs(OUTSIDE))
def test_a_range_refuses_the_versions_outside(text: str, version: str) -> None:
    assert not parse_range(text).matches(parse_version(version))
    assert not parse_range(text).matches(version)


@pytest.mark.parametrize(("text", "message"), REFUSED_RANGES)
def test_a_text_that_is_no_range_is_refused_with_every_fault_named(text: str, message: str) -> None:
    with pytest.raises(VersionRangeError) as caught:
        parse_range(text)

    assert str(caught.value) == f"cannot read version range '{text}': {message}"
    assert caught.value.text == text


def test_matching_a_text_that_is_no_version_is_an_error_not_a_mismatch() -> None:
    with pytest.raises(VersionError, match="cannot read version 'banana'"):
        ANY.matches("banana")


def test_the_refusal_of_many_comparators_without_commas_grows_no_faster_than_their_text() -> None:
    with pytest.raises(VersionRangeError) as caught:
        parse_range(">1 " * 2000)

    assert caught.value.cause.count("no comma stands before '>1'") == 1999
    assert len(caught.value.cause) < 2000 * 40


def test_ranges_are_equal_by_text_without_the_blanks_around_it() -> None:
    assert parse_range(" ^1.0 ") == parse_range("^1.0")
    assert hash(parse_range(" ^1.0 ")) == hash(parse_range("^1.0"))
    assert parse_range("^1.0") != parse_range("^1.0.0")
    assert parse_range("*") == ANY
    assert str(parse_range(" >=1, <2 ")) == ">=1, <2"
    assert repr(ANY) == "VersionRange(text='*')"


def test_texts_that_repeat_are_read_once() -> None:
    assert parse_version("7.8.9") is parse_version("7.8.9")
    assert parse_range("^7.8.9") is parse_range("^7.8.9")


@pytest.mark.parametrize("text", ["1.2.3", "1.0.0-rc.1", "1!2.0+cpu"])
def test_copies_and_pickles_of_a_version_equal_it(text: str) -> None:
    version = Version(text)

    for twin in (pickle.loads(pickle.dumps(version)), copy.copy(version), copy.deepcopy(version)):  # noqa: S301
        assert twin == version
        assert twin.text == text


@pytest.mark.parametrize("text", ["*", "^1.2.3", ">=1.0rc1, !=1.1, <2"])
def test_copies_and_pickles_of_a_range_equal_it_and_match_alike(text: str) -> None:
    accepted = VersionRange(text)

    for twin in (pickle.loads(pickle.dumps(accepted)), copy.copy(accepted), copy.deepcopy(accepted)):  # noqa: S301
        assert twin == accepted
        for version in RISING:
            assert twin.matches(version) is accepted.matches(version)


def imports_packaging(*statements: str) -> bool:
    """Return whether ``packaging`` is loaded once ``statements`` ran in a fresh interpreter."""
    program = "\n".join(
        [
            "import sys",
            "from plugbus.kernel.ranges import parse_range",
            "from plugbus.kernel.versions import parse_version",
            *statements,
            "print('packaging' in sys.modules)",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout == "True\n"


def test_plain_releases_are_read_compared_and_matched_without_packaging() -> None:
    assert not imports_packaging(
        "assert parse_version('1.10.0') > parse_version(' 1.9 ')",
        "assert parse_range('^1.2, ~1, 1.x, >=1, >1.0, <2, <=1.9, ==1.4.*, =1.4, !=1.3, *').matches('1.4.0')",
    )


@pytest.mark.parametrize("text", ["1.0rc1", "1.0.post1", "1.0.dev1", "1!1.0", "1.0+cpu"])
def test_packaging_is_imported_when_a_version_is_more_than_a_plain_release(text: str) -> None:
    assert imports_packaging(f"parse_version({text!r})")
