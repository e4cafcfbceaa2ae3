"""Cases of the rules in `validation/rules/cryptomatte.py`."""

from __future__ import annotations

from exr_inspector.model import Severity
from tests.support.exrbytes import DWAA, HALF, Part, a_string, build
from tests.unit.validation.cases.made.colour import AP0
from tests.unit.validation.cases.made.metadata import (
    GOOD,
    LAYERS,
    NAME,
    TAG,
    declared,
    in_two_parts,
    matte,
    ranks,
    stereo,
)
from tests.unit.validation.judging import Case

CASES = [
    Case("CRY-KEYS", matte(declared("hash")), GOOD),
    Case("CRY-UNDECLARED", matte([]), GOOD),
    Case("CRY-UNDECLARED", matte([], ranks("VRayCryptomatte00", components="RGBA"))),
    Case("CRY-KEY-FORM", matte(declared(key="0123456")), GOOD),
    Case("CRY-NAME-TWICE", matte([*declared(), *declared(key="0123456", manifest="{}")]), GOOD),
    Case("CRY-HASH", matte(declared(hash="md5")), GOOD),
    Case("CRY-CONVERSION", matte(declared(conversion="none")), GOOD),
    Case("CRY-LAYERS", matte(channels=ranks(f"{NAME}00", f"{NAME}02")), GOOD),
    Case(
        "CRY-LAYERS",
        matte(channels=ranks(f"{NAME}00", components="rg")),
        matte(channels=ranks(f"{NAME}00", components="RGBA")),
    ),
    Case("CRY-LAYERS", matte(channels=[]), GOOD, severity=Severity.INFO),
    Case("CRY-LAYERS", matte([*declared("name", "0000001"), *declared()], ranks(f"{NAME}00", f"{NAME}02")), GOOD),
    Case("CRY-LAYERS", matte(channels=ranks(f"{NAME}0", f"{NAME}1")), GOOD),
    Case("CRY-LAYERS", stereo(f"{NAME}01"), stereo(f"{NAME}00", f"{NAME}01")),
    Case("CRY-PART", in_two_parts(first=declared()), in_two_parts(second=declared())),
    Case("CRY-PART", in_two_parts(first=declared()), in_two_parts(declared(), declared())),
    Case("CRY-ONE-LAYER", matte(channels=ranks(f"{NAME}00")), GOOD),
    Case("CRY-LAYER-EXACT", matte(channels=ranks("Crypto_Object00")), GOOD),
    Case("CRY-FLOAT32", matte(channels=ranks(f"{NAME}00", kind=HALF)), GOOD),
    Case(
        "CRY-LOSSLESS",
        matte(channels=ranks(f"{NAME}00", components="RGBA"), compression=DWAA),
        matte(compression=DWAA),
    ),
    Case("CRY-PREVIEW", matte(channels=[*LAYERS, *ranks(NAME, components="rgb")]), GOOD),
    Case("CRY-COLORTAG", matte(more=(TAG,)), matte(more=(a_string("colorInteropID", "data"),)), Severity.INFO),
    Case("CRY-COLORTAG", build([Part(channels=LAYERS, extra=[*declared(), TAG])])),
    Case("CRY-COLORTAG", build([Part(channels=LAYERS, extra=[*declared(), AP0])]), severity=Severity.INFO),
]
