"""Commands read the settings that they use: a wrong value of any other does no harm."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from exr_inspector.cli.__main__ import main
from exr_inspector.settings import FUNCTION, NAMES, PIXELS, Settings, field_group
from tests.unit.validation.judging import PLAIN

_SETTINGS = tuple(NAMES)
_OF_PIXELS = tuple(name for name, field in NAMES.items() if field_group(Settings.model_fields[field]) == PIXELS)


def call(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ)


@pytest.mark.parametrize("name", _SETTINGS)
def test_a_wrong_setting_does_not_stop_what_reads_no_file(name: str) -> None:
    for arguments in (("rules", "CMP-DWA-NAMES"), ("--help",), ("--version",)):
        found = call(*arguments, **{name: "x"})
        assert (found.exit_code, found.stderr) == (0, ""), found.output


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("settings") / "a.exr"
    path.write_bytes(PLAIN)
    return str(path)


@pytest.mark.parametrize("name", _OF_PIXELS)
def test_settings_of_pixels_are_read_where_pixels_are(name: str, file: str) -> None:
    assert call("inspect", file, "--stats", "off", **{name: "x"}).exit_code == 0
    found = call("inspect", file, **{name: "x"})
    assert name in str(found.exception)


def test_a_setting_of_the_function_is_read_by_no_command_that_only_inspects(file: str) -> None:
    wrong = {name: "x" for name, field in NAMES.items() if field_group(Settings.model_fields[field]) == FUNCTION}
    assert call("inspect", file, "--stats", "off", **wrong).exit_code == 0
