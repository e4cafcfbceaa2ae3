"""`./run policy`: drafts policies."""

from __future__ import annotations

import os
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

import click

from exr_inspector.delivery.files import paths_of
from exr_inspector.library.reading import session, settings_for
from exr_inspector.model import Inspection
from exr_inspector.report.words import plain
from exr_inspector.validation import load_policy
from exr_inspector.validation.policies.draft import draft_policy


@click.group("policy")
def command() -> None:
    """Draft policies; docs/policies.md explains them.

    \b
    Examples:
      ./run policy init deliveries/nova/v003 --name nova -o nova.yaml
    """


@command.command("init")
@click.argument("targets", nargs=-1, required=True, metavar="FOLDER...")
@click.option("--name", default="show", show_default=True, help="Name of the policy.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write this file; default: stdout."
)
@click.option("--limit", type=click.IntRange(1), default=2_000, show_default=True, help="Read at most this many files.")
@click.option(
    "--frame-range/--no-frame-range",
    default=True,
    show_default=True,
    help="Require the frame range of a single sequence.",
)
def init(targets: tuple[str, ...], *, name: str, output: Path | None, limit: int, frame_range: bool) -> None:
    """Draft a policy from a good delivery: it requires what all of its files have in common.

    \b
    Examples:
      ./run policy init deliveries/nova/v003 --name nova -o nova.yaml
      ./run validate --policy nova.yaml deliveries/nova/v004
    """
    with session(settings_for(targets), stats="off") as made:
        paths = islice(chain.from_iterable(paths_of(made.opener, target) for target in targets), limit)
        with closing(made.inspect_each(paths)) as answers:
            inspections = []
            for path, answer in answers:
                code = answer.error_code if isinstance(answer, Inspection) else answer.code
                if isinstance(answer, Inspection) and not code:
                    inspections.append(answer)
                else:
                    click.echo(f"left out: {plain(path, 400)}: {code}", err=True)
    text = draft_policy(inspections, name=name, frame_range=frame_range)
    load_policy(text, origin=os.fspath(output) if output else "the draft")
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists():
        raise click.UsageError(f"{output} exists; remove it or choose another name")
    output.write_text(text, encoding="utf-8")
    called = click.get_current_context().find_root().info_name
    click.echo(f"{output}: written; read it, then: {called} check FOLDER --policy {output}")
