"""Entry point of the command line: finds the command's module, runs it, turns our errors into one clear line."""

from __future__ import annotations

import importlib
import os
import sys

import click

from exr_inspector import __version__
from exr_inspector.errors import ExrInspectorError

# name -> module of this package that holds a click command of that name (dashes become underscores). Modules are
# imported only when their command is called or explained, so that each starts fast.
COMMANDS = {
    "inspect": "inspect",
    "demo": "demo",
    "ingest": "ingest",
    "query": "query",
    "validate": "validate",
    "rules": "rules",
    "db": "db",
    "localdb": "localdb",
    "localrun": "localrun",
    "invoke": "invoke",
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
        module = importlib.import_module(f"exr_inspector.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="exr-inspector")
def main() -> None:
    """exr-inspector: what is in an OpenEXR file, is it whole, is it sane - and all of it in VAST DataBase.

    \b
    Examples:
      ./run demo                               the whole path on this machine
      ./run inspect samples/aovs.exr           one file, for people
      ./run inspect s3://renders/a.exr --json  one file, for programs
    """


def _keep_stdout_ours() -> None:
    """Send to stderr what the OpenEXR library prints of damaged chunks: it writes to file descriptor 1 from C++.

    Standard output then holds what the commands print, and nothing else.
    """
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)


def run() -> None:
    """Run the command line. An error of ours or of a user is one line on stderr and exit code 2."""
    _keep_stdout_ours()
    try:
        main(prog_name="./run")
    except ExrInspectorError as error:
        click.echo(f"{type(error).code}: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
