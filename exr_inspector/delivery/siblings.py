"""Find sequences that are views or AOVs of one image, by their names: all of them must have the same frames. Pure.

>>> from exr_inspector.delivery.naming import recognise
>>> left, right = [f"left/a.{n}.exr" for n in range(1001, 1006)], [f"right/a.{n}.exr" for n in range(1001, 1005)]
>>> {pattern: sorted(frames) for pattern, frames in frames_of_siblings(recognise(left + right).sequences).items()}
{'left/a.####.exr': [1001, 1002, 1003, 1004, 1005], 'right/a.####.exr': [1001, 1002, 1003, 1004, 1005]}
>>> frames_of_siblings(recognise([*left, "right/a.1001.exr"]).sequences)  # a single frame says nothing of a range
{}
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
_FEWEST = 3  # sequences with fewer frames say nothing of a range


def frames_of_siblings(sequences: Iterable[Recognised]) -> dict[str, Mapping[int, str]]:
    """The frames of all views and AOVs of an image, each with the pattern of a sequence that has it.

    Returns:
        These frames, by the pattern of each sequence whose path differs from that of another only in the view and the AOV. Of
        such sequences, those are compared that have several frames and share most of them with the longest one: lens maps of a
        single frame, and names that are alike by chance (`take_P.1001-1010`, `take_N.2001-2010`), are left out.
    """
    groups: dict[str, list[Recognised]] = {}
    for sequence in sequences:
        image = _VIEW.sub("%V", _DIGITS.sub("#", sequence.pattern))
        image = _AOV.sub("", image)  # the main image often has no word: `sh010.1001.exr` beside `sh010_depth.1001.exr`
        if not sequence.is_udim:
            groups.setdefault(image, []).append(sequence)
    found: dict[str, Mapping[int, str]] = {}
    for group in groups.values():
        alike = _with_like_frames(group) if len(group) > 1 else []
        if len(alike) > 1:
            together = {number: pattern for pattern, frames in reversed(alike) for number in frames}
            found.update((pattern, together) for pattern, _ in alike)
    return found


def _with_like_frames(group: Iterable[Recognised]) -> list[tuple[str, frozenset[int]]]:
    """The patterns and frames of the longest sequence and of those that have more than half of all frames in common with it."""
    known = [(sequence.pattern, frozenset(sequence.frames)) for sequence in group]
    longest = max((frames for _, frames in known), key=len)
    return [
        (pattern, frames)
        for pattern, frames in known
        if len(frames) >= _FEWEST and 2 * len(frames & longest) > len(frames | longest)
    ]
