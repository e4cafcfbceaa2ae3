"""Which failures come again and which become a row, each by what the function does with a real one.

A retryable failure says nothing of the object: the handler raises, and neither the stored row nor the audit table changes. Of
a failure of the database the whole batch is told at once; only rows that the database refuses are tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dataengine_local.context import LocalContext
from dataengine_local.events import element_event
from exr_inspector import errors
from exr_inspector.catalog.schema import GUARDS
from exr_inspector.catalog.sdk.work import ROW_ID, rows_of
from exr_inspector.errors import CatalogError, ExrInspectorError
from exr_inspector.function.handler import Service
from exr_inspector.function.telemetry import Telemetry
from tests.chaos.house import BUCKET, House, house
from tests.support.documented import Documented
from tests.support.faulty_s3 import Drop, Request, Short, Stall, Status
from vastdb_local import Fault, FaultKind

REMOVED = "ObjectRemoved:Delete"
KEY = "shot/a.exr"


@pytest.fixture(scope="module")
def shared() -> Iterator[House]:
    with house(EXR_DB_RETRY_SECONDS="0.2", S3_RETRIES="0", S3_TIMEOUT_SECONDS="0.3") as made:
        yield made


def service(home: House, **changes: str) -> Service:
    return Service.from_settings(home.settings(**changes), Telemetry.from_context(LocalContext("test")))


def event(key: str = KEY, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    return element_event(BUCKET, key, event_name=name)


def stored(home: House) -> tuple[list[tuple[Any, ...]], int]:
    """What tells whether anything was written: status and version of every row, and the number of audit rows."""
    rows = [(row["path"], row["status"], row["etag"], row["inspection_id"]) for row in home.rows("files")]
    return sorted(rows), len(home.rows("inspections"))


def raised(call: Callable[[], object]) -> ExrInspectorError:
    with pytest.raises(ExrInspectorError) as caught:
        call()
    return caught.value


# --- the store ---------------------------------------------------------------------------------------------

STORE_COMES_AGAIN = [
    (Status(404, "NoSuchBucket"), "SOURCE_BUCKET"),
    (Status(403, "RequestTimeTooSkewed"), "SOURCE_CREDENTIALS"),
    (Status(403, "SignatureDoesNotMatch"), "SOURCE_CREDENTIALS"),
    (Status(403, "InvalidAccessKeyId"), "SOURCE_CREDENTIALS"),
    (Status(400, "ExpiredToken"), "SOURCE_CREDENTIALS"),
    (Status(401), "SOURCE_CREDENTIALS"),
    (Status(412), "SOURCE_CHANGED"),
    (Status(429, "SlowDown"), "SOURCE_UNAVAILABLE"),
    (Status(500, "InternalError"), "SOURCE_UNAVAILABLE"),
    (Status(502), "SOURCE_UNAVAILABLE"),
    (Status(503, "SlowDown"), "SOURCE_UNAVAILABLE"),
    (Drop(), "SOURCE_UNAVAILABLE"),
    (Short(50), "SOURCE_UNAVAILABLE"),
    (Stall(0.6), "SOURCE_UNAVAILABLE"),
]
STORE_IS_FINAL = [
    (Status(403, "AccessDenied"), "SOURCE_ACCESS_DENIED"),
    (Status(403, "InvalidObjectState"), "SOURCE_UNREADABLE"),
    (Status(400, "KMS.DisabledException"), "SOURCE_UNREADABLE"),
]


def name_of(value: object) -> str:
    return f"{value.code}{value.name}" if isinstance(value, Status) else str(getattr(value, "__name__", value))


@pytest.mark.failure(
    "raised",
    "a failure of the store that does not concern the object, after it is over",
    "no row changes; the next delivery has outcome `replaced`",
    "nothing",
)
@pytest.mark.parametrize(("fault", "code"), STORE_COMES_AGAIN, ids=name_of)
def test_a_failure_that_says_nothing_of_the_object_comes_again_and_changes_no_row(
    home: House, fault: Any, code: str, documented: Documented
) -> None:
    home.put(KEY)
    handling = service(home)
    handling.handle(event())
    home.put(KEY, "layers.exr")
    before = stored(home)
    home.s3.chance(1.0, fault, seed=1)
    assert raised(lambda: handling.handle(event())).code == code
    assert stored(home) == before
    home.s3.chance(0.0, seed=1)
    documented(handling.handle(event())["outcome"])
    assert home.differences() == []


@pytest.mark.parametrize(("fault", "code"), STORE_IS_FINAL, ids=name_of)
def test_a_failure_of_the_object_itself_returns_with_a_row(home: House, fault: Any, code: str) -> None:
    home.put(KEY)
    home.s3.chance(1.0, fault, seed=1)
    result = service(home).handle(event())
    assert (result["status"], result["error_code"]) == ("failed", code)
    assert [row["error_code"] for row in home.rows("files")] == [code]


@pytest.mark.failure(
    "raised",
    "a removal, while the store does not answer whether the object exists",
    "no row changes; `removed` when it is delivered again",
    "nothing; if it lasts, check the store",
)
@pytest.mark.parametrize(
    "fault", [fault for fault, _ in STORE_COMES_AGAIN if not isinstance(fault, Short)], ids=name_of
)
def test_a_removal_is_not_carried_out_while_the_store_cannot_be_asked(
    home: House, fault: Any, documented: Documented
) -> None:
    home.put(KEY)
    handling = service(home)
    handling.handle(event())
    before = stored(home)
    home.s3.delete(BUCKET, KEY)
    home.s3.chance(1.0, fault, seed=1)
    raised(lambda: handling.handle(event(name=REMOVED)))
    assert stored(home) == before
    home.s3.chance(0.0, seed=1)
    documented(handling.handle(event(name=REMOVED))["status"])


@pytest.mark.failure(
    "row",
    "the key is longer than the 1,024 bytes that S3 allows",
    "`SOURCE_KEY`, without a request",
    "use a shorter key",
)
def test_a_key_longer_than_s3_allows_is_a_row_without_a_request(home: House, documented: Documented) -> None:
    handling = service(home)
    too_long = "ä" * 510 + "a.exr"  # 1,025 bytes in UTF-8
    allowed = too_long.replace("a.exr", ".exr")
    home.put(allowed)
    assert handling.handle(event(allowed))["status"] == "inspected"
    before = home.s3.count()
    result = handling.handle(event(too_long))
    assert result["status"] == "failed"
    documented(result["error_code"])
    assert handling.handle(event(too_long, REMOVED))["status"] == "removed"
    assert home.s3.count() == before
    assert home.differences() == []


def test_an_object_overwritten_while_it_is_read_comes_again_and_changes_no_row(home: House) -> None:
    home.put(KEY, "cryptomatte_manifest_126k.exr")
    handling = service(home, EXR_INITIAL_READ_BYTES="1000")

    def overwrite(request: Request) -> None:
        if request.headers.get("if-match"):
            home.put(KEY, "layers.exr")

    before = stored(home)
    home.s3.hook = overwrite
    assert raised(lambda: handling.handle(event())).code == "SOURCE_CHANGED"
    assert stored(home) == before


def test_what_the_deadline_ends_comes_again_and_changes_no_row(home: House) -> None:
    home.put(KEY)
    handling = service(home, EXR_DEADLINE_SECONDS="1", S3_TIMEOUT_SECONDS="10")
    before = stored(home)
    home.s3.chance(1.0, Stall(2.0), seed=1)
    assert raised(lambda: handling.handle(event())).code == "DEADLINE"
    assert stored(home) == before


# --- the database ------------------------------------------------------------------------------------------

KEYS = [f"shot/{index}.exr" for index in range(4)]


def attempts(handling: Service, keys: list[str]) -> tuple[str, int]:
    """Store a batch that fails: the code it is raised with, and how often storing was tried."""
    upsert = handling._catalog.upsert
    tried = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        tried.append(1)
        return upsert(*args, **kwargs)

    handling._catalog.upsert = counted  # type: ignore[method-assign]  # counts, and does the real thing
    try:
        code = raised(lambda: handling.handle_batch([event(key) for key in keys])).code
    finally:
        handling._catalog.upsert = upsert  # type: ignore[method-assign]
    return code, len(tried)


def lose_column(home: House) -> None:
    with home.catalog.connection.session().transaction() as tx:
        table = tx.bucket(home.database.bucket).schema(home.catalog.connection.config.schema).table("files")
        table.drop_column(table.arrow_schema.empty_table().select(["owner"]).schema)


def lose_table(home: House) -> None:
    with home.catalog.connection.session().transaction() as tx:
        tx.bucket(home.database.bucket).schema(home.catalog.connection.config.schema).table("files").drop()


def lose_guards(home: House) -> None:
    def delete(work: Any) -> None:
        work.delete(GUARDS, [row[ROW_ID] for row in rows_of(work.select(GUARDS, ["guard_id"], row_ids=True))])

    home.catalog.connection.run("lose the guards", delete)


def conflict(home: House) -> None:
    home.database.faults.chance("commit", 1.0, Fault(FaultKind.CONFLICT))


def outage(home: House) -> None:
    home.database.faults.chance("begin", 1.0, Fault(FaultKind.INTERNAL_ERROR))


def nothing(home: House) -> None:
    """The settings are what is wrong."""


DATABASE_COMES_AGAIN: list[tuple[Callable[[House], None], dict[str, str], str]] = [
    (nothing, {"VAST_DB_ACCESS_KEY": "somebody"}, "CATALOG_DENIED"),
    (nothing, {"VAST_DB_SCHEMA": "never_made"}, "CATALOG_SCHEMA_MISSING"),
    (lose_table, {}, "CATALOG_SCHEMA_MISSING"),
    (lose_guards, {}, "CATALOG_SCHEMA_MISSING"),
    (lose_column, {}, "CATALOG_SCHEMA_DRIFT"),
    (conflict, {}, "CATALOG_CONFLICT"),
    (outage, {}, "CATALOG_UNAVAILABLE"),
]


@pytest.mark.failure(
    "batch",
    "the database fails, or its tables are missing or differ",
    "`CATALOG_DENIED|CATALOG_SCHEMA_MISSING|CATALOG_SCHEMA_DRIFT|CATALOG_CONFLICT|CATALOG_UNAVAILABLE` "
    "for the whole batch, after as many attempts as for one event",
    "as for a single event",
)
@pytest.mark.slow  # tables of its own for each case
@pytest.mark.parametrize(
    ("harm", "changes", "code"),
    DATABASE_COMES_AGAIN,
    ids=lambda value: getattr(value, "__name__", value if isinstance(value, str) else ""),
)
def test_a_failure_of_the_database_is_everybodys_and_is_not_looked_for_row_by_row(
    harm: Callable[[House], None], changes: dict[str, str], code: str, documented: Documented
) -> None:
    with house(EXR_DB_RETRY_SECONDS="0.2") as home:
        for key in KEYS:
            home.put(key)
        harm(home)
        handling = service(home, **changes)
        one, tried_for_one = attempts(handling, KEYS[:1])
        four, tried_for_four = attempts(handling, KEYS)
        assert (one, four) == (code, code)
        documented(four)
        assert tried_for_four == tried_for_one


@pytest.mark.failure(
    "together",
    "a group or batch contains rows that the database rejects",
    "they are stored one by one: `CATALOG` for those that it rejects",
    "report the message",
)
def test_rows_that_are_refused_are_looked_for_one_by_one(home: House, documented: Documented) -> None:
    for key in KEYS:
        home.put(key)
    handling = service(home)
    upsert = handling._catalog.upsert

    def refuse_last(inspections: Any, **kwargs: Any) -> Any:
        if any(inspection.key == KEYS[-1] for inspection in inspections):
            raise CatalogError("the database answered 400")
        return upsert(inspections, **kwargs)

    handling._catalog.upsert = refuse_last  # type: ignore[method-assign]  # a server that refuses one row is not at hand
    documented(raised(lambda: handling.handle_batch([event(key) for key in KEYS])).code)
    assert sorted(row["key"] for row in home.rows("files")) == KEYS[:-1]


# --- no code is left out -----------------------------------------------------------------------------------

ELSEWHERE = {
    "MEMORY_BUSY": "tests/unit/test_memory.py",  # never ends an event: its file is done again, alone
    "INGEST_WORKER": "tests/contract/ingest/test_processes.py",
    "DECODER_KILLED": "tests/contract/function/test_isolation.py",
}


def test_every_retryable_error_is_among_these_cases() -> None:
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, ExrInspectorError)]
    retryable = {item.code for item in classes if item.retryable}
    shown = {code for _, code in STORE_COMES_AGAIN} | {code for *_, code in DATABASE_COMES_AGAIN} | {"DEADLINE"}
    assert retryable == shown | set(ELSEWHERE)
    assert not retryable & {code for _, code in STORE_IS_FINAL}
