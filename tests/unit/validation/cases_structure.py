"""STR, CHK, WIN, TIL and ENV: one defect a file."""

from __future__ import annotations

from dataclasses import replace

from exr_inspector.model import Severity
from tests.support.exrbytes import (
    DECREASING_Y,
    MIPMAP,
    RANDOM_Y,
    ZIPS,
    Attr,
    Channel,
    Chunk,
    Part,
    Tiles,
    a_box2i,
    a_chlist,
    a_compression,
    a_deepimagestate,
    a_envmap,
    a_float,
    a_int,
    a_lineorder,
    a_preview,
    a_string,
    a_tiledesc,
    a_timecode,
    a_vector,
    attr,
    build,
    lay_out,
)
from tests.unit.validation.judging import PLAIN, Case

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
        return replace(made, **changed) if index == 1 else made  # type: ignore[arg-type]  # fields by name

    return build([Part(edit_chunk=edit)])


def table(edit: object) -> bytes:
    return build([Part(edit_table=edit)])  # type: ignore[arg-type]  # a function


STRUCTURE = [
    Case("STR-MAGIC", b"RIFF" + PLAIN[4:]),
    Case("STR-VERSION", build([Part()], version_word=3)),
    Case("STR-FLAGS-COMBO", build(TWO, version_word=0x1202), build(TWO)),
    Case("STR-DEEP-FLAG", build(TWO, version_word=0x1802), DEEP),
    Case("STR-ONEPART-MULTI", build([Part(name="a")], multi_part=True), build(TWO)),
    Case("STR-HDR-END", PLAIN[:120]),
    Case("STR-LIMIT", extra(*(a_int(f"a{i}", 1) for i in range(200_001))), extra(a_int("a", 1))),
    Case(
        "STR-NAME-LEN",
        extra(attr("a", "")),
        build([Part(extra=[a_string("n" * 40, "x")])]),
    ),
    Case("STR-LONGFLAG-MISSING", build([Part(extra=[a_int("n" * 40, 1)])], version_word=2), extra(a_int("n" * 40, 1))),
    Case("STR-LONGFLAG-MISSING", build([Part()], version_word=0x402), severity=I),
    Case("STR-ATTR-SIZE", extra(attr("x", "float", b"\0\0")), extra(a_float("x", 1))),
    Case("STR-ATTR-DUP", extra(a_int("x", 1), a_int("x", 2)), extra(a_int("x", 1))),
    Case("STR-ATTR-UNKNOWN", extra(attr("x", "studio", b"ab"))),
    Case("STR-REQ-MISSING", build([Part(without="lineOrder")])),
    Case("STR-REQ-TYPE", instead(a_int("screenWindowWidth", 1))),
    Case("STR-ENUM-COMPRESSION", instead(a_compression(77))),
    Case("STR-ENUM-LINEORDER", instead(a_lineorder(RANDOM_Y)), build([Part(kind="tiledimage", line_order=RANDOM_Y)])),
    Case("STR-ENUM-OTHER", extra(a_deepimagestate(9)), extra(a_deepimagestate(3))),
    Case("STR-TYPE-REQUIRED", build([TWO[0], Part(name="b", without="type")]), build(TWO)),
    Case("STR-TYPE-UNKNOWN", build([TWO[0], Part(name="b", replace=[a_string("type", "voxels")])]), build(TWO)),
    Case("STR-TYPE-MISMATCH", extra(a_string("type", "tiledimage")), extra(a_string("type", "scanlineimage"))),
    Case("STR-PART-NAME", build([TWO[0], TWO[0]]), build(TWO)),
    Case("STR-DEEP-VERSION", build([Part(kind="deepscanline", without="version")]), DEEP),
    Case("STR-CHUNKCOUNT", extra(a_int("chunkCount", 99)), extra(a_int("chunkCount", 3))),
    Case("STR-CHUNKCOUNT-MISSING", build([TWO[0], Part(name="b", without="chunkCount")]), build(TWO)),
    Case("STR-SHARED-ATTRS", build([TWO[0], Part(name="b", replace=[a_float("pixelAspectRatio", 2)])]), build(TWO)),
    Case(
        "STR-SHARED-TIMECODE",
        build([Part(name=name, extra=[a_timecode("timeCode", at)]) for name, at in (("a", 1), ("b", 2))]),
        build([Part(name=name, extra=[a_timecode("timeCode", 1)]) for name in "ab"]),
    ),
    Case("STR-PLINEAR", build([Part(channels=[Channel("R", p_linear=7)])]), build([Part(channels=[Channel("R")])])),
    Case("STR-PLINEAR", build([Part(channels=[Channel("R", reserved=b"abc")])]), severity=W),
    Case("STR-PIXTYPE", instead(a_chlist([Channel("R", 9)]))),
    Case("STR-CHAN-DUP", instead(a_chlist([Channel("R"), Channel("R")]))),
    Case("STR-CHAN-ORDER", instead(a_chlist([Channel("R"), Channel("G"), Channel("B")]))),
    Case("STR-CHAN-COUNT", instead(a_chlist([]))),
    Case("STR-CHAN-SAMPLING", instead(a_chlist([Channel("R", x_sampling=0)]))),
    Case("STR-EXTRA-CHLIST", extra(a_chlist([Channel("R")], "more"))),
    Case("STR-PREVIEW", extra(a_preview("preview", 0, 0)), extra(a_preview("preview", 1, 1, bytes(4)))),
    Case("STR-STRING-EMPTY", extra(a_string("cameraMake", "")), extra(a_string("cameraMake", "A"))),
    Case("STR-STRING-UTF8", extra(a_string("owner", b"\xff\xfe")), extra(a_string("owner", "ö"))),
    Case("STR-DEPRECATED", extra(a_float("dwaCompressionLevel", 45))),
    Case("STR-HEADER-BIG", extra(*(a_int(f"a{i}", 1) for i in range(2_001)))),
]

CHUNKS = [
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

WINDOWS = [
    Case("WIN-INVALID", instead(a_box2i("dataWindow", (5, 0, 3, 2)))),
    Case("WIN-TOO-LARGE", build([Part(replace=[a_box2i("displayWindow", (0, 0, 70_000, 2))])])),
    Case("WIN-DISPLAY-ORIGIN", window(5, 5, 8, 8), window(0, 0, 8, 8)),
    Case("WIN-DATA-OUTSIDE", window(20, 0, 23, 2, display=(0, 0, 9, 9)), window(9, 0, 23, 2, display=(0, 0, 9, 9))),
    Case("WIN-CROPPED", window(1, 0, 3, 2, display=(0, 0, 9, 9))),
    Case("WIN-OVERSCAN-BIG", window(-6, 0, 9, 9, display=(0, 0, 9, 9)), window(-5, 0, 9, 9, display=(0, 0, 9, 9))),
    Case("WIN-SHOW-RES", PLAIN, window(0, 0, 9, 9), parameters={"show_resolution": [10, 10]}),
    Case("WIN-PAR-RANGE", instead(a_float("pixelAspectRatio", 0.0))),
    Case("WIN-PAR-NOT-ONE", instead(a_float("pixelAspectRatio", 2.0))),
    Case("WIN-PAR-NOT-ONE", PLAIN, instead(a_float("pixelAspectRatio", 2.0)), parameters={"pixel_aspect_ratio": 2}),
    Case("WIN-SCREEN", instead(a_float("screenWindowWidth", -1.0)), severity=E),
    Case("WIN-SCREEN", instead(a_float("screenWindowWidth", float("nan")))),
    Case(
        "WIN-SCREEN",
        instead(a_vector("screenWindowCenter", "v2f", (float("inf"), 0))),
        instead(a_vector("screenWindowCenter", "v2f", (4, 0))),
    ),
    Case(
        "WIN-ODW",
        extra(a_box2i("originalDataWindow", (0, 0, 2, 2))),
        extra(a_box2i("originalDataWindow", (-1, 0, 3, 2))),
    ),
]

TILES = [
    Case("TIL-DESC", build([Part(kind="tiledimage", replace=[a_tiledesc(Tiles(0, 16))])]), TILED),
    Case("TIL-POT", build([Part(kind="tiledimage", tiles=Tiles(15, 16))]), TILED),
    Case(
        "TIL-POT",
        build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP))]),
        build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP), data_window=(0, 0, 7, 3))]),
    ),
    Case("TIL-NOT-TEXTURE", TILED),
    Case("TIL-UNUSED-DESC", extra(a_tiledesc(Tiles())), TILED),
    Case("ENV-LATLONG", extra(a_envmap(0)), build([Part(data_window=(0, 0, 3, 1), extra=[a_envmap(0)])])),
    Case("ENV-CUBE", extra(a_envmap(1)), build([Part(data_window=(0, 0, 0, 5), extra=[a_envmap(1)])])),
    Case("ENV-WRAP", extra(a_string("wrapmodes", "repeat")), extra(a_string("wrapmodes", "clamp, mirror"))),
]

NEAR_MISSES = [
    Case("STR-NEAR-MISS", extra(a_string("colorInteropId", "x")), extra(a_string("colorInteropID", "lin_ap1_scene"))),
    Case("STR-NEAR-MISS", extra(a_string("PixelAspectRatio", "2.0")), extra(a_string("comment", "x"))),
    Case("STR-NEAR-MISS", extra(a_string("time_code", "1")), extra(a_string("nuke/input/timecode", "10:00:00:00"))),
    Case("STR-NEAR-MISS", extra(a_string("exr/owner", "x")), extra(a_string("Frame", "1"))),
    Case("STR-NEAR-MISS", extra(a_string("chromaticites", "x")), extra(a_string("cameraMakeNote", "x"))),
    Case("STR-CASE-TWINS", extra(a_string("Note", "a"), a_string("note", "b")), extra(a_string("note", "a"))),
]

CASES = [*NEAR_MISSES, *STRUCTURE, *CHUNKS, *WINDOWS, *TILES]
