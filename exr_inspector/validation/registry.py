"""All rules, collected once from their modules, and the rules that are not implemented, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from inspect import signature
from pathlib import Path
from types import MappingProxyType, ModuleType

from exr_inspector.errors import PolicyError
from exr_inspector.model import Severity
from exr_inspector.validation.rule import Remedy, Rule
from exr_inspector.validation.rules import (
    aces,
    alpha,
    attributes,
    black_areas,
    blank,
    channels,
    chunks,
    colour,
    colour_flags,
    compression,
    cryptomatte,
    cryptomatte_manifest,
    cryptomatte_pixels,
    data_values,
    deep,
    delivery,
    encodings,
    pixels,
    show,
    structure,
    tiles,
    times,
    types,
    views,
    windows,
)
from exr_inspector.validation.rules.sequences import areas as sequence_areas
from exr_inspector.validation.rules.sequences import comparison as sequence_comparison
from exr_inspector.validation.rules.sequences import files as sequence_files
from exr_inspector.validation.rules.sequences import flat as sequence_flat
from exr_inspector.validation.rules.sequences import headers as sequence_headers
from exr_inspector.validation.rules.sequences import layers as sequence_layers
from exr_inspector.validation.rules.sequences import levels as sequence_levels
from exr_inspector.validation.rules.sequences import numbers as sequence_numbers
from exr_inspector.validation.rules.sequences import pixels as sequence_pixels
from exr_inspector.validation.rules.sequences import sources as sequence_sources
from exr_inspector.validation.rules.sequences import steady as sequence_steady
from exr_inspector.validation.rules.sequences import times as sequence_times

_MODULES = (
    structure, attributes, chunks, windows, channels, types, compression, colour_flags, colour, aces, cryptomatte,
    cryptomatte_manifest, cryptomatte_pixels, views, deep, tiles, times, pixels, blank, black_areas, alpha, encodings,
    data_values, delivery, sequence_numbers, sequence_headers, sequence_files, sequence_times, sequence_flat, sequence_pixels,
    sequence_layers, sequence_levels, sequence_areas, sequence_steady, sequence_sources, show,
)  # fmt: skip

# group -> title, in the order of documentation and output
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "STR": "Structure of the header",
        "CHK": "Chunks and completeness",
        "WIN": "Windows and geometry",
        "CHN": "Channels and layers",
        "TYP": "Pixel types",
        "CMP": "Compression",
        "COL": "Colour metadata",
        "ACE": "ACES containers (SMPTE ST 2065-4)",
        "CRY": "Cryptomatte",
        "VIEW": "Views",
        "DEEP": "Deep data",
        "TIL": "Tiles",
        "ENV": "Environment maps",
        "IDM": "Id manifests",
        "TIM": "Time and capture metadata",
        "PIX": "Pixel values",
        "DEL": "Published delivery specifications",
        "SEQ": "Sequences",
        "SHOW": "Requirements of a show",
    }
)

_OPENEXR = "https://openexr.com/en/latest/"
_OPENEXR_CODE = "https://github.com/AcademySoftwareFoundation/openexr/blob/main/"
_NETFLIX = "https://partnerhelp.netflixstudios.com/hc/en-us/articles/"

# document that rules name as their source -> its URL or a description
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "OpenEXR technical introduction": f"{_OPENEXR}TechnicalIntroduction.html",
        "OpenEXR file layout document": f"{_OPENEXR}OpenEXRFileLayout.html",
        "OpenEXR standard attributes": f"{_OPENEXR}StandardAttributes.html",
        "OpenEXR multi-view document": f"{_OPENEXR}MultiViewOpenEXR.html",
        "OpenEXR deep ids specification": f"{_OPENEXR}DeepIDsSpecification.html",
        "Interpreting Deep Pixels": f"{_OPENEXR}InterpretingDeepPixels.html",
        "OpenEXR exr2aces": f"{_OPENEXR}bin/exr2aces.html",
        "exrcheck": f"{_OPENEXR}bin/exrcheck.html",
        "OpenEXRCore 3.5": f"{_OPENEXR_CODE}src/lib/OpenEXRCore (the file that is named)",
        "OpenEXR Imf": f"{_OPENEXR_CODE}src/lib/OpenEXR (the file that is named)",
        "OpenEXR release notes": f"{_OPENEXR_CODE}CHANGES.md",
        "measured with OpenEXR 3.5.3": "what the library's Python module writes",
        "ASWF Color Interop recommendation": "https://github.com/AcademySoftwareFoundation/ColorInterop",
        "Cryptomatte specification 1.2.0": "https://github.com/Psyop/Cryptomatte/tree/master/specification",
        "Cryptomatte reference utilities": "https://github.com/Psyop/Cryptomatte/blob/master/nuke/cryptomatte_utilities.py",
        "OpenColorIO file rules": "https://opencolorio.readthedocs.io/en/latest/guides/authoring/rules.html",
        "OpenColorIO": "https://github.com/AcademySoftwareFoundation/OpenColorIO/tree/main/src/OpenColorIO/transforms/builtins",
        "OpenImageIO": "https://openimageio.readthedocs.io",
        "Academy's reference container writer": "https://github.com/ampas/aces_container",
        "ACEScentral": "https://community.acescentral.com/t/supported-compression-for-aces-exr-container/391",
        "SMPTE 12M": "the standard of time and control code",
        "Netflix VFX requirements": f"{_NETFLIX}360000611467",
        "Netflix non-graded archival master specifications": f"{_NETFLIX}21669570043283 and {_NETFLIX}360049545294",
        "Netflix Frame Error": f"{_NETFLIX}115000670191",
        "Netflix VFX plate naming": f"{_NETFLIX}360055781274",
        "Fox final archive specification": "https://specs.fox/t/y4yt1kq63yq14/a11-final-archive",
        "OpenEXR layout for spectral images": "https://jcgt.org/published/0010/03/01/",
        "Nuke manual": "https://learn.foundry.com/nuke/content/comp_environment/rendering/reading_files_using_write.html",
        "Foundry Q100380": "https://support.foundry.com/hc/en-us/articles/115001948030",
        "Blender T96933": "https://projects.blender.org/blender/blender/issues/96933",
        "Blender manual": "https://docs.blender.org/manual/en/latest/render/cycles/optimizations/reducing_noise.html",
        "blender_with_vray_additions#195": "https://github.com/ChaosGroup/blender_with_vray_additions/issues/195",
        "Sammie-Roto-2#60": "https://github.com/Zarxrax/Sammie-Roto-2/issues/60",
        "Mitsuba#178": "https://github.com/mitsuba-renderer/mitsuba/issues/178",
        "openexr#2223": "https://github.com/AcademySoftwareFoundation/openexr/issues/2223",
        "openexr#1080": "https://github.com/AcademySoftwareFoundation/openexr/issues/1080",
        "openfx#202": "https://github.com/AcademySoftwareFoundation/openfx/issues/202",
        "deadline-cloud-for-cinema-4d#540": "https://github.com/aws-deadline/deadline-cloud-for-cinema-4d/issues/540",
        "OpenUSD#3238": "https://github.com/PixarAnimationStudios/OpenUSD/issues/3238",
        "AliceVision#1110": "https://github.com/alicevision/AliceVision/pull/1110",
        "AliceVision#2150": "https://github.com/alicevision/AliceVision/pull/2150",
        "gaffer#4983": "https://github.com/GafferHQ/gaffer/issues/4983",
        "gaffer#6524": "https://github.com/GafferHQ/gaffer/issues/6524",
        "Middlebury flow code": "https://vision.middlebury.edu/flow/submit/",
        "ComfyUI-HQ-Image-Save#20": "https://github.com/spacepxl/ComfyUI-HQ-Image-Save/issues/20",
        "kubric#61": "https://github.com/google-research/kubric/issues/61",
        "spear#317": "https://github.com/spear-sim/spear/issues/317",
        "VOLDOR#6": "https://github.com/htkseason/VOLDOR/issues/6",
        "mandelbulber2#730": "https://github.com/buddhi1980/mandelbulber2/issues/730",
        "mandelbulber2#576": "https://github.com/buddhi1980/mandelbulber2/issues/576",
        "RadeonProRenderBlenderAddon#46": "https://github.com/GPUOpen-LibrariesAndSDKs/RadeonProRenderBlenderAddon/issues/46",
        "RenderManForBlender#720": "https://github.com/prman-pixar/RenderManForBlender/issues/720",
        "ComfyUI-FlashVSR#4": "https://github.com/1038lab/ComfyUI-FlashVSR/issues/4",
        "3D_Blender#2": "https://github.com/Mrguanglei/3D_Blender/issues/2",
        "hdrmerge#196": "https://github.com/jcelaya/hdrmerge/issues/196",
        "godot#58164": "https://github.com/godotengine/godot/issues/58164",
        "tev#87": "https://github.com/Tom94/tev/issues/87",
        "Cryptomatte#22": "https://github.com/Psyop/Cryptomatte/issues/22",
        "exrs#247": "https://github.com/johannesvollmer/exrs/issues/247",
        "Cryptomatte#54": "https://github.com/Psyop/Cryptomatte/issues/54",
        "Cryptomatte#137": "https://github.com/Psyop/Cryptomatte/issues/137",
        "Cryptomatte#64": "https://github.com/Psyop/Cryptomatte/issues/64",
        "OpenImageIO#1271": "https://github.com/AcademySoftwareFoundation/OpenImageIO/issues/1271",
        "Natron#1152": "https://github.com/MrKepzie/Natron/issues/1152",
        "exrs#153": "https://github.com/johannesvollmer/exrs/issues/153",
        "openexr#1278": "https://github.com/AcademySoftwareFoundation/openexr/issues/1278",
        "openexr#686": "https://github.com/AcademySoftwareFoundation/openexr/issues/686",
        "openexr#1943": "https://github.com/AcademySoftwareFoundation/openexr/issues/1943",
        "openexr#2529": "https://github.com/AcademySoftwareFoundation/openexr/issues/2529",
        "HDRView#4": "https://github.com/cdcseacave/HDRView/issues/4",
        "ProEXR#7": "https://github.com/fnordware/ProEXR/issues/7",
        "BlendFarm#31": "https://github.com/LogicReinc/LogicReinc.BlendFarm/issues/31",
        "BlendFarm#111": "https://github.com/LogicReinc/LogicReinc.BlendFarm/issues/111",
        "KinoMotion#16": "https://github.com/keijiro/KinoMotion/issues/16",
        "LuxCore#609": "https://github.com/LuxCoreRender/LuxCore/issues/609",
        "BlendFarm#107": "https://github.com/LogicReinc/LogicReinc.BlendFarm/issues/107",
        "openmoonray#228": "https://github.com/OpenMoonRay/openmoonray/pull/228",
        "spin_nuke_gizmos#5": "https://github.com/SpinVFX/spin_nuke_gizmos/issues/5",
        "IsaacLab#7029": "https://github.com/isaac-sim/IsaacLab/pull/7029",
        "ComfyUI-Depth-Pro#8": "https://github.com/spacepxl/ComfyUI-Depth-Pro/issues/8",
        "agave#180": "https://github.com/AllenCell/agave/issues/180",
        "VF-BlenderAutosaveRender#5": "https://github.com/jeinselen/VF-BlenderAutosaveRender/issues/5",
        "docs/settings.md": "of this project",
        "the show's policy": "the parameter in brackets, see docs/policies.md",
    }
)

# code -> why there is no such rule
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "STR-FLAGS-UNKNOWN": "reported as STR-VERSION: the reader stops with the same error for both",
        "ACE-REQUIRED": "reported as ACE-FLAG, ACE-CHROMA, and STR-REQ-MISSING for the attributes that every file needs",
        "CMP-RECOMPRESS": "needs earlier versions of the image",
        "COL-SEQ-STALE": "needs the plate from which the image was made",
        "CRY-FILTERED": "needs single pixels, which statistics do not keep",
        "DEEP-COUNTS": "reported as CHK-DECODE: decoding a chunk checks its cumulative sample counts",
        "PIX-LINES": "needs the position of values, which statistics do not keep",
    }
)


def _rules_of(module: ModuleType) -> list[Rule]:
    own = [value for value in vars(module).values() if isinstance(value, Rule)]
    return [*own, *getattr(module, "REPORTED", ())]


def _collect() -> dict[str, Rule]:
    """The rules of this package, then those of other packages, whose modules are entry points of `exr_inspector.rules`."""
    order = list(GROUPS)
    ours = [rule for module in _MODULES for rule in _rules_of(module)]
    ours.sort(key=lambda rule: order.index(rule.group))
    found: dict[str, Rule] = {}
    added = [rule for point in entry_points(group=ENTRY_POINTS) for rule in _rules_of(point.load())]
    for rule in (*ours, *added):
        if rule.code in found:
            raise ValueError(f"two rules are called {rule.code}")
        found[rule.code] = rule
    return found


ENTRY_POINTS = "exr_inspector.rules"
_RULES = _collect()
RULES: Mapping[str, Rule] = MappingProxyType(_RULES)


def add_rules_of_file(path: Path) -> str:
    """Add the rules of a Python file. They apply only to policies that name this file.

    Returns:
        The `origin` of these rules.

    Raises:
        PolicyError: The file cannot be executed, or a rule is not declared as rules are.
    """
    origin = str(path.resolve())
    try:
        module = ModuleType(f"exr_inspector_rules_{path.stem}")
        code = compile(path.read_bytes(), origin, "exec")
        exec(code, vars(module))  # noqa: S102 - the user's own file, named in the user's own local policy
    except Exception as error:
        raise PolicyError(f"{path}: {type(error).__name__}: {error}") from error
    for rule in _rules_of(module):
        if not isinstance(rule.severity, Severity):
            raise PolicyError(
                f"{path}: the severity of {rule.code} is {rule.severity!r}, expected Severity.INFO, WARNING or ERROR"
            )
        if not isinstance(rule.remedy, Remedy):
            raise PolicyError(
                f"{path}: the remedy of {rule.code} is {rule.remedy!r}, expected a Remedy, such as Remedy.EDIT"
            )
        if (fault := _wrong_parameters(rule)) is not None:
            raise PolicyError(f"{path}{fault}")
        known = _RULES.get(rule.code)
        if known is not None and known.origin != origin:
            raise PolicyError(
                f"{path}: a rule is called {rule.code} already; choose a code of your own, such as SHOW-..."
            )
        _RULES[rule.code] = replace(rule, origin=origin)
    return origin


def _wrong_parameters(rule: Rule) -> str | None:
    """What is wrong with the parameters of a rule's function, with its line; None if it can be called."""
    if rule.check is None:
        return None
    try:
        signature(rule.check, follow_wrapped=False).bind(None, None)
    except TypeError:
        code = getattr(rule.check, "__code__", None)
        line = f":{code.co_firstlineno}" if code else ""
        subject = rule.scope.name.lower()
        return f"{line}: the function of {rule.code} must take two arguments, ({subject}, parameters)"
    return None


class Parameters(
    show.ShowParameters,
    windows.WindowParameters,
    channels.ChannelParameters,
    types.TypeParameters,
    compression.CompressionParameters,
    colour.ColourParameters,
    aces.AcesParameters,
    pixels.PixelParameters,
    deep.DeepParameters,
    delivery.DeliveryParameters,
    sequence_comparison.SequenceParameters,
):
    """The parameters of all rules."""
