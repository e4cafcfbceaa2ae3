"""The corpus of real files: by EXR_CORPUS, else `../shared/corpus` beside this tree; tests that need it skip without it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener

CORPUS = Path(os.environ.get("EXR_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
VALID_FOLDERS = ("openexr-images", "openexr", "cryptomatte")


def corpus_files(*folders: str) -> list[Path]:
    """The files of the given folders, sorted; empty without a corpus."""
    return sorted(path for folder in folders for path in (CORPUS / folder).glob("*") if path.is_file())


def truth_of(path: Path, kind: str) -> str:
    """The recorded output of a reference tool for a file: `header` exrheader, `info` exrinfo, `check` exrcheck."""
    return (CORPUS / "truth" / path.parent.name / f"{path.name}.{kind}.txt").read_text("utf-8", "surrogateescape")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the corpus."""
    if not CORPUS.is_dir():
        pytest.skip("no corpus: set EXR_CORPUS to its folder")
    return CORPUS


@pytest.fixture(scope="module")
def opener() -> Iterator[SourceOpener]:
    """An opener of files."""
    with contextlib.closing(SourceOpener(load_settings({}, secrets_dir=None))) as made:
        yield made


@pytest.fixture(scope="module")
def budget() -> Iterator[DecodeBudget]:
    """Memory and threads for decoding."""
    with contextlib.closing(DecodeBudget(workers=2, memory_bytes=256 << 20)) as made:
        yield made
