"""Objects that may not be read: rows depend on events alone, and concurrent events do not miss each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from exr_inspector.catalog import Catalog, Outcome
from exr_inspector.errors import AccessDenied
from exr_inspector.model import EventInfo, Inspection, Status
from tests.contract.catalog.model import START, connect, inspection, ready
from vastdb_local import LocalVastDB

PATH = "renders/denied.exr"


@pytest.fixture
def server() -> Iterator[LocalVastDB]:
    with ready() as (server, _):
        yield server


def denied(number: int) -> Inspection:
    """The inspection for the creation event with this number."""
    made = inspection(PATH.split("/")[1])
    return replace(
        made,
        version=None,
        header=None,
        layouts=(),
        completeness=(),
        names=(),
        pixels=None,
        findings=(),
        status=Status.FAILED,
        error_code=AccessDenied.code,
        event=event(number),
    )


def event(number: int) -> EventInfo:
    return EventInfo(sequencer=f"{number:08x}", time=START + timedelta(seconds=number))


def at_the_guards(server: LocalVastDB, meanwhile: Callable[[], object]) -> Catalog:
    """A catalog in which something else happens between reading and updating the guards of the first transaction."""
    todo = [meanwhile]

    def clock() -> datetime:
        while todo:
            todo.pop()()
        return datetime.now(timezone.utc)

    return connect(server, clock=clock)


def rows(catalog: Catalog) -> int:
    return len(catalog.stored_between(""))


def test_a_creation_that_comes_after_its_removal_is_ignored_and_a_later_one_is_not(server: LocalVastDB) -> None:
    catalog = connect(server)
    assert catalog.remove(PATH, event=event(2), is_seen=False).outcome is Outcome.ABSENT
    assert catalog.upsert([denied(1)])[0].outcome is Outcome.IGNORED_OLDER
    assert rows(catalog) == 0
    assert catalog.upsert([denied(3)])[0].outcome is Outcome.INSERTED
    assert catalog.remove(PATH, event=event(2), is_seen=False).outcome is Outcome.IGNORED_OLDER
    assert rows(catalog) == 1


def test_what_can_be_read_is_stored_whatever_events_told_of_it(server: LocalVastDB) -> None:
    catalog = connect(server)
    catalog.remove(PATH, event=event(2), is_seen=False)
    seen = replace(inspection(PATH.split("/")[1]), event=event(1))
    assert catalog.upsert([seen])[0].outcome is Outcome.INSERTED


def test_a_creation_that_meets_a_later_removal_is_ignored(server: LocalVastDB) -> None:
    other = connect(server)
    catalog = at_the_guards(server, lambda: other.remove(PATH, event=event(2), is_seen=False))
    assert catalog.upsert([denied(1)])[0].outcome is Outcome.IGNORED_OLDER
    assert rows(catalog) == 0


def test_a_removal_that_meets_an_older_creation_removes_its_rows(server: LocalVastDB) -> None:
    other = connect(server)
    catalog = at_the_guards(server, lambda: other.upsert([denied(1)]))
    assert catalog.remove(PATH, event=event(2), is_seen=False).outcome is Outcome.REMOVED
    assert rows(catalog) == 0
