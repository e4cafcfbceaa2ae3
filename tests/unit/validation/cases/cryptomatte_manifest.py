"""Cases of the rules in `validation/rules/cryptomatte_manifest.py`."""

from __future__ import annotations

from exr_inspector.model import Severity
from tests.unit.validation.cases.made.metadata import GOOD, MANIFEST, declared, matte
from tests.unit.validation.judging import Case

CASES = [
    Case("CRY-MANIFEST-MISSING", matte(declared(manifest="{}")), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest=MANIFEST[:-4])), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest="{broken")), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest='{"bunny": "ABCDEF01"}')), GOOD, severity=Severity.INFO),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest='{"bunny": "ABCDEFG1"}')), GOOD),
    Case("CRY-MANIFEST-JSON", matte(declared(manifest="[" * 100_000)), GOOD),
    Case("CRY-MANIFEST-MISSING", matte(declared("manifest")), GOOD),
    Case("CRY-MANIFEST-MISSING", matte(declared(manifest=" \n")), GOOD),
    Case("CRY-MANIF-FILE", matte(declared("manifest", manif_file="../m.json")), matte(declared(manif_file="m.json"))),
    Case("CRY-MANIF-FILE", matte(declared(manif_file="m.txt"))),
    Case(
        "CRY-MANIFEST-JSON",
        matte(declared(manifest='{"bunny": 1009082802}')),
        matte(declared(manifest=f"{MANIFEST}\0\0")),
    ),
    Case("CRY-MANIFEST-HASH", matte(declared(manifest='{"bunny": "00000001"}')), GOOD),
    Case(
        "CRY-MANIFEST-HASH",
        matte(declared(manifest='{"bunny": "00000001", "v@s": "00000002"}')).replace(b"@", b"\xe4"),
        matte(declared(manifest='{"v@s": "00000002"}')).replace(b"@", b"\xe4"),  # in Latin-1
    ),
    Case("CRY-MANIFEST-HASH", matte(declared(manifest='{"maps\\\\xray": "7eb8a1b0", "étage": "00000002"}'))),
    Case("CRY-NAME-CHARS", matte(declared(manifest='{"box, red": "3c2569b2"}')), GOOD),
    Case(
        "CRY-NAME-CHARS",
        matte(declared(manifest='{" box": "3c2569b2"}')),
        matte(declared(manifest='{"a b": "3c2569b2"}')),
    ),
    Case(
        "CRY-NAME-CHARS",
        matte(declared(manifest='{"<box>": "3c2569b2"}')),
        matte(declared(manifest='{"a<b": "3c2569b2"}')),
    ),
    Case("CRY-COLLISION", matte(declared(manifest='{"a": "3c2569b2", "b": "3c2569b2"}')), GOOD),
]
