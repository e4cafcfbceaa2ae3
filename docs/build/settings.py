"""`docs/settings.md`, from the settings."""

from __future__ import annotations

from exr_inspector.settings_table import CATALOG_NAMES, S3_NAMES, TABLE, Setting

_INTRODUCTION = """# Settings

Every setting is an environment variable, a key in one of the platform's secrets, or a file below `/secrets` (flat, or in one
folder a secret). Secrets win over files, files over the environment, the environment over the defaults below. An empty text
counts as not set. `EXR_SECRET_NAME` itself is read from the environment only; without it a key that several secrets hold with
different values is an error. All faults are reported at once, by name, and no value of a secret is ever shown.

The function needs every setting marked *database*, and either every one marked *objects* or at least one mounted folder.
Inspecting a local file needs none.

| Setting | Type | Default | Unit | Needed for | Secret | Meaning |
|---|---|---|---|---|---|---|
"""


def render() -> str:
    """The whole document, Markdown."""
    return _INTRODUCTION + "".join(_row(setting) for setting in TABLE)


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else ""
    needed = "database" if setting.name in CATALOG_NAMES else "objects" if setting.name in S3_NAMES else ""
    secret = "yes" if setting.secret else ""
    cells = (f"`{setting.name}`", setting.kind, default, setting.unit, needed, secret, setting.meaning)
    return f"| {' | '.join(cells)} |\n"
