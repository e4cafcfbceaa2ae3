"""Engines that answer SQL over the tables: a DuckDB file, a query engine by VAST's ADBC driver, or the SDK with DuckDB.

SQL is written in DuckDB's dialect with bare table names, as in `SELECT path FROM files`.
"""

from __future__ import annotations

import importlib
import importlib.util
import operator
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import sqlglot
from sqlglot import exp

from exr_inspector.catalog.queries.faults import one_line, parsed, query_fault, require_one, writing_fault
from exr_inspector.catalog.schema import BY_NAME, FILES, Table
from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import Where, every
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.errors import CatalogError, CatalogUnavailable
from exr_inspector.texts import program_command

Values = Mapping[str, object]

DRIVER = "adbc_driver_vastdb"
_MOST_ROWS = 1_000_000  # fetched through the SDK from one table
_SCHEMAS_OF_FILE = """
SELECT s.view_schema
FROM _vast.schemas s JOIN _vast.tables t ON t.schema_id = s.id
WHERE t.name = $1
ORDER BY s.path = $2 DESC, s.id
"""
_COMPARISONS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}
_PICTURE = re.compile(r" LINE 1: .*\^$")
_UNREACHABLE = "Network error: "  # in the driver's error if no server answers
_SERVER_MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.)*)"')


class QueryEngine(Protocol):
    """Answers SQL.

    Attributes:
        name: Name of the catalog, for people.
    """

    name: str

    def ask(self, sql: str, values: Values) -> pa.Table:
        """The rows of one SELECT; `values` are its `$name` parameters.

        Raises:
            CatalogError: The statement fails, or the catalog cannot be reached.
        """


def has_driver() -> bool:
    """Whether VAST's ADBC driver is installed."""
    return importlib.util.find_spec(DRIVER) is not None


class FileEngine:
    """A DuckDB file of the local database that no server has open, read-only."""

    def __init__(self, path: Path, schema: str) -> None:
        self.name = str(path)
        self._path = path
        self._schema = schema

    def ask(self, sql: str, values: Values) -> pa.Table:
        """As `QueryEngine`."""
        import duckdb  # noqa: PLC0415 - not in the function's image

        with self._open() as connection, self._naming_damage():
            try:
                found = connection.execute(_SCHEMAS_OF_FILE, [FILES.name, self._schema]).fetchone()
            except duckdb.CatalogException as error:
                raise CatalogError(
                    f"{self._path} is a DuckDB file, but no catalog: name one that"
                    f" {program_command('ingest FOLDER --catalog FILE')} made"
                ) from error
            if found is None:
                raise CatalogError(
                    f"{self._path} has no tables yet: {program_command(f'db setup --catalog {self._path}')} creates them"
                )
            schema = exp.to_identifier(str(found[0]), quoted=True).sql("duckdb")
            connection.execute(f"SET schema = {exp.Literal.string(schema).sql('duckdb')}")
            return _run(connection, sql, values)

    def _open(self) -> Any:
        import duckdb  # noqa: PLC0415 - not in the function's image

        with self._naming_damage():
            # SQL can access only this file.
            return duckdb.connect(str(self._path), read_only=True, config={"enable_external_access": "false"})

    @contextmanager
    def _naming_damage(self) -> Iterator[None]:
        """Replace DuckDB's errors about the file by errors that say what to do.

        Raises:
            CatalogError: The file is damaged, is not a catalog, or is open in another program.
        """
        import duckdb  # noqa: PLC0415 - not in the function's image

        damage = (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
        try:
            yield
        except (CatalogError, duckdb.Error) as error:
            cause = error.__cause__ if isinstance(error, CatalogError) else error
            text = str(cause).lower()
            if "could not set lock" in text:
                raise CatalogError(f"{self._path} is open in another program: wait for it, or stop it") from error
            if "with version number" in text:
                raise CatalogError(
                    f"{self._path} was written by another version of DuckDB than {duckdb.__version__}: use the exr-inspector"
                    " that wrote it"
                ) from error
            if isinstance(cause, damage):
                raise CatalogError(
                    f"{self._path} is damaged or is not a catalog: restore a copy of it, or ingest the files into a new one"
                    f" ({program_command('ingest FOLDER --catalog NEW.duckdb')})"
                ) from error
            if isinstance(error, CatalogError):
                raise
            raise CatalogError(f"{self._path} cannot be opened as a catalog: {one_line(str(error))}") from error


class AdbcEngine:
    """The query engine of a cluster or of the local database, by VAST's ADBC driver."""

    def __init__(self, config: CatalogConfig) -> None:
        self.name = f"{config.endpoint}, {config.bucket}/{config.schema}, by ADBC"
        self._config = config

    def ask(self, sql: str, values: Values) -> pa.Table:
        """As `QueryEngine`."""
        from adbc_driver_manager import dbapi  # noqa: PLC0415 - the driver may be absent

        text = for_engine(sql, values, f"{self._config.bucket}/{self._config.schema}")
        options = {
            "vast.db.endpoint": self._config.endpoint,
            "vast.db.access_key": self._config.access_key,
            "vast.db.secret_key": self._config.secret_key,
        }
        if not self._config.tls_verify:
            options["vast.db.insecure_tls"] = "true"
        path = importlib.import_module(DRIVER).get_driver_path()

        def execute() -> pa.Table:
            with (
                dbapi.connect(driver=path, db_kwargs=options, autocommit=True) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute(text)
                return cursor.fetch_arrow_table()

        try:
            return _on_daemon_thread(execute)
        except (dbapi.Error, OSError) as error:
            if _UNREACHABLE in str(error):
                raise CatalogUnavailable(
                    f"could not connect to the database at {self._config.endpoint} (VAST_DB_ENDPOINT): no response"
                ) from error
            raise CatalogError(query_fault(_answered_by_server(str(error)), sql)) from error


class SdkEngine:
    """For databases without a query engine: reads the tables of a query with the SDK, and answers it with DuckDB.

    Comparisons of columns with constants are evaluated by the server. A query of several tables is refused unless `joins`.

    Args:
        connection: The database.
        name: Name of the catalog, for people.
        joins: Whether whole tables may be fetched, as from a local database.
    """

    def __init__(self, connection: Connection, name: str, *, joins: bool = False) -> None:
        self.name = f"{name}, by the SDK"
        self._connection = connection
        self._joins = joins

    def ask(self, sql: str, values: Values) -> pa.Table:
        """As `QueryEngine`."""
        import duckdb  # noqa: PLC0415 - not in the function's image

        tree = _filled(sql, values)
        for table in tree.find_all(exp.Table):
            if table.db and table.name in BY_NAME:
                _unknown(f"{table.db}.{table.name}")
        tables = [BY_NAME.get(table.name) or _unknown(table.name) for table in _bare_tables(tree)]
        if len(tables) != 1 and not self._joins:
            raise CatalogError(
                "this query needs the SQL engine of the database: `pip install adbc-driver-vastdb`;"
                " without the driver only queries of one table are answered. A catalog in a file needs no driver, also while a"
                " server has it open: --catalog FILE, in Python open_catalog(FILE)"
            )
        fetched = self._connection.run(
            "query", lambda work: {table.name: _fetch(work, table, tree, len(tables) == 1) for table in tables}
        )
        with duckdb.connect(config={"enable_external_access": "false"}) as connection:
            for name, rows in fetched.items():
                connection.register(name, rows)
            return _run(connection, sql, values)


def for_engine(sql: str, values: Values, place: str) -> str:
    """A statement for the database's query engine: tables with bucket and schema, parameters as literals.

    Args:
        sql: SQL in DuckDB's dialect with bare table names and `$name` parameters.
        values: Their values.
        place: `bucket/schema`.

    Raises:
        CatalogError: It cannot be parsed, or a parameter has no value.
    """
    tree = _filled(sql, values)
    for table in _bare_tables(tree):
        table.set("db", exp.to_identifier(place, quoted=True))
    return tree.sql(dialect="duckdb")


def database_engine(connection: Connection, *, joins: bool = False) -> QueryEngine:
    """The engine for a database: `AdbcEngine` if VAST's ADBC driver is installed, else `SdkEngine`."""
    config = connection.config
    if has_driver():
        return AdbcEngine(config)
    return SdkEngine(connection, f"{config.endpoint}, {config.bucket}/{config.schema}", joins=joins)


def _filled(sql: str, values: Values) -> exp.Expression:
    try:
        tree = parsed(sql)
    except sqlglot.errors.SqlglotError as error:
        errors = getattr(error, "errors", None) or [{"description": str(error), "line": ""}]
        raise CatalogError(f"the query fails: {errors[0]['description']} (in line {errors[0]['line']})") from error
    if refused := writing_fault(tree):
        raise CatalogError(refused)

    def fill(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Parameter | exp.Placeholder):
            return node
        if node.name not in values:
            raise CatalogError(
                f"the query needs the parameter {node.name}: --param {node.name}=..., in Python {node.name}=..."
            )
        return exp.convert(values[node.name])

    return tree.transform(fill)


def _bare_tables(tree: exp.Expression) -> list[exp.Table]:
    """The tables that a statement names without a schema, except those that it defines itself."""
    cte_names = {cte.alias for cte in tree.find_all(exp.CTE)}
    return [table for table in tree.find_all(exp.Table) if table.name and not table.db and table.name not in cte_names]


def _unknown(name: str) -> Table:
    raise CatalogError(query_fault(f"Table with name {name} does not exist", ""))


def _fetch(work: Work, table: Table, tree: exp.Expression, is_alone: bool) -> pa.Table:
    names = table.arrow.names
    used = {column.name for column in tree.find_all(exp.Column)}
    wanted = names if tree.find(exp.Star) else [name for name in names if name in used] or names[:1]
    tests = _pushed(tree, table) if is_alone else []
    batches = list(work.select(table, wanted, every(*tests), limit=_MOST_ROWS + 1))
    rows = pa.Table.from_batches(batches, pa.schema([table.arrow.field(name) for name in wanted]))
    if rows.num_rows > _MOST_ROWS:
        raise CatalogError(
            f"the query reads more than {_MOST_ROWS} rows of {table.name}: narrow it, or `pip install adbc-driver-vastdb`"
        )
    return rows


def _pushed(tree: exp.Expression, table: Table) -> list[Where]:
    """Predicates for the server: comparisons of columns with constants that all rows of the answer satisfy."""
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    if where is None or tree.find(exp.CTE, exp.Subquery):
        return []
    tests = []
    parts = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]  # type: ignore[no-untyped-call]  # sqlglot lacks it
    for part in parts:
        compare = _COMPARISONS.get(type(part))
        column, constant = part.args.get("this"), part.args.get("expression")
        if compare and isinstance(column, exp.Column) and isinstance(constant, exp.Literal):
            value = constant.to_py()
            if column.name in table.arrow.names and value != "":
                tests.append(_test(compare, column.name, value))
    return tests


def _test(compare: Callable[[Any, Any], Any], name: str, value: object) -> Where:
    return lambda handle: compare(handle[name], value)


def _on_daemon_thread(call: Callable[[], pa.Table], interrupt: Callable[[], None] | None = None) -> pa.Table:
    """Return or raise what `call` returns or raises, but let KeyboardInterrupt end it.

    Neither DuckDB nor the ADBC driver returns for a signal.

    Args:
        call: Executes a query.
        interrupt: Asks it to end; called for up to two seconds, since DuckDB ignores an interrupt before the query begins.
            Without it the call is left alone at once.
    """
    answer: Future[pa.Table] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
            answer.set_exception(error)

    try:
        threading.Thread(target=run, daemon=True).start()
        return answer.result()
    except KeyboardInterrupt:
        for _ in range(20):
            if interrupt and not answer.done():
                interrupt()
                wait([answer], 0.1)
        raise


def _run(connection: Any, sql: str, values: Values) -> pa.Table:
    import duckdb  # noqa: PLC0415 - not in the function's image

    def execute() -> pa.Table:
        require_one(len(connection.extract_statements(sql)))
        return connection.execute(sql, dict(values)).to_arrow_table()

    try:
        return _on_daemon_thread(execute, connection.interrupt)
    except duckdb.Error as error:
        raise CatalogError(query_fault(str(error), sql)) from error


def _answered_by_server(text: str) -> str:
    """What the server says, without DuckDB's picture of the place: the server was sent other SQL than the user wrote."""
    match = _SERVER_MESSAGE.search(text)
    return _PICTURE.sub("", match[1].replace('\\"', '"') if match else " ".join(text.split()))
