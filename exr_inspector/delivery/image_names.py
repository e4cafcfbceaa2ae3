"""The words in the names of files and folders that distinguish views, AOVs, mattes and versions of one image. Pure."""

from __future__ import annotations

import re

VIEW = re.compile(r"(?<![a-zA-Z0-9])(?:left|right|l|r)(?![a-zA-Z0-9])", re.IGNORECASE)
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
AOV = re.compile(rf"[._-]?(?<![a-zA-Z0-9]){_WORD}(?:[_-](?:{_WORD}|{_MORE}))*(?![a-zA-Z0-9])")
MAIN = re.compile(r"(?i:beauty|combined|rgba?)")
# AOVs that are black where no such light is.
LIGHT = re.compile(
    r"(?i:specular|spec|refl(?:ections?)?|refr(?:actions?)?|emission|emissive|sss|subsurface|transmission|coat|sheen|gi"
    r"|indirect|direct|translucency)"
)
# AOVs that change from frame to frame and are no maps of textures or lenses
_ANIMATED = re.compile(
    r"(?<![a-zA-Z0-9])(?i:beauty|combined|rgba?|z_?depth|depth|motion_?vectors?|mvec|velocity|[a-z]*crypto[a-z]*"
    r"|object_?id|material_?id)(?![a-z])"
)
# Files of several AOVs, as the write nodes of one script name them.
BUNDLE = re.compile(
    r"[._-]?(?<![a-zA-Z0-9])(?:data|pass(?:es)?|aovs?|util(?:s|ity|ities)?|tech|light_?groups?)(?![a-zA-Z0-9])",
    re.IGNORECASE,
)
VERSION = re.compile(r"(?<![a-zA-Z0-9])[vV]\d+(?![a-zA-Z0-9])", re.ASCII)
DIGITS = re.compile(r"#+")
# Objects of a shot that have mattes of their own: `clip_obj1`, `mask_02`, `clip_matte_hero`, `clip_char01_roto`; no shots.
_MATTE = r"(?:obj(?:ect)?s?|mattes?|masks?|roto|holdouts?)"
_END = r"(?![a-zA-Z0-9])"
_NUMBERED_MATTE = rf"[._-]?(?<![a-zA-Z0-9]){_MATTE}[._-]?(?:\d{{1,2}}|[a-zA-Z]){_END}"
_OBJECT = r"(?!(?:v|ver|sh|shot|sc|scene|sq|seq|cam|tk|take)\d)[a-zA-Z]+\d{0,2}"
_NO_OBJECT_BEHIND = rf"(?![._-](?:\d{{1,2}}|{_OBJECT}){_END})"
_NAMED_MATTE = rf"(?<=[a-zA-Z0-9])[._-](?:{_MATTE}[._-]{_OBJECT}{_END}|{_OBJECT}[._-]{_MATTE}{_END}{_NO_OBJECT_BEHIND})"
MATTE = re.compile(rf"{_NUMBERED_MATTE}|{_NAMED_MATTE}", re.IGNORECASE)
PLATE = re.compile(rf"[._-]?(?<![a-zA-Z0-9])(?:plates?|pl\d{{1,2}}|comps?|full){_END}", re.IGNORECASE)
_ANY_MATTE = re.compile(rf"[._-]?(?<![a-zA-Z0-9]){_MATTE}{_END}", re.IGNORECASE)
# Words of images that are made from others, frame by frame: denoised, without distortion, smaller.
DERIVED = re.compile(
    r"(?:(?<![a-zA-Z0-9])|[._-])(?:denois(?:e|ed|er|ing)|noise_?free|noice|oidn|optix|altus|dnz?|dns|clean(?:ed)?|filtered"
    r"|de_?grain(?:ed)?|re_?grain(?:ed)?|un_?dist(?:ort(?:ed|ion)?)?|prox(?:y|ies)|graded|upscaled?|upres)(?![a-zA-Z0-9])",
    re.IGNORECASE,
)
_CLEAN_PLATE = re.compile(r"(?<![a-zA-Z0-9])(?:plate|pl\d*|bg\d*)[._-]?clean|clean[._-]?(?:plate|pl|bg)", re.IGNORECASE)


def is_derived(pattern: str) -> bool:
    """Whether the file name or its folder has a word of images that are made from others, which then have the same frames."""
    ends = "/".join(pattern.split("/")[-2:])
    return bool(DERIVED.search(ends)) and not _CLEAN_PLATE.search(ends)


def is_animated(pattern: str) -> bool:
    """Whether the file name is that of an AOV that changes from frame to frame, and no map of textures or lenses."""
    return _ANIMATED.search(pattern.rpartition("/")[2]) is not None


def image_of(path: str) -> str:
    """The path without its view and AOV; the main image often has no word: `sh010.1001.exr` beside `sh010_depth.1001.exr`."""
    return AOV.sub("", VIEW.sub("%V", DIGITS.sub("#", path)))


def without_version(path: str) -> str:
    """The path with `v#` in place of each version: `v#/beauty_v#.1001.exr`."""
    return VERSION.sub("v#", path)


def plate_of(path: str) -> str:
    """The path without the words of plates, AOVs and mattes, and without versions, equal for an image and its mattes."""
    rest = without_version(_ANY_MATTE.sub("", PLATE.sub("", MATTE.sub("", image_of(path)))))
    return rest.replace("//", "/").removeprefix("/")


def is_matte_of_plate(path: str) -> bool:
    """Whether the last word of plates and mattes in a path is one of mattes."""
    mattes, plates = (
        max((found.end() for word in words for found in word.finditer(path)), default=0)
        for words in ((MATTE, _ANY_MATTE), (PLATE,))
    )
    return mattes > plates
