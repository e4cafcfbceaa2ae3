"""What all commands share: groups that suggest similar names, command lines to suggest, exit codes."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from exr_inspector.texts import did_you_mean, program

INTERRUPTED = 130  # exit code after Ctrl-C, as in shells; after SIGTERM, `cli.__main__` changes it to 143

_LONGEST = 1_000  # letters of a summary


def command_line(arguments: str, catalog: Path | None) -> str:
    """A command line to suggest, for the same tables: those of a catalog file, or of VAST_DB_* if it is None."""
    return f"{program()} {arguments}" + (f" --catalog {shlex.quote(str(catalog))}" if catalog else "")


class SuggestingGroup(click.Group):
    """A group of commands that suggests similar names for one that does not exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names.

        Raises:
            click.UsageError: There is none; the message suggests similar names.
        """
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.names_to_suggest(ctx)) or f"{ctx.command_path} --help lists the commands"
            raise click.UsageError(f"there is no command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def names_to_suggest(self, ctx: click.Context) -> list[str]:
        """The names that a message suggests for one that does not exist: those of all commands."""
        return self.list_commands(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their complete summaries, which click would cut."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.get_short_help_str(_LONGEST)) for name, each in commands if each is not None]
            )
