"""Servers that the tests of a module share, emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.stack import BUCKET, LocalStack, local_stack
from tests.contract.catalog.model import wipe


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalStack]:
    """Start object store and database; a module that needs other settings overrides this fixture."""
    with local_stack() as made:
        yield made


@pytest.fixture
def stack(shared: LocalStack) -> Iterator[LocalStack]:
    """The servers without objects, rows and faults."""
    yield shared
    shared.database.faults.clear()
    shared.s3.script()
    shared.s3.hook = None
    shared.s3.by_key.clear()
    shared.s3.chance(0.0, seed=0)
    for key in shared.s3.contents():
        shared.s3.delete(BUCKET, key)
    wipe(shared.catalog)
