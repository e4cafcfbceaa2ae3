"""Entry point of the command line: imports the command's module, runs it, and prints errors in one line."""

from __future__ import annotations

import atexit
import copy
import gc
import importlib
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from exr_inspector import __version__
from exr_inspector.catalog.sdk import silence_sdk_loggers
from exr_inspector.cli.program import INTERRUPTED, SuggestingGroup
from exr_inspector.errors import ExrInspectorError, SettingsError
from exr_inspector.texts import CHECKOUT, install_command, is_absolute, program, visible

_COMMANDS_PACKAGE = "exr_inspector.cli.commands."
# Modules of the commands that other packages have.
_OTHER_MODULES = {
    "localdb": "vastdb_local.__main__",
    "localrun": "dataengine_local.run",
    "invoke": "dataengine_local.invoke",
}
# Each command and what it does, so that the list of commands imports none of them; in the order of a new user's needs.
COMMANDS = {
    "inspect": "Show what is in OpenEXR files.",
    "check": "Check whether a delivery is complete and clean; list frames to render again.",
    "report": "Write a delivery as one HTML page: frames, findings, curves, contact sheet.",
    "diff": "Compare two files, or two sequences frame by frame.",
    "validate": "Check OpenEXR files against the rules of a policy.",
    "rules": "List the rules, or explain some.",
    "policy": "Draft a policy from a good delivery.",
    "demo": "Send events of the samples to the function on this machine and check its rows.",
    "ingest": "Inspect new and changed EXR files below folders or prefixes, and store their rows.",
    "watch": "Ingest a folder, then every change, until Ctrl-C.",
    "ingest-plan": "Divide a large ingest into lanes for a render farm.",
    "ingest-lane": "Ingest one lane that ingest-plan wrote.",
    "query": "Query the tables: a query of the cookbook by name, or any SQL.",
    "db": "Set up and maintain the tables.",
    "package": "Write the folder for `vastde functions build`.",
    "completion": "Print the completion script of a shell.",
    "localdb": "Serve a VAST DataBase on this machine from a DuckDB file.",
    "localrun": "Run a DataEngine function on this machine.",
    "invoke": "Post one event to a running function.",
}
# Tasks of ./run that are no commands of this package.
_TASKS = {
    "test [unit|heavy|...]": "the tests; CONTRIBUTING.md explains the suites",
    "lint": "linters and types, as CI runs them",
    "fmt": "format the code",
    "docs": "write the generated pages of docs/",
    "bench [NAME]": "benchmarks; without a name, list them",
}
# Names of commands in the help of the local packages, which can also be used alone.
_STANDALONE = {
    "python -m vastdb_local": "localdb",
    "python -m dataengine_local run": "localrun",
    "python -m dataengine_local invoke": "invoke",
}
_EXIT_CODES = {
    "0": "all is well",
    "1": "something was found, or some files could not be ingested; the help of a command says what",
    "2": "something could not be done: a file or the database could not be read, or an argument is wrong",
    "130, 143": "stopped by Ctrl-C or by SIGTERM; everything done before was printed"
    " (watch, localdb and localrun run until then, and end with 0)",
}
COMPLETE_VARIABLE = "_EXR_INSPECTOR_COMPLETE"
_READERS = "exr-read"  # delivery.read_ahead.READERS, without importing that module
# Commands whose paths are of this machine alone, so that EXR_VIEWS does not apply.
_LOCAL = {"demo", "package", "completion", *_OTHER_MODULES}
_TERMINATED = 128 + signal.SIGTERM
_OWN_PACKAGES = {"", "exr_inspector", "vastdb_local", "dataengine_local"}
_ERROR_MODULES = {"exr_inspector.errors", "vastdb_local.errors", "dataengine_local.errors"}
_EXHAUSTED_ADVICE = (
    "close other programs, raise `ulimit -v` and `ulimit -u`, or lower EXR_DECODE_THREADS and EXR_MEMORY_MIB"
)


def module_of(name: str) -> str:
    """The name of the module that has a command."""
    return _OTHER_MODULES.get(name, _COMMANDS_PACKAGE + name.replace("-", "_"))


def _missing(command: str, error: ModuleNotFoundError) -> SettingsError:
    """The error of a command for a package that is not installed."""
    remedy = install_command("local") if program() != CHECKOUT else f"start it with {CHECKOUT}"
    return SettingsError(f"{command} needs the package {error.name}: {remedy}")


def _unavailable(name: str, missing: SettingsError) -> click.Command:
    """A command whose packages are not installed."""

    def fail() -> None:
        raise missing

    words = f"{COMMANDS[name]}\n\nThe options cannot be shown: {missing}"
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=fail, help=words, context_settings=anything)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Import modules in the block without garbage collection, which takes a tenth of that time and finds nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class LazyGroup(SuggestingGroup):
    """A group whose commands are imported at their first use."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with paths of EXR_VIEWS replaced by those of a mount or by the URLs of their objects."""
        return super().parse_args(ctx, by_views(args, os.environ))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def names_to_suggest(self, ctx: click.Context) -> list[str]:
        """The names of all commands, and in a checkout those of the tasks for developers."""
        tasks = [task.split()[0] for task in _TASKS] if program() == CHECKOUT else []
        return [*self.list_commands(ctx), *tasks]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; None if there is none of this name. Without its packages it has a help, and fails when it is run."""
        if cmd_name not in COMMANDS:
            return None
        try:
            with _uncollected():
                module = importlib.import_module(module_of(cmd_name))
        except ModuleNotFoundError as error:
            return _unavailable(cmd_name, _missing(cmd_name, error))
        return _naming(module.command, program())

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Ctrl-C ends it with the exit code 130, and messages show what the user typed with escapes."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            message = error.format_message()
            shown = visible(message, "\n")
            if shown == message:
                raise
            if isinstance(error, click.UsageError):
                raise click.UsageError(shown, error.ctx) from error
            raise click.ClickException(shown) from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in _OWN_PACKAGES:
                raise
            raise _missing(ctx.invoked_subcommand or "it", error) from error
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their summaries, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes, and in a checkout the tasks for developers."""
        with formatter.section("Exit codes"):
            formatter.write_dl(list(_EXIT_CODES.items()))
        if program() == CHECKOUT:
            with formatter.section("For developers of exr-inspector"):
                formatter.write_dl([(f"{CHECKOUT} {task}", summary) for task, summary in _TASKS.items()])


def by_views(arguments: list[str], environ: Mapping[str, str]) -> list[str]:
    """The arguments, with paths on the cluster or on other clients replaced by those in a mount of this machine, if it has one.

    Otherwise they become `s3://bucket/key`, as always after the `=` of a parameter of a query, which names stored paths.

    Raises:
        SettingsError: EXR_VIEWS is invalid.
    """
    is_local = bool(arguments) and arguments[0] in _LOCAL
    if not environ.get("EXR_VIEWS") or is_local or not any(map(_may_name_a_file, arguments)):
        return arguments
    from exr_inspector.cli.paths import views_of  # noqa: PLC0415 - takes half a second

    views = views_of(environ)
    if views is None:
        return arguments

    def named(argument: str) -> str:
        if argument.startswith("--"):
            option, sign, value = argument.partition("=")
            return f"{option}{sign}{named(value)}"
        name, sign, value = argument.rpartition("=")
        found = views.mounted_here(argument) or views.from_user(argument)
        return found or f"{name}{sign}{(sign and views.from_user(value)) or value}"

    return [named(argument) for argument in arguments]


def _may_name_a_file(argument: str) -> bool:
    """Whether the argument, or what is behind its `=`, is an absolute path: views have no others."""
    return any(map(is_absolute, (argument, argument.partition("=")[2], argument.rpartition("=")[2])))


def _naming(command: click.Command, name: str) -> click.Command:
    """The command, with the name of the program that the user typed in its examples and those of its subcommands."""
    named = copy.copy(command)
    if command.help:
        for old_name, new_name in {**_STANDALONE, CHECKOUT: ""}.items():
            named.help = (named.help or "").replace(old_name, f"{name} {new_name}".rstrip())
    if isinstance(named, click.Group):
        named.commands = {each: _naming(inner, name) for each, inner in named.commands.items()}
    return named


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="exr-inspector")
def main() -> None:
    """Inspect, validate and catalog OpenEXR files, in place, on this machine, S3 and VAST.

    \b
    Examples:
      ./run demo                                the whole path on this machine
      ./run inspect samples/layers.exr          what is in a file
      ./run validate --sequence samples/shots/  is a shot complete and right
    """
    if any(name.upper().startswith(("EXR_", "VAST_DB_", "S3_")) for name in os.environ):
        from exr_inspector.settings import unknown_settings  # noqa: PLC0415 - takes half a second

        for sentence in unknown_settings(os.environ):
            click.echo(f"warning: {visible(sentence)}", err=True)


def _code_of(error: Exception) -> str | None:
    """The code of an error of this package or of a local one, which need not be imported; None for other errors."""
    for kind in type(error).__mro__:
        if kind.__module__ in _ERROR_MODULES:
            return str(getattr(error, "code", ExrInspectorError.code))
    return None


def _exit_despite_readers(ended: SystemExit) -> None:
    """Exit at once if threads still read files after Ctrl-C: Python would wait for them."""
    if not any(thread.name.startswith(_READERS) for thread in threading.enumerate()):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended.code if isinstance(ended.code, int) else 2)


def _drop_unwritten_output() -> None:
    """Drop what standard output does not accept, as on a full disk: Python would write it again, fail, and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_exhausted(error: Exception) -> bool:
    """Whether the system refused memory or a thread, which Python partly reports in the message alone."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, RuntimeError) and "start new thread" in text)
        or (isinstance(error, ImportError) and "failed to map segment" in text)
    )


def run() -> None:
    """Run the command line. Errors of this package and of the file system print one line on stderr and exit with 2.

    A bug prints its traceback, and also exits with 2, since 1 means that something was found.
    """
    atexit.register(gc.freeze)  # otherwise Python looks at all objects when it ends, for a tenth of a second
    silence_sdk_loggers()
    if isinstance(sys.stdout, io.TextIOWrapper):  # names may have characters that the encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    name = program()
    terminated = threading.Event()

    def terminate(number: int, frame: FrameType | None) -> None:
        terminated.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminate)  # like Ctrl-C: commands print what they have
    try:
        _naming(main, name)(prog_name=name, complete_var=COMPLETE_VARIABLE)
    except SystemExit as ended:
        if ended.code == INTERRUPTED and terminated.is_set():
            ended.code = _TERMINATED
        _exit_despite_readers(ended)
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        advice = ": change the rights, or name another place" if isinstance(error, PermissionError) else ""
        click.echo(visible(f"SYSTEM: {where}{error.strerror or type(error).__name__}{advice}", "\n"), err=True)
        _drop_unwritten_output()
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the entry point: nothing above would report it
        code = _code_of(error)
        if _is_exhausted(error):
            why = error or "MemoryError"
            click.echo(f"SYSTEM: the system refused more memory or threads ({why}): {_EXHAUSTED_ADVICE}", err=True)
        elif code is None:
            traceback.print_exc()
        else:
            click.echo(visible(f"{code}: {error}", "\n"), err=True)
        sys.exit(2)
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    run()
