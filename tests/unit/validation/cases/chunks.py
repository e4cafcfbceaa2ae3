"""Cases of the rules in `validation/rules/chunks.py`."""

from __future__ import annotations

from dataclasses import replace

from tests.support.exrbytes import DECREASING_Y, MIPMAP, ZIPS, Part, Tiles, a_box2i, build, lay_out
from tests.unit.validation.cases.made.structure import DEEP, chunk, table
from tests.unit.validation.judging import PLAIN, Case

CASES = [
    Case("CHK-TABLE-TRUNC", PLAIN[: lay_out([Part()]).headers_end + 8]),
    Case(
        "CHK-TABLE-TOO-BIG",
        build([Part(replace=[a_box2i("dataWindow", (0, 0, 3, 1_048_576))])]),
    ),
    Case("CHK-ZERO-OFFSET", build([Part(absent=frozenset({1}))])),
    Case(
        "CHK-ZERO-UPPER-LEVELS",
        build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP), absent=frozenset({1}))]),
        build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP))]),
    ),
    Case("CHK-OFFSET-RANGE", table(lambda offsets: [offsets[0], 10**9, offsets[2]])),
    Case("CHK-OFFSET-DUP", table(lambda offsets: [offsets[0], offsets[0], offsets[2]])),
    Case("CHK-LEADER", chunk(coordinates=(7,))),
    Case("CHK-PAST-EOF", PLAIN[:-3]),
    Case("CHK-PACKED-SIZE", chunk(sizes=(1,), payload=b"a")),
    Case(
        "CHK-DEEP-SIZES",
        build(
            [
                Part(
                    kind="deepscanline",
                    edit_chunk=lambda i, c: replace(c, sizes=(c.sizes[0], c.sizes[1], 2**40)) if not i else c,
                )
            ]
        ),
        DEEP,
    ),
    Case("CHK-GAPS", build([Part()], trailing=b"left over")),
    Case("CHK-LINEORDER", build([Part(line_order=DECREASING_Y)], order=[(0, 0), (0, 1), (0, 2)])),
    Case(
        "CHK-DECODE",
        build(
            [
                Part(
                    compression=ZIPS,
                    data_window=(0, 0, 63, 0),
                    edit_chunk=lambda _, c: replace(c, sizes=(20,), payload=b"not a zlib stream !!"),
                )
            ]
        ),
        build([Part(compression=ZIPS, compress=True)]),
        stats=True,
    ),
]
