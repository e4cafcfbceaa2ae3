"""Run the examples of docs/python.md."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.support.faulty_s3 import FaultyS3

ROOT = Path(__file__).resolve().parents[2]


def test_every_example_gives_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = ROOT / "docs" / "python.md"
    with FaultyS3() as s3:
        s3.put("renders", "shot/beauty.1001.exr", (ROOT / "samples" / "scanline_zip.exr").read_bytes())
        given = {
            "ENDPOINT": s3.environ["S3_ENDPOINT_URL"],
            "ACCESS_KEY": s3.environ["S3_ACCESS_KEY"],
            "SECRET_KEY": s3.environ["S3_SECRET_KEY"],
            "FOLDER": tmp_path,
        }
        failed, tried = doctest.testfile(
            str(page), module_relative=False, globs=given, encoding="utf-8", optionflags=doctest.ELLIPSIS
        )
    assert tried > 20
    assert failed == 0
