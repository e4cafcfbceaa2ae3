from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.storage.ranges import coalesce, cut

SIZE = 200
pairs = st.tuples(st.integers(0, SIZE), st.integers(0, 40)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def joined(ranges, gap):
    """Brute force: the runs of bytes that are wanted, or that lie in a gap of at most `gap` bytes between wanted ones."""
    wanted = sorted({byte for start, end in ranges for byte in range(start, end)})
    runs = []
    for byte in wanted:
        if runs and byte - runs[-1][1] <= gap:
            runs[-1][1] = byte + 1
        else:
            runs.append([byte, byte + 1])
    return [tuple(run) for run in runs]


@given(st.lists(pairs, max_size=12), st.integers(0, 30))
def test_spans_are_the_runs_of_wanted_bytes(ranges, gap):
    spans = coalesce(ranges, gap_bytes=gap)
    assert [(span.start, span.end) for span in spans] == joined(ranges, gap)
    members = sorted(index for span in spans for index in span.members)
    assert members == [index for index, (start, end) in enumerate(ranges) if start < end]
    for span in spans:
        assert all(span.start <= ranges[index][0] and ranges[index][1] <= span.end for index in span.members)


@given(st.lists(pairs, max_size=12), st.integers(0, 30), st.binary(max_size=SIZE))
def test_cutting_gives_what_slicing_gives(ranges, gap, data):
    spans = coalesce(ranges, gap_bytes=gap)
    answers = [data[span.start : span.end] for span in spans]
    assert cut(spans, answers, ranges) == [data[start:end] for start, end in ranges]


def test_a_gap_is_bridged_up_to_its_bound():
    ranges = [(0, 10), (15, 20)]
    assert len(coalesce(ranges, gap_bytes=5)) == 1
    assert len(coalesce(ranges, gap_bytes=4)) == 2


def test_ranges_that_touch_are_one_request():
    (span,) = coalesce([(10, 20), (0, 10)], gap_bytes=0)
    assert (span.start, span.end, span.members) == (0, 20, (0, 1))
