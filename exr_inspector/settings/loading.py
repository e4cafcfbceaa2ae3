"""Read the settings once: as given by the caller, from the platform's secrets, files below `/secrets`, and the environment.

The first of these that contains a setting is used, otherwise its default.

    >>> load_settings({"EXR_STATS": "full"}, secrets_dir=None).stats
    'full'
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exr_inspector.errors import SettingsError
from exr_inspector.settings.fields import (
    DATABASE,
    FUNCTION,
    GROUPS,
    NAMES,
    OBJECTS,
    SELECTION_SETTING,
    Settings,
    field_group,
    field_unit,
    needed,
    not_set,
)
from exr_inspector.texts import page, visible

SECRETS_DIR = Path("/secrets")
_PREFIXES = ("EXR_", "VAST_DB_")
_SHARED_PREFIX = "S3_"  # also of other programs' variables, so only misspelt settings are reported
# Variables of the tests, of Ray tasks and of shell completion.
_NO_SETTINGS = frozenset({"EXR_CORPUS", "EXR_TESTS_MUST_RUN", "EXR_ALONE", "EXR_INSPECTOR_COMPLETE"})
_FILE_BYTES = 64 << 10
# Groups for which EXR_SECRET_NAME must name an existing secret. Reading local files needs no secret.
_CONNECTING = frozenset({DATABASE, OBJECTS, FUNCTION})


def load_settings(
    environ: Mapping[str, str],
    secrets: Mapping[str, object] | None = None,
    secrets_dir: Path | None = SECRETS_DIR,
    *,
    given: Mapping[str, str] | None = None,
    need: Collection[str] = (),
    use: Collection[str] = GROUPS,
) -> Settings:
    """Return the settings of this process.

    Args:
        environ: The environment, usually `os.environ`.
        secrets: The platform's secrets, `ctx.secrets`: secret name, then key, then value; or flat, key to value.
        secrets_dir: Folder with the same secrets as files, flat or one folder per secret; None or a missing folder:
            none.
        given: Settings that an option or an argument gives, such as the database of `--catalog`.
        need: What must be configured: `catalog` (VAST DataBase), `objects` (S3, or at least one mount).
        use: Groups of settings (of GROUPS) that the caller uses. Others are not validated.

    Raises:
        SettingsError: A setting is wrong or missing. The message has one sentence per fault and never the value of a
            secret.
        ValueError: `need` or `use` contains an unknown name.
    """
    if unknown := (set(need) - {"catalog", "objects"}) | (set(use) - set(GROUPS)):
        raise ValueError(f"{', '.join(sorted(unknown))} is not known")
    given = given or {}
    environ = {**environ, **given}
    wanted = [name for name, field in NAMES.items() if field_group(Settings.model_fields[field]) in use]
    faults: list[str] = []
    chosen = environ.get(SELECTION_SETTING, "").strip() if wanted else ""
    if chosen and _CONNECTING & set(use) and not _has_secret(chosen, secrets or {}, secrets_dir):
        faults.append(
            f"{SELECTION_SETTING}: no secret has the name {visible(chosen)}: create it, or correct the setting"
        )
    others = [name for name in wanted if not given.get(name, "").strip()]
    found = {
        **{name: text for name in wanted if (text := environ.get(name, "").strip())},
        **_single_values(_chosen(_files(secrets_dir, others, faults), chosen), others, faults),
        **_single_values(_chosen(_platform(secrets or {}, others, faults), chosen), others, faults),
    }
    values: dict[str, Any] = {name: text for name, text in found.items() if name != SELECTION_SETTING}
    if chosen:
        values[SELECTION_SETTING] = chosen
    settings: Settings | None = None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += [_reason(str(fault["loc"][0]), fault["msg"]) for fault in error.errors(include_input=False)]
    faults += _cross_checks(settings, values, need, use)
    if faults or settings is None:
        raise SettingsError("; ".join(faults))
    return settings


def unknown_settings(*sources: Mapping[str, object]) -> list[str]:
    """Return a sentence, without the value, about each name that looks like a setting but is none.

    Other programs have variables that begin with `S3_` too: such a name is only reported if it is similar to a setting
    that is not given.

    Args:
        sources: The environment, secrets by key, or secrets by name and key.
    """
    names: set[str] = set()
    for source in sources:
        inner = [keys for keys in source.values() if isinstance(keys, Mapping)]
        names.update(str(name) for keys in (source, *inner) for name in keys)
    hints: dict[str, str] = {}
    for name in sorted(names - NAMES.keys() - _NO_SETTINGS):
        near = _similar(name.upper())
        is_shared = name.upper().startswith(_SHARED_PREFIX)
        if near and not (is_shared and near[0] in names):
            hints[name] = f"did you mean {' or '.join(near)}?"
        elif name.upper().startswith(_PREFIXES):
            hints[name] = f"{page('settings')} lists all"
    return [f"{name} is no setting and has no effect; {hint}" for name, hint in hints.items()]


def _similar(name: str) -> list[str]:
    """Return settings with similar names; the common beginning is not compared, since it makes all names similar."""
    for beginning in (*_PREFIXES, _SHARED_PREFIX):
        if name.startswith(beginning):
            rests = [known.removeprefix(beginning) for known in NAMES if known.startswith(beginning)]
            return [beginning + rest for rest in get_close_matches(name.removeprefix(beginning), rests, 2)]
    return []


def _reason(name: str, message: str) -> str:
    unit = field_unit(Settings.model_fields[NAMES[name]])
    reason = message.removeprefix("Value error, ").replace("Input should be", "expected", 1)
    return f"{name}: {reason}{f' (unit: {unit})' if unit else ''}"


def _cross_checks(
    settings: Settings | None, given: Collection[str], need: Collection[str], use: Collection[str]
) -> Iterator[str]:
    """Yield the faults that involve several settings; if any value is invalid, only missing settings."""
    groups = {
        "catalog": (DATABASE, "VAST DataBase"),
        "objects": (OBJECTS, "reading objects (or EXR_MOUNTS for folders)"),
    }
    for name in sorted(need):
        group, what = groups[name]
        absent = [name for name, _ in needed(group) if name not in given]
        if absent and not (name == "objects" and "EXR_MOUNTS" in given):
            yield not_set(absent, what)
    is_compared = {DATABASE, FUNCTION} <= set(use)  # a default of an unused group cannot contradict
    if is_compared and settings is not None and settings.db_retry_seconds >= settings.deadline_seconds:
        yield "EXR_DB_RETRY_SECONDS: expected less than EXR_DEADLINE_SECONDS"
    if FUNCTION in use and settings is not None:
        if settings.sweep_catalog and not settings.views:
            yield "EXR_SWEEP_CATALOG: needs EXR_VIEWS, which maps paths on the cluster to buckets"
        if not settings.sweep_catalog and any(place.startswith("/") for place in settings.sweep):
            yield "EXR_SWEEP: a path on the cluster needs EXR_SWEEP_CATALOG=on; write bucket/prefix for a listing"


# --- sources: name of a secret -> key -> text; settings outside of any secret have the name "" --------------------------

Named = dict[str, dict[str, str]]


def _platform(secrets: Mapping[str, object], wanted: Collection[str], faults: list[str]) -> Named:
    named = {str(name): keys for name, keys in secrets.items() if isinstance(keys, Mapping)}
    flat = {name: value for name, value in secrets.items() if name not in named}
    found = {name: _texts(keys, wanted, f"secret {name}", faults) for name, keys in named.items()}
    return {**found, "": _texts(flat, wanted, "a secret", faults)}


def _texts(keys: Mapping[str, object], wanted: Collection[str], where: str, faults: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in wanted:
        value = keys.get(name)
        if isinstance(value, str):
            if value.strip():
                texts[name] = value.strip()
        elif value is not None:
            faults.append(f"{name}: {where} contains a value that is not text")
    return texts


def _files(folder: Path | None, wanted: Collection[str], faults: list[str]) -> Named:
    if not wanted or folder is None or not folder.is_dir():
        return {}
    try:
        # Kubernetes keeps the versions of a mounted secret in folders whose names begin with two dots.
        inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith("..")]
    except OSError as error:
        faults.append(f"{folder}: cannot be read ({error.strerror})")
        return {}
    folders = {"": folder, **{entry.name: entry for entry in inner}}
    return {name: _file_texts(entry, wanted, faults) for name, entry in folders.items()}


def _file_texts(folder: Path, wanted: Collection[str], faults: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in wanted:
        path = folder / name
        try:
            if path.is_file():
                with path.open("rb") as file:
                    text = file.read(_FILE_BYTES).decode("utf-8").strip()
                if text:
                    texts[name] = text
        except (OSError, UnicodeDecodeError):
            faults.append(f"{name}: {path} cannot be read as text")
    return texts


def _chosen(found: Named, chosen: str) -> Named:
    """Return the chosen secret and the settings outside of any secret; everything if none is chosen."""
    return {name: keys for name, keys in found.items() if name in {chosen, ""}} if chosen else found


def _has_secret(name: str, secrets: Mapping[str, object], folder: Path | None) -> bool:
    return isinstance(secrets.get(name), Mapping) or (folder is not None and (folder / name).is_dir())


def _single_values(found: Named, wanted: Collection[str], faults: list[str]) -> dict[str, str]:
    """Return the text of each key. Secrets that have different texts for a key are a fault."""
    texts: dict[str, str] = {}
    for key in wanted:
        holders = sorted(name for name, keys in found.items() if key in keys)
        if len({found[name][key] for name in holders}) > 1:
            named = ", ".join(name or "(flat)" for name in holders)
            faults.append(f"{key}: differs between the secrets {named}; choose one by {SELECTION_SETTING}")
        if holders:
            texts[key] = found[holders[0]][key]
    return texts
