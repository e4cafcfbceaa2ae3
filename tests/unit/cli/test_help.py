"""The help of a group of commands."""

from __future__ import annotations

import click
import pytest

from exr_inspector.cli.__main__ import LazyGroup, main


@pytest.mark.parametrize("name", ["db", "policy"])
def test_the_help_of_a_group_has_whole_summaries(name: str) -> None:
    assert isinstance(main, LazyGroup)
    with click.Context(main) as parent:
        group = main.get_command(parent, name)
        assert isinstance(group, click.Group)
        text = " ".join(group.get_help(click.Context(group, parent=parent, info_name=name)).split())
    for command in group.commands.values():
        assert command.name
        assert " ".join((command.help or "").partition(".")[0].split()) in text
