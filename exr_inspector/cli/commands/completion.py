"""`./run completion`: prints the script with which a shell completes commands, options, profiles and rules."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell. Load it in the shell, or in its start file.

    \b
    Examples:
      ./run completion bash > ~/.exr-inspector.bash && source ~/.exr-inspector.bash
      ./run completion zsh > ~/.exr-inspector.zsh && source ~/.exr-inspector.zsh
    """
    from exr_inspector.cli.__main__ import COMPLETE_VARIABLE, main  # noqa: PLC0415 - it imports this module

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not supported by this release of click")
    program = ctx.find_root().info_name or "exr-inspector"
    click.echo(kind(main, {}, program, COMPLETE_VARIABLE).source())
