"""TIL and ENV: tiles, mipmaps, environment maps, wrap modes. `exr.conformance` finds impossible tile sizes."""

from __future__ import annotations

from exr_inspector.exr.header.values import Envmap, LevelMode
from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, part_rule

_ENVMAP_H = "OpenEXR ImfEnvmap.h"
_WRAP_MODES = frozenset({"black", "clamp", "periodic", "mirror"})


def _is_power_of_two(number: int) -> bool:
    return number > 0 and not number & (number - 1)


@part_rule(
    "TIL-POT",
    Severity.INFO,
    "Tile sizes, and the sizes of images with mip levels, are powers of two",
    why="Texture caches and mip filters work best with them.",
    source="OpenEXR technical introduction (Tiles and levels); OpenImageIO maketx",
    fix="Make the texture with maketx.",
    command="maketx IN.exr -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"default": "off", "texture": "info"},
    when=t.TILED,
)
def power_of_two(part: PartFacts, _: object) -> Results:
    tiles, window = part.part.tiles, part.part.data_window
    if tiles is None or window is None:
        return NOTHING
    found = []
    if not (_is_power_of_two(tiles.x_size) and _is_power_of_two(tiles.y_size)):
        size = f"{tiles.x_size}x{tiles.y_size}"
        found.append(Found(f"Tiles are {size}; expected powers of two", size, "powers of two"))
    is_even = _is_power_of_two(window.width) and _is_power_of_two(window.height)
    if tiles.level_mode == LevelMode.MIPMAP_LEVELS and not is_even:
        size = f"{window.width}x{window.height}"
        found.append(Found(f"The mip-mapped image is {size}; expected powers of two", size, "powers of two"))
    return found


@part_rule(
    "TIL-NOT-TEXTURE",
    Severity.WARNING,
    "Plates and renders for compositing are stored in scan lines",
    why="Compositing software reads line by line: for one line of a tiled image it decodes a whole row of tiles.",
    source="OpenEXR technical introduction (Scan Lines and Tiles)",
    fix="Write scan lines. For images with mip levels, put --unmip before --scanline.",
    command="oiiotool IN.exr -a --scanline -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"default": "off", "comp": "warning"},
    when=t.TILED,
)
def not_texture(part: PartFacts, _: object) -> Results:
    if not part.part.is_tiled:
        return NOTHING
    return [Found("The part is tiled; expected scan lines", part.part.part_type or "tiled", "scan lines")]


@part_rule(
    "TIL-TEXTURE",
    Severity.WARNING,
    "Textures are tiled and have mip levels",
    why="Renderers read the whole image at full resolution, or convert it again on every computer.",
    source="OpenImageIO maketx",
    fix="Make the texture with maketx.",
    command="maketx IN.exr -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"default": "off", "texture": "warning"},
)
def texture(part: PartFacts, _: object) -> Results:
    tiles = part.part.tiles
    if not part.part.is_tiled or tiles is None:
        return [
            Found(
                "The texture is stored in scan lines; expected tiles with mip levels", "scan lines", "mip-mapped tiles"
            )
        ]
    if tiles.level_mode == LevelMode.ONE_LEVEL:
        return [Found("The texture has tiles of one level; expected mip levels", "one level", "mip-mapped tiles")]
    return NOTHING


@part_rule(
    "TIL-UNUSED-DESC",
    Severity.INFO,
    "Scan line parts have no attribute tiles",
    why="Readers ignore it, and people take the part for tiled.",
    source="OpenEXR file layout document",
    fix="Remove the attribute.",
    command="oiiotool IN.exr -a --eraseattrib tiles -o OUT.exr",
    remedy=Remedy.EDIT,
    when=t.FLAT_TILES,
)
def unused_description(part: PartFacts, _: object) -> Results:
    if part.part.is_tiled or "tiles" not in part.part.by_name:
        return NOTHING
    offset = part.part.by_name["tiles"].offset
    return [Found("A scan line part has a tiles attribute", "tiles", "absent", offset=offset)]


@part_rule(
    "ENV-LATLONG",
    Severity.WARNING,
    "A latitude-longitude map is twice as wide as it is high",
    why="Its width covers 360 degrees and its height 180; with another ratio directions are wrong.",
    source=_ENVMAP_H,
    fix="Resize the map to twice its height, or remove envmap if the image is not an environment map.",
    command="oiiotool IN.exr -a --resize WxH -o OUT.exr",
    when=t.ENVIRONMENT,
)
def latlong(part: PartFacts, _: object) -> Results:
    window = part.part.data_window
    if part.part.value("envmap", "envmap") != Envmap.LATLONG or window is None or window.width == 2 * window.height:
        return NOTHING
    size, expected = f"{window.width}x{window.height}", f"{2 * window.height}x{window.height}"
    return [Found(f"A latitude-longitude map is {size}; expected {expected}", size, expected)]


@part_rule(
    "ENV-CUBE",
    Severity.WARNING,
    "A cube map is six times as high as it is wide",
    why="It consists of six square faces, one below the other.",
    source=_ENVMAP_H,
    fix="Make the cube map again from a latitude-longitude map.",
    command="exrenvmap -c IN.exr OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.ENVIRONMENT,
)
def cube(part: PartFacts, _: object) -> Results:
    window = part.part.data_window
    if part.part.value("envmap", "envmap") != Envmap.CUBE or window is None or window.height == 6 * window.width:
        return NOTHING
    size, expected = f"{window.width}x{window.height}", f"{window.width}x{6 * window.width}"
    return [Found(f"A cube map is {size}; expected {expected}", size, expected)]


@part_rule(
    "ENV-WRAP",
    Severity.INFO,
    "wrapmodes holds one or two of the words black, clamp, periodic, mirror",
    why="Software ignores other words.",
    source="OpenEXR standard attributes",
    fix="Write one word, or two separated by a comma.",
    command="exrstdattr -wrapmodes periodic,clamp IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.ENVIRONMENT,
)
def wrap(part: PartFacts, _: object) -> Results:
    text = part.part.text("wrapmodes")
    if text is None:
        return NOTHING
    words = [word.strip() for word in text.split(",")]
    if len(words) <= 2 and _WRAP_MODES.issuperset(words):
        return NOTHING
    message = f"wrapmodes is {text[:80]!r}; expected one or two of black, clamp, periodic, mirror"
    return [Found(message, text[:80], "black, clamp, periodic, mirror, or two of them")]
