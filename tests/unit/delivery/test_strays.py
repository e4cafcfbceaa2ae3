"""Files beside the frames, by their names: unfinished writes and copies are warnings, other files are info or belong there."""

from __future__ import annotations

import pytest

from exr_inspector.delivery.strays import files_beside
from exr_inspector.model import Severity
from exr_inspector.validation import builtin_policy, load_policy

POLICY = builtin_policy("default")


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        *(
            (f"a.1001.{end}", Severity.WARNING)
            for end in ("exr.part", "exr.tmp", "exr~", "exr.Qk3f9a", "tmp", "bak", "lock")
        ),
        *(
            (f"a.1001.exr{end}", Severity.WARNING)
            for end in (".OLD", "_original", ".tmp.4711", ".bak2", ".~1~", ".1", " (1)", " - Copy", "-old", ".info.tmp")
        ),
        (".a.1001.exr.qkzfxa", Severity.WARNING),
        ("._a.1001.exr", Severity.WARNING),
        ("~a.exr.crdownload", Severity.WARNING),
        *(
            (f"a.1001.exr.{end}", Severity.INFO)
            for end in ("md5", "sha256", "xxh64", "crc32", "c4", "json", "yaml", "jpeg")
        ),
        *(
            (f"a.1001.exr{end}", Severity.INFO)
            for end in (
                ".aux.xml",
                ".check.txt",
                ".info.txt",
                ".sha1.txt",
                "_info.txt",
                ".blake3",
                ".Sha256",
                ".README",
            )
        ),
        ("notes.txt", Severity.INFO),
        ("exr", Severity.INFO),
    ],
)
def test_the_severity_of_a_file_beside_the_frames(name: str, severity: Severity) -> None:
    (file,) = files_beside([f"b/shot/{name}"], POLICY)
    assert (file.path, file.frame) == (f"b/shot/{name}", None)
    assert [(finding.code, finding.severity) for finding in file.findings] == [("SEQ-STRAY", severity)]


def test_files_that_the_policy_does_not_report_are_left_out() -> None:
    policy = load_policy("name: x\npaths: [{match: 'b/ref/**', rules: {SEQ-STRAY: off}}]", origin="b/shot/x.yaml")
    assert [
        file.path
        for file in files_beside(
            [
                "b/ref/a.txt",
                "b/shot/a.txt",
                "b/shot/x.yaml",
                "b/x.yaml",
                "b/shot/show.duckdb",
                "b/shot/show.duckdb.lock",
            ],
            policy,
        )
    ] == ["b/shot/a.txt", "b/x.yaml"]
