"""Queries of the SDK are read; any other bytes are a bad request, never another error."""

import contextlib

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vastdb import _internal

from vastdb_local.query.predicates import PredicateWriter
from vastdb_local.query.request import parse_query
from vastdb_local.refusals import Refusal

SCHEMA = pa.schema(
    [
        ("a", pa.int32()),
        ("s", pa.string()),
        ("st", pa.struct([("x", pa.int16()), ("y", pa.struct([("z", pa.string())]))])),
        ("m", pa.map_(pa.string(), pa.list_(pa.float64()))),
        ("v", pa.list_(pa.field("item", pa.float32(), nullable=False), 2)),
        ("t", pa.timestamp("ns", "UTC")),
    ]
)
TABLE = ibis.table(ibis.Schema.from_pyarrow(SCHEMA), "t")


def request(predicate=None, columns=None):
    return _internal.build_query_data_request(SCHEMA, predicate, columns).serialized


def sql(predicate):
    return PredicateWriter(lambda name: f"<{name}>").condition(parse_query(request(predicate)).predicate)


def test_types_and_projection_are_read():
    query = parse_query(request(columns=["m", "st", "a"]))
    assert query.columns == ("m", "st", "a")
    assert query.schema.field("m").type == SCHEMA.field("m").type
    assert query.schema.field("st").type == SCHEMA.field("st").type
    assert parse_query(request(columns=["t"])).schema.field("t").type == pa.timestamp(
        "ns"
    )  # the protocol has no time zones
    assert parse_query(request(TABLE["a"] == 1, columns=[])).columns == ()


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (None, "TRUE"),
        (TABLE["a"] > 1, "((<a> > 1))"),
        (TABLE["a"].isin([1, 2]) | (TABLE["a"] == 3) | (TABLE["a"] < 0), "((<a> IN (1, 2, 3) OR <a> < 0))"),
        ((TABLE["a"] == 1) & TABLE["s"].isnull(), "((<a> = 1) AND (<s> IS NULL))"),
        (TABLE["s"].contains("it's"), "((contains(<s>, CAST('it''s' AS VARCHAR))))"),
        (TABLE["st"]["y"]["z"] == "q", '((<st>."y"."z" = CAST(\'q\' AS VARCHAR)))'),
    ],
)
def test_predicates_become_sql(predicate, expected):
    assert sql(predicate) == expected


WHOLE = request((TABLE["a"] == 1) & TABLE["s"].startswith("x") & (TABLE["st"]["x"] < 3))


@given(st.binary(max_size=200))
def test_garbage_is_a_bad_request(body):
    with pytest.raises(Refusal) as caught:
        parse_query(body)
    assert caught.value.status == 400


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_damaged_request_is_read_or_refused(position, value):
    damaged = bytearray(WHOLE)
    damaged[position] = value
    with contextlib.suppress(Refusal):
        PredicateWriter(str).condition(parse_query(bytes(damaged)).predicate)
