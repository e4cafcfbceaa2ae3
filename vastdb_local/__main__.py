"""`python -m vastdb_local serve`: a VAST DataBase on this machine, kept in a DuckDB file."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from functools import partial
from itertools import chain
from pathlib import Path
from types import FrameType

import click

from vastdb_local import LocalVastDB, entries_of_folder
from vastdb_local.errors import LocalDatabaseError

_SECONDS = {"ms": 1e-3, "s": 1.0}
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class _Duration(click.ParamType[float]):
    """A time such as `3ms` or `0.5s`, in seconds."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", str(value))
        if match is None:
            self.fail(f"{value!r} is not a time like 3ms or 0.5s", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


@click.group(name="localdb", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """A VAST DataBase on this machine, kept in a DuckDB file.

    \b
    Examples:
      python -m vastdb_local serve --catalog catalog.duckdb
      python -m vastdb_local serve --catalog catalog.duckdb --port 9191
    """


@command.command()
@click.option(
    "--catalog",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="DuckDB file; created if missing, readable by its owner only.",
)
@click.option("--port", default=9090, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option(
    "--bucket", "buckets", default=("vastdb",), show_default=True, multiple=True, help="Bucket; may be repeated."
)
@click.option(
    "--plain-bucket",
    "plain_buckets",
    multiple=True,
    help="Bucket without a database, which answers InvalidBucketState.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. The traffic is not encrypted: other machines reach any address but this one.",
)
@click.option("--access-key", envvar=_KEYS[0], show_envvar=True, help="Access key of clients; generated if missing.")
@click.option(
    "--secret-key",
    envvar=_KEYS[1],
    show_envvar=True,
    help="Its secret; generated if missing. Other users see options in the process list: prefer the variable or --keys.",
)
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=f"File with the lines {_KEYS[0]}=... and {_KEYS[1]}=...",
)
@click.option("--latency", type=_Duration(), default=0.0, help="Delay of each request, for benchmarks, as in 3ms.")
@click.option(
    "--server-version",
    default="5.5.0.0",
    show_default=True,
    help="VAST release to report; before 5.3.5 no sorted tables.",
)
@click.option(
    "--conflict-group",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Row ids in a group within which changes of rows conflict.",
)
@click.option(
    "--vast-catalog",
    "folders",
    multiple=True,
    metavar="PATH=FOLDER",
    help="Serve a VAST Catalog of a folder, as PATH on the cluster; may be repeated. /renders=/mnt/renders",
)
@click.option(
    "--vast-catalog-seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Time between two snapshots of the VAST Catalog.",
)
@click.option(
    "--max-connections", default=512, show_default=True, type=click.IntRange(min=1), help="Clients at the same time."
)
def serve(
    *,
    catalog: Path,
    port: int,
    buckets: tuple[str, ...],
    plain_buckets: tuple[str, ...],
    host: str,
    access_key: str | None,
    secret_key: str | None,
    keys_file: Path | None,
    latency: float,
    server_version: str,
    conflict_group: int,
    max_connections: int,
    folders: tuple[str, ...],
    vast_catalog_seconds: float,
) -> None:
    """Serve until interrupted. Prints what a client needs as lines for a shell.

    \b
    Examples:
      python -m vastdb_local serve --catalog catalog.duckdb
      python -m vastdb_local serve --catalog try.duckdb --port 0 --bucket vastdb --bucket other
      python -m vastdb_local serve --catalog slow.duckdb --latency 3ms --server-version 5.3.4

    Keys come from --keys, or from --access-key and --secret-key, or from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY;
    without any, a pair is generated and printed.
    """
    if keys_file is not None:
        access_key, secret_key = _read_keys(keys_file)
    if (access_key is None) != (secret_key is None):
        raise click.UsageError(
            "--access-key and --secret-key (or their environment variables) go together: give both or none"
        )
    roots = [_root(text) for text in folders]
    mask = os.umask(0o077)  # only the owner may read the file, its log and its lock
    click.get_current_context().call_on_close(partial(os.umask, mask))
    server = LocalVastDB(
        catalog,
        bucket=buckets[0],
        host=host,
        port=port,
        access_key=access_key,
        secret_key=secret_key,
        conflict_group_rows=conflict_group,
        server_version=server_version,
        latency_seconds=latency,
        max_connections=max_connections,
    )
    for bucket in buckets[1:]:
        server.create_bucket(bucket)
    for bucket in plain_buckets:
        server.create_bucket(bucket, database=False)
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    if roots:
        _take_snapshot(server, roots)
    with server:
        click.echo(f"AWS_S3_ENDPOINT_URL={server.endpoint}")
        if access_key is None:
            click.echo(f"{_KEYS[0]}={server.access_key}")
            click.echo(f"{_KEYS[1]}={server.secret_key}")
        click.echo(f"serving bucket {', '.join(buckets)} from {catalog}; Ctrl-C ends it", err=True)
        while not stop.wait(vast_catalog_seconds if roots else None):
            _take_snapshot(server, roots)


def _root(text: str) -> tuple[str, Path]:
    path, equals, folder = text.partition("=")
    if not equals or not path.startswith("/") or not Path(folder).is_dir():
        raise click.UsageError(
            f"--vast-catalog takes /path/on/the/cluster=FOLDER with a folder that is there, not {text!r}"
        )
    return path, Path(folder)


def _take_snapshot(server: LocalVastDB, roots: list[tuple[str, Path]]) -> None:
    """Replace the VAST Catalog by the present content of the folders."""
    server.write_catalog(chain.from_iterable(entries_of_folder(folder, path) for path, folder in roots))


def _read_keys(path: Path) -> tuple[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LocalDatabaseError(f"keys file {path} cannot be read: {error}") from error
    found = {name.strip(): value.strip() for name, equals, value in (line.partition("=") for line in lines) if equals}
    missing = [name for name in _KEYS if not found.get(name)]
    if missing:
        raise LocalDatabaseError(f"keys file {path} has no line {missing[0]}=...")
    return found[_KEYS[0]], found[_KEYS[1]]


def main() -> None:
    """Run the command. An error of this package or of the system prints one line on stderr and exits with 2."""
    try:
        command(prog_name="python -m vastdb_local")
    except LocalDatabaseError as error:
        click.echo(f"{type(error).code}: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"SYSTEM: {where}{error.strerror or type(error).__name__}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
