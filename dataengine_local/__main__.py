"""`python -m dataengine_local run|invoke`: run a DataEngine function on this machine, and send it events."""

from __future__ import annotations

import sys

import click

from dataengine_local import invoke, run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run a VAST DataEngine function on this machine, and send it events."""


main.add_command(run.command, "run")
main.add_command(invoke.command, "invoke")


def start() -> None:
    """Run the command line. An error that has a `code`, ours or the function's, is one line and exit code 2."""
    try:
        main(prog_name="python -m dataengine_local")
    except Exception as error:
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            raise
        click.echo(f"{code}: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    start()
