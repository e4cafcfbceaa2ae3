"""Frame numbers in ranges behave like a sorted set of numbers."""

from __future__ import annotations

import doctest
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.validation import frame_numbers, sources
from exr_inspector.validation.facts import sequences
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.rules.sequences import images

_SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(1, 3)), max_size=4)
_NUMBERS = st.lists(st.integers(-10, 60), max_size=6)


@given(_SPANS, st.integers(-20, 5), _NUMBERS)
def test_numbers_in_ranges_are_a_sorted_set(given_spans: list[tuple[int, int, int]], at: int, more: list[int]) -> None:
    spans = []
    for apart, count, step in given_spans:
        spans.append(range(at + apart, at + apart + count * step, step))
        at = spans[-1].stop
    expected = sorted({*(number for span in spans for number in span), *more})
    found = FrameNumbers.of_spans(spans).union(more)
    assert list(found) == expected
    assert [found[index] for index in range(len(found))] == expected
    assert list(FrameNumbers.parse(found.text)) == expected
    assert [number for number in range(-30, 90) if number in found] == expected
    assert list(FrameNumbers.of(reversed(expected))) == expected
    for first in expected:
        numbers = range(first, 90, 2)
        known = found.leading(numbers)
        assert known == 1 or (all(number in expected for number in numbers[:known]) and known <= len(numbers))


def test_many_numbers_cost_what_their_ranges_cost() -> None:
    numbers = FrameNumbers.of_spans([range(1, 10**9), range(10**9 + 1, 2 * 10**9, 2)])
    assert (len(numbers), numbers[-1], 7 in numbers) == (10**9 - 1 + 5 * 10**8 - 0, 2 * 10**9 - 1, True)
    assert numbers.text == "1-999999999,1000000001-1999999999x2"


@pytest.mark.parametrize(
    ("numbers", "text", "words"),
    [
        (range(2, 25, 2), "2-24x2", "2-24x2"),
        ((1, 3, 5), "1,3,5", "1, 3, 5"),
        ((1, 2, 4, 6, 8, 10, 13, 14), "1-2,4-10x2,13-14", "1-2, 4-10x2, 13-14"),
        ((-9, -6, -3, 0, 1), "-9,-6,-3,0-1", "-9, -6, -3, 0-1"),
        ((-9, -6, -3, 0), "-9-0x3", "-9 to 0x3"),
        (range(0, 40, 3), "0-39x3", "0-39x3"),
    ],
)
def test_numbers_at_equal_distances_are_a_step(numbers: Iterable[int], text: str, words: str) -> None:
    found = FrameNumbers.of(numbers)
    assert (found.text, found.words, found.in_words()) == (text, words, words)
    assert list(FrameNumbers.parse(text)) == list(numbers)


def test_runs_are_single_ranges_for_people() -> None:
    assert FrameNumbers.of([-5, -4, 0, 2, 4, 6]).runs == [(-5, "-5 to -4"), (0, "0"), (2, "2"), (4, "4"), (6, "6")]


def test_numbers_are_a_sequence_as_tuples_are() -> None:
    found = FrameNumbers.of([5, 1, 2, 3])
    assert (found[1:], found[-1], found[-4], "1" in found, len(found)) == ((2, 3, 5), 5, 1, False, 4)
    assert FrameNumbers.of(found) is found
    assert (not FrameNumbers(), list(FrameNumbers.parse(""))) == (True, [])


def test_a_place_behind_the_last_is_none() -> None:
    with pytest.raises(IndexError):
        FrameNumbers.of([1])[1]


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert [doctest.testmod(module).failed for module in (frame_numbers, images, sequences, sources)] == [0] * 4
