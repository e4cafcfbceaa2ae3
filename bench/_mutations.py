"""Make the deliberate faults of `bench.mutants`: each is a small change of one node in a module's syntax tree."""

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
# A name, a code or a key; any other string is a message, which tests do not compare.
_WORD = re.compile(r"[A-Za-z_$][\w$.-]*")
_PASS = ast.Pass()
# These parts are not changed: types have no effect at run time; flags of dataclasses and `strict=` of zip only detect faults.
_NOT_ENTERED = {"annotation", "returns", "decorator_list", "type_params"}
_NOT_CHANGED = {"strict", "frozen", "stacklevel", "exc_info"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One deliberate fault.

    Attributes:
        path: Path of the module, relative to the project.
        line: Its line number.
        lines: First and last line of the statement or condition with the fault; a test must execute these lines to detect it.
        source: The unchanged line without its indentation; with `before` and `after` it identifies the fault if the line moves.
        before: The original expression or statement.
        after: The replacement.
        changed: The text of the whole module with the fault.
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
    """Yield the replacements for a node."""
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
        case ast.Return() if node.value is not None and not _is_empty(node.value):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Delete():
            yield _PASS
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield _PASS
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _is_empty(node: ast.AST) -> bool:
    """Whether an expression is None or as good as None to callers who ask whether it is true; NOTHING is what rules return."""
    match node:
        case ast.Constant():
            return not node.value
        case ast.Tuple() | ast.List():
            return not node.elts
        case ast.Name():
            return node.id == "NOTHING"
    return False


def _nodes(node: ast.AST, lines: tuple[int, int]) -> Iterator[tuple[ast.expr | ast.stmt, tuple[int, int]]]:
    """Yield every statement and expression that may be changed, and the lines that a test must execute to detect the change."""
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
                continue  # the message is not changed; the `raise` itself is, as a whole statement
            own = lines
            if (isinstance(child, ast.stmt) and not hasattr(child, "body")) or (
                name in {"test", "iter", "subject"} and hasattr(node, "body") and isinstance(child, ast.expr)
            ):
                own = (child.lineno, child.end_lineno or child.lineno)
            if isinstance(child, ast.expr | ast.stmt):
                yield child, own
            yield from _nodes(child, own)


def _positions(text: str) -> list[int]:
    """The byte offset at which each line begins."""
    starts, offset = [], 0
    for line in text.encode().splitlines(keepends=True):
        starts.append(offset)
        offset += len(line)
    return starts


def mutations(path: str, text: str) -> Iterator[Mutation]:
    """Yield all faults of a module, in the order of its nodes."""
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
