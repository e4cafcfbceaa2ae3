"""An S3 event becomes a row of VAST DataBase, in the style of the blueprints written for 5.4: flat secrets, old import."""

from urllib.parse import unquote_plus

import pyarrow as pa
import vastdb
from opentelemetry import trace
from vast_runtime.vast_event import VastEvent

COLUMNS = pa.schema([("path", pa.string()), ("size", pa.int64())])


def init(ctx):
    with ctx.tracer.start_as_current_span("Initialization"):
        ctx.session = vastdb.connect(
            endpoint=ctx.secrets["vdbendpoint"],
            access=ctx.secrets["vdbaccesskey"],
            secret=ctx.secrets["vdbsecretkey"],
        )
        with ctx.session.transaction() as transaction:
            schema = transaction.bucket(ctx.secrets["vdbbucket"]).create_schema("demo", fail_if_exists=False)
            schema.create_table("objects", COLUMNS, fail_if_exists=False)


def handler(ctx, event: VastEvent):
    data = event.get_data()
    # Some releases return the complete event.
    records = data.get("data", data)["Records"]
    rows = [
        {
            "path": f"{record['s3']['bucket']['name']}/{unquote_plus(record['s3']['object']['key'])}",
            "size": record["s3"]["object"].get("size"),
        }
        for record in records
    ]
    with ctx.tracer.start_as_current_span("Insert") as span, ctx.session.transaction() as transaction:
        assert trace.get_current_span() is span
        table = transaction.bucket(ctx.secrets["vdbbucket"]).schema("demo").table("objects")
        table.insert(pa.RecordBatch.from_pylist(rows, schema=COLUMNS))
        span.set_attribute("rows", len(rows))
    return {"status": "success", "rows": len(rows)}
