"""CRY, DEEP, IDM and TIM, as far as headers tell."""

from __future__ import annotations

import json

from exr_inspector.model import Severity
from exr_inspector.validation.facts.manifests import cryptomatte_id
from tests.support.exrbytes import (
    DWAA,
    FLOAT,
    HALF,
    RGB,
    UINT,
    Attr,
    Channel,
    ManifestGroup,
    Part,
    a_float,
    a_idmanifest,
    a_keycode,
    a_rational,
    a_string,
    a_stringvector,
    a_timecode,
    attr,
    build,
    tv60,
)
from tests.unit.validation.judging import Case

NAME = "crypto_object"
KEY = f"{cryptomatte_id(NAME):08x}"[:7]
MANIFEST = json.dumps({name: f"{cryptomatte_id(name):08x}" for name in ("bunny", "floor", "ärmel")})


def declared(without: str = "", key: str = KEY, **changed: str) -> list[Attr]:
    fields = {"name": NAME, "hash": "MurmurHash3_32", "conversion": "uint32_to_float32", "manifest": MANIFEST} | changed
    return [a_string(f"cryptomatte/{key}/{field}", value) for field, value in fields.items() if field != without]


def ranks(*layers: str, components: str = "rgba", kind: int = FLOAT) -> list[Channel]:
    return [Channel(f"{layer}.{component}", kind) for layer in layers for component in components]


LAYERS = ranks(f"{NAME}00", f"{NAME}01")


def matte(
    attributes: list[Attr] | None = None,
    channels: list[Channel] | None = None,
    *,
    compression: int = 0,
    more: tuple[Attr, ...] = (),
) -> bytes:
    made = declared() if attributes is None else attributes
    layers = LAYERS if channels is None else channels
    return build([Part(channels=[*RGB, *layers], compression=compression, extra=[*made, *more])])


def stereo(*right: str) -> bytes:
    """A Cryptomatte of both views, as Blender writes it; of the right one only these layers."""
    views = (a_stringvector("multiView", ["left", "right"]),)
    left = ranks(f"{NAME}00.left", f"{NAME}01.left")
    return matte(channels=[*left, *ranks(*[f"{layer}.right" for layer in right])], more=views)


GOOD = matte()
TAG = a_string("colorInteropID", "lin_ap1_scene")

CRYPTOMATTES = [
    Case("CRY-KEYS", matte(declared("hash")), GOOD),
    Case("CRY-UNDECLARED", matte([]), GOOD),
    Case("CRY-UNDECLARED", matte([], ranks("VRayCryptomatte00", components="RGBA"))),
    Case("CRY-MANIFEST-MISSING", matte(declared(manifest="{}")), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest=MANIFEST[:-4])), GOOD),
    Case("CRY-KEY-FORM", matte(declared(key="0123456")), GOOD),
    Case("CRY-HASH", matte(declared(hash="md5")), GOOD),
    Case("CRY-CONVERSION", matte(declared(conversion="none")), GOOD),
    Case("CRY-LAYERS", matte(channels=ranks(f"{NAME}00", f"{NAME}02")), GOOD),
    Case(
        "CRY-LAYERS",
        matte(channels=ranks(f"{NAME}00", components="rg")),
        matte(channels=ranks(f"{NAME}00", components="RGBA")),
    ),
    Case("CRY-LAYERS", matte(channels=[]), GOOD, severity=Severity.WARNING),
    Case("CRY-LAYERS", matte(channels=ranks(f"{NAME}0", f"{NAME}1")), GOOD),
    Case("CRY-LAYERS", stereo(f"{NAME}01"), stereo(f"{NAME}00", f"{NAME}01")),
    Case("CRY-LAYER-EXACT", matte(channels=ranks("Crypto_Object00")), GOOD),
    Case("CRY-FLOAT32", matte(channels=ranks(f"{NAME}00", kind=HALF)), GOOD),
    Case(
        "CRY-LOSSLESS",
        matte(channels=ranks(f"{NAME}00", components="RGBA"), compression=DWAA),
        matte(compression=DWAA),
    ),
    Case("CRY-PREVIEW", matte(channels=[*LAYERS, *ranks(NAME, components="rgb")]), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest="{broken")), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest='{"bunny": "ABCDEF01"}')), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest="[" * 100_000)), GOOD),
    Case("CRY-MANIFEST-MISSING", matte(declared("manifest")), GOOD),
    Case("CRY-MANIF-FILE", matte(declared("manifest", manif_file="../m.json")), matte(declared(manif_file="m.json"))),
    Case("CRY-MANIF-FILE", matte(declared(manif_file="m.txt"))),
    Case("CRY-MANIFEST-HASH", matte(declared(manifest='{"bunny": "00000001"}')), GOOD),
    Case("CRY-COLLISION", matte(declared(manifest='{"a": "3c2569b2", "b": "3c2569b2"}')), GOOD),
    Case("CRY-COLORTAG", matte(more=(TAG,)), matte(more=(a_string("colorInteropID", "data"),))),
]


def deep(*channels: Channel, extra: tuple[Attr, ...] = ()) -> bytes:
    return build([Part(kind="deepscanline", channels=channels, extra=extra)])


DEPTH = (Channel("A"), Channel("Z", FLOAT))
GROUP = ManifestGroup(["id"], ["name"], {7: ["bunny"]})


def many_manifests(sound: int) -> bytes:
    """Parts of so many sound manifests, each twice, and then one that is none; no more than four are looked at."""
    channel = Channel("id", UINT)
    made = [a_idmanifest([ManifestGroup(["id"], ["name"], {n: ["bunny"]})]) for n in range(sound)]
    manifests = [*made, *made, attr("idManifest", "idmanifest", bytes(20))]
    return build([Part(name=f"p{n}", channels=[channel], extra=[one]) for n, one in enumerate(manifests)])


DEEP = [
    Case("DEEP-Z", deep(Channel("A"), Channel("R")), deep(*DEPTH)),
    Case("DEEP-ALPHA", deep(Channel("R"), Channel("Z", FLOAT)), deep(Channel("R"), *DEPTH)),
    Case("DEEP-ALPHA", deep(*DEPTH[1:], Channel("a.R")), deep(*DEPTH, Channel("a.b.R"))),
    Case("DEEP-Z-TYPE", deep(Channel("A"), Channel("Z", HALF)), deep(*DEPTH)),
    Case("DEEP-ID", deep(*DEPTH, Channel("id", FLOAT)), deep(*DEPTH, Channel("id", UINT))),
    Case(
        "DEEP-ID",
        deep(*DEPTH, Channel("id0", UINT)),
        deep(*DEPTH, Channel("id0", UINT), Channel("id1", UINT)),
    ),
    Case(
        "IDM-PARSE",
        deep(*DEPTH, extra=(a_idmanifest([GROUP]),)),
        deep(*DEPTH, Channel("id", UINT), extra=(a_idmanifest([GROUP]),)),
    ),
    Case("IDM-PARSE", deep(*DEPTH, extra=(attr("idManifest", "idmanifest", bytes(20)),))),
    Case("IDM-PARSE", many_manifests(3), many_manifests(4)),
]


def extra(*attributes: Attr) -> bytes:
    return build([Part(extra=attributes)])


def timed(*digits: int, rate: tuple[int, int] | None = None, drop: bool = False) -> bytes:
    hours, minutes, seconds, frame = digits
    more = (a_rational("framesPerSecond", *rate),) if rate else ()
    return extra(a_timecode("timeCode", tv60(hours, minutes, seconds, frame, drop=drop)), *more)


NTSC = (30_000, 1001)
CODE = (1, 2, 3, 4, 5, 4, 20)

TIMES = [
    Case("TIM-TC-RANGE", timed(25, 0, 0, 0), timed(23, 59, 59, 23)),
    Case("TIM-TC-RANGE", timed(1, 0, 0, 24, rate=(24, 1)), timed(1, 0, 0, 23, rate=(24_000, 1001))),
    Case("TIM-TC-RANGE", timed(1, 0, 0, 25), timed(1, 0, 0, 24), parameters={"frame_rate": 25}),
    Case("TIM-TC-RANGE", extra(a_timecode("timeCode", 0x0000000F))),
    Case("TIM-TC-DROP", timed(1, 0, 0, 2, rate=(24, 1), drop=True), timed(1, 0, 0, 2, rate=NTSC, drop=True)),
    Case("TIM-TC-DROP", timed(1, 1, 0, 1, rate=NTSC, drop=True), timed(1, 10, 0, 1, rate=NTSC, drop=True)),
    Case(
        "TIM-FPS", extra(a_rational("framesPerSecond", 2397, 100)), extra(a_rational("framesPerSecond", 24_000, 1001))
    ),
    Case("TIM-FPS", extra(a_rational("framesPerSecond", 24, 0)), extra(a_rational("framesPerSecond", 24, 1))),
    Case(
        "TIM-FPS",
        extra(a_rational("framesPerSecond", 24, 1)),
        extra(a_rational("framesPerSecond", 25, 1)),
        parameters={"frame_rate": 25},
    ),
    Case("TIM-KEYCODE", extra(a_keycode("keyCode", (100, *CODE[1:]))), extra(a_keycode("keyCode", CODE))),
    Case("TIM-CAPDATE", extra(a_string("capDate", "2025-01-02")), extra(a_string("capDate", "2025:01:02 03:04:05"))),
    Case("TIM-CAPDATE", extra(a_string("capDate", "2025:13:02 03:04:05"))),
    Case("TIM-CAPDATE", extra(a_string("capDate", "2525:01:02 03:04:05"))),
    Case("TIM-POSITIVE", extra(a_float("isoSpeed", 0)), extra(a_float("isoSpeed", 800))),
    Case("TIM-POSITIVE", extra(a_rational("captureRate", 0, 1)), extra(a_rational("captureRate", 24, 1))),
    Case(
        "TIM-POSITIVE",
        extra(a_float("aperture", 4), a_float("tStop", 2.8)),
        extra(a_float("aperture", 2.8), a_float("tStop", 3.1)),
    ),
]

HOUR_ONE = timed(1, 0, 0, 0, rate=(24, 1))

TIMES += [
    Case("DEL-NFX-TIMECODE", HOUR_ONE, HOUR_ONE, keys=("nam/show.0086401.exr", "nam/show.0086400.exr")),
    Case(
        "DEL-NFX-TIMECODE",
        timed(1, 0, 0, 0),
        timed(1, 0, 0, 0),
        parameters={"frame_rate": 25},
        keys=("nam/show.0086400.exr", "nam/show.0090000.exr"),
    ),
]

SHOW = {"attributes": [{"name": "shot", "value": "sh010"}]}

TIMES += [
    Case("SHOW-ATTRIBUTE", extra(a_string("shot", "x")), extra(a_string("shot", "sh010")), parameters=SHOW),
    Case(
        "SHOW-NAME",
        extra(),
        extra(),
        parameters={"file_name": r"beauty\.\d{4}\.exr"},
        keys=("s/a.exr", "s/beauty.1001.exr"),
    ),
]

CASES = [*CRYPTOMATTES, *DEEP, *TIMES]
