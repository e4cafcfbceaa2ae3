"""One fact is one finding, of the most specific rule, and only once if parts or frames repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exr_inspector.exr.cryptomatte.manifests import cryptomatte_id, id_as_float
from exr_inspector.exr.header.encodings import guessed_encoding
from exr_inspector.model import Finding, ObjectCoverage, PixelFault, PixelReport, Severity, StatsMode
from exr_inspector.validation import builtin_policy, validate_file, validate_sequence
from exr_inspector.validation.inspected_frames import frame_of_inspection
from tests.support.exrbytes import (
    DWAA,
    FLOAT,
    HALF,
    MIPMAP,
    ZIP,
    Attr,
    Channel,
    Part,
    Tiles,
    a_box2i,
    a_chromaticities,
    a_float,
    a_int,
    a_string,
    a_timecode,
    a_vector,
    build,
)
from tests.unit.validation.cases.made.metadata import NAME, NAMES, declared, ranks
from tests.unit.validation.cases.made.pixels import deep, matte
from tests.unit.validation.judging import EVERYTHING, PLAIN, RGBA, inspect, judge, policy, violations


def test_a_view_of_several_parts_is_listed_once() -> None:
    parts = [Part(extra=[a_string("name", name), a_string("view", name[-4:])]) for name in ("rgba.left", "depth.left")]
    frame = frame_of_inspection(inspect(build(parts), key="s/a.1001.exr"))
    assert frame is not None
    assert frame.views == "left"


def test_depth_of_deep_samples_below_zero_is_one_finding() -> None:
    for data in (deep(depth=-1), deep(depth=-3, thickness=0.5)):
        assert {"DEEP-ZBACK", "PIX-DEPTH-SIGN"} & {*codes(judge(data, stats=True))} == {"DEEP-ZBACK"}
    assert {"DEEP-ZBACK", "PIX-NAN"} & {*codes(judge(deep(depth=np.nan), stats=True))} == {"PIX-NAN"}


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        (a_float("pixelAspectRatio", float("nan")), "WIN-PAR-RANGE"),
        (a_float("screenWindowWidth", float("inf")), "WIN-SCREEN"),
        (a_vector("screenWindowCenter", "v2f", (0.0, float("nan"))), "WIN-SCREEN"),
        (a_float("whiteLuminance", float("nan")), "COL-WHITELUM"),
    ],
)
def test_a_standard_attribute_that_is_not_finite_is_one_finding(attribute: Attr, code: str) -> None:
    data = build([Part(replace=[attribute] if code.startswith("WIN") else (), extra=[attribute] * (code[0] == "C"))])
    found = {finding.code for finding in judge(data)}
    assert code in found
    assert "STR-ATTR-FINITE" not in found


def codes(findings: Sequence[Finding], start: str = "") -> list[str]:
    return [finding.code for finding in findings if finding.code.startswith(start)]


@pytest.mark.parametrize("profile", ["default", "strict", "aces-container"])
@pytest.mark.parametrize(
    "wrong",
    [
        a_float("acesImageContainerFlag", 1), a_string("acesImageContainerFlag", "1"), a_string("chromaticities", "AP0"),
        a_int("colorInteropID", 1), a_string("framesPerSecond", "24"), a_float("timeCode", 1), a_string("whiteLuminance", "1"),
    ],
    ids=lambda wrong: f"{wrong.type} {wrong.name}",
)  # fmt: skip
def test_a_standard_attribute_of_the_wrong_type(profile: str, wrong: Attr) -> None:
    profiled = builtin_policy(profile)
    findings = judge(build([Part(extra=[wrong])]), profiled)
    assert [f.code for f in findings if wrong.name in f.message] == ["STR-REQ-TYPE"]


def test_a_flag_of_another_value() -> None:
    findings = judge(build([Part(extra=[a_int("acesImageContainerFlag", 0)])]))
    assert [f.code for f in findings if "acesImageContainerFlag is" in f.message] == ["ACE-FLAG"]


def test_chromaticities_of_a_container_that_are_not_those_of_ap0() -> None:
    adapted = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.3457, 0.3585)
    tags = [a_chromaticities("chromaticities", adapted)]
    (finding,) = violations("COL-CHROMA-UNKNOWN", build([Part(extra=tags)]))
    assert "lin_ap0_scene" in finding.message
    findings = judge(build([Part(extra=[*tags, a_int("acesImageContainerFlag", 1)])]))
    assert [f.code for f in findings if f.found == finding.found] == ["ACE-CHROMA"]


def test_twins_of_which_one_is_a_standard_attribute_are_near_misses() -> None:
    extra = [a_string("Comments", "a"), a_string("comments", "b"), a_string("Note", "a"), a_string("note", "b")]
    findings = judge(build([Part(extra=extra)]))
    assert [(f.code, f.found) for f in findings if f.code in {"STR-NEAR-MISS", "STR-CASE-TWINS"}] == [
        ("STR-NEAR-MISS", "Comments"),
        ("STR-CASE-TWINS", "Note, note"),
    ]


def test_names_with_a_namespace_are_near_misses_once_for_all() -> None:
    copied = [a_string(f"exr/{name}", "x") for name in ("capDate", "comments", "lensModel")]
    (finding,) = violations("STR-NEAR-MISS", build([Part(extra=copied)]))
    assert (finding.found, finding.expected) == (
        "exr/capDate, exr/comments, exr/lensModel",
        "capDate, comments, lensModel",
    )
    # OpenImageIO leaves these out when it writes a file, except for the last one.
    other = [a_string("oiio:owner", "x"), a_string("smpte:TimeCode", "01:00:00:00"), a_int("openexr:chunkCount", 3)]
    assert [f.found for f in violations("STR-NEAR-MISS", build([Part(extra=other)]))] == [
        "oiio:owner",
        "smpte:TimeCode",
    ]
    beside = [a_string("smpte:TimeCode", "01:00:00:00"), a_timecode("timeCode", 0x01000000)]
    assert not codes(judge(build([Part(extra=beside)])), "STR-")


def test_empty_alpha_and_a_window_outside_are_reported_once() -> None:
    pixels = {name: np.arange(12.0).reshape(3, 4) for name in "BGR"} | {"A": np.zeros((3, 4))}
    findings = judge(
        build([Part(channels=RGBA, pixels=pixels, data_window=(9, 9, 12, 11), display_window=(0, 0, 3, 2))]), stats=True
    )
    assert codes(findings, "WIN-") == ["WIN-DATA-OUTSIDE"]
    assert [code for code in codes(findings, "PIX-") if code in {"PIX-CONSTANT", "PIX-ALPHA-EMPTY"}] == [
        "PIX-ALPHA-EMPTY"
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channels": [*RGBA, *ranks(f"{NAME}00", kind=HALF)]}, "CRY-FLOAT32"),
        ({"channels": [*RGBA, *ranks(f"{NAME}00", components="RGBA")], "compression": DWAA}, "CRY-LOSSLESS"),
    ],
)
def test_ids_that_half_or_the_codec_ruined_are_reported_once(change: dict[str, Any], code: str) -> None:
    pixels = {channel.name: np.arange(12.0).reshape(3, 4) for channel in change["channels"]}
    identifier = next(name for name in pixels if name.lower() == f"{NAME}00.r".lower())
    pixels[identifier][0, :2] = np.inf, np.nan
    findings = judge(build([Part(pixels=pixels, extra=declared(), **change)]), stats=True)
    faults = [
        f.code for f in findings if f.code.startswith(("CRY-", "PIX-NAN", "PIX-INF")) and f.code != "CRY-ONE-LAYER"
    ]
    assert faults == [code]


def test_names_that_no_pixel_shows_are_one_finding_for_all_cryptomattes() -> None:
    found = inspect(matte(0.75, 0.25, id_as_float(cryptomatte_id("bunny"))), stats=True)
    (objects,) = found.pixels.mattes
    both = replace(found.pixels, mattes=(replace(objects, view="left"), replace(objects, view="right")))
    (unseen,) = [f for f in validate_file(replace(found, pixels=both), EVERYTHING) if f.code == "CRY-NAME-UNSEEN"]
    assert unseen.found == f"{2 * (len(NAMES) - 1)} of {2 * len(NAMES)}"


@pytest.mark.parametrize(("coverage", "is_blend"), [(0.05, True), (2.0, False)])
def test_many_small_ids_without_names_are_those_of_a_filter(coverage: float, is_blend: bool) -> None:
    found = inspect(matte(1, 0, id_as_float(cryptomatte_id(NAMES[0]))), stats=True)
    assert found.pixels is not None
    (objects,) = found.pixels.mattes
    ids = tuple(ObjectCoverage(0x00A00001 + n, coverage, 2) for n in range(3))
    blended = replace(objects, id_count=4, unnamed_count=3, first_unnamed=ids)
    findings = validate_file(replace(found, pixels=replace(found.pixels, mattes=(blended,))), EVERYTHING)
    (finding,) = [f for f in findings if f.code == "CRY-ID-UNNAMED"]
    assert ("filtering" in finding.message) is is_blend


def test_ids_that_are_no_numbers_are_reported_once() -> None:
    findings = judge(matte(0.75, 0.25, np.nan), stats=True)
    reported = [f for f in findings if f.code in {"PIX-NAN", "CRY-PIXEL-ID"}]
    assert [(f.code, f.severity) for f in reported] == [("CRY-PIXEL-ID", Severity.ERROR)]


def test_ids_that_are_the_hashes_of_the_names_in_a_wrong_manifest_are_of_this_image() -> None:
    bunny = matte(0.75, 0.25, id_as_float(cryptomatte_id("bunny")), names=("bunny",))
    wrong = bunny.replace(f"{cryptomatte_id('bunny'):08x}".encode(), b"00a00001")
    findings = [f for f in judge(wrong, stats=True) if f.code.startswith("CRY-")]
    assert [f.code for f in findings] == ["CRY-MANIFEST-HASH", "CRY-ID-UNNAMED"]
    assert "which are the hashes of its names" in findings[1].message
    (other,) = violations("CRY-ID-UNNAMED", matte(0.75, 0.25), stats=True)
    assert "another image" in other.message


@pytest.mark.parametrize(
    ("value", "coverage", "kind", "is_matte"),
    [
        (-4e15, 0.75, FLOAT, True),
        (4e-30, 0.75, FLOAT, True),
        (900.0, 0.75, FLOAT, False),
        (-4e15, 3.0, FLOAT, False),
        (900.0, 0.75, HALF, False),
    ],
)
@pytest.mark.parametrize("components", ["rgba", "RGBA"])
def test_layers_of_ids_are_recognised_by_their_values(
    value: float, coverage: float, kind: int, is_matte: bool, components: str
) -> None:
    layers = [Channel(f"MyIds{number:02}.{c}", kind) for number in (0, 1) for c in components]
    pixels: dict[str, Any] = {c.name: np.linspace(0.1, 0.9, 12).reshape(3, 4) for c in RGBA}
    pixels |= {layer.name: np.zeros((3, 4)) for layer in layers}
    pixels[f"MyIds00.{components[0]}"] = np.full((3, 4), value)
    pixels[f"MyIds00.{components[1]}"] = np.full((3, 4), coverage)
    pixels[f"MyIds00.{components[1]}"][2, 3] = 0
    findings = judge(build([Part(channels=[*RGBA, *layers], pixels=pixels)]), stats=True)
    assert ("MyIds00, MyIds01" in [f.message[:16] for f in findings if f.code == "CRY-UNDECLARED"]) is is_matte
    if is_matte:
        assert not [f for f in findings if f.code.startswith("PIX-") and "MyIds" in f.message]


@pytest.mark.parametrize(("value", "is_id"), [(-4e15, True), (-2.0, False)])
def test_ids_that_are_called_red_and_blue_are_no_colour(value: float, is_id: bool) -> None:
    channels = [Channel(name, FLOAT) for name in "ABGR"]
    pixels = {name: np.full((3, 4), value if name in "BR" else 0.5) for name in "ABGR"}
    findings = judge(build([Part(channels=channels, pixels=pixels, extra=declared())]), stats=True)
    (layers,) = [f for f in findings if f.code == "CRY-LAYERS"]
    assert ("B, R hold values" in layers.message) is is_id
    assert ("PIX-NEGATIVE" in codes(findings)) is not is_id


@pytest.mark.parametrize(("coverage", "lost"), [(0.75, True), (0.0, False)])
def test_a_manifest_without_names_loses_those_of_ids_that_are_there(coverage: float, lost: bool) -> None:
    findings = judge(matte(coverage, 0.0, 0.5 if coverage else 0.0, names=()), stats=True)
    (missing,) = [f for f in findings if f.code == "CRY-MANIFEST-MISSING"]
    assert ("are lost" in missing.message) is lost


@pytest.mark.parametrize(("codec", "code"), [(DWAA, "CMP-DWA-NAMES"), (ZIP, "PIX-NORMAL-LENGTH")])
def test_normals_that_the_codec_altered_are_reported_once(codec: int, code: str) -> None:
    normals = [Channel(f"N.{axis}", FLOAT) for axis in "XYZ"]
    pixels = {channel.name: np.full((3, 4), 1.0) for channel in normals}
    found = inspect(build([Part(channels=normals, pixels=pixels)]), stats=True)
    assert found.header is not None
    stats = [replace(each, maximum=1.5) if each.channel == "N.Y" else each for each in found.pixels.channels]
    header = inspect(build([Part(channels=normals, pixels=pixels, compression=codec)])).header
    judged = validate_file(
        replace(found, header=header, pixels=replace(found.pixels, channels=tuple(stats))), EVERYTHING
    )
    assert [f.code for f in judged if f.code in {"CMP-DWA-NAMES", "PIX-NORMAL-LENGTH"}] == [code]


def test_channels_of_another_spelling_are_reported_once() -> None:
    (found,) = violations("CHN-CASE", build([Part(channels=list(map(Channel, ["blue", "green", "red"])))]))
    assert found.message == "'blue', 'green', 'red' are not recognised as B, G, R"


def test_what_parts_repeat_is_reported_once() -> None:
    channels = [Channel(f"view layer.{name}", 2) for name in "BGR"]
    parts = [Part(name=name, channels=channels, display_window=(0, 0, 63, 63)) for name in ("a", "b", "c")]
    (named,) = violations("CHN-CHARS", build(parts), builtin_policy("strict"))
    assert named.part is None
    assert "parts 0-2" in named.message
    for profile in ("netflix-vfx", "netflix-nam"):
        asked = codes(judge(build(parts), builtin_policy(profile)), "DEL-NFX-")
        assert sorted(set(asked)) == sorted(asked)


def test_chunks_of_a_part_that_do_not_decode_are_reported_together() -> None:
    faults = tuple(PixelFault(0, chunk, 16 * chunk, 16 * chunk + 15, "EXR_DECODE", "cut") for chunk in (5, 3, 4, 9))
    report = PixelReport(StatsMode.FULL, faults=faults)
    findings = validate_file(replace(inspect(PLAIN), pixels=report), EVERYTHING)
    (found,) = [finding for finding in findings if finding.code == "CHK-DECODE"]
    assert found.message == "4 chunks (3-5, 9; rows 48 to 95, 144 to 159) do not decode, the first: cut"


def test_tiles_that_do_not_decode_are_named_by_their_columns_and_level() -> None:
    tiled = build([Part(kind="tiledimage", tiles=Tiles(16, 16, MIPMAP), data_window=(0, 0, 63, 31))])
    for chunk, where in ((5, "rows 16 to 31 in columns 16 to 31"), (8, "level 1,1 rows 0 to 15 in columns 0 to 15")):
        report = PixelReport(StatsMode.FULL, faults=(PixelFault(0, chunk, 0, 31, "EXR_DECODE", "cut"),))
        findings = validate_file(replace(inspect(tiled), pixels=report), EVERYTHING)
        (found,) = [finding for finding in findings if finding.code == "CHK-DECODE"]
        assert found.message == f"Chunk {chunk} ({where}) does not decode: cut"


def test_a_counter_and_a_time_code_that_were_copied_are_one_fact() -> None:
    def judged(*extra: Attr) -> list[str]:
        frames = [
            frame_of_inspection(inspect(build([Part(extra=extra)]), key=f"s/a.{n}.exr")) for n in range(1001, 1004)
        ]
        found = validate_sequence([frame for frame in frames if frame], EVERYTHING)
        return codes(found, "TIM-")

    counter, code = a_int("imageCounter", 7), a_timecode("timeCode", 0x01020304)
    rate = Attr("framesPerSecond", "rational", b"\x18\0\0\0\x01\0\0\0")
    assert judged(counter) == ["TIM-COUNTER"]
    assert judged(counter, code, rate) == ["TIM-TC-SEQ"]


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        ("Größe", "latin-1", "Latin-1"),
        ("ÄÖÜ", "latin-1", "Latin-1 or KOI8-R"),
        ("Käse Öl", "latin-1", "Latin-1"),
        ("créée", "latin-1", "Latin-1"),
        ("“quoted” – it’s", "cp1252", "Windows-1252"),
        ("株式会社", "shift_jis", "Shift-JIS"),
        ("/volumes/会社/shot010_comp_v003/テスト", "shift_jis", "Shift-JIS"),
        ("カメラ 01", "shift_jis", "Shift-JIS"),
        ("レンダー", "shift_jis", "Shift-JIS"),
        ("日本語", "euc_jp", "GBK or EUC-JP"),
        ("撮影テスト", "euc_jp", "EUC-JP"),
        ("合成ﾁｪｯｸ済 ｼｰﾝ", "shift_jis", "Shift-JIS"),
        ("张三", "gbk", "GBK"),
        ("第三场 夜景 合成", "gbk", "EUC-KR or GBK"),
        ("制作公司：上海电影", "gbk", "GBK"),
        ("홍길동", "euc_kr", "EUC-KR, GBK or EUC-JP"),
        ("렌더링 회사 이름", "euc_kr", "EUC-KR"),
        ("王小明", "big5", "Big5"),
        ("台北電影公司", "big5", "Big5"),
        ("Иванов", "cp1251", "Windows-1251"),
        ("Система рендеринга", "koi8_r", "KOI8-R"),
        ("ООО Мосфильм", "cp866", "CP866"),
        ("Привет", "cp866", "CP866"),
        ("Doğa", "cp1254", "Latin-1 or Windows-1254"),
        ("Şehir ışığı", "cp1254", "Windows-1254"),
        ("Müşteri", "cp1254", "Windows-1254"),
        ("Þór Guðmundsson", "latin-1", "Latin-1"),
        ("Γιώργος Παπαδόπουλος", "cp1253", "Windows-1253"),
        ("Zażółć gęślą jaźń", "cp1250", "Windows-1250"),
        ("café à l’été", "mac_roman", "Mac Roman"),
        ("Café", "latin-1", "Latin-1 or UTF-8 cut in the middle of a character"),
        ("Prêt à livrer", "utf-16-le", "UTF-16"),
        ("\x80\0", "latin-1", "Windows-1252"),
        ("ÿÿÿÿ", "latin-1", "padding bytes 0xFF"),
    ],
)
def test_likely_encodings_of_texts_are_named(text: str, encoding: str, guess: str) -> None:
    assert guessed_encoding(text.encode(encoding)) == guess
    findings = judge(build([Part(extra=[Attr("note", "string", text.encode(encoding))])]))
    (finding,) = [each for each in findings if each.code == "STR-STRING-UTF8"]
    assert f"probably {guess}" in finding.message


@pytest.mark.parametrize(
    ("raw", "guess"),
    [
        ("grün und caf".encode() + b"\xc3", "UTF-8 cut in the middle of a character"),
        ("カメ".encode()[:-1], "UTF-8 cut in the middle of a character"),
        (b"caf\xc3\0\0", "UTF-8 cut in the middle of a character"),
        (b"F\xc3", "UTF-8 cut in the middle of a character or Latin-1"),
        ("é".encode() * 9 + b"\xff.", "damaged UTF-8"),
        (b"a\xed\xa0\x80", "UTF-8 with surrogates"),
        (b"\xff\xfe\xe5\x65\x2c\x67", "UTF-16"),
        ("会社".encode("shift_jis") * 500, "Shift-JIS"),
        (b"\x81\xff\x8d\x9d", ""),
    ],
)
def test_damaged_texts_are_named(raw: bytes, guess: str) -> None:
    assert guessed_encoding(raw) == guess


def test_bad_values_of_all_channels_are_one_finding_a_part() -> None:
    channels = tuple(Channel(name, 2) for name in "BGR")
    pixels = {name: np.ones((3, 4)) for name in "BGR"}
    pixels["B"][2, 1] = pixels["R"][0, 3] = np.nan
    pixels["G"][1, 1] = np.inf
    pixels["G"][0, 0] = pixels["R"][0, 0] = 65504
    findings = judge(build([Part(channels=channels, pixels=pixels)]), stats=True)
    assert [
        (f.code, f.channel, f.found, f.message) for f in findings if f.code in {"PIX-NAN", "PIX-INF", "PIX-HALF-MAX"}
    ] == [
        ("PIX-NAN", "B", "2", "B, R hold 2 NaN, first at (3, 0) in R"),
        ("PIX-INF", "G", "1", "G holds 1 infinite value, first at (1, 1)"),
        ("PIX-HALF-MAX", "G", "2", "G, R hold 2 values of 65504 and more"),
    ]


def test_a_part_name_that_is_there_twice() -> None:
    findings = judge(build([Part(name="rgba"), Part(name="rgba")]))
    assert [f.code for f in findings if f.code in {"STR-PART-NAME", "CHN-PART-DUP"}] == ["STR-PART-NAME"]


def test_channels_that_no_container_has_are_reported_once() -> None:
    container = builtin_policy("aces-container")
    half, depth = [Channel(name) for name in "BGR"], Channel("Z", 2)
    assert [f.code for f in judge(build([Part(channels=[*half, depth])]), container) if "Z" in f.found] == [
        "ACE-CHANNELS"
    ]


def test_a_hint_that_a_policy_raises_is_reported_once_a_file() -> None:
    parts = [Part(name=name, data_window=(1, 1, 3, 2), display_window=(0, 0, 3, 2)) for name in ("a", "b")]
    findings = judge(build(parts), builtin_policy("texture"))
    assert [(f.code, f.part) for f in findings if f.code == "WIN-CROPPED"] == [("WIN-CROPPED", None)]


@pytest.mark.parametrize(("last", "words"), [(2, "; the same in parts 0-1 (2 in all)"), (1, "; similar in parts 0-1")])
def test_a_hint_of_several_parts_says_whether_they_are_equal(last: int, words: str) -> None:
    parts = [Part(name=str(end), data_window=(1, 1, end, 2), display_window=(0, 0, 3, 2)) for end in (2, last)]
    (found,) = violations("WIN-CROPPED", build(parts))
    assert words in found.message


def test_the_place_of_an_infinity_is_no_background() -> None:
    depth = np.full((3, 4), np.inf)
    depth[2, 1] = -np.inf
    data = build([Part(channels=(Channel("Z", 2),), pixels={"Z": depth})])
    (found,) = violations("PIX-INF", data, policy(infinite_depth=True), stats=True)
    assert (found.found, "first at" in found.message) == ("1", False)


def test_an_image_with_infinities_is_not_nearly_black() -> None:
    pixels = {name: np.full((3, 4), 1e-5) for name in "BGR"}
    pixels["G"][1, 1] = np.inf
    data = build([Part(channels=tuple(Channel(name, 2) for name in "BGR"), pixels=pixels)])
    assert {f.code for f in judge(data, stats=True)} & {"PIX-BLACK", "PIX-INF"} == {"PIX-INF"}


def test_a_header_without_compression_is_not_said_to_have_one() -> None:
    findings = judge(build([Part(without="compression")]), policy(codecs=["ZIP"], aces_container=True))
    assert {f.found for f in findings if f.code in {"ACE-COMPRESSION", "CMP-SHOW-CODEC"}} == {"absent"}


def test_parts_that_were_never_written_are_reported_together() -> None:
    parts = [Part(name=str(n), absent=frozenset(range(3)) if n else frozenset()) for n in range(60)]
    (found,) = violations("CHK-ZERO-OFFSET", build(parts))
    assert found.part is None
    assert found.message.endswith("the same in parts 1-59 (59 in all)")


def test_a_window_that_is_none_is_reported_once() -> None:
    data = build([Part(replace=[a_box2i("displayWindow", (-(2**31), 0, 2**31 - 1, 15))])])
    assert codes(judge(data), "WIN-") == ["WIN-INVALID"]


def test_samplings_that_differ_are_named() -> None:
    channels = (Channel("B", 1, 2, 2), Channel("G", 1), Channel("R", 1, 2, 2))
    findings = judge(build([Part(data_window=(0, 0, 3, 3), channels=channels)]))
    (finding,) = [each for each in findings if each.code == "TYP-MIXED-RGB"]
    assert finding.found == "R HALF sampled 2, 2, G HALF, B HALF sampled 2, 2"
