"""Servers that the tests of a module share, emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.stack import LocalStack, local_stack


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalStack]:
    """Start object store and database; a module that needs other settings overrides this fixture."""
    with local_stack() as made:
        yield made


@pytest.fixture
def stack(shared: LocalStack) -> Iterator[LocalStack]:
    """The servers without objects, rows and faults."""
    yield shared
    shared.clear()
