"""Cases of the rules in `validation/rules/compression.py`."""

from __future__ import annotations

from exr_inspector.model import Severity
from tests.support.exrbytes import B44, DWAA, FLOAT, LJ2K, PIZ, PXR24, ZIP, ZIPS, ZSTD, Channel, Part, build
from tests.unit.validation.cases.made.channels import NORMALS, channels, layer, only
from tests.unit.validation.judging import PLAIN, Case

MANY = [f"light{number}.R" for number in range(14)]
LONG = channels("a_layer_whose_name_has_more_than_31_bytes.R")
PARTS = build([Part(name="a"), Part(name="b")])
CASES = [
    Case("CMP-B44-DATA", channels("Z", compression=B44), channels(*NORMALS, compression=B44)),
    Case("CMP-PXR24-FLOAT", channels(*NORMALS, compression=PXR24), channels("Z", compression=PXR24)),
    Case("CMP-PXR24-FLOAT", channels(Channel("id", FLOAT), compression=PXR24), severity=Severity.ERROR),
    Case("CMP-DWA-NAMES", channels("id.R", compression=DWAA), channels("id.r", compression=DWAA)),
    Case("CMP-DWA-LOSSLESS", channels("diffuse.r", compression=DWAA), channels("diffuse.R", "id.r", compression=DWAA)),
    Case("CMP-DWA-LOSSLESS", channels("diffuse.red", compression=DWAA), channels("diffuse.red", compression=ZIP)),
    Case(
        "CMP-LJ2K-TRIPLET",
        only(*layer("N", "rgb", FLOAT), compression=LJ2K),
        channels(*layer("a.N", "rgb", FLOAT), compression=LJ2K),
    ),
    Case("CMP-LOSSY-MASTER", channels(compression=DWAA), channels(compression=ZIP)),
    Case("CMP-NEW-CODEC", channels(compression=ZSTD), channels(compression=DWAA)),
    Case("CMP-NEW-CODEC", channels(compression=ZSTD), parameters={"receiver_openexr": "3.4"}),
    Case("CMP-NEW-CODEC", channels(compression=LJ2K), channels(compression=10), parameters={"receiver_openexr": "3.4"}),
    Case("CMP-NEW-CODEC", channels(compression=DWAA), PLAIN, parameters={"receiver_openexr": "2.1"}),
    Case(
        "CMP-NEW-CODEC", channels(compression=ZSTD), channels(compression=DWAA), parameters={"receiver_openexr": "2.2"}
    ),
    Case("STR-RECEIVER", LONG, PLAIN, parameters={"receiver_openexr": "1.6"}),
    Case("STR-RECEIVER", PARTS, LONG, parameters={"receiver_openexr": "1.7"}),
    Case("STR-RECEIVER", build([Part(kind="deepscanline")]), PLAIN, parameters={"receiver_openexr": "1.9"}),
    Case("CMP-ONE-LINE", channels(*MANY, compression=PIZ), channels(*MANY, compression=ZIPS)),
    Case("CMP-ONE-LINE", channels(*MANY, compression=ZIP), channels(*MANY[1:], compression=PIZ)),
    Case(
        "CMP-ONE-LINE",
        channels(*MANY, compression=PIZ),
        build([Part(kind="tiledimage", channels=[*map(Channel, MANY)], compression=PIZ)]),
    ),
    Case("CMP-SHOW-CODEC", PLAIN, channels(compression=ZIP), parameters={"codecs": ["ZIP", "ZIPS"]}),
    Case(
        "CMP-DEEP-CODEC",
        build([Part(kind="deepscanline", compression=ZIP)]),
        build([Part(kind="deepscanline", compression=2)]),
    ),
]
