import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.settings import load_settings
from exr_inspector.storage import PrefixedSource, ReadBudget, SourceOpener

pairs = st.tuples(st.integers(0, 60), st.integers(0, 30)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@pytest.fixture(scope="module")
def opener():
    with contextlib.closing(SourceOpener(load_settings({}, secrets_dir=None))) as opener:
        yield opener


@given(st.binary(max_size=50), st.integers(1, 60), st.lists(pairs, max_size=5))
def test_a_prefix_changes_costs_and_nothing_else(opener, data, length, ranges):
    source = opener.open_bytes(data)
    prefixed = PrefixedSource(source, source.read(start=0, end=length))
    before = source.cost.requests
    assert prefixed.read_many(ranges, coalesce_bytes=3) == [data[start:end] for start, end in ranges]
    for start, end in ranges:
        assert prefixed.read(start=start, end=end) == data[start:end]
    if prefixed.holds(ranges):
        assert source.cost.requests == before
    assert (prefixed.path, prefixed.version, prefixed.cost) == (source.path, source.version, source.cost)


def test_what_is_at_hand_costs_no_budget(opener):
    source = opener.open_bytes(bytes(100))
    prefixed = PrefixedSource(source, source.read(start=0, end=50)).limited(ReadBudget(requests=0))
    assert prefixed.read(start=10, end=50) == bytes(40)
    assert prefixed.read(start=0, end=50) == bytes(50)


def test_what_is_at_hand_ends_with_the_prefix(opener):
    source = opener.open_bytes(bytes(100))
    prefixed = PrefixedSource(source, source.read(start=0, end=50))
    assert prefixed.holds([(0, 50), (50, 50)])
    assert not prefixed.holds([(0, 10), (49, 51)])


def test_a_source_that_was_not_read_has_no_prefix(opener):
    with pytest.raises(ValueError, match="not read"):
        PrefixedSource(opener.open_bytes(b"abc"), b"a")


def test_of_a_range_that_starts_at_hand_only_the_rest_is_read(opener):
    source = opener.open_bytes(bytes(range(100)))
    prefixed = PrefixedSource(source, source.read(start=0, end=40))
    assert prefixed.read(start=30, end=60) == bytes(range(30, 60))
    assert prefixed.read_many([(10, 20), (35, 70), (80, 200)], coalesce_bytes=0) == [
        bytes(range(10, 20)),
        bytes(range(35, 70)),
        bytes(range(80, 100)),
    ]
    assert prefixed.cost.bytes_read == 40 + 20 + 30 + 20
