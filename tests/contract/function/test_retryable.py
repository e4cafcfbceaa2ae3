"""Which failures are retried and which become a row, tested with real failures.

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
from tests.chaos.stack import BUCKET, LocalStack, local_stack
from tests.support.documented import Documented
from tests.support.faulty_s3 import Drop, Request, Short, Stall, Status
from vastdb_local import Fault, FaultKind

REMOVED = "ObjectRemoved:Delete"
KEY = "shot/a.exr"


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalStack]:
    with local_stack(EXR_DB_RETRY_SECONDS="0.2", S3_RETRIES="0", S3_TIMEOUT_SECONDS="0.3") as made:
        yield made


def service(stack: LocalStack, **changes: str) -> Service:
    return Service.from_settings(stack.settings(**changes), Telemetry(LocalContext("test")))


def event(key: str = KEY, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    return element_event(BUCKET, key, event_name=name)


def stored(stack: LocalStack) -> tuple[list[tuple[Any, ...]], int]:
    """What shows whether something was written: status and version of every row, and the number of audit rows."""
    rows = [(row["path"], row["status"], row["etag"], row["inspection_id"]) for row in stack.rows("files")]
    return sorted(rows), len(stack.rows("inspections"))


def raised(call: Callable[[], object]) -> ExrInspectorError:
    with pytest.raises(ExrInspectorError) as caught:
        call()
    return caught.value


# --- the store ---------------------------------------------------------------------------------------------

# Each error class by the answers of its kind; tests/unit/storage/test_failures.py has every answer.
STORE_COMES_AGAIN = [
    (Status(404, "NoSuchBucket"), "SOURCE_BUCKET"),
    (Status(403, "SignatureDoesNotMatch"), "SOURCE_CREDENTIALS"),
    (Status(400, "ExpiredToken"), "SOURCE_CREDENTIALS"),
    (Status(412), "SOURCE_CHANGED"),
    (Status(200, body=b"<html>Sign in</html>", etag='"a page"'), "SOURCE_UNAVAILABLE"),
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
def test_a_failure_that_does_not_concern_the_object_is_retried_and_changes_no_row(
    stack: LocalStack, fault: Any, code: str, documented: Documented
) -> None:
    stack.put(KEY)
    handling = service(stack)
    handling.handle(event())
    stack.put(KEY, "layers.exr")
    before = stored(stack)
    stack.s3.chance(1.0, fault, seed=1)
    assert raised(lambda: handling.handle(event())).code == code
    assert stored(stack) == before
    stack.s3.chance(0.0, seed=1)
    documented(handling.handle(event())["outcome"])
    assert stack.differences() == []


@pytest.mark.parametrize(("fault", "code"), STORE_IS_FINAL, ids=name_of)
def test_a_failure_of_the_object_itself_returns_with_a_row(stack: LocalStack, fault: Any, code: str) -> None:
    stack.put(KEY)
    stack.s3.chance(1.0, fault, seed=1)
    result = service(stack).handle(event())
    assert (result["status"], result["error_code"]) == ("failed", code)
    assert [row["error_code"] for row in stack.rows("files")] == [code]


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
    stack: LocalStack, fault: Any, documented: Documented
) -> None:
    stack.put(KEY)
    handling = service(stack)
    handling.handle(event())
    before = stored(stack)
    stack.s3.delete(BUCKET, KEY)
    stack.s3.chance(1.0, fault, seed=1)
    raised(lambda: handling.handle(event(name=REMOVED)))
    assert stored(stack) == before
    stack.s3.chance(0.0, seed=1)
    documented(handling.handle(event(name=REMOVED))["status"])


@pytest.mark.failure(
    "row",
    "the key is longer than the 1,024 bytes that S3 allows",
    "`SOURCE_KEY`, without a request",
    "use a shorter key",
)
def test_a_key_longer_than_s3_allows_is_a_row_without_a_request(stack: LocalStack, documented: Documented) -> None:
    handling = service(stack)
    too_long = "ä" * 510 + "a.exr"  # 1,025 bytes in UTF-8
    allowed = too_long.replace("a.exr", ".exr")
    stack.put(allowed)
    assert handling.handle(event(allowed))["status"] == "inspected"
    before = stack.s3.count()
    result = handling.handle(event(too_long))
    assert result["status"] == "failed"
    documented(result["error_code"])
    assert handling.handle(event(too_long, REMOVED))["status"] == "removed"
    assert stack.s3.count() == before
    assert stack.differences() == []


def test_an_object_overwritten_while_it_is_read_is_retried_and_changes_no_row(stack: LocalStack) -> None:
    stack.put(KEY, "cryptomatte_manifest_126k.exr")
    handling = service(stack, EXR_INITIAL_READ_BYTES="1000")

    def overwrite(request: Request) -> None:
        if request.headers.get("if-match"):
            stack.put(KEY, "layers.exr")

    before = stored(stack)
    stack.s3.hook = overwrite
    assert raised(lambda: handling.handle(event())).code == "SOURCE_CHANGED"
    assert stored(stack) == before


def test_what_the_deadline_ends_is_retried_and_changes_no_row(stack: LocalStack) -> None:
    stack.put(KEY)
    handling = service(stack, EXR_DEADLINE_SECONDS="1", S3_TIMEOUT_SECONDS="10")
    before = stored(stack)
    stack.s3.chance(1.0, Stall(2.0), seed=1)
    assert raised(lambda: handling.handle(event())).code == "DEADLINE"
    assert stored(stack) == before


# --- the database ------------------------------------------------------------------------------------------

KEYS = [f"shot/{index}.exr" for index in range(4)]


def attempts(handling: Service, keys: list[str]) -> tuple[str, int]:
    """Store a batch that fails; returns the code of the error, and the number of attempts to store."""
    upsert = handling._catalog.upsert
    tried = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        tried.append(1)
        return upsert(*args, **kwargs)

    handling._catalog.upsert = counted  # counts, and does the real thing
    try:
        code = raised(lambda: handling.handle_batch([event(key) for key in keys])).code
    finally:
        handling._catalog.upsert = upsert
    return code, len(tried)


def lose_column(stack: LocalStack) -> None:
    with stack.catalog.connection.session().transaction() as tx:
        table = tx.bucket(stack.database.bucket).schema(stack.catalog.connection.config.schema).table("files")
        table.drop_column(table.arrow_schema.empty_table().select(["owner"]).schema)


def lose_table(stack: LocalStack) -> None:
    with stack.catalog.connection.session().transaction() as tx:
        tx.bucket(stack.database.bucket).schema(stack.catalog.connection.config.schema).table("files").drop()


def lose_guards(stack: LocalStack) -> None:
    def delete(work: Any) -> None:
        work.delete(GUARDS, [row[ROW_ID] for row in rows_of(work.select(GUARDS, ["guard_id"], row_ids=True))])

    stack.catalog.connection.run("lose the guards", delete)


def conflict(stack: LocalStack) -> None:
    stack.database.faults.chance("commit", 1.0, Fault(FaultKind.CONFLICT))


def outage(stack: LocalStack) -> None:
    stack.database.faults.chance("begin", 1.0, Fault(FaultKind.INTERNAL_ERROR))


def nothing(stack: LocalStack) -> None:
    """The settings are wrong, not the file."""


DATABASE_COMES_AGAIN: list[tuple[Callable[[LocalStack], None], dict[str, str], str]] = [
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
@pytest.mark.slow  # separate tables for each case
@pytest.mark.parametrize(
    ("harm", "changes", "code"),
    DATABASE_COMES_AGAIN,
    ids=lambda value: getattr(value, "__name__", value if isinstance(value, str) else ""),
)
def test_a_database_failure_fails_the_whole_batch_without_trying_single_rows(
    harm: Callable[[LocalStack], None], changes: dict[str, str], code: str, documented: Documented
) -> None:
    with local_stack(EXR_DB_RETRY_SECONDS="0.2") as stack:
        for key in KEYS:
            stack.put(key)
        harm(stack)
        handling = service(stack, **changes)
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
def test_rows_that_are_refused_are_looked_for_one_by_one(stack: LocalStack, documented: Documented) -> None:
    for key in KEYS:
        stack.put(key)
    handling = service(stack)
    upsert = handling._catalog.upsert

    def refuse_last(inspections: Any, **kwargs: Any) -> Any:
        if any(inspection.key == KEYS[-1] for inspection in inspections):
            raise CatalogError("the database answered 400")
        return upsert(inspections, **kwargs)

    handling._catalog.upsert = refuse_last  # a server that refuses one row is not at hand
    documented(raised(lambda: handling.handle_batch([event(key) for key in KEYS])).code)
    assert sorted(row["key"] for row in stack.rows("files")) == KEYS[:-1]


# --- no code is left out -----------------------------------------------------------------------------------

ELSEWHERE = {
    "MEMORY_BUSY": "tests/unit/test_memory.py",  # never ends an event: its file is read again, alone
    "INGEST_WORKER": "tests/contract/ingest/test_processes.py",
    "DECODER_KILLED": "tests/contract/function/test_isolation.py",
}


def test_every_retryable_error_is_among_these_cases() -> None:
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, ExrInspectorError)]
    retryable = {item.code for item in classes if item.retryable}
    shown = {code for _, code in STORE_COMES_AGAIN} | {code for *_, code in DATABASE_COMES_AGAIN} | {"DEADLINE"}
    assert retryable == shown | set(ELSEWHERE)
    assert not retryable & {code for _, code in STORE_IS_FINAL}
