"""`localdb`: serve a VAST DataBase from a DuckDB file on this machine."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click

from vastdb_local import LocalVastDB


@click.group(name="localdb")
def command() -> None:
    """A VAST DataBase on this machine, kept in a DuckDB file.

    \b
    Examples:
      ./run localdb serve --catalog catalog.duckdb
      ./run localdb serve --catalog catalog.duckdb --port 9090 --access-key me --secret-key mine
    """


@command.command()
@click.option(
    "--catalog", required=True, type=click.Path(path_type=Path, dir_okay=False), help="DuckDB file; made when missing."
)
@click.option("--port", default=9090, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--bucket", "buckets", default=("vastdb",), show_default=True, multiple=True, help="Bucket; may be repeated."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; others than this one reach you."
)
@click.option("--access-key", envvar="AWS_ACCESS_KEY_ID", help="The only key that is let in; made up when not given.")
@click.option("--secret-key", envvar="AWS_SECRET_ACCESS_KEY", help="Its secret; made up when not given.")
def serve(
    *, catalog: Path, port: int, buckets: tuple[str, ...], host: str, access_key: str | None, secret_key: str | None
) -> None:
    """Serve until interrupted. Prints what a client needs, as lines for a shell.

    \b
    Examples:
      ./run localdb serve --catalog catalog.duckdb
      ./run localdb serve --catalog /tmp/try.duckdb --port 0 --bucket vastdb --bucket other

    Without --access-key and --secret-key the keys are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or made up and
    printed.
    """
    if (access_key is None) != (secret_key is None):
        raise click.UsageError(
            "--access-key and --secret-key (or their environment variables) go together: give both or none"
        )
    server = LocalVastDB(catalog, bucket=buckets[0], host=host, port=port, access_key=access_key, secret_key=secret_key)
    for bucket in buckets[1:]:
        server.create_bucket(bucket)
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    with server:
        click.echo(f"AWS_S3_ENDPOINT_URL={server.endpoint}")
        if access_key is None:
            click.echo(f"AWS_ACCESS_KEY_ID={server.access_key}")
            click.echo(f"AWS_SECRET_ACCESS_KEY={server.secret_key}")
        click.echo(f"serving bucket {', '.join(buckets)} from {catalog}; Ctrl-C ends it", err=True)
        stop.wait()
