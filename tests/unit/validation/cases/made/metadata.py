"""Files for those rules of CRY, DEEP, IDM and TIM that need headers alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from exr_inspector.exr.cryptomatte.manifests import cryptomatte_id
from tests.support.exrbytes import (
    FLOAT,
    RGB,
    UINT,
    Attr,
    Channel,
    ManifestGroup,
    Part,
    a_idmanifest,
    a_rational,
    a_string,
    a_stringvector,
    a_timecode,
    attr,
    build,
    tv60,
)

NAME = "crypto_object"
KEY = f"{cryptomatte_id(NAME):08x}"[:7]
NAMES = ("bunny", "floor", "ärmel")


def manifest(names: Iterable[str] = NAMES) -> str:
    return json.dumps({name: f"{cryptomatte_id(name):08x}" for name in names})


MANIFEST = manifest()


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


def in_two_parts(first: Sequence[Attr] = (), second: Sequence[Attr] = ()) -> bytes:
    """A main image with the first attributes, and a part of Cryptomatte layers with the second ones."""
    return build([Part(name="rgba", extra=first), Part(name="crypto", channels=LAYERS, extra=second)])


def stereo(*right: str) -> bytes:
    """A Cryptomatte of both views, as Blender writes it; the right one has only these layers."""
    views = (a_stringvector("multiView", ["left", "right"]),)
    left = ranks(f"{NAME}00.left", f"{NAME}01.left")
    return matte(channels=[*left, *ranks(*[f"{layer}.right" for layer in right])], more=views)


GOOD = matte()
TAG = a_string("colorInteropID", "lin_ap1_scene")


def deep(*channels: Channel, extra: tuple[Attr, ...] = ()) -> bytes:
    return build([Part(kind="deepscanline", channels=channels, extra=extra)])


DEPTH = (Channel("A"), Channel("Z", FLOAT))
GROUP = ManifestGroup(["id"], ["name"], {7: ["bunny"]})


def many_manifests(sound: int) -> bytes:
    """Parts with this many valid manifests, each twice, and then an invalid one; rules look at four at most."""
    channel = Channel("id", UINT)
    made = [a_idmanifest([ManifestGroup(["id"], ["name"], {n: ["bunny"]})]) for n in range(sound)]
    manifests = [*made, *made, attr("idManifest", "idmanifest", bytes(20))]
    return build([Part(name=f"p{n}", channels=[channel], extra=[one]) for n, one in enumerate(manifests)])


def extra(*attributes: Attr) -> bytes:
    return build([Part(extra=attributes)])


def timed(*digits: int, rate: tuple[int, int] | None = None, drop: bool = False) -> bytes:
    hours, minutes, seconds, frame = digits
    more = (a_rational("framesPerSecond", *rate),) if rate else ()
    return extra(a_timecode("timeCode", tv60(hours, minutes, seconds, frame, drop=drop)), *more)


NTSC = (30_000, 1001)
CODE = (1, 2, 3, 4, 5, 4, 20)


HOUR_ONE = timed(1, 0, 0, 0, rate=(24, 1))


SHOW = {"attributes": [{"name": "shot", "value": "sh010"}]}
