"""`./run inspect`: one file or several, for people or as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click

from exr_inspector.catalog.rows.build import file_rows
from exr_inspector.cli.commands.explain import explain
from exr_inspector.cli.output.inspection import show
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, StatsMode, Status
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation.policies.source import PolicySource

_UNREADABLE = "SOURCE_"


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, metavar="FILE_OR_S3_URL...")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the rows as JSON: one document, or one a line for several files."
)
@click.option(
    "--stats",
    type=click.Choice([mode.value for mode in StatsMode]),
    default=StatsMode.SAMPLED.value,
    show_default=True,
    help="How much of the pixels to read.",
)
@click.option(
    "--levels",
    type=click.Choice(["first", "all"]),
    help="Of which levels of a mipmap or ripmap; else as EXR_STATS_LEVELS says, the first.",
)
@click.option("--hash", "with_hash", is_flag=True, help="Hash the file and its decoded pixels; needs --stats full.")
@click.option("--policy", default="default", show_default=True, help="Profile, YAML file or s3:// URL to judge by.")
@click.option("--all", "all_attributes", is_flag=True, help="List also the attributes that the summary shows already.")
@click.option("--why", is_flag=True, help="Explain every rule that was broken, once; not with --json.")
def command(
    files: Sequence[str],
    *,
    as_json: bool,
    stats: str,
    levels: str | None,
    with_hash: bool,
    policy: str,
    all_attributes: bool,
    why: bool,
) -> None:
    """Show what is in an OpenEXR file, whether it is whole, and whether its pixels are sane.

    Reads in place: one request of 64 KiB for the header, and for sampled statistics at most 4 MiB more. Exit code 0 when
    every file is readable OpenEXR, 1 when one is not, 2 when one could not be read at all.

    \b
    Examples:
      ./run inspect samples/layers.exr
      ./run inspect --stats full --hash renders/*.exr
      ./run inspect --json s3://renders/shot/beauty.1001.exr | jq .files[0].compression
    """
    settings = load_settings(os.environ, need=())
    opener = SourceOpener(settings)
    inspector = Inspector.from_settings(settings, stats=StatsMode(stats), levels=levels, with_hash=with_hash)
    judge = PolicySource.from_settings(settings, policy).current()
    console = output()
    worst = 0
    codes: set[str] = set()
    for position, name in enumerate(files):
        inspection = inspector.inspect(opener.open_url(name), judge)
        worst = max(worst, _exit_code(inspection))
        if (inspection.error_code or "").startswith(_UNREADABLE):
            click.echo(f"{inspection.error_code}: {inspection.error_message}", err=True)
        elif as_json:
            indent = None if len(files) > 1 else 2
            echo_json(json.dumps(file_rows(inspection), allow_nan=False, ensure_ascii=False, indent=indent))
        else:
            if position:
                console.print()
            show(inspection, console, all_attributes=all_attributes)
            codes.update(finding.code for finding in inspection.findings)
    if why:
        explain(codes, console)
    sys.exit(worst)


def _exit_code(inspection: Inspection) -> int:
    if inspection.status is not Status.FAILED:
        return 0
    return 2 if (inspection.error_code or "").startswith(_UNREADABLE) else 1
