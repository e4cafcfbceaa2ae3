"""Fixtures of the tests of decoding."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener


@pytest.fixture(scope="module")
def opener() -> Iterator[SourceOpener]:
    with contextlib.closing(SourceOpener(load_settings({}, secrets_dir=None))) as made:
        yield made


@pytest.fixture(scope="module")
def budget() -> Iterator[DecodeBudget]:
    with contextlib.closing(DecodeBudget(workers=2, memory_bytes=64 << 20)) as made:
        yield made
