"""Files rich in attributes, and a sequence of frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import OpenEXR
from sample import Image, Sample, sample
from sample_pixels import colour

FIRST_FRAME, LAST_FRAME, MISSING_FRAME = 1001, 1005, 1003
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def timecode(hours: int, minutes: int, seconds: int, frame: int) -> OpenEXR.TimeCode:
    """A time code without flags and user data."""
    return OpenEXR.TimeCode(hours, minutes, seconds, frame, *[False] * 6, *[0] * 8)


def _preview() -> OpenEXR.PreviewImage:
    pixels = np.zeros((9, 16), dtype=[("r", "u1"), ("g", "u1"), ("b", "u1"), ("a", "u1")])
    pixels["r"], pixels["a"] = np.arange(16) * 16, 255
    return OpenEXR.PreviewImage(pixels)


def _camera() -> dict[str, Any]:
    return {
        "cameraMake": "Example Cameras",
        "cameraModel": "E-100",
        "cameraSerialNumber": "0042",
        "cameraFirmwareVersion": "7.1",
        "cameraLabel": "A",
        "lensMake": "Example Optics",
        "lensModel": "Prime 35",
        "lensSerialNumber": "L-7",
        "nominalFocalLength": 35.0,
        "aperture": 2.0,
        "tStop": 2.25,
        "focus": 3.5,
        "isoSpeed": 800.0,
        "expTime": 0.02,
        "shutterAngle": 172.75,
        "reelName": "A001_C002",
        "imageCounter": 86412,
        "worldToCamera": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [2, 3, -5, 1]], "f4"),
    }


def _general() -> dict[str, Any]:
    return {
        "timeCode": timecode(10, 20, 30, 12),
        "framesPerSecond": Fraction(24000, 1001),
        "captureRate": Fraction(48, 1),
        "keyCode": OpenEXR.KeyCode(1, 2, 300, 4000, 5, 4, 64),
        "chromaticities": REC709,
        "colorInteropID": "lin_rec709_scene",
        "whiteLuminance": 100.0,
        "capDate": "2026:03:14 15:09:26",
        "utcOffset": -3600.0,
        "owner": "© Jürgen Müller, 東京スタジオ",
        "comments": 'first line\nsecond line, "quoted", 🎬',
        "preview": _preview(),
        "software": "make_samples.py",
    }


def _of_every_type() -> dict[str, Any]:
    """Attributes of a made-up production, one for each type not met elsewhere."""
    return {
        "example/double": np.array([1 / 3], "f8"),
        "example/floats": np.array([0.5, 0.25, 0.125], "f4"),
        "example/words": ["one", "", "drei"],
        "example/v2i": np.array([1, 2], "i4"),
        "example/v3f": np.array([1, 2, 3], "f4"),
        "example/m33f": np.eye(3, dtype="f4"),
        "example/m44d": np.eye(4, dtype="f8"),
        "example/bytes": OpenEXR.Bytes(bytes(range(16)), "example"),
        "example/custom": OpenEXR.OpaqueAttribute(b"\x01\x02\x03\xff", "studioInfo"),
    }


def rich() -> Iterator[Sample]:
    """Metadata of all kinds in one small image, and an id manifest."""
    image = Image(colour(alpha=True), header={**_general(), **_camera(), **_of_every_type()})
    trait = "time code, key code, camera, lens, colour, preview, custom and unicode attributes"
    yield sample("metadata.exr", trait, image)
    ids = np.arange(48 * 64, dtype="u4").reshape(48, 64) % 3 + 1
    header = {"idManifest": _id_manifest({1: "tree", 2: "house", 3: "lake"})}
    yield sample("id_manifest.exr", "a UINT id channel with an id manifest", Image({"id": ids}, header=header))


def _id_manifest(names: Mapping[int, str]) -> OpenEXR.IDManifest:
    manifest = OpenEXR.IDManifest()
    group = manifest.add("id")
    group.setComponents(["name"])
    group.setLifetime(OpenEXR.LIFETIME_STABLE)
    group.setHashScheme(OpenEXR.ID_MANIFEST_NOTHASHED)
    group.setEncodingScheme(OpenEXR.ID_MANIFEST_ID_SCHEME)
    for identifier, name in names.items():
        group.insert(identifier, [name])
    return manifest


def sequence() -> Iterator[Sample]:
    """Frames 1001 to 1005 of one shot, 1003 missing; time code and pixels move on with the number."""
    for frame in range(FIRST_FRAME, LAST_FRAME + 1):
        if frame == MISSING_FRAME:
            continue
        header = {
            "timeCode": timecode(1, 0, 0, frame - FIRST_FRAME),
            "framesPerSecond": Fraction(24, 1),
            "imageCounter": frame,
            "reelName": "sh010",
        }
        image = Image(colour(phase=frame - FIRST_FRAME, alpha=True), header=header)
        trait = f"frame {frame} of {FIRST_FRAME} to {LAST_FRAME}, of which {MISSING_FRAME} is missing"
        yield sample(f"shots/sh010/beauty.{frame}.exr", trait, image)
