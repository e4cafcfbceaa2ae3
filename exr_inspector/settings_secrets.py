"""Where a setting may stand besides the environment: the platform's secrets, and the same secrets as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exr_inspector.settings_table import CHOOSER, TABLE

_FILE_BYTES = 64 << 10
_FLAT = ""

Layer = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class SecretLayers:
    """Secrets by name, each key to text, in layers of falling precedence.

    Attributes:
        layers: The platform's, then the files'; only texts of known settings, none of them empty.
    """

    layers: tuple[Layer, ...]

    def __repr__(self) -> str:
        return "SecretLayers(***)"

    @classmethod
    def read(
        cls,
        environ: Mapping[str, str],
        secrets: Mapping[str, object],
        folder: Path | None,
        faults: list[str],
    ) -> SecretLayers:
        """Collect what may be used; what cannot be read is added to `faults`.

        With EXR_SECRET_NAME set, other secrets than that one are left out; files that stand flat in the folder belong to no
        named secret and stay.
        """
        chosen = environ.get(CHOOSER, "").strip()
        layers = (_platform(secrets, faults), _files(folder, faults))
        if not chosen:
            return cls(layers)
        kept = tuple({name: keys for name, keys in layer.items() if name in {chosen, _FLAT}} for layer in layers)
        if not any(chosen in layer for layer in kept):
            faults.append(f"{CHOOSER}: there is no secret of that name")
        return cls(kept)

    def find(self, key: str, faults: list[str]) -> str | None:
        """The text of `key` from the first layer that has it; two different texts in one layer are a fault."""
        for layer in self.layers:
            holders = sorted(name for name, keys in layer.items() if key in keys)
            if len({layer[name][key] for name in holders}) > 1:
                faults.append(f"{key}: differs between the secrets {', '.join(holders)}; choose one by {CHOOSER}")
            if holders:
                return layer[holders[0]][key]
        return None


def _platform(secrets: Mapping[str, object], faults: list[str]) -> Layer:
    """Secrets by name and key, and keys that belong to no named secret."""
    groups = {name: keys for name, keys in secrets.items() if isinstance(keys, Mapping)}
    flat = {name: value for name, value in secrets.items() if not isinstance(value, Mapping)}
    layer: dict[str, dict[str, str]] = {}
    for name, keys in {**groups, **({_FLAT: flat} if flat else {})}.items():
        layer[name] = {}
        for setting in TABLE:
            value = keys.get(setting.name)
            if isinstance(value, str):
                if value.strip():
                    layer[name][setting.name] = value.strip()
            elif value is not None:
                faults.append(
                    f"{setting.name}: {f'secret {name}' if name else 'a secret'} holds something that is not text"
                )
    return layer


def _files(folder: Path | None, faults: list[str]) -> Layer:
    if folder is None or not folder.is_dir():
        return {}
    try:
        # Kubernetes keeps the versions of a mounted secret in folders whose names begin with two dots.
        inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith("..")]
    except OSError as error:
        faults.append(f"{folder}: cannot be read ({error.strerror})")
        return {}
    return {_FLAT: _keys(folder, faults)} | {entry.name: _keys(entry, faults) for entry in inner}


def _keys(folder: Path, faults: list[str]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for setting in TABLE:
        path = folder / setting.name
        try:
            if path.is_file():
                with path.open("rb") as file:
                    text = file.read(_FILE_BYTES).decode("utf-8").strip()
                if text:
                    keys[setting.name] = text
        except (OSError, UnicodeDecodeError):
            faults.append(f"{setting.name}: {path} cannot be read as text")
    return keys
