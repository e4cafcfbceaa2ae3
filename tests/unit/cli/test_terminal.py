"""Output for terminals, pipes and files."""

import json

import click
import pytest
from click.testing import CliRunner
from rich.table import Table

from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.documents import json_document

WORDS = 'caf\u00e9 "\u6df1" \U0001f600'


@click.command()
def say() -> None:
    """Print the words."""
    echo_json(json.dumps([WORDS], ensure_ascii=False))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252"])
def test_json_is_read_as_utf_8_whatever_the_output_is_said_to_be(encoding: str) -> None:
    printed = CliRunner(charset=encoding).invoke(say).stdout_bytes
    assert json.loads(printed.decode("utf-8")) == [WORDS]
    assert printed.isascii() == (encoding != "utf-8")


def test_lines_of_tables_end_without_spaces_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", "value", box=None)
    table.add_row("a", "long enough")
    table.add_row("b", "x")
    output().print(table, "[bold]end[/bold]")
    printed = capsys.readouterr().out.splitlines()
    assert printed[1:] == [" a     long enough", " b     x", "end"]
    assert printed[0] == printed[0].rstrip()


def test_json_has_no_control_codes() -> None:
    text = "\x7f\x9b31m\u202e\u2028"

    @click.command()
    def tell() -> None:
        echo_json(json_document(text))

    printed = CliRunner().invoke(tell).stdout
    assert json.loads(printed) == text
    assert printed.isascii()
