"""Options of several commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from exr_inspector.cli.paths import FORMS, ShownPaths
from exr_inspector.delivery.patterns import parse_frames
from exr_inspector.errors import PatternError
from exr_inspector.library.reading import DEFAULT_STATS, Stats
from exr_inspector.model import Severity, StatsMode
from exr_inspector.validation import PROFILES

_POLICY = "PROFILE|FILE.yaml|S3_URL"
_NEVER = "never"
_FAIL_ON = {severity.label: severity for severity in Severity}
Command = TypeVar("Command", bound=Callable[..., Any])


# Which pixels are read without `--stats`; for the help of all commands and docs/statistics.md.
_AS_SET = "as EXR_STATS says, off unless set"
STATS_DEFAULTS: Mapping[str, str] = {
    "inspect": DEFAULT_STATS,
    "validate": DEFAULT_STATS,
    "check": StatsMode.FULL.value,
    "report": StatsMode.FULL.value,
    "ingest": _AS_SET,
    "ingest-lane": _AS_SET,
    "watch": _AS_SET,
}
STATS_RULE = (
    "How much of the pixels to read: none (off), a sample of usually at most 4 MiB a file (sampled), or all (full). inspect"
    " and validate sample, check and report read all, ingest and watch do as EXR_STATS says, off unless set."
)


def stats_option(command_name: str) -> Callable[[Command], Command]:
    """`--stats`: a value of StatsMode, or None if it is not given.

    Args:
        command_name: A key of STATS_DEFAULTS, for the help.
    """
    return click.option(
        "--stats",
        type=click.Choice([mode.value for mode in StatsMode]),
        help=f"{STATS_RULE}  [default: {STATS_DEFAULTS[command_name]}]",
    )


def refuse_fewer_pixels(option: str, stats: Stats | None) -> None:
    """Raise UsageError for an option that reads every pixel beside a --stats that does not."""
    if stats not in {None, "full"}:
        raise click.UsageError(f"{option} reads every pixel: leave out --stats, or say --stats full")


levels_option = click.option(
    "--levels", type=click.Choice(["first", "all"]), help="Levels of mipmaps and ripmaps to read.  [default: first]"
)


def _catalog_option(words: str) -> Callable[[Command], Command]:
    return click.option("--catalog", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=words)


# `--catalog FILE`, for `cli.catalog.open_tables`. The commands differ in what they do without it.
catalog_option = _catalog_option(
    "DuckDB file of the tables, even while a server has it open.  [default: the database of VAST_DB_*]"
)
storing_catalog_option = _catalog_option(
    "DuckDB file to store the rows in, created if missing; without it nothing is stored."
)
rows_catalog_option = _catalog_option(
    "DuckDB file whose rows are read instead of files, even while a server has it open."
)
bucket_option = click.option("--bucket", help="Bucket name of a local folder.  [default: the folder's name]")


def _profiles(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    return [name for name in PROFILES if name.startswith(prefix)]


def _frames(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parse_frames(text)
    except PatternError as error:
        raise click.BadParameter(str(error)) from error
    return text


_policy = partial(click.option, "--policy", metavar=_POLICY, shell_complete=_profiles)
policy_option = _policy(default="default", show_default=True, help="Policy to validate against.")
# Of commands that store rows: None if it is not given.
stored_policy_option = _policy(help="Policy to validate against.  [default: EXR_POLICY, or default]")


def fails(worst: Severity | None, least: Severity | None) -> bool:
    """Whether the worst finding reaches the value of `--fail-on`."""
    return least is not None and worst is not None and worst >= least


# A Severity; None for `never`.
fail_on_option = click.option(
    "--fail-on",
    type=click.Choice([*_FAIL_ON, _NEVER]),
    default=Severity.ERROR.label,
    show_default=True,
    callback=lambda _, __, label: _FAIL_ON.get(label),
    help="Lowest severity that makes the exit code 1.",
)
# A text that `parse_frames` takes, or None if it is not given.
frames_option = click.option(
    "--frames",
    callback=_frames,
    metavar="FIRST-LAST",
    help="Frames that every sequence must have, also as a list: 1001-1010,1020-1040x2.",
)
# A ShownPaths.
paths_option = click.option(
    "--paths",
    callback=lambda _, __, form: ShownPaths.of(form, os.environ),
    type=click.Choice(FORMS),
    help="Print paths as bucket and key, as on the cluster, or as on clients (the first mount of the view), by EXR_VIEWS."
    " Paths outside of all views and texts of errors are unchanged.  [default: as given, or as stored]",
)
