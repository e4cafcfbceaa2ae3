"""Cases of the rules in `validation/rules/tiles.py`."""

from __future__ import annotations

from tests.support.exrbytes import MIPMAP, Part, Tiles, a_envmap, a_string, a_tiledesc, build
from tests.unit.validation.cases.made.structure import TILED, extra
from tests.unit.validation.judging import Case

CASES = [
    Case("TIL-POT", build([Part(kind="tiledimage", tiles=Tiles(15, 16))]), TILED),
    Case(
        "TIL-POT",
        build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP))]),
        build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP), data_window=(0, 0, 7, 3))]),
    ),
    Case("TIL-NOT-TEXTURE", TILED),
    Case("TIL-TEXTURE", build([Part()]), build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP))])),
    Case("TIL-TEXTURE", TILED, build([Part(kind="tiledimage", tiles=Tiles(mode=MIPMAP))])),
    Case("TIL-UNUSED-DESC", extra(a_tiledesc(Tiles())), TILED),
    Case("ENV-LATLONG", extra(a_envmap(0)), build([Part(data_window=(0, 0, 3, 1), extra=[a_envmap(0)])])),
    Case("ENV-CUBE", extra(a_envmap(1)), build([Part(data_window=(0, 0, 0, 5), extra=[a_envmap(1)])])),
    Case("ENV-WRAP", extra(a_string("wrapmodes", "repeat")), extra(a_string("wrapmodes", "clamp, mirror"))),
]
