"""Patterns as places of stored files: the prefix that they begin with, and the paths and folders that match."""

from __future__ import annotations

import pytest

from exr_inspector.delivery.patterns import folder_matches, is_below, parse_pattern


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [
        ("s/sh010/a.####.exr", "s/sh010/a."),
        ("s/sh010/a.exr", "s/sh010/a.exr"),
        ("s/sh*/comp/a.####.exr", "s/sh"),
        ("s/sh01[0-5]/a.####.exr", "s/sh01"),
        ("s/%V/a.####.exr", "s/"),
        ("*.exr", ""),
    ],
)
def test_stored_files_are_listed_from_the_first_token_on(pattern: str, beginning: str) -> None:
    assert parse_pattern(pattern).beginning == beginning


@pytest.mark.parametrize(
    ("target", "path", "expected"),
    [
        ("s/sh010/", "s/sh010/a.exr", True),
        ("s/sh010/", "s/sh010/comp/a.exr", True),
        ("s/sh010/", "s/sh0100/a.exr", False),
        ("s/sh010/", "s/sh010", False),
        ("s/sh01", "s/sh010/a.exr", True),  # a prefix, as in S3
        ("s/*/comp/", "s/sh010/comp/v1/a.exr", True),
        ("s/*/comp/", "s/sh010/plate/a.exr", False),
        ("s/*/comp/b", "s/sh010/comp/a.exr", False),
        ("", "s/a.exr", True),
    ],
)
def test_paths_below_a_target(target: str, path: str, *, expected: bool) -> None:
    assert is_below(target, path) is expected


@pytest.mark.parametrize(
    ("pattern", "sequence", "expected"),
    [
        ("s/*/a.####.exr", "s/sh010/a.####.exr", True),
        ("s/*/a.####[1-9].exr", "s/sh010/a.####.exr", True),  # whatever the range
        ("s/*/a.####.exr", "s/sh010/b.####.exr", False),
        ("s/*/a.####.exr", "s/sh010/comp/a.####.exr", False),
    ],
)
def test_names_of_sequences(pattern: str, sequence: str, *, expected: bool) -> None:
    assert parse_pattern(pattern).matches_sequence(sequence) is expected


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("sh010", "sh010", True),
        ("sh010", "sh0100", False),
        ("sh?10", "sh010", True),
        ("[v1]", "[v1]", True),
        ("[v1]", "v", True),
        ("%V", "left", True),
        ("beauty_%V", "beauty_right", True),
        ("%V", "middle", False),
        ("a.####", "a.1001", False),
    ],
)
def test_names_of_folders(pattern: str, name: str, *, expected: bool) -> None:
    assert folder_matches(pattern, name) is expected
