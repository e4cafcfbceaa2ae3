"""Options that several commands have, with one meaning and one default."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from exr_inspector.cli.paths import FORMS, ShownPaths
from exr_inspector.delivery.patterns import require_frame_range
from exr_inspector.errors import PatternError
from exr_inspector.library.reading import DEFAULT_STATS
from exr_inspector.model import Severity, StatsMode
from exr_inspector.validation import PROFILES

_RANGE = re.compile(r"(-?\d{1,99})\s*-\s*(-?\d{1,99})", re.ASCII)
_POLICY = "PROFILE|FILE.yaml|S3_URL"
_NEVER = "never"
_FAIL_ON = {severity.label: severity for severity in Severity}
Command = TypeVar("Command", bound=Callable[..., Any])


# What is read of the pixels where the user did not say: one rule in every command's help, and in docs/statistics.md.
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
    "How much of the pixels to read: none (off), at most a few MiB a file (sampled), or all (full). inspect and validate"
    " sample, check and report read all, ingest and watch do as EXR_STATS says, off unless set."
)


def stats_option(command_name: str) -> Callable[[Command], Command]:
    """`--stats`: None where the user did not say.

    Args:
        command_name: A key of STATS_DEFAULTS.
    """
    return click.option(
        "--stats",
        type=click.Choice([mode.value for mode in StatsMode]),
        help=f"{STATS_RULE}  [default: {STATS_DEFAULTS[command_name]}]",
    )


def _catalog_option(words: str) -> Callable[[Command], Command]:
    return click.option("--catalog", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=words)


# `--catalog FILE`: what `exr_inspector.cli.catalog.open_tables` takes. What a command does without it differs.
catalog_option = _catalog_option(
    "DuckDB file of the tables, even while a server has it open.  [default: the database of VAST_DB_*]"
)
storing_catalog_option = _catalog_option(
    "DuckDB file to store the rows in, created if missing; without it nothing is stored."
)
rows_catalog_option = _catalog_option(
    "DuckDB file whose rows are read instead of files, even while a server has it open."
)


def policy_option(command: Command) -> Command:
    """`--policy`."""
    option = click.option(
        "--policy",
        default="default",
        show_default=True,
        metavar=_POLICY,
        shell_complete=_profiles,
        help="Policy to validate against.",
    )
    return option(command)


def stored_policy_option(command: Command) -> Command:
    """`--policy` of what is stored: None where the user did not say."""
    option = click.option(
        "--policy",
        metavar=_POLICY,
        shell_complete=_profiles,
        help="Policy to validate against.  [default: EXR_POLICY, or default]",
    )
    return option(command)


def fail_on_option(command: Command) -> Command:
    """`--fail-on`: the lowest severity that makes the exit code 1, None for `never`."""
    option = click.option(
        "--fail-on",
        type=click.Choice([*_FAIL_ON, _NEVER]),
        default=Severity.ERROR.label,
        show_default=True,
        callback=lambda _, __, label: _FAIL_ON.get(label),
        help="Lowest severity that makes the exit code 1.",
    )
    return option(command)


def frames_option(command: Command) -> Command:
    """`--frames`: the first and last frame that every sequence must have, None where the user did not say."""
    option = click.option(
        "--frames", callback=_frames, metavar="FIRST-LAST", help="Frames that every sequence must have."
    )
    return option(command)


def paths_option(command: Command) -> Command:
    """`--paths`: how paths of files are printed, a `ShownPaths`."""
    option = click.option(
        "--paths",
        callback=_paths,
        type=click.Choice(FORMS),
        help="Print paths as bucket and key, as on the cluster, or as on clients (the first mount of the view), by EXR_VIEWS."
        " Paths outside of all views and texts of errors are unchanged.  [default: as given, or as stored]",
    )
    return option(command)


def _paths(_: click.Context, __: click.Parameter, form: str | None) -> ShownPaths:
    return ShownPaths.of(form, os.environ)


def _frames(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(
            f"found {text}, expected the first and the last frame, such as 1001-1060; a step is frame_step of a policy"
        )
    first, last = int(match[1]), int(match[2])
    try:
        require_frame_range(first, last)
    except PatternError as error:
        raise click.BadParameter(str(error)) from error
    return first, last


def _profiles(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    return [name for name in PROFILES if name.startswith(begun)]
