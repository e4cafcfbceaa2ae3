"""Generate `docs/queries.md` from the cookbook."""

from __future__ import annotations

from exr_inspector.catalog.outcomes import Outcome
from exr_inspector.catalog.queries.cookbook import Parameter, Query, cookbook

_QUESTIONS = {
    "1": "List by path prefix, page by page",
    "2": "One file in full by its path",
    "3": "Layers over a sequence",
    "4": "Typed attribute search",
    "5": "Distinct values of a column for a filter list",
    "6": "Sequences: gaps, drift, duplicates",
    "7": "Is it processed?",
    "8": "Is it complete and valid?",
    "9": "What happened to a file, and does reprocessing add rows?",
    "10": "Which frames hold this object?",
    "11": "Which pictures look alike?",
    "panels": "Panels and badges",
}
_HEAD = """# Queries

Generated from `exr_inspector/catalog/queries/*.sql` by `./run docs`; tests compare the two and run
every query. The columns are explained in [tables.md](tables.md).

## How to run them

- `./run query listing --param prefix=samples/ --catalog .local/demo.duckdb`, or any SQL text instead of the name;
  `--format json`, `csv` or `parquet` for programs. With `--catalog FILE` it queries a local database, even while a server
  has the file open. Otherwise it queries the database of `VAST_DB_ENDPOINT`, by VAST's ADBC driver
  (`pip install adbc-driver-vastdb`), or without the driver through the SDK, which answers queries of one table. The name of
  the queried catalog is printed on standard error.
- With another client: [connections](#connections). The tables are `"<bucket>/<schema>".files` and so on in the
  database's own query engine, `vast."<bucket>|<schema>".files` in Trino, `ndb.<bucket>.<schema>.files` in Spark. Put
  values in place of `:name`. The statements are in DuckDB's dialect, which is that of VAST's query engine, too; `./run
  query layers --show trino` (or `spark`) prints a query for Trino 478 or Spark 3.5.
- From Python: `exr_inspector.open_catalog(...).query(NAME or SQL, **parameters)`, as [python.md](python.md) shows.

`prefix_end` is the smallest text above all texts that begin with `prefix`: `renders0` for `renders/`, since 0 follows the slash
in ASCII. `./run query` derives it. With a range, unlike with a function, a server can skip rows of sorted tables.

Join child tables on `file_id` and `content_key`, so that rows of another version are never included.
"""
_CONNECTIONS = """## Connections

`ENDPOINT` is the URL of the database's virtual IP, or of `./run localdb serve`; a local server answers the SDK and ADBC.

**ADBC** (`pip install adbc-driver-vastdb`), and polars over it:

```python
import adbc_driver_manager.dbapi as dbapi
import adbc_driver_vastdb
import polars

keys = {"vast.db.endpoint": ENDPOINT, "vast.db.access_key": ACCESS_KEY, "vast.db.secret_key": SECRET_KEY}
with (
    dbapi.connect(driver=adbc_driver_vastdb.get_driver_path(), db_kwargs=keys) as connection,
    connection.cursor() as cursor,
):
    cursor.execute('SELECT path, width, height FROM "vastdb/exr_inspector".files')
    frame = polars.from_arrow(cursor.fetch_arrow_table())
```

**The vastdb SDK**, pandas, and DuckDB over what it reads:

```python
import duckdb
import vastdb

session = vastdb.connect(endpoint=ENDPOINT, access=ACCESS_KEY, secret=SECRET_KEY)
with session.transaction() as tx:
    table = tx.bucket("vastdb").schema("exr_inspector").table("files")
    files = table.select(["path", "width"], table["path"].startswith("renders/")).read_all()
frame = files.to_pandas()
wide = duckdb.sql("SELECT path FROM files WHERE width > 4000")
```

**DuckDB's shell on the file** of a local database that no server has open; `FROM files` and all queries of this page then work,
with values in place of `:name`:

```
duckdb -readonly catalog.duckdb -cmd 'USE "vastdb/exr_inspector"'
```

and from Python:

```python
import duckdb

with duckdb.connect("catalog.duckdb", read_only=True) as database:
    frame = database.sql('SELECT path FROM "vastdb/exr_inspector".files').to_df()
```

**Trino** with VAST's connector as the catalog `vast` (`pip install trino`):

```python
import trino

connection = trino.dbapi.connect(host="trino", port=8080, user="me", catalog="vast", schema="vastdb|exr_inspector")
rows = connection.cursor().execute("SELECT path, width FROM files WHERE is_deep").fetchall()
```

**Spark 3.5** with VAST's connector, whose jar and settings come with the cluster's release:

```python
session.sql("USE ndb.vastdb.exr_inspector")
text = ...  # what `./run query layers --show spark` prints
frame = session.sql(text, args={"sequence": "renders/sh1/beauty.####.exr"})
```

"""
_COST = """## What writing and reading costs

Requests to the database, which take most of the time; the local server counts them, and `tests/contract/catalog/test_store.py`
asserts the numbers. A process sends one more request, for the server's version. Table metadata cost no request.

| | Header only | With statistics and findings |
| --- | --- | --- |
| New file | 10 | 12 |
| Unchanged file (its row in `inspections` included) | 4 | 4 |
| Replaced file | 19 | 23 |
| Removed file | 15 | 17 |
| 500 new files in one batch | 10 | 12 |
| 500 unchanged files in one batch | 4 | 4 |
| Is this version current? (one file or thousands) | 3 | 3 |
| One file in full | 8 | 8 |

A file with thumbnails takes one more request to store, and two more to replace or remove.

A batch takes one more request for every 4 MB of rows of one table. A new file needs: begin, look-up of the file, read and
update of its guard row, one insert per table with rows, the row in `inspections`, commit. Selects send their predicates to
the server; a test counts the rows that are returned.

`./run bench catalog` measures how the time grows with the tables, on local databases of three sizes in one run. CPU time of
client and local server together: in ms per file with 1,000 files stored, and its ratios with more; in the last column without
the local server's indexes (`--no-index`):

| | 1,000 files | 100,000 | 1,000,000 | 100,000 without |
| --- | --- | --- | --- | --- |
| New | 74 | 1.03 | 1.01 | 1.05 |
| Unchanged | 28 | 1.03 | 1.01 | 0.98 |
| Replaced, stored a moment ago | 133 | 1.05 | 1.06 | 1.19 |
| Replaced, stored long ago | 129 | 1.16 | 1.16 | 1.26 |
| New, one of a batch of 100 | 1.5 | 0.95 | 0.97 | 1.14 |
| Unchanged, one of 100 | 0.67 | 1.07 | 1.16 | 1.16 |
| Replaced, one of 100 stored a moment ago | 2.6 | 1.09 | 1.07 | 1.32 |
| Replaced, one of 100 spread over all files | 2.7 | 1.36 | 3.3 | 1.41 |

The number of requests does not grow. Without indexes the look-ups grow, most for a replaced file: its rows are looked up in
all child tables, which have 14 million rows at a million files. Replacing a file that was stored long ago then takes 6.8
times as long as with 1,000 files, and 8.4 times in a batch of 100. The local server therefore indexes columns that are often
looked up ([how](local-vastdb.md#look-ups)). The last line still grows, since DuckDB scans a whole row group (122,880 rows)
for any row in it, and the rows of 100 files spread over a million are in all 74 groups of `attributes`. Files that are
replaced together were mostly stored together.

For look-ups on a cluster see [scale.md](scale.md#look-ups).
"""
_OUTCOMES = """## Outcomes in `inspections`

| Outcome | Meaning |
| --- | --- |
"""


def _default(parameter: Parameter) -> str:
    if parameter.is_required:
        return "required"
    return f"derived from `{parameter.prefix}`" if parameter.prefix else repr(parameter.default)


def _section(query: Query) -> str:
    parameters = "".join(
        f"- `{item.name}` ({item.kind}, {_default(item)}): {item.meaning}\n" for item in query.parameters
    )
    described = " ".join(filter(None, (query.description, query.when_empty)))
    return f"### {query.name}\n\n{described}\n\n{parameters}\n```sql\n{query.statement}\n```\n"


def render() -> str:
    """Render the page."""
    parts = [_HEAD]
    for number, title in _QUESTIONS.items():
        parts.append(f"## {title}\n" if number == "panels" else f"## {number}. {title}\n")
        parts += [_section(query) for query in cookbook().values() if query.question == number]
    parts += [_CONNECTIONS, _COST]
    parts.append(_OUTCOMES + "\n".join(f"| `{item.value}` | {item.meaning} |" for item in Outcome) + "\n")
    return "\n".join(parts)
