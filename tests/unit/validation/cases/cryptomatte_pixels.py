"""Cases of the rules in `validation/rules/cryptomatte_pixels.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.exr.cryptomatte.manifests import cryptomatte_id, id_as_float
from exr_inspector.model import Severity
from tests.unit.validation.cases.made.pixels import matte, read
from tests.unit.validation.judging import Case

BUNNY, DENORMAL = id_as_float(cryptomatte_id("bunny")), id_as_float(1)
SOUND = matte(0.75, 0.25, BUNNY)
ALL_NAMED = matte(0.75, 0.25, BUNNY, names=("bunny",))

CASES = read(
    Case("CRY-PIXEL-ID", matte(0.75, 0.25, np.nan), SOUND, severity=Severity.ERROR),
    Case("CRY-PIXEL-ID", matte(0.75, 0.25, DENORMAL), SOUND),
    Case("CRY-COVERAGE", matte(0.25, 0.75), SOUND),
    Case("CRY-COVERAGE", matte(1.5, 0.25)),
    Case("CRY-COVERAGE", matte(0.75, 0.375), SOUND),
    Case("CRY-ID-UNNAMED", matte(0.75, 0.25), SOUND),
    Case("CRY-ID-UNNAMED", matte(0.75, 0.25, BUNNY, names=("floor",)), ALL_NAMED),
    Case("CRY-NAME-UNSEEN", SOUND, ALL_NAMED),
    Case("CRY-NAME-UNSEEN", SOUND, matte(0.75, 0.25, np.nan)),
)
