"""The installed tools know the flags of the commands in fixes of rules."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from exr_inspector.validation import RULES


@pytest.mark.skipif(shutil.which("oiiotool") is None, reason="oiiotool is not installed")
def test_commands_have_flags_that_oiiotool_knows() -> None:
    known = subprocess.run(["oiiotool", "--help"], capture_output=True, text=True, check=False).stdout
    flags = {
        word.partition(":")[0]
        for rule in RULES.values()
        if rule.command.startswith("oiiotool")
        for word in rule.command.split()
        if re.fullmatch(r"--?[a-z]\S*", word)
    }
    assert flags
    assert [flag for flag in sorted(flags) if not re.search(rf"(?<!\S){re.escape(flag)}\b", known)] == []
