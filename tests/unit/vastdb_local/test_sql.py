"""Literals have the same meaning in DuckDB as in Python."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastdb_local.sql import filled, literal, quoted

CONNECTION = duckdb.connect()
INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = st.none() | st.booleans() | INT64 | st.floats(allow_nan=False) | st.text() | st.binary() | st.lists(INT64)


@given(VALUES)
def test_a_literal_is_read_back_the_same(value):
    ((back,),) = CONNECTION.execute(f"SELECT {literal(value)}").fetchall()
    assert back == value
    assert value == [] or type(back) is type(value)


@given(st.text().filter(lambda text: "\0" not in text), st.text())
def test_placeholders_are_filled_once(first, second):
    ((one, two, again),) = CONNECTION.execute(filled("SELECT $1, $2, $1", [first, second])).fetchall()
    assert (one, two, again) == (first, second, first)


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_a_quoted_name_is_that_name(name):
    assert CONNECTION.execute(f"SELECT 1 AS {quoted(name)}").description[0][0] == name


def test_other_values_have_no_literal():
    with pytest.raises(TypeError):
        literal(object())
