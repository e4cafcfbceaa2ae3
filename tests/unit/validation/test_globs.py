"""Globs: the fast translation equals the plain one, and no key is slow."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exr_inspector.validation.policies.globs import glob_pattern
from tests.support.growth import GLOBS


def matches(glob: str, path: str) -> bool:
    """Match by definition: every way is tried, each pair of positions once."""
    tokens = re.findall(r"(?:^|(?<=/))\*\*/|\*\*|\*|\?|[^*?]", glob)

    @cache
    def at(token: int, place: int) -> bool:
        if token == len(tokens):
            return place == len(path)
        kind = tokens[token]
        if kind == "**":
            return any(at(token + 1, later) for later in range(place, len(path) + 1))
        if kind == "**/":
            begins = [place, *(later + 1 for later in range(place, len(path)) if path[later] == "/")]
            return any(at(token + 1, later) for later in begins)
        if kind == "*":
            end = path.find("/", place)
            return any(at(token + 1, later) for later in range(place, (end if end >= 0 else len(path)) + 1))
        if place == len(path) or (kind == "?" and path[place] == "/"):
            return False
        return (kind == "?" or path[place] == kind) and at(token + 1, place + 1)

    return at(0, 0)


globs = st.lists(st.sampled_from(["a", "b", "/", "?", "*", "**", "**/", "ab"]), max_size=9).map("".join)
paths = st.text("ab/", max_size=12)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(globs, paths)
@example("**a*b/c", "a/ab/c")
@example("a/**/b", "a/b")
@example("*a*a", "aaa")
@example("***", "a/b")
def test_the_fast_translation_is_the_plain_one(glob: str, path: str) -> None:
    assert (glob_pattern(glob).fullmatch(path) is not None) == matches(glob, path)


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("renders/nova/**", "renders/nova/a/b.exr", True),
        ("renders/nova/**", "renders/nova", False),
        ("renders/*/plates/**", "renders/nova/old/plates/x.exr", False),
        ("renders/**/plates/**", "renders/plates/x.exr", True),
        ("**/textures/**", "textures/a.exr", True),
        ("**/textures/**", "b/my_textures/a.exr", False),
        ("**.exr", "a/b.exr", True),
        ("a[b]{c}.(d)", "a[b]{c}.(d)", True),
        ("a\nb*", "a\nb\nc", True),
        ("a?c", "a/c", False),
        ("ab**/c", "abc", False),
        ("ab**/c", "abx/c", True),
    ],
)
def test_globs_match_as_in_these_examples(glob: str, path: str, *, fits: bool) -> None:
    assert (glob_pattern(glob).fullmatch(path) is not None) is fits


@pytest.mark.parametrize("glob", GLOBS)
@pytest.mark.parametrize("path", ["a" * 1024, "a/" * 512, "ab/" * 341, "/" * 1024])
def test_a_long_key_is_decided(glob: str, path: str) -> None:
    """Matching needs no backtracking, which would take years here. `./run bench growth` measures the time."""
    found = glob_pattern(glob).fullmatch(path)
    assert found is None or found.group() == path
