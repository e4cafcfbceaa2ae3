"""Settings of the local runtime, and the `envs` and `secrets` of a function's `config.yaml`.

This module sets no environment variable and logs nothing. No repr and no error text shows a secret's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dataengine_local.errors import LocalRuntimeError

# By secret name and key, or by key alone.
Secrets = dict[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """How the local runtime behaves.

    Attributes:
        function_name: The function's name; events it returns have it in their source.
        host: Address to listen on.
        threads: Number of threads for plain handlers; a cluster was observed to have 20.
        timeout_seconds: Time limit of one call of the handler, seconds; None for no limit.
        sink_url: URL to which return values are posted (`K_SINK`); None to post them nowhere.
        batch_size: Maximum number of events in a batch.
        batch_wait_seconds: Maximum time that the first event of a batch waits for others, seconds.
        get_data_returns_envelope: Whether `event.get_data()` returns the whole event instead of the payload.
        max_body_bytes: Maximum size of a request's body, bytes; a larger one is answered 413.
        stop_seconds: How long the runtime waits for running calls when it stops, seconds.
        kept_invocations: Number of calls that `LocalRuntime.invocations` keeps.
        pipeline_triggers_map: `ctx.pipeline_triggers_map`.
        secrets: `ctx.secrets`.
    """

    function_name: str = "function"
    host: str = "127.0.0.1"
    threads: int = 20
    timeout_seconds: float | None = None
    sink_url: str | None = None
    batch_size: int = 10
    batch_wait_seconds: float = 0.1
    get_data_returns_envelope: bool = False
    max_body_bytes: int = 2 * 1024 * 1024
    stop_seconds: float = 10
    kept_invocations: int = 10_000
    pipeline_triggers_map: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """A function's `config.yaml`: its environment variables and its secrets."""

    envs: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: Secrets = field(default_factory=dict, repr=False)


def load_config(path: Path) -> FunctionConfig:
    """Read `config.yaml`.

    `envs` is a mapping, or a list of `{name or key, value}`. `secrets` is a mapping of secret names to mappings, a flat
    mapping of keys to values, or a list of `{name, entries}` with `entries` like `envs`, as in secret files of `vastde`.

    Raises:
        LocalRuntimeError: The file cannot be read, or has another form.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalRuntimeError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # The parser quotes the lines around the error, which may contain secrets.
        mark = getattr(error, "problem_mark", None)
        raise LocalRuntimeError(f"{path}: not YAML" + (f", line {mark.line + 1}" if mark else "")) from None
    if not isinstance(document, dict):
        raise LocalRuntimeError(f"{path}: expected a mapping with envs and secrets")
    secrets = document.get("secrets") or {}
    if isinstance(secrets, list):
        secrets = {_entry_name(path, "secrets", entry): entry.get("entries") for entry in secrets}
    if not isinstance(secrets, dict):
        raise LocalRuntimeError(f"{path}: secrets is neither a mapping nor a list")
    return FunctionConfig(
        envs=_entries(path, "envs", document.get("envs")),
        secrets={str(name): _secret(path, f"secret {name}", value) for name, value in secrets.items()},
    )


def read_secrets_folder(folder: Path) -> Secrets:
    """Secrets from a folder laid out as `/secrets/` of a container: a folder for each secret, a file for each key.

    Files directly in the folder are the keys of one secret with the folder's name. Names that start with `..` belong to a
    Kubernetes volume and are ignored. One line break at the end of a value is removed.

    Raises:
        LocalRuntimeError: The folder or a file in it cannot be read, or is not UTF-8.
    """
    secrets: dict[str, dict[str, str]] = {}
    try:
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith(".."):
                continue
            if entry.is_dir():
                keys = (file for file in sorted(entry.iterdir()) if file.is_file() and not file.name.startswith(".."))
                secrets[entry.name] = {file.name: _secret_value(file) for file in keys}
            else:
                secrets.setdefault(folder.resolve().name, {})[entry.name] = _secret_value(entry)
    except OSError as error:
        raise LocalRuntimeError(f"{error.filename or folder}: {error.strerror}") from error
    return dict(secrets)


def _secret_value(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise LocalRuntimeError(f"{file}: not UTF-8") from None


def _secret(path: Path, what: str, value: object) -> str | dict[str, str]:
    if value is None or isinstance(value, (dict, list)):
        return _entries(path, what, value)
    return _plain_text(path, what, value)


def _entries(path: Path, what: str, entries: object) -> dict[str, str]:
    if entries is None:
        return {}
    if isinstance(entries, list):
        entries = {_entry_name(path, what, entry): entry.get("value") for entry in entries}
    if not isinstance(entries, dict):
        raise LocalRuntimeError(f"{path}: {what} is neither a mapping nor a list")
    return {str(name): _plain_text(path, f"{what}: {name}", value) for name, value in entries.items()}


def _entry_name(path: Path, what: str, entry: object) -> str:
    name = entry.get("name", entry.get("key")) if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise LocalRuntimeError(f"{path}: an entry of {what} has neither name nor key")
    return name


def _plain_text(path: Path, what: str, value: object) -> str:
    """A scalar as text for the environment: booleans as `true` and `false`, null as the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise LocalRuntimeError(f"{path}: {what} is {type(value).__name__}, expected text")
