"""The role of a channel by its name: colour, alpha, depth, id, position, normal, motion.

OpenEXR files give no other information about the meaning of a channel. The words are those that renderers and compositors
write. A channel without a known word is OTHER, as are measures such as variance, and no rule about data applies to it. Where
each AOV has a file of its own, its channels are called R, G, B, and only the file's name says that they hold data
(`layer_of_file`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import IntEnum
from functools import lru_cache


class Role(IntEnum):
    """The kind of values that a channel holds."""

    OTHER = 0
    COLOUR = 1
    ALPHA = 2
    DEPTH = 3
    ID = 4
    POSITION = 5
    NORMAL = 6
    MOTION = 7
    CRYPTOMATTE = 8


DATA_ROLES = frozenset({Role.DEPTH, Role.ID, Role.POSITION, Role.NORMAL, Role.MOTION, Role.CRYPTOMATTE})
RGB = ("R", "G", "B")

_WORDS = {
    Role.DEPTH: {"depth", "z", "zdepth", "zback"},
    Role.ID: {
        "id", "ids", "objectid", "materialid", "particleid", "instanceid", "primid", "indexob", "indexma", "object index",
        "material index", "index", "objectindex", "materialindex", "shapeindex", "shape_index", "primindex", "prim_index",
        "instance_index", "segmap", "segmentation",
    },
    Role.POSITION: {
        "p", "position", "positions", "pworld", "pref", "worldposition", "uv", "uvs", "uvmap", "st",
        "stmap", "pos", "wpos",
    },
    Role.NORMAL: {"n", "ng", "normal", "normals"},
    Role.MOTION: {
        "motion", "velocity", "motionvector", "motionvectors", "mvec", "vector", "vectors", "forward", "backward", "disparity",
        "flow",
    },
}  # fmt: skip
_ROLE_OF_WORD = {word: role for role, words in _WORDS.items() for word in words}
# Within a longer name, single letters (`diffuse_p`) and ambiguous words (`1st_bounce`) are not used.
_ALONE = frozenset({"st", "ng", "pos", "forward", "backward", "flow", "index", "segmentation"})
_ROLE_OF_TOKEN = {word: role for word, role in _ROLE_OF_WORD.items() if len(word) > 1 and word not in _ALONE}
# Images and measures that are derived from data: an `id_mask` holds no ids, `motionBlur` no motion vectors, and RenderMan's
# `normal_var` no normals.
_DERIVED = frozenset({"mask", "masks", "matte", "mattes", "blur", "field", "var", "variance", "mse", "stddev"})
# Measures of the rendering, in words joined by underscores: their R, G, B are no light and may have any value.
_MEASURE = re.compile(
    r"(?:^|_)(?:var|variances?|mse|std_?dev|standard_deviation|(?:samples?|ray|hit)_?counts?|(?:cpu|render)_?time|heat_?map"
    r"|inv_density)(?:_|$)"
)
# A copy for a denoiser has the role of its layer: Arnold's `N_noice`, `Z_denoise`.
_COPY = re.compile(r"_(?:noice|denoised?|(?:un)?filtered)$", re.IGNORECASE)
# Optical flow from one frame to another. `flow` alone also names images, of lava or water.
_FLOW = r"(?:forward|backward|fwd|bwd|fw|bw|optical)_?flow|flow_?(?:forward|backward|fwd|bwd|fw|bw|map)"
_IS_FLOW = re.compile(_FLOW)
# The end of a file's name that names its only layer: `sh010_N.1001.exr`, `shot.zDepth.0001.exr`, `Normal0001.exr`,
# AliceVision's `1186573_depthMap.exr`, and V-Ray's `shot.VRayCryptomatte00.0001.exr`. Words that also end the names of images
# (`title_motion`, `test_normal`) are left out, except for files of two channels, which are no images.
_FILE_LAYER = re.compile(
    r"(?:^|[._ -])(?:(?P<short>[NPZ]|(?i:[a-z]*crypto[a-z_]*)0\d)(?=[._])|(?P<word>Normal"
    r"|(?i:(?:z|world|scene)?_?depth(?:_?(?:map|image))?|normals|(?:normal|sim)_?map|normal_?image|(?:world_?)?positions?|w?pos|pworld|pref"
    r"|(?:camera|world|object|surface|view|screen|shading|geometry|smooth)_?normals?|uvs?|uvmap|stmap|velocity"
    r"|motion_?vectors?|mvec|disparity|variance|sample_?count|" + _FLOW + r"))|(?P<pair>(?i:flow|motion|vectors?)))"
    r"(?:[._ -]?v\d+)?[._ -]?\d*\.[^.]+$"
)
_FOLDER_LETTERS = 4  # folders called `P`, `uv1` or `pos` may hold images
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MATTE = re.compile(
    r"(?<![a-z])(?:shadows?|mattes?|masks?|opacity(?=[._\d-]*(?:exr)?$)|roto|holdouts?|ao|(?:ambient_?)?occlusion)(?![a-z])",
    re.IGNORECASE,
)
_ADDED = re.compile(
    r"(?<![a-z])(?:add(?:itive)?|emissi(?:on|ve)|fires?|flames?|embers|(?:lens_?)?flares?|glows?|sparks?|lightnings?|lasers?"
    r"|volumetrics?|(?:god|light)_?rays)\d*(?:[._-](?:v?\d+|left|right|exr))*$",
    re.IGNORECASE,
)
_DISPLACEMENT = re.compile(
    r"(?<![a-z])(?:v?disp(?:lacement)?|vdm|height(?:_?(?:map|field))?|vat|vertex_?anim(?:ation)?)"
    r"(?:[._-]?(?:v?\d+k?|exr))*$",
    re.IGNORECASE,
)
_COLOURS = {"R", "G", "B", "Y", "RY", "BY", "r", "g", "b", "red", "green", "blue", "Red", "Green", "Blue"}
_IMAGE = frozenset("RGBAY")
_PAIR = frozenset("RG")
_ALPHAS = {"A", "AR", "AG", "AB", "a", "alpha", "Alpha"}
_IMAGE_NAMES = frozenset({"beauty", "rgb", "rgba", "combined", "comp", "plate", "diffuse", "specular", "albedo"})
_CRYPTOMATTE = re.compile("crypto|^actorhitproxymask", re.IGNORECASE)
# Components with a role of their own in layers without one.
_BARE = {"Z": Role.DEPTH, "ZBack": Role.DEPTH}


def _of_segment(segment: str) -> Role:
    """The role that one component of a name gives; OTHER if none."""
    segment = _COPY.sub("", segment) or segment
    word = segment.lower().rstrip("0123456789").strip("_- ")
    if word in _ROLE_OF_WORD and (len(word) > 1 or len(segment) == 1):  # `p0` is a numbered part, `P` a position
        return _ROLE_OF_WORD[word]
    if _IS_FLOW.fullmatch(word):
        return Role.MOTION
    tokens = [token.lower() for token in _TOKEN.findall(segment)]
    if not _DERIVED.isdisjoint(tokens):
        return Role.OTHER
    for token in tokens[:-1]:
        role = _ROLE_OF_TOKEN.get(token, Role.OTHER)
        if role not in {Role.OTHER, Role.ID}:  # `objectId` is an id; `idCharacter` is ambiguous
            return role
    role = _ROLE_OF_TOKEN.get(tokens[-1], Role.OTHER) if tokens else Role.OTHER
    is_light = role is Role.ID and "light" in tokens  # Octane's `Light ID 1` is the light of some lamps
    return Role.OTHER if is_light else role


def _is_measure(segment: str) -> bool:
    return _MEASURE.search("_".join(_TOKEN.findall(segment)).lower()) is not None


def is_matte(path: str) -> bool:
    """Whether the file at a path is named for shadows or mattes, which are empty or full where no object is."""
    return _MATTE.search(path.rpartition("/")[2]) is not None


def is_displacement(path: str) -> bool:
    """Whether the file at a path is named for displacement, heights or vertex animation, which are signed."""
    return _DISPLACEMENT.search(path.rpartition("/")[2]) is not None


def is_added_light(path: str) -> bool:
    """Whether the last word of a file's name is one for light that is added to an image and covers nothing: fire, flares."""
    return _ADDED.search(path.rpartition("/")[2]) is not None


def also_names_images(layer: str) -> bool:
    """Whether the name of a layer is a word for data that names other images, too: `flow` (of lava), `forward`, `index`."""
    return layer.rpartition(".")[2].lower() in _ALONE


def _of_cryptomatte(segment: str) -> Role | None:
    """The role of a Cryptomatte's layer, declared or not: CRYPTOMATTE for a rank, OTHER for a preview; None for other layers.

    Ranks are called `VRayCryptomatte00` or, in Unreal, `ActorHitProxyMask00`.
    """
    if _CRYPTOMATTE.search(segment) is None:
        return None
    return Role.CRYPTOMATTE if len(segment) > 2 and segment[-2:].isdecimal() else Role.OTHER


def layer_of_file(path: str, channels: Iterable[str]) -> str:
    """The layer of data that a file's name states, if the channels are those of a single image; empty otherwise.

    Its folder states it, too, by a whole word (`depth/sh010.1001.exr`), unless the name is that of an image
    (`depth/beauty.1001.exr`).
    """
    if not _IMAGE.issuperset(channels):
        return ""
    folder, _, name = path.rpartition("/")
    match = _FILE_LAYER.search(name)
    if match and (not match["pair"] or _PAIR.issuperset(channels)):
        return match["short"] or match["word"] or match["pair"]
    layer = _layer_of_folder(folder.rpartition("/")[2])
    return "" if layer and not _IMAGE_NAMES.isdisjoint(token.lower() for token in _TOKEN.findall(name)) else layer


@lru_cache(maxsize=256)
def _layer_of_folder(name: str) -> str:
    """The layer of data that the name of a folder states; empty if none."""
    match = _FILE_LAYER.fullmatch(f"{name}.exr")
    layer = (match["short"] or match["word"] or "") if match else ""  # a pair's words, such as motion, also name images
    return layer if sum(map(str.isalpha, layer)) >= _FOLDER_LETTERS else ""


def is_layer_of_folder(path: str, channels: Collection[str]) -> bool:
    """Whether only a file's folder states its layer of data: less sure than its name, so that a black image is reported."""
    return bool(layer_of_file(path, channels)) and not layer_of_file(path.rpartition("/")[2], channels)


@lru_cache(maxsize=8192)
def role_of(layer: str, component: str) -> Role:
    """The role of a channel by its effective layer and component."""
    if layer and (role := _of_cryptomatte(layer.rpartition(".")[2])) is not None:
        return role
    if component in _ALPHAS:
        return Role.ALPHA
    role = _of_segment(layer.rpartition(".")[2]) if layer else Role.OTHER
    if role is not Role.OTHER:
        return role
    if layer and (component == "Y" or _is_measure(layer.rpartition(".")[2])):
        return Role.OTHER  # Y is ambiguous: luminance, or the second component of X, Y, Z
    if component in _COLOURS:
        return Role.COLOUR
    return _BARE.get(component) or (_of_segment(component) if len(component) > 1 else Role.OTHER)
