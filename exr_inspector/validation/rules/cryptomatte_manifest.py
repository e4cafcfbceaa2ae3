"""CRY: Cryptomatte manifests, from the header or from the sidecar file that is read when all pixels are read."""

from __future__ import annotations

import re

from exr_inspector.exr.cryptomatte import manifests
from exr_inspector.exr.cryptomatte.mattes import DEFINED_HASH, ManifestState
from exr_inspector.model import Severity
from exr_inspector.validation.facts.facts import FileFacts
from exr_inspector.validation.rule import Found, Remedy, Results, counted
from exr_inspector.validation.rules.cryptomatte import matte_rule

_UPPER_CASE_ID = re.compile(r':\s*"(?=[0-9a-f]*[A-F])([0-9A-Fa-f]{8})"')
_SPEC = "Cryptomatte specification 1.2.0"
_UTILITIES = "Cryptomatte reference utilities"


@matte_rule(
    "CRY-MANIFEST-JSON",
    Severity.ERROR,
    "The manifest is a JSON object whose values are ids of eight lower-case hexadecimal digits",
    why="Software that cannot read the manifest shows no names.",
    source=_SPEC,
    fix="Write the manifest again in the renderer, or copy it from the original render.",
)
def manifest_json(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        if isinstance(matte.manifest, manifests.ManifestError):
            message, state = f"{matte.label}: the manifest is {matte.manifest}"[:300], matte.manifest_state.value
            if matte.manifest.entry and not matte.declared.manifest_file:
                message += f": {matte.manifest.entry}"
            found.append(Found(message, state, "a JSON object of names and ids", part=matte.part))
        elif matte.declared.manifest and (upper := _UPPER_CASE_ID.search(matte.declared.manifest)):
            message = f"{matte.label}: ids of the manifest are in upper case, such as {upper[1]}"
            found.append(Found(message, upper[1], upper[1].lower(), part=matte.part, severity=Severity.INFO))
    return found


@matte_rule(
    "CRY-MANIFEST-MISSING",
    Severity.WARNING,
    "A Cryptomatte has a manifest, in the header or in a sidecar file",
    why="Without a manifest objects can be picked in the image, but not selected by name.",
    source=_SPEC,
    fix="Switch the manifest on in the renderer, embedded or as a sidecar file.",
    profiles={"default": "info", "strict": "warning"},
)
def manifest_missing(file: FileFacts, _: object) -> Results:
    names = {ManifestState.ABSENT: "no manifest", ManifestState.EMPTY: "an empty manifest"}
    without_ids = _without_ids(file)
    found = []
    for matte in file.mattes:
        if (state := matte.manifest_state) in names:
            is_needless = matte.declared.key in without_ids
            why = "no pixel holds an id, which would need a name" if is_needless else "the names of its ids are lost"
            message = f"{matte.label} has {names[state]}: {why}"
            found.append(Found(message, state.value, "manifest or manif_file", part=matte.part))
    return found


def _without_ids(file: FileFacts) -> set[str]:
    """The keys of Cryptomattes whose pixels hold no object; empty unless all pixels were read."""
    report = file.inspection.pixels
    found = report.mattes if report else ()
    return {one.key for one in found if one.is_complete} - {
        one.key for one in found if one.id_count or not one.is_complete
    }


@matte_rule(
    "CRY-MANIF-FILE",
    Severity.ERROR,
    "manif_file is a relative path to an existing .json file in the image's folder or below it",
    why="An absolute path breaks when the files move, and a path that leads out of the folder is unsafe.",
    source=f"{_SPEC}; {_UTILITIES}",
    fix="Write a path relative to the image, and deliver the .json file with the image.",
    command="exrstdattr -string cryptomatte/KEY/manif_file NAME.json IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    limits="The file is looked for and read only when all pixels are read (`--stats full`).",
)
def manifest_file(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        path = matte.declared.manifest_file
        if not path:
            continue
        message = f"{matte.label}: manif_file is '{path[:200]}'"
        if fault := manifests.sidecar_path_fault(path):
            message += f", which {fault}; expected a relative path in the image's folder or below it"
            found.append(Found(message, path[:200], "name.json", part=matte.part))
        elif fault := matte.declared.sidecar_fault:
            message += f", which {fault}: the names of its ids are lost"
            found.append(Found(message, fault, "a manifest", part=matte.part, severity=Severity.WARNING))
    return found


@matte_rule(
    "CRY-MANIFEST-HASH",
    Severity.ERROR,
    "Every id in the manifest is the hash of its name",
    why="Software that computes the id from the name selects nothing.",
    source=f"{_SPEC}; {_UTILITIES}",
    fix="Correct the exporter: the id is the MurmurHash3_32 of the name's UTF-8 bytes.",
)
def name_hashes(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        if not isinstance(matte.manifest, dict) or matte.declared.hash != DEFINED_HASH:
            continue
        if wrong := manifests.wrong_names(matte.manifest):
            count = f"{len(wrong)} of {len(matte.manifest)}"
            first, name = matte.manifest[wrong[0]], wrong[0]
            message = f"{matte.label}: {count} ids are not the hash of their name; the first is that of {name[:100]!r}"
            if unflipped := manifests.unflipped_names(wrong, matte.manifest):
                which = "in all of them" if len(unflipped) == len(wrong) else f"in {len(unflipped):,} of them"
                message += f"; {which} bit 23 is not toggled, as it must be where the exponent is 0 or 255"
            found.append(Found(message, first, f"{manifests.cryptomatte_id(name):08x}", part=matte.part))
    return found


@matte_rule(
    "CRY-NAME-CHARS",
    Severity.INFO,
    "Names in a manifest have no comma, no blank at the start or end, and no angle brackets around them",
    why="Lists of names, in which Cryptomatte nodes keep the selection, use these characters: the object cannot be selected "
    "in older ones.",
    source="Cryptomatte#22",
    fix="Rename the object, and render again.",
)
def selectable_names(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        manifest = matte.manifest if isinstance(matte.manifest, dict) else {}
        odd = [
            name
            for name in manifest
            if "," in name or name != name.strip() or name.startswith("<") or name.endswith(">")
        ]
        if odd:
            message = (
                f"{matte.label}: {counted(len(odd), 'name')} with commas, outer blanks or angle brackets, such as "
            )
            message += repr(odd[0][:100])
            found.append(Found(message, odd[0][:100], "other characters", part=matte.part))
    return found


@matte_rule(
    "CRY-COLLISION",
    Severity.WARNING,
    "No two names in a manifest have the same id",
    why="Software cannot tell the two objects apart.",
    source=_UTILITIES,
    fix="Rename one of the two objects, and render again.",
)
def collision(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        if isinstance(matte.manifest, dict) and (pairs := manifests.collisions(matte.manifest)):
            first, second = pairs[0]
            several = f"{counted(len(pairs), 'id')} {'has' if len(pairs) == 1 else 'have'} several names"
            message = f"{matte.label}: {several}; the first has {first[:100]!r} and {second[:100]!r}"
            found.append(Found(message, matte.manifest[first], "different ids", part=matte.part))
    return found
