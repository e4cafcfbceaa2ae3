"""Turns the predicate of a query into an SQL condition over the stored columns, its constants written into it.

Comparisons follow SQL: null is neither equal nor unequal to anything. Text compares by its UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pyarrow as pa

from vastdb_local.lookups import Value, is_indexable
from vastdb_local.query.expressions import Expression, Function, Literal, Reference
from vastdb_local.refusals import bad_request
from vastdb_local.sql import literal, quoted
from vastdb_local.types import duckdb_type

_COMPARISONS = {
    "equal": "=",
    "not_equal": "<>",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
}
_NULL_TESTS = {"is_null": "IS NULL", "is_valid": "IS NOT NULL"}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_TIMESTAMP_FROM = {
    "s": ("make_timestamp", 1_000_000),
    "ms": ("make_timestamp_ms", 1),
    "us": ("make_timestamp", 1),
    "ns": ("make_timestamp_ns", 1),
}


class PredicateWriter:
    """Writes conditions over one table."""

    def __init__(self, stored: Callable[[str], str]) -> None:
        self._stored = stored

    def condition(self, expression: Expression) -> str:
        """The SQL of a predicate; an empty `and` is true.

        Raises:
            Refusal: 400 for what is not a predicate.
        """
        if not isinstance(expression, Function):
            raise bad_request("InvalidArgument", "A predicate is a comparison or a combination of them.")
        if expression.name == "and":
            return self._joined(" AND ", [self.condition(part) for part in expression.arguments], empty="TRUE")
        if expression.name == "or":
            return self._joined(" OR ", self._alternatives(expression.arguments), empty="FALSE")
        return self._test(expression)

    def _joined(self, word: str, parts: Sequence[str], *, empty: str) -> str:
        return "(" + word.join(parts) + ")" if parts else empty

    def _alternatives(self, parts: Sequence[Expression]) -> list[str]:
        """The parts of an `or`; runs of equalities, which is how the SDK sends `isin`, become one IN."""
        written: list[str] = []
        run: list[Function] = []
        for part in parts:
            if (
                isinstance(part, Function)
                and part.name == "equal"
                and (not run or part.arguments[0] == run[0].arguments[0])
            ):
                run.append(part)
                continue
            written.extend(self._equalities(run))
            run = []
            written.append(self.condition(part))
        return written + self._equalities(run)

    def _equalities(self, run: list[Function]) -> list[str]:
        if len(run) < 2:
            return [self._test(part) for part in run]
        column, _ = self._operands(run[0])
        constants = [_constant(self._operands(part)[1].value, column.type) for part in run]
        return [f"{self._column(column)} IN ({', '.join(constants)})"]

    def _test(self, call: Function) -> str:
        if call.name in _NULL_TESTS:
            (column,) = call.arguments
            if not isinstance(column, Reference):
                raise bad_request("InvalidArgument", f"{call.name} tests a column.")
            return f"{self._column(column)} {_NULL_TESTS[call.name]}"
        column, constant = self._operands(call)
        if call.name == "match_substring":
            return f"contains({self._column(column)}, {_constant(constant.value, column.type)})"
        operator = _COMPARISONS.get(call.name)
        if operator is None:
            raise bad_request("InvalidArgument", f"Predicates with {call.name} are not known.")
        if pa.types.is_string(column.type) and isinstance(constant.value, bytes) and not _is_text(constant.value):
            # The upper bound of startswith() need not be text; bytes order as the text does.
            return f"encode({self._column(column)}) {operator} {literal(constant.value)}"
        return f"{self._column(column)} {operator} {_constant(constant.value, column.type)}"

    def _operands(self, call: Function) -> tuple[Reference, Literal]:
        if len(call.arguments) == 2:
            column, constant = call.arguments
            if isinstance(column, Reference) and isinstance(constant, Literal):
                return column, constant
        raise bad_request("InvalidArgument", f"{call.name} compares a column with a constant.")

    def _column(self, reference: Reference) -> str:
        name, *fields = reference.path
        return ".".join([self._stored(name), *map(quoted, fields)])


def equalities(predicate: Expression) -> dict[str, frozenset[Value]]:
    """Columns that the predicate restricts to some values, with these values."""
    found: dict[str, frozenset[Value]] = {}
    pending = [predicate]
    while pending:
        expression = pending.pop()
        if not isinstance(expression, Function):
            continue
        if expression.name == "and":
            pending.extend(expression.arguments)
        tests = expression.arguments if expression.name == "or" else (expression,)
        values = [_equality(test) for test in tests]
        columns = {pair[0] if pair else None for pair in values}
        if len(columns) == 1 and None not in columns:
            name = columns.pop()
            found[str(name)] = frozenset(pair[1] for pair in values if pair)
    return found


def _equality(test: Expression) -> tuple[str, Value] | None:
    if not isinstance(test, Function) or test.name != "equal" or len(test.arguments) != 2:
        return None
    column, constant = test.arguments
    if not isinstance(column, Reference) or not isinstance(constant, Literal) or len(column.path) > 1:
        return None
    value = _indexed_value(constant.value, column.type)
    return None if value is None else (column.path[0], value)


def _indexed_value(value: object, type_: pa.DataType) -> Value | None:
    if not is_indexable(type_) or not isinstance(value, int if pa.types.is_integer(type_) else bytes):
        return None
    if isinstance(value, bytes) and pa.types.is_string(type_):
        return value.decode() if _is_text(value) else None
    return value if isinstance(value, int | bytes) else None


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _constant(value: object, type_: pa.DataType) -> str:
    """SQL for a constant of a column's type."""
    if pa.types.is_fixed_size_list(type_) and isinstance(value, tuple):
        elements = ", ".join(_constant(element, type_.value_type) for element in value)
        return f"CAST([{elements}] AS {duckdb_type(type_)})"
    if pa.types.is_nested(type_) or not isinstance(value, int | float | bytes):
        raise bad_request("InvalidArgument", f"Columns of type {type_} cannot be compared with that.")
    if pa.types.is_integer(type_):
        return literal(value)
    return f"CAST({_uncast(value, type_)} AS {duckdb_type(type_)})"


def _uncast(value: object, type_: pa.DataType) -> str:
    if isinstance(value, bytes) and pa.types.is_decimal(type_):
        unscaled = int.from_bytes(value, "little", signed=True)
        return literal(f"{Decimal(f'{unscaled}e-{type_.scale}'):f}")
    if pa.types.is_string(type_):
        if not isinstance(value, bytes) or not _is_text(value):
            raise bad_request("InvalidArgument", "The predicate compares text with what is none.")
        return literal(value.decode())
    if isinstance(value, int) and pa.types.is_date(type_):
        return f"DATE '1970-01-01' + {value}"
    if isinstance(value, int) and pa.types.is_timestamp(type_):
        function, factor = _TIMESTAMP_FROM[type_.unit]
        return f"{function}({value * factor})"
    if isinstance(value, int) and pa.types.is_time(type_):
        return literal(_time_of_day(value, type_.unit))
    return literal(value)


def _time_of_day(value: int, unit: str) -> str:
    """Units since midnight as text, which DuckDB reads to the nanosecond."""
    seconds, fraction = divmod(value, _PER_SECOND[unit])
    nanoseconds = fraction * (_PER_SECOND["ns"] // _PER_SECOND[unit])
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{nanoseconds:09}"
