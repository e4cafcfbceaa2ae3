"""`./run policy`: drafts policies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

import click

from exr_inspector.cli.program import SuggestingGroup
from exr_inspector.delivery.files import paths_of
from exr_inspector.delivery.sequences import CheckedFrames
from exr_inspector.library.reading import session, settings_for
from exr_inspector.library.validating import Frames
from exr_inspector.model import Inspection
from exr_inspector.report.words import plain
from exr_inspector.validation import load_policy
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.policies.draft import draft_policy


@click.group("policy", cls=SuggestingGroup)
def command() -> None:
    """Draft policies of shows.

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
    if output is not None and output.exists():
        raise click.UsageError(f"{output} exists; remove it or choose another name")
    if output is not None and not output.parent.is_dir():
        raise click.UsageError(f"{output}: there is no folder {output.parent}: create it first")
    with session(settings_for(targets, stats="off"), stats="off") as made:
        paths = chain.from_iterable(paths_of(made.opener, target) for target in targets)
        frames, unread = Frames(targets), list[str]()
        with closing(made.inspect_each(islice(paths, limit))) as answers:
            inspections = []
            for path, answer in answers:
                code = answer.error_code if isinstance(answer, Inspection) else answer.code
                frames.add(answer, path)
                if not isinstance(answer, Inspection) or answer.unread:
                    unread.append(path)
                if isinstance(answer, Inspection) and not code:
                    inspections.append(answer)
                else:
                    click.echo(f"left out: {plain(path, 400)}: {code}", err=True)
        is_all = next(paths, None) is None
        doubts = [*_warnings(frames.check(made.policy), unread)]
    if not is_all:
        doubts.append(f"only the first {limit} files were read (--limit); the draft asks for no frame range")
    for doubt in doubts:
        click.echo(f"warning: {doubt}", err=True)
    text = draft_policy(inspections, name=name, frame_range=frame_range and is_all, doubts=doubts)
    load_policy(text, origin=os.fspath(output) if output else "the draft")
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    called = click.get_current_context().find_root().info_name
    click.echo(f"{output}: written; read it, then: {called} check FOLDER --policy {output}")


def _warnings(checked: CheckedFrames, unread: Iterable[str]) -> Iterator[str]:
    """Why what was read is not a complete delivery, sequence by sequence; `unread` are the files that could not be read."""
    places = [checked.frames[path] for path in unread if path in checked.frames]
    for sequence in checked.sequences:
        what = {
            "missing": sequence.missing,
            "with errors": FrameNumbers.of(
                {*sequence.rerender, *sequence.header_edits, *sequence.conversions} - set(sequence.missing)
            ),
            "could not be read": FrameNumbers.of(frame.number for name, frame in places if name == sequence.pattern),
        }
        found = "; ".join(f"{words}: {numbers.text}" for words, numbers in what.items() if numbers)
        if found:
            yield f"{plain(sequence.pattern, 400)} is not complete ({found}): the draft describes only what is there"
    for group in checked.ambiguous:
        some = plain(", ".join(path.rpartition("/")[2] for path in group[:4]), 400)
        yield f"no sequence was recognised among {some}: whether frames are missing is not known"
