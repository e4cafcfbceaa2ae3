"""Every structural problem; `fatal` is true exactly if the OpenEXR library refuses the same bytes."""

import io
from dataclasses import dataclass

import OpenEXR
import pytest

from exr_inspector.errors import FormatError
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.header.parser import Header, parse_header
from exr_inspector.exr.problems import MAX_PROBLEMS_PER_KIND, Problem
from tests.support.exrbytes import (
    DWAA,
    FLOAT,
    RANDOM_Y,
    ZIP,
    Attr,
    Channel,
    Part,
    a_box2i,
    a_chlist,
    a_chromaticities,
    a_compression,
    a_deepimagestate,
    a_envmap,
    a_float,
    a_int,
    a_lineorder,
    a_preview,
    a_string,
    a_stringvector,
    a_timecode,
    attr,
    build,
    lay_out,
)
from tests.support.located import layouts_of

RGB = (Channel("B"), Channel("G"), Channel("R"))
REQUIRED = (
    "channels",
    "compression",
    "dataWindow",
    "displayWindow",
    "lineOrder",
    "pixelAspectRatio",
    "screenWindowCenter",
    "screenWindowWidth",
)


def problems_of(data: bytes) -> tuple[Problem, ...]:
    header = parse_header(data)
    return check_header(header, layouts_of(header))


def library_opens(data: bytes) -> bool:
    try:
        OpenEXR.File(io.BytesIO(data), header_only=True)
    except Exception as error:  # noqa: BLE001  # the module raises RuntimeError, ValueError and more; the text decides
        return not any(text in str(error) for text in ("Unable to open", "when attempting to open"))
    return True


@dataclass
class Case:
    name: str
    parts: list[Part]
    codes: set[str]
    fatal: bool = False
    word: int | None = None
    multi_part: bool | None = None


def one(name: str, codes: str, *, fatal: bool = False, word: int | None = None, **part: object) -> Case:
    return Case(name, [Part(**part)], set(codes.split()), fatal, word)


def extra(name: str, codes: str, *attributes: Attr, fatal: bool = False) -> Case:
    return one(name, codes, fatal=fatal, extra=list(attributes))


def instead(name: str, codes: str, *attributes: Attr, fatal: bool = False, **part: object) -> Case:
    return one(name, codes, fatal=fatal, replace=list(attributes), **part)


def two(name: str, codes: str, first: dict[str, object], second: dict[str, object], *, fatal: bool = False) -> Case:
    parts = [Part(**({"name": "a"} | first)), Part(**({"name": "b"} | second))]
    return Case(name, parts, set(codes.split()), fatal)


def tiles(x: int, y: int, mode: int) -> Attr:
    return attr("tiles", "tiledesc", x.to_bytes(4, "little") + y.to_bytes(4, "little") + bytes([mode]))


CHROMA, OTHER_CHROMA = a_chromaticities("chromaticities", [0.25] * 8), a_chromaticities("chromaticities", [0.5] * 8)
TILED, DEEP = {"kind": "tiledimage"}, {"kind": "deepscanline"}

CASES = [
    one("scan lines", ""),
    one("tiles", "", **TILED),
    one("deep scan lines", "", **DEEP),
    one("deep tiles", "", kind="deeptile"),
    two("two parts", "", {}, {}),
    # what is missing
    *(one(f"no {name}", "MISSING_ATTRIBUTE", fatal=name == "channels", without=(name,)) for name in REQUIRED),
    *(
        instead(f"{name} of another type", "WRONG_ATTRIBUTE_TYPE", a_int(name, 1), fatal=name == "channels")
        for name in REQUIRED
    ),
    one("tiled without tiles", "MISSING_ATTRIBUTE", fatal=True, without=("tiles",), **TILED),
    two("no name", "PART_NAME", {}, {"without": "name"}, fatal=True),
    two("same name", "PART_NAME", {}, {"name": "a"}),
    two("name not in UTF-8", "NOT_UTF8", {}, {"replace": [a_string("name", b"\xe9")]}),
    two("no type", "MISSING_PART_TYPE", {}, {"without": "type"}, fatal=True),
    two("unknown type", "UNKNOWN_PART_TYPE", {}, {"replace": [a_string("type", "hologram")]}),
    one("deep without type", "MISSING_PART_TYPE DEEP_FLAG", fatal=True, without="type", **DEEP),
    one("deep without version", "DEEP_VERSION", without="version", **DEEP),
    instead("deep of version 2", "DEEP_VERSION", a_int("version", 2), **DEEP),
    one("deep without chunkCount", "MISSING_CHUNK_COUNT", without="chunkCount", **DEEP),
    instead("wrong chunkCount", "WRONG_CHUNK_COUNT", a_int("chunkCount", 77), **DEEP),
    # flags
    Case("tiled and multi-part", [Part(name="a"), Part(name="b")], {"CONTRADICTORY_FLAGS"}, True, 0x1202),
    one("tiled and deep", "CONTRADICTORY_FLAGS", fatal=True, word=0xA02, kind="deeptile"),
    Case("deep flag, nothing deep", [Part(name="a"), Part(name="b")], {"DEEP_FLAG", "DEEP_VERSION"}, word=0x1802),
    Case("deep part, no deep flag", [Part(name="a", kind="deepscanline"), Part(name="b")], {"DEEP_FLAG"}, word=0x1002),
    Case("one part, multi-part flag", [Part(name="a")], {"MULTI_PART_FLAG"}, multi_part=True),
    one("long names announced, none there", "LONG_NAMES_FLAG", word=0x402),
    one("long name of an attribute", "LONG_NAMES_FLAG", word=2, extra=[a_int("n" * 32, 1)]),
    one("long name of a type", "LONG_NAMES_FLAG UNKNOWN_ATTRIBUTE_TYPE", word=2, extra=[attr("n", "t" * 32)]),
    one("long name of a channel", "LONG_NAMES_FLAG", word=2, channels=[Channel("c" * 32)]),
    one("long name in bytes", "LONG_NAMES_FLAG", word=2, channels=[Channel("\u00e9" * 16)]),
    one("the longest names", "", channels=[Channel("c" * 255)], extra=[a_int("n" * 255, 1)]),
    one("a channel name too long", "NAME_LENGTH", fatal=True, channels=[Channel("c" * 256)]),
    extra("declared type of another layout", "PART_TYPE_MISMATCH", a_string("type", "tiledimage")),
    # values
    instead("unknown compression", "UNKNOWN_COMPRESSION", a_compression(14)),
    instead("unknown compression, deep", "UNKNOWN_COMPRESSION", a_compression(14), fatal=True, **DEEP),
    one("deep ZIP", "DEEP_COMPRESSION", fatal=True, compression=ZIP, **DEEP),
    one("deep DWAA", "DEEP_COMPRESSION", fatal=True, compression=DWAA, **DEEP),
    instead("unknown line order", "UNKNOWN_LINE_ORDER", a_lineorder(3)),
    instead("random scan lines", "UNKNOWN_LINE_ORDER", a_lineorder(RANDOM_Y)),
    instead("random tiles", "", a_lineorder(RANDOM_Y), **TILED),
    instead("unknown order of tiles", "UNKNOWN_LINE_ORDER", a_lineorder(3), **TILED),
    extra("unknown envmap", "UNKNOWN_CODE", a_envmap(2)),
    extra("unknown deepImageState", "UNKNOWN_CODE", a_deepimagestate(4)),
    extra("known codes", "", a_envmap(1), a_deepimagestate(3)),
    instead("data window inside out", "INVALID_WINDOW", a_box2i("dataWindow", (3, 0, 2, 2)), fatal=True),
    instead("data window too far", "INVALID_WINDOW", a_box2i("dataWindow", (0, 0, 1073741823, 2)), fatal=True),
    instead("data window just inside", "", a_box2i("dataWindow", (1073741819, 0, 1073741822, 2))),
    instead("display window inside out", "INVALID_WINDOW", a_box2i("displayWindow", (0, 3, 2, 2)), fatal=True),
    *(
        instead(f"aspect {value}", "PIXEL_ASPECT_RATIO", a_float("pixelAspectRatio", value), fatal=True)
        for value in (0.0, -1.0, 9e-7, 1.1e6, float("nan"), float("inf"))
    ),
    *(instead(f"aspect {value}", "", a_float("pixelAspectRatio", value)) for value in (1e-6, 1e6)),
    instead("negative screen window", "SCREEN_WINDOW", a_float("screenWindowWidth", -1.0), fatal=True),
    instead("screen window not a number", "", a_float("screenWindowWidth", float("nan"))),
    instead("tile of no size", "TILE_DESCRIPTION", tiles(0, 4, 0), fatal=True, **TILED),
    instead("tile of the largest size", "", tiles(0x1FFFFFFF, 4, 0), **TILED),
    instead("tile too large", "TILE_DESCRIPTION", tiles(4, 0x20000000, 0), fatal=True, **TILED),
    instead("unknown level mode", "TILE_DESCRIPTION", tiles(4, 4, 3), fatal=True, **TILED),
    instead("unknown rounding", "TILE_DESCRIPTION", tiles(4, 4, 0x20), fatal=True, **TILED),
    instead("tiles of another type", "TILE_DESCRIPTION WRONG_ATTRIBUTE_TYPE", a_int("tiles", 1), fatal=True, **TILED),
    instead("tiles cut off", "TILE_DESCRIPTION MALFORMED_VALUE", attr("tiles", "tiledesc", b"\1"), fatal=True, **TILED),
    extra("impossible tiles that do not count", "", tiles(0, 0, 0x33)),
    instead("too many chunks", "TOO_MANY_CHUNKS", a_box2i("dataWindow", (0, 0, 0, 1 << 20))),
    instead("as many chunks as may be", "", a_box2i("dataWindow", (0, 0, 0, (1 << 20) - 1))),
    # channels
    instead("no channel", "CHANNEL_COUNT", a_chlist([]), fatal=True),
    instead("the same channel twice", "DUPLICATE_CHANNEL", a_chlist([Channel("R"), Channel("R")]), fatal=True),
    instead("unsorted", "CHANNEL_ORDER", a_chlist([Channel("R"), Channel("G")])),
    instead("unknown pixel type", "UNKNOWN_PIXEL_TYPE", a_chlist([Channel("R", 3)]), fatal=True),
    instead("pLinear 2", "CHANNEL_FLAGS", a_chlist([Channel("R", p_linear=2)]), fatal=True),
    instead("reserved bytes", "CHANNEL_FLAGS", a_chlist([Channel("R", reserved=b"\1\0\0")])),
    instead("no sampling", "CHANNEL_SAMPLING", a_chlist([Channel("R", x_sampling=0)]), fatal=True),
    instead("negative sampling", "CHANNEL_SAMPLING", a_chlist([Channel("R", y_sampling=-2)]), fatal=True),
    instead("sampling 2 x 1", "", a_chlist([Channel("R", x_sampling=2)])),
    instead("sampling of an odd height", "CHANNEL_SAMPLING", a_chlist([Channel("R", y_sampling=2)]), fatal=True),
    instead(
        "sampling of an odd start",
        "CHANNEL_SAMPLING",
        a_chlist([Channel("R", x_sampling=2)]),
        a_box2i("dataWindow", (-1, 0, 2, 2)),
        fatal=True,
    ),
    *(
        instead(
            f"sampling {name}",
            "CHANNEL_SAMPLING",
            a_chlist([Channel("R", x_sampling=2, y_sampling=2)]),
            a_box2i("dataWindow", window),
            fatal=True,
        )
        for name, window in (
            ("with an odd left", (1, 2, 4, 5)),
            ("with an odd top", (2, 1, 5, 4)),
            ("with an odd width", (2, 2, 4, 5)),
            ("with an odd number of rows", (2, 2, 5, 4)),
        )
    ),
    instead(
        "sampling 2 x 2", "", a_chlist([Channel("R", x_sampling=2, y_sampling=2)]), a_box2i("dataWindow", (2, 2, 5, 5))
    ),
    instead("sampled tiles", "CHANNEL_SAMPLING", a_chlist([Channel("R", x_sampling=2)]), fatal=True, **TILED),
    instead("sampled deep", "CHANNEL_SAMPLING", a_chlist([Channel("R", x_sampling=2)]), fatal=True, **DEEP),
    instead("list without an end", "MALFORMED_VALUE", attr("channels", "chlist", a_chlist(RGB).value[:-1])),
    instead("bytes behind the list", "MALFORMED_VALUE", attr("channels", "chlist", a_chlist(RGB).value + b"tail")),
    instead("list cut off", "MALFORMED_VALUE", attr("channels", "chlist", a_chlist(RGB).value[:-4]), fatal=True),
    extra("another list", "EXTRA_CHANNEL_LIST", a_chlist(RGB, "more")),
    extra("another list, cut off", "EXTRA_CHANNEL_LIST MALFORMED_VALUE", attr("more", "chlist", b"R\0\1"), fatal=False),
    extra(
        "another list, name cut off", "EXTRA_CHANNEL_LIST MALFORMED_VALUE", attr("more", "chlist", b"RRR"), fatal=True
    ),
    # attributes
    extra("unknown type", "UNKNOWN_ATTRIBUTE_TYPE", attr("a", "mystery", b"abc")),
    extra("strings, none empty", "", a_string("comments", "fine"), a_string("custom", "")),
    extra("an empty string that should not be", "EMPTY_STRING", a_string("lensMake", "")),
    extra("text not in UTF-8", "NOT_UTF8", a_string("owner", b"\xe9")),
    extra("list of text not in UTF-8", "NOT_UTF8", attr("a", "stringvector", b"\1\0\0\0\xe9")),
    extra("obsolete", "DEPRECATED_ATTRIBUTE", a_float("dwaCompressionLevel", 45.0)),
    extra("a standard name of another type", "WRONG_ATTRIBUTE_TYPE", a_int("owner", 1)),
    extra("a preview", "", a_preview("preview", 2, 2)),
    extra("a preview without pixels", "PREVIEW", a_preview("preview", 0, 0)),
    extra("a preview of 1 MiB", "PREVIEW LARGE_HEADER", a_preview("preview", 512, 512)),
    extra("a preview of no pixels where four are said", "PREVIEW", attr("p", "preview", b"\2\0\0\0\2\0\0\0")),
    extra("repeated int", "DUPLICATE_ATTRIBUTE", a_int("a", 1), a_int("a", 2)),
    extra("repeated list of text", "DUPLICATE_ATTRIBUTE", a_stringvector("a", ["x"]), a_stringvector("a", ["y"])),
    extra("repeated empty text", "DUPLICATE_ATTRIBUTE", a_string("a", "x"), a_string("a", "")),
    extra("repeated window", "DUPLICATE_ATTRIBUTE", a_box2i("dataWindow", (0, 0, 3, 2))),
    extra("repeated window of another type", "DUPLICATE_ATTRIBUTE WRONG_ATTRIBUTE_TYPE", a_int("dataWindow", 1)),
    two("repeated part name", "DUPLICATE_ATTRIBUTE", {"extra": [a_string("name", "c")]}, {}),
    instead("short aspect", "MALFORMED_VALUE", attr("pixelAspectRatio", "float", b"\1")),
    extra("id manifest without a size", "MALFORMED_VALUE", attr("a", "idmanifest", b"\1")),
    *(
        extra(f"{kind} of no bytes", "MALFORMED_VALUE", attr("a", kind))
        for kind in ("int", "v2f", "m44f", "bytes", "tiledesc")
    ),
    one("many attributes", "LARGE_HEADER", extra=[a_int(f"a{n}", n) for n in range(2000)]),
    # what parts share
    two(
        "display windows differ",
        "SHARED_ATTRIBUTES",
        {},
        {"replace": [a_box2i("displayWindow", (0, 0, 9, 9))]},
        fatal=True,
    ),
    two("aspects differ", "SHARED_ATTRIBUTES", {}, {"replace": [a_float("pixelAspectRatio", 2)]}, fatal=True),
    two("aspect left out, the default", "MISSING_ATTRIBUTE", {}, {"without": "pixelAspectRatio"}),
    two(
        "aspect left out, another",
        "MISSING_ATTRIBUTE SHARED_ATTRIBUTES",
        {"without": "pixelAspectRatio"},
        {"replace": [a_float("pixelAspectRatio", 2)]},
        fatal=True,
    ),
    two(
        "display window left out, the default",
        "MISSING_ATTRIBUTE",
        {"replace": [a_box2i("displayWindow", (0, 0, 63, 63))]},
        {"without": "displayWindow"},
    ),
    two("primaries in the first part", "", {"extra": [CHROMA]}, {}),
    two("primaries in the second part", "SHARED_ATTRIBUTES", {}, {"extra": [CHROMA]}, fatal=True),
    two("the same primaries", "", {"extra": [CHROMA]}, {"extra": [CHROMA]}),
    two("other primaries", "SHARED_ATTRIBUTES", {"extra": [CHROMA]}, {"extra": [OTHER_CHROMA]}, fatal=True),
    two(
        "other timecode",
        "SHARED_ATTRIBUTES",
        {"extra": [a_timecode("timecode", 1)]},
        {"extra": [a_timecode("timecode", 2)]},
        fatal=True,
    ),
    two(
        "other timeCode",
        "SHARED_TIME_CODE",
        {"extra": [a_timecode("timeCode", 1)]},
        {"extra": [a_timecode("timeCode", 2)]},
    ),
]

# After these, the library reads the header at a wrong position; whether it opens the file is chance, so it is not compared.
LOST = [
    *(
        extra(f"{kind} of three bytes", "MALFORMED_VALUE", attr("a", kind, b"\1\1\1"), fatal=True)
        for kind in ("int", "box2i", "timecode", "m44d", "stringvector", "floatvector", "bytes", "tiledesc", "envmap")
    ),
    extra("a preview of other size", "PREVIEW", attr("preview", "preview", b"\2\0\0\0\2\0\0\0abcd"), fatal=True),
    *(
        instead(f"{name} of three bytes", "MALFORMED_VALUE", attr(name, kind, b"\1\1\1"), fatal=True)
        for name, kind in (("compression", "compression"), ("dataWindow", "box2i"), ("lineOrder", "lineOrder"))
    ),
    extra("a type without a name", "NAME_LENGTH UNKNOWN_ATTRIBUTE_TYPE", attr("a", "", b"\1\2\3"), fatal=True),
    extra("repeated text", "DUPLICATE_ATTRIBUTE", a_string("a", "x"), a_string("a", "y"), fatal=True),
    extra("repeated in another type", "DUPLICATE_ATTRIBUTE", a_int("a", 1), a_float("a", 2.0), fatal=True),
]


@pytest.mark.parametrize("case", CASES + LOST, ids=lambda case: case.name)
def test_codes_and_whether_the_library_refuses_the_file(case: Case) -> None:
    data = build(case.parts, version_word=case.word, multi_part=case.multi_part)
    problems = problems_of(data)
    assert any(problem.fatal for problem in problems) == case.fatal
    assert case in LOST or library_opens(data) != case.fatal
    if "CONTRADICTORY_FLAGS" in case.codes:
        assert case.codes <= {problem.kind.name for problem in problems}
    else:
        assert {problem.kind.name for problem in problems} == case.codes


def test_a_problem_says_where() -> None:
    data = build([Part(name="a"), Part(name="b", replace=[a_lineorder(9)])])
    (problem,) = problems_of(data)
    assert (problem.part, problem.found, problem.expected, problem.fatal) == (1, "9", "0 or 1", False)
    assert data[problem.offset] == 9


def test_a_channel_problem_names_the_channel() -> None:
    (problem,) = problems_of(build([Part(replace=[a_chlist([Channel("G"), Channel("R", 9)])])]))
    assert problem.channel == "R"


def test_the_harmless_variants_are_mild() -> None:
    for part, mild in (
        (Part(extra=[a_int("shutterAngle", 180), a_int("name", 1)]), True),
        (Part(replace=[a_int("lineOrder", 0)]), False),
        (Part(kind="tiledimage", replace=[a_int("tiles", 0)]), False),
        (Part(kind="deepscanline", replace=[a_string("version", "1"), a_string("chunkCount", "3")]), False),
    ):
        kinds = [p.mild for p in problems_of(build([part])) if p.kind.name == "WRONG_ATTRIBUTE_TYPE"]
        assert kinds, part
        assert set(kinds) == {mild}, part
    assert [p.mild for p in problems_of(build([Part()], version_word=0x402))] == [True]
    assert [p.mild for p in problems_of(build([Part(extra=[a_int("n" * 40, 1)])], version_word=2))] == [False]
    assert [p.mild for p in problems_of(build([Part(replace=[a_chlist([Channel("R", reserved=b"\1\0\0")])])]))] == [
        True
    ]


def test_one_kind_of_problem_does_not_fill_the_table() -> None:
    data = build([Part(extra=[attr(f"a{n}", "odd") for n in range(150)])])
    problems = problems_of(data)
    assert len(problems) == MAX_PROBLEMS_PER_KIND + 1
    assert problems[-1].found == "150"
    repeated = build([Part(extra=[a_string("a", "x") for _ in range(150)])])
    assert problems_of(repeated)[-1].fatal


def test_a_partial_header_is_not_blamed_for_what_was_cut_off() -> None:
    whole = build([Part()])
    cut = whole[: whole.index(b"lineOrder")]
    with pytest.raises(FormatError) as caught:
        parse_header(cut)
    partial = caught.value.partial
    assert isinstance(partial, Header)
    assert partial.is_partial
    assert check_header(partial) == ()


def test_the_number_of_chunks_is_told_also_where_there_are_too_many() -> None:
    window = a_box2i("dataWindow", (0, 0, 1023, 1023))
    data = build([Part(kind="tiledimage", replace=[tiles(1, 1, 1), window])])
    found = {problem.kind.name: problem.found for problem in problems_of(data)}
    assert found == {"TOO_MANY_CHUNKS": str((4**11 - 1) // 3)}


@pytest.mark.parametrize(
    "parts",
    [
        [Part(name="a"), Part(name="b", kind="deepscanline")],
        [Part(channels=[Channel("c" * 40)])],
        [Part(kind="deeptile", channels=[Channel("Z", FLOAT)])],
    ],
)
def test_a_sound_header_cut_anywhere_is_blamed_for_nothing(parts: list[Part]) -> None:
    built = lay_out(parts)
    for size in range(8, built.headers_end):
        with pytest.raises(FormatError) as caught:
            parse_header(built.data[:size])
        assert check_header(caught.value.partial) == (), size


def test_a_flat_part_beside_a_deep_one_may_lack_its_version() -> None:
    parts = [Part(name="a", without="version"), Part(name="b", kind="deepscanline", without="version")]
    header = parse_header(build(parts))
    assert [(one.kind.name, one.part, one.mild) for one in check_header(header)] == [
        ("DEEP_VERSION", 0, True),
        ("DEEP_VERSION", 1, False),
    ]
