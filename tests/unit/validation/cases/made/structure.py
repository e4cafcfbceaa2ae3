"""Files for the rules STR, CHK, WIN, TIL and ENV, with one defect each."""

from __future__ import annotations

from dataclasses import replace

from exr_inspector.model import Severity
from tests.support.exrbytes import (
    Attr,
    Channel,
    Chunk,
    Part,
    build,
)

W, E, I = Severity.WARNING, Severity.ERROR, Severity.INFO  # noqa: E741 - as the rule tables have them
TWO = (Part(name="a"), Part(name="b"))
DEEP = build([Part(kind="deepscanline", channels=(Channel("A"), Channel("Z", 2)))])
TILED = build([Part(kind="tiledimage")])


def extra(*attributes: Attr) -> bytes:
    return build([Part(extra=attributes)])


def instead(*attributes: Attr) -> bytes:
    return build([Part(replace=attributes)])


def window(*box: int, display: tuple[int, int, int, int] | None = None) -> bytes:
    left, top, right, bottom = box
    return build([Part(data_window=(left, top, right, bottom), display_window=display)])


def chunk(**changed: object) -> bytes:
    def edit(index: int, made: Chunk) -> Chunk:
        return replace(made, **changed) if index == 1 else made  # fields by name

    return build([Part(edit_chunk=edit)])


def table(edit: object) -> bytes:
    return build([Part(edit_table=edit)])  # a function
