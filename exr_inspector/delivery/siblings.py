"""Find sequences that are views or AOVs of one image, by their names: all of them must have the same frames. Pure.

>>> from exr_inspector.delivery.naming import recognise
>>> known = recognise(["left/a.1001.exr", "left/a.1002.exr", "right/a.1001.exr"]).sequences
>>> {pattern: sorted(frames) for pattern, frames in frames_of_siblings(known).items()}
{'left/a.####.exr': [1001, 1002], 'right/a.####.exr': [1001, 1002]}
>>> known = recognise(["sh010_beauty_v2.1001.exr", "sh010_beauty_v2.1002.exr", "sh010_N_v2.1001.exr"]).sequences
>>> frames_of_siblings(known)["sh010_N_v2.####.exr"]
{1001: 'sh010_N_v2.####.exr', 1002: 'sh010_beauty_v2.####.exr'}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from exr_inspector.delivery.naming import Recognised

_VIEW = re.compile(r"(?<![a-zA-Z0-9])(?:left|right|l|r)(?![a-zA-Z0-9])", re.IGNORECASE)
# AOVs that renderers write for every frame. Left out are elements of a shot, which need not be in all frames (`smoke`, `mask`)
# and maps of textures that are no AOVs (`height`, `roughness`).
_WORD = (
    r"(?:[NPZ]|(?i:beauty|combined|rgba?|z_?depth|depth|(?:world_?)?positions?|pworld|pref|normals?|uvs?"
    r"|motion_?vectors?|mvec|velocity|diffuse|diff|specular|spec|reflections?|refl|refractions?|refr|emission|emissive"
    r"|sss|subsurface|transmission|coat|sheen|albedo|ao|ambient_?occlusion|occlusion|gi|indirect|direct"
    r"|fresnel|translucency|object_?id|material_?id|[a-z]*crypto[a-z]*(?:_?(?:object|material|asset))?\d{0,2}))"
)
# `diffuse`, `diffuse_direct`, `specular_raw`, and of a single light: `beauty_key`
_MORE = "(?i:raw|filter|colou?r|pass|key|fill|rim|kick(?:er)?|bounce|env|dome|sky|sun)"
_AOV = re.compile(rf"[._-]?(?<![a-zA-Z0-9]){_WORD}(?:[_-](?:{_WORD}|{_MORE}))*(?![a-zA-Z0-9])")
_DIGITS = re.compile(r"#+")


def frames_of_siblings(sequences: Iterable[Recognised]) -> dict[str, Mapping[int, str]]:
    """The frames of all views and AOVs of an image, each with the pattern of a sequence that has it.

    Returns:
        These frames, by the pattern of each sequence whose path differs from that of another only in the view and the AOV.
    """
    groups: dict[str, list[Recognised]] = {}
    for sequence in sequences:
        image = _VIEW.sub("%V", _DIGITS.sub("#", sequence.pattern))
        image = _AOV.sub("", image)  # the main image often has no word: `sh010.1001.exr` beside `sh010_depth.1001.exr`
        if not sequence.is_udim:
            groups.setdefault(image, []).append(sequence)
    found: dict[str, Mapping[int, str]] = {}
    for group in groups.values():
        if len(group) > 1:
            together = {number: sequence.pattern for sequence in reversed(group) for number in sequence.frames}
            found.update((sequence.pattern, together) for sequence in group)
    return found
