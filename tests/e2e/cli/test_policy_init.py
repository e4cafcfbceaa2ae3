"""`policy init` drafts a policy from a good delivery; it fails a wrong one, as does the example of docs/policies.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from exr_inspector.cli.commands import policy, rules, validate
from tests.support.exrbytes import DWAA, Part, a_string, build

ROOT = Path(__file__).resolve().parents[3]


def deliver(folder: Path, **changed: object) -> None:
    folder.mkdir(parents=True)
    for number in range(1001, 1004):
        data = build([Part(extra=[a_string("show", "nova")], **changed)])  # fields of Part
        (folder / f"nova_sh010_v003.{number}.exr").write_bytes(data)


def test_a_policy_from_a_good_delivery_fails_a_bad_one(tmp_path: Path) -> None:
    deliver(tmp_path / "good")
    (tmp_path / "good" / "notes.exr").write_text("no image")
    deliver(tmp_path / "bad", compression=DWAA)
    target = tmp_path / "nova.yaml"
    made = CliRunner().invoke(policy.command, ["init", str(tmp_path / "good"), "--name", "nova", "-o", str(target)])
    assert made.exit_code == 0, made.output
    assert made.stderr == f"left out: {tmp_path}/good/notes.exr: EXR_MAGIC\n"
    (tmp_path / "good" / "notes.exr").unlink()
    good = CliRunner().invoke(
        validate.command, ["--policy", str(target), "--fail-on", "warning", str(tmp_path / "good")]
    )
    assert good.exit_code == 0, good.output
    bad = CliRunner().invoke(validate.command, ["--policy", str(target), "--fail-on", "warning", str(tmp_path / "bad")])
    assert bad.exit_code == 1
    assert "CMP-SHOW-CODEC" in bad.output
    again = CliRunner().invoke(policy.command, ["init", str(tmp_path / "good"), "-o", str(target)])
    assert again.exit_code == 2, "a file is never overwritten"


def test_a_delivery_that_is_not_complete_is_said_to_be_so(tmp_path: Path) -> None:
    folder = tmp_path / "poor"
    deliver(folder)
    (folder / "nova_sh010_v003.1002.exr").unlink()
    (folder / "nova_sh010_v003.1004.exr").symlink_to("nowhere")
    (folder / "nova_sh010_v003.1005.exr").write_bytes(build([Part()])[:300])

    def drafted(*options: str) -> tuple[str, str]:
        made = CliRunner().invoke(policy.command, ["init", str(folder), *options])
        assert made.exit_code == 0, made.output
        return made.stdout, made.stderr

    draft, warned = drafted()
    doubts = r"missing: 1002; with errors: 1005; could not be read: 1004"
    assert re.search(rf"^warning: .*nova_sh010_v003.####.exr is not complete \({doubts}\)", warned, re.MULTILINE)
    assert re.search(rf"^# Not certain: .*{doubts}", draft, re.MULTILINE)
    draft, warned = drafted("--limit", "2")
    assert "only the first 2 files were read" in warned
    assert "frame_range" not in draft


def test_the_example_of_the_documents_works(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    from exr_inspector.validation import registry  # noqa: PLC0415 - what the test puts back

    known = dict(registry._RULES)
    request.addfinalizer(lambda: [registry._RULES.pop(code) for code in registry._RULES.keys() - known.keys()])
    text = (ROOT / "docs" / "policies.md").read_text()
    section = text[text.index("## A show's own rules") :]
    (tmp_path / "nova.yaml").write_text(re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1])
    (tmp_path / "nova_rules.py").write_text(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1])
    listed = CliRunner().invoke(rules.command, ["--policy", str(tmp_path / "nova.yaml")])
    assert listed.exit_code == 0, listed.output
    assert "NOVA-CAMERA" in listed.output
    explained = CliRunner().invoke(rules.command, ["NOVA-CAMERA", "--policy", str(tmp_path / "nova.yaml")])
    assert "Write cameraModel." in explained.output
