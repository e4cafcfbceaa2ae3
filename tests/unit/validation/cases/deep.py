"""Cases of the rules in `validation/rules/deep.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, HALF, UINT, Channel, Part, a_idmanifest, a_stringvector, attr, build
from tests.unit.validation.cases.made.metadata import DEPTH, GROUP, deep, many_manifests
from tests.unit.validation.cases.made.pixels import COUNTS, read
from tests.unit.validation.cases.made.pixels import deep as pixels_deep
from tests.unit.validation.judging import Case


def ids_of_views(kind: int) -> bytes:
    """A deep part with the ids of two views, of which those of the first one have this type."""
    channels = Channel("left.id", kind), Channel("right.id", UINT)
    return deep(*DEPTH, *channels, extra=(a_stringvector("multiView", ["left", "right"]),))


CASES = [
    Case("DEEP-Z", deep(Channel("A"), Channel("R")), deep(*DEPTH)),
    Case("DEEP-ALPHA", deep(Channel("R"), Channel("Z", FLOAT)), deep(Channel("R"), *DEPTH)),
    *(
        Case("DEEP-ALPHA", *(deep(Channel(f"A{a}"), Channel(c), Channel("Z", FLOAT)) for a in (other, c)))
        for c, other in ("RG", "GB", "BR")
    ),
    Case("DEEP-ALPHA", deep(*DEPTH[1:], Channel("a.R")), deep(*DEPTH, Channel("a.b.R"))),
    Case("DEEP-Z-TYPE", deep(Channel("A"), Channel("Z", HALF)), deep(*DEPTH)),
    Case("DEEP-TILES", build([Part("deeptile", channels=DEPTH)]), deep(*DEPTH)),
    Case("DEEP-ID", deep(*DEPTH, Channel("id", FLOAT)), deep(*DEPTH, Channel("id", UINT))),
    Case("DEEP-ID", ids_of_views(FLOAT), ids_of_views(UINT)),
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
    *read(
        Case("DEEP-ZBACK", pixels_deep(depth=-1), pixels_deep()),
        Case("DEEP-ZBACK", pixels_deep(depth=np.inf), pixels_deep(depth=0)),
        Case("DEEP-ZBACK", pixels_deep(thickness=-0.5), pixels_deep(thickness=0.5)),
        Case("DEEP-ZBACK", pixels_deep(thickness=-99), pixels_deep(thickness=0), severity=Severity.INFO),
        Case("DEEP-STATE", pixels_deep(order=-1, state=1), pixels_deep(state=1)),
        Case("DEEP-STATE", pixels_deep(order=-1, state=3), pixels_deep(order=-1)),
        Case("DEEP-STATE", pixels_deep(thickness=1.5, state=2), pixels_deep(thickness=1.0, state=2)),
        Case("DEEP-STATE", pixels_deep(thickness=1.5, state=3), pixels_deep(thickness=1.5, state=1)),
        Case(
            "DEEP-STATE", pixels_deep(order=-1, state=1), pixels_deep(order=-1, state=1, counts=np.minimum(COUNTS, 1))
        ),
        Case(
            "DEEP-MAXSAMPLES",
            pixels_deep(),
            pixels_deep(counts=np.minimum(COUNTS, 1)),
            parameters={"max_deep_samples": 1},
        ),
        Case("DEEP-EMPTY", pixels_deep(counts=COUNTS * 0), pixels_deep()),
        Case("DEEP-EMPTY", pixels_deep(alpha=0)),
    ),
]
