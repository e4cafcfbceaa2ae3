"""`./run report`: a delivery as one HTML file to look at and to send."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from exr_inspector.cli.options import frames_option, policy_option
from exr_inspector.cli.output.progress import progress_bar
from exr_inspector.library.reading import Stats
from exr_inspector.library.reporting import write_report
from exr_inspector.model import StatsMode


@click.command("report")
@click.argument("targets", nargs=-1, required=True, metavar="FOLDER|PATTERN|FILE|S3_URL...")
@click.option("--to", required=True, type=click.Path(path_type=Path), metavar="FILE.html|FOLDER", help="What to write.")
@frames_option
@policy_option
@click.option(
    "--stats",
    type=click.Choice([mode.value for mode in StatsMode]),
    default=StatsMode.FULL.value,
    show_default=True,
    help="How much of the pixels to read.",
)
def command(targets: Sequence[str], *, to: Path, frames: tuple[int, int] | None, policy: str, stats: Stats) -> None:
    """Write a page about a delivery: frames, findings, curves over the frames, and a contact sheet.

    The page is one file that needs no network and can be sent by mail. A file that ends in .html holds all sequences; a folder
    gets an index.html and a page for each.

    Exit code 0 when the page is written, whatever it says (`check` has exit codes for what was found); 2 when it is not.

    \b
    Examples:
      ./run report renders/sh010/ --to sh010.html
      ./run report 'renders/sh010/beauty_####.exr' --frames 1001-1060 --to beauty.html
      ./run report s3://renders/sh010/ --to reports/
    """
    with progress_bar("checking") as show:
        try:
            done = write_report(targets, to, frames=frames, stats=stats, policy=policy, progress=show)
        except KeyboardInterrupt:
            click.echo("stopped: nothing was written; run the command again", err=True)
            sys.exit(2)
    page = to / "index.html" if to.is_dir() else to
    click.echo(f"{page}: {done.checked} files in {len(done.sequences)} sequences, {page.stat().st_size / 1e3:.0f} kB")
