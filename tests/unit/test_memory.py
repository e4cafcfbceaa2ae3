"""One memory budget for all files: which file takes memory, which waits, and that limits are checked before taking it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import pytest

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, LimitExceeded, MemoryBusy
from exr_inspector.exr.limits import Limits
from exr_inspector.inspector import Inspector
from exr_inspector.memory import MemoryBudget, MemoryPool
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.support import exrbytes as ex
from tests.support.exrbytes import Attr, Channel, Part, Tiles
from tests.support.exrbytes_idmanifest import ManifestGroup

MIB = 1 << 20


def test_memory_is_granted_in_the_order_of_requests() -> None:
    pool = MemoryPool(10)
    pool.take(6)
    order: list[int] = []

    def take(size: int) -> None:
        with pool.taken(size, Deadline.after(30)):
            order.append(size)

    large = threading.Thread(target=take, args=(10,))
    large.start()
    while pool.try_take(1):
        pool.give(1)
    assert not pool.try_take(1)  # free, but another file waits for all of it
    with pytest.raises(DeadlineExceeded):
        pool.take(1, Deadline.after(0))
    pool.give(6)
    large.join(30)
    assert order == [10]
    assert pool.used == 0


def test_a_file_takes_more_without_waiting_and_begins_again_where_others_have_it() -> None:
    budget = MemoryBudget(64 * MIB)  # 16 for files
    assert budget.files.capacity + budget.decoding_bytes == 64 * MIB
    with budget.file() as one, budget.file() as other:
        one.reserve(9 * MIB)
        with pytest.raises(MemoryBusy):
            other.reserve(9 * MIB)
        threading.Timer(0.01, one.release).start()
        other.restart_with_double()  # waits, holding nothing
        assert budget.files.used == 16 * MIB  # twice the requested memory, but not more than the total
        other.reserve(9 * MIB)
    assert budget.files.used == 0


def test_a_file_that_needs_more_than_all_may_have_does_not_wait() -> None:
    budget = MemoryBudget(64 * MIB)
    with budget.file() as one:
        with pytest.raises(LimitExceeded) as caught:
            one.reserve(17 * MIB)
        assert caught.value.limit == "EXR_MEMORY_MIB"
    assert budget.files.used == 0


def test_a_thread_that_holds_memory_of_another_file_does_not_wait() -> None:
    budget = MemoryBudget(64 * MIB)
    with budget.file() as one:
        one.reserve(16 * MIB)
        with pytest.raises(MemoryBusy):
            budget.file(may_wait=False)
        with pytest.raises(DeadlineExceeded):
            budget.file(Deadline.after(0))
    with budget.file(may_wait=False) as one, budget.file() as other:
        other.reserve(16 * MIB - 2 * MIB)
        with pytest.raises(MemoryBusy):
            one.reserve(5 * MIB)
        with pytest.raises(MemoryBusy):
            one.restart_with_double()
    assert budget.files.used == 0


ROWS = (0, 0, 0, 9_999)
LARGE = Attr("z", "string", b"z" * 100_000)
MANIFEST = ManifestGroup(["id"], ["name"], {n: [f"n{n:06}"] for n in range(2_000)})

# By limit: a value, and a file that needs more; the memory that it would take without the limit is never requested.
ASKS_FOR_MORE: dict[str, tuple[int, Callable[[], bytes]]] = {
    "header_bytes": (10_000, lambda: ex.build([Part(extra=[LARGE])])),
    "attributes": (10, lambda: ex.build([Part(extra=[Attr(f"a{n}", "int", bytes(4)) for n in range(10)] + [LARGE])])),
    "parts": (1, lambda: ex.build([Part(name="a"), Part(name="b", extra=[LARGE])])),
    "channels": (10, lambda: ex.build([Part(channels=[Channel(f"c{n}") for n in range(2_000)])])),
    "name_bytes": (31, lambda: ex.build([Part(extra=[Attr("n" * 40, "int", bytes(4)), LARGE])])),
    "chunks": (1_000, lambda: ex.build([Part(channels=[Channel("Y")], data_window=ROWS)])),
    "table_bytes": (1_000, lambda: ex.build([Part(channels=[Channel("Y")], data_window=ROWS)])),
    "string_bytes": (50_000, lambda: ex.build([Part(extra=[LARGE])])),
    "inflated_bytes": (1_000, lambda: ex.build([Part(extra=[ex.a_idmanifest([MANIFEST])])])),
    "manifest_entries": (1_000, lambda: ex.build([Part(extra=[ex.a_idmanifest([MANIFEST])])])),
    "image_px": (1_000, lambda: ex.build([Part(channels=[Channel("Y")], data_window=ROWS)])),
    "tile_px": (
        8,
        lambda: ex.build(
            [Part(kind="tiledimage", channels=[Channel("Y")], tiles=Tiles(9, 9), data_window=(0, 0, 899, 899))]
        ),
    ),
}


def asked_of(data: bytes, settings: dict[str, str]) -> tuple[int, str]:
    """The bytes of memory that a file requests, and its error."""
    found = load_settings(settings, secrets_dir=None)
    inspector = Inspector.from_settings(found)
    with inspector.memory.file() as memory:
        source = SourceOpener(found).open_bytes(data)
        inspection = inspector.inspect(source, builtin_policy("default"), memory=memory)
        said = " ".join([inspection.error_message or "", *(finding.message for finding in inspection.findings)])
        return memory.asked, said


@pytest.mark.parametrize("limit", [field.name for field in dataclasses.fields(Limits)])
def test_a_limit_is_reached_before_memory_is_asked_for(limit: str) -> None:
    value, made = ASKS_FOR_MORE[limit]
    data, setting = made(), f"EXR_MAX_{limit.upper()}"
    asked, said = asked_of(data, {})
    assert setting not in said
    asked_within, said = asked_of(data, {setting: str(value)})
    assert setting in said
    assert asked_within < asked


def test_more_than_the_memory_of_all_files_is_the_files_own_outcome() -> None:
    inspector = Inspector.from_settings(load_settings({"EXR_MEMORY_MIB": "8"}, secrets_dir=None))
    source = SourceOpener(load_settings({}, secrets_dir=None)).open_bytes(ex.build([Part(extra=[LARGE])]))
    found = inspector.inspect(source, builtin_policy("default"))
    assert found.error_code == "LIMIT_EXCEEDED"
    assert "EXR_MEMORY_MIB" in (found.error_message or "")
    assert inspector.memory.files.used == 0


def test_a_text_is_read_whole_or_refused_and_the_memory_decides() -> None:
    text = "x" * 1_000_000
    data = ex.build([Part(extra=[ex.a_string("note", text)])])
    found = {}
    for mib in (64, 128):
        settings = load_settings({"EXR_MEMORY_MIB": str(mib)}, secrets_dir=None)
        source = SourceOpener(settings).open_bytes(data)
        found[mib] = Inspector.from_settings(settings).inspect(source, builtin_policy("default"))
    assert found[64].error_code == "LIMIT_EXCEEDED"
    assert "EXR_MEMORY_MIB" in (found[64].error_message or "")
    assert found[128].error_code is None
    assert found[128].header is not None
    assert found[128].header.parts[0].text("note") == text
