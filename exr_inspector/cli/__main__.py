"""Entry point of the command line: finds the command's module, runs it, turns our errors into one clear line."""

from __future__ import annotations

import importlib
import io
import sys
import threading
import traceback
from typing import Any, TextIO, cast

import click

from dataengine_local.errors import DataEngineError
from exr_inspector import __version__
from exr_inspector.catalog.sdk import silence_sdk_loggers
from exr_inspector.errors import ExrInspectorError
from vastdb_local.errors import VastDBLocalError

# name -> module whose `command` is the click command of that name. A module is imported only when its command is
# called or its help is shown, so that each starts fast.
COMMANDS = {
    "inspect": "exr_inspector.cli.commands.inspect",
    "demo": "exr_inspector.cli.commands.demo",
    "ingest": "exr_inspector.cli.commands.ingest",
    "ingest-plan": "exr_inspector.cli.commands.ingest_plan",
    "ingest-lane": "exr_inspector.cli.commands.ingest_lane",
    "query": "exr_inspector.cli.commands.query",
    "check": "exr_inspector.cli.commands.check",
    "validate": "exr_inspector.cli.commands.validate",
    "rules": "exr_inspector.cli.commands.rules",
    "db": "exr_inspector.cli.commands.db",
    "package": "exr_inspector.cli.commands.package",
    "localdb": "vastdb_local.__main__",
    "localrun": "dataengine_local.run",
    "invoke": "dataengine_local.invoke",
}


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the order a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None, which click reports together with the names that come close."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name])
        command: click.Command = module.command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="exr-inspector")
def main() -> None:
    """exr-inspector: what is in an OpenEXR file, is it whole, is it sane - and all of it in VAST DataBase.

    \b
    Examples:
      ./run demo                               the whole path on this machine
      ./run inspect samples/layers.exr         one file, for people
      ./run inspect s3://renders/a.exr --json  one file, for programs

    \b
    For developers:
      ./run test [PYTEST ARGUMENTS]            the tests
      ./run lint                               linters and types, as CI runs them
      ./run fmt                                format the code
      ./run docs                               write the generated pages of docs/
      ./run lock [--upgrade]                   write requirements.lock from requirements*.txt
      ./run bench [NAME]                       benchmarks; without a name, what there is
    """


class _MainThreadOutput:
    """Standard output for the main thread, standard error for all others.

    The OpenEXR module prints warnings of damaged chunks to `sys.stdout`, from the threads that decode. What a command prints
    (JSON, perhaps) must not be mixed with them.
    """

    def __init__(self, ours: TextIO) -> None:
        self._ours = ours

    def __getattr__(self, name: str) -> Any:
        is_main = threading.current_thread() is threading.main_thread()
        return getattr(self._ours if is_main else sys.stderr, name)


def run() -> None:
    """Run the command line. An error of ours, of a user or of the file system is one line on stderr and exit code 2.

    A bug shows its traceback, and exits with 2 as well: 1 means that `validate` found something.
    """
    silence_sdk_loggers()
    sys.stdout = cast("TextIO", _MainThreadOutput(sys.stdout))
    try:
        main(prog_name="./run")
    except (ExrInspectorError, VastDBLocalError, DataEngineError) as error:
        click.echo(f"{type(error).code}: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"SYSTEM: {where}{error.strerror or type(error).__name__}", err=True)
        sys.exit(2)
    except Exception:  # noqa: BLE001 - the roof: nothing above would tell of it
        traceback.print_exc()
        sys.exit(2)


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):  # the process's own: names may hold what its encoding does not
        sys.stdout.reconfigure(errors="backslashreplace")
    run()
