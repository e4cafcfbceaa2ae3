"""The deliberate faults of `bench.mutants`: small changes at one place of a module, found in its syntax tree."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_WORD = re.compile(r"[A-Za-z_$][\w$.-]*")  # a name, a code or a key; anything else is a text, which no test asserts
_PASS = ast.Pass()
# Types are no behaviour, and flags of dataclasses and `strict=` of zip guard against faults instead of being some.
_NOT_ENTERED = {"annotation", "returns", "decorator_list", "type_params"}
_NOT_CHANGED = {"strict", "stacklevel", "exc_info"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One fault.

    Attributes:
        path: Module, relative to the project.
        line: Its line number.
        lines: First and last line of the statement, or of the condition, that it is in; what must run to notice it.
        source: The line as it stands, without its indentation: with `before` and `after` it names the fault for good.
        before: The expression or statement.
        after: The replacement.
        changed: The module's whole text with it.
    """

    path: str
    line: int
    lines: tuple[int, int]
    source: str
    before: str
    after: str
    changed: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """A key that does not change when other lines of the module change."""
        return self.path, self.source, self.before, self.after


def _replaced(node: ast.expr | ast.stmt) -> Iterator[ast.AST]:  # noqa: C901, PLR0912 - one case for each kind
    """The replacements of a node."""
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                if type(operator) in _SWAPPED:
                    other = copy.deepcopy(node)
                    other.ops[index] = _SWAPPED[type(operator)]()  # type: ignore[call-overload]
                    yield other
        case ast.BoolOp() | ast.BinOp() | ast.AugAssign() if type(node.op) in _SWAPPED:
            other_op = copy.deepcopy(node)
            other_op.op = _SWAPPED[type(node.op)]()  # type: ignore[assignment]
            yield other_op
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)  # type: ignore[operator]
        case ast.Constant(value=str() as word) if _WORD.fullmatch(word):
            yield ast.Constant(word + "_")
        case ast.Return() if node.value is not None and not _is_none(node.value):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Delete():
            yield _PASS
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield _PASS
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _nodes(node: ast.AST, lines: tuple[int, int]) -> Iterator[tuple[ast.expr | ast.stmt, tuple[int, int]]]:
    """Every statement and expression that may be changed, with the lines that must run to notice it."""
    for name, value in ast.iter_fields(node):
        if name in _NOT_ENTERED:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.keyword) and child.arg in _NOT_CHANGED:
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring
            if name == "exc" or (isinstance(node, ast.Raise) and name == "cause"):
                continue  # messages; that something is raised is changed as a whole
            own = lines
            if (isinstance(child, ast.stmt) and not hasattr(child, "body")) or (
                name in {"test", "iter", "subject"} and hasattr(node, "body") and isinstance(child, ast.expr)
            ):
                own = (child.lineno, child.end_lineno or child.lineno)
            if isinstance(child, ast.expr | ast.stmt):
                yield child, own
            yield from _nodes(child, own)


def _positions(text: str) -> list[int]:
    """Offset in bytes at which each line begins."""
    starts, offset = [], 0
    for line in text.encode().splitlines(keepends=True):
        starts.append(offset)
        offset += len(line)
    return starts


def mutations(path: str, text: str) -> Iterator[Mutation]:
    """All faults of a module, in the order of its nodes."""
    starts, raw, lines = _positions(text), text.encode(), text.splitlines()
    for node, own in _nodes(ast.parse(text), (1, 1)):
        for other in _replaced(node):
            assert node.end_lineno is not None and node.end_col_offset is not None  # noqa: S101, PT018 - parsed from text
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            after = ast.unparse(ast.fix_missing_locations(other))
            put = f"({after})" if isinstance(other, ast.expr) else after
            changed = (raw[:begin] + put.encode() + raw[end:]).decode()
            source = lines[node.lineno - 1].strip()
            before = " ".join(raw[begin:end].decode().split())
            yield Mutation(path, node.lineno, own, source, before, after, changed)
