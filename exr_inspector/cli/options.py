"""Options that several commands have, with one meaning and one default."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from exr_inspector.cli.paths import FORMS, ShownPaths
from exr_inspector.library.reading import DEFAULT_STATS
from exr_inspector.model import StatsMode
from exr_inspector.validation import PROFILES

_RANGE = re.compile(r"(-?\d{1,9})-(-?\d{1,9})")
Command = TypeVar("Command", bound=Callable[..., Any])


def _stats_option(default: str) -> Callable[[Command], Command]:
    """`--stats`: None where the user did not say."""
    return click.option(
        "--stats",
        type=click.Choice([mode.value for mode in StatsMode]),
        help=f"How much of the pixels to read: none, a sample of at most a few MiB a file, or all.  [default: {default}]",
    )


# The one rule of what is read where the user did not say; docs/statistics.md has it, too.
sampled_stats_option = _stats_option(f"{DEFAULT_STATS}, since a look at a file shall not wait for all of it")
full_stats_option = _stats_option(
    f"{StatsMode.FULL.value}, since a delivery is clean only when every pixel was looked at"
)
stored_stats_option = _stats_option(
    "as EXR_STATS says, off unless set, since whole trees are read, and their rows shall be those that the function stores"
)


def catalog_option(command: Command) -> Command:
    """`--catalog FILE`: what `exr_inspector.cli.catalog.open_tables` takes."""
    option = click.option(
        "--catalog",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="DuckDB file of the tables, also while a server has it open; without it the database of VAST_DB_*.",
    )
    return option(command)


def policy_option(command: Command) -> Command:
    """`--policy`."""
    option = click.option(
        "--policy",
        default="default",
        show_default=True,
        shell_complete=_profiles,
        help="Profile, YAML file or s3:// URL of the policy.",
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
        help="Print paths of files by EXR_VIEWS: by bucket and key, as on the cluster, or as where clients have first mounted"
        " the view, also those of this machine; one that no view covers, and texts of errors, stay as they are."
        "  [default: as named, or as the tables have them]",
    )
    return option(command)


def _paths(_: click.Context, __: click.Parameter, form: str | None) -> ShownPaths:
    return ShownPaths.of(form, os.environ)


def _frames(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = _RANGE.fullmatch(text.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise click.BadParameter(f"found {text}, expected FIRST-LAST such as 1001-1060")
    return int(match[1]), int(match[2])


def _profiles(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    return [name for name in PROFILES if name.startswith(begun)]
