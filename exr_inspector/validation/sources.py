"""The documents that rules name as their sources, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
        "MovieLabs QC vocabulary": "https://movielabs.com/md/qcvocabulary/",
        "Netflix VFX requirements": f"{_NETFLIX}360000611467",
        "Netflix non-graded archival master specifications": f"{_NETFLIX}21669570043283 and {_NETFLIX}360049545294",
        "Netflix Frame Error": f"{_NETFLIX}115000670191",
        "Netflix Conversion Error - Combing": f"{_NETFLIX}216359488",
        "Netflix VFX plate naming": f"{_NETFLIX}360055781274",
        "Fox final archive specification": "https://specs.fox/t/y4yt1kq63yq14/a11-final-archive",
        "OpenEXR layout for spectral images": "https://jcgt.org/published/0010/03/01/",
        "Deadline manual": "https://docs.thinkboxsoftware.com/products/deadline/latest/1_User%20Manual/manual/app-draft-tile-assembler.html",
        "Nuke manual": "https://learn.foundry.com/nuke/content/comp_environment/rendering/reading_files_using_write.html",
        "Foundry Q100380": "https://support.foundry.com/hc/en-us/articles/115001948030",
        "Blender T96933": "https://projects.blender.org/blender/blender/issues/96933",
        "Blender manual": "https://docs.blender.org/manual/en/latest/render/cycles/optimizations/reducing_noise.html",
        "hdrmerge#75": "https://github.com/jcelaya/hdrmerge/issues/75",
        "BlendLuxCore#156": "https://github.com/LuxCoreRender/BlendLuxCore/issues/156",
        "blender-renderborder#7": "https://github.com/p2or/blender-renderborder/issues/7",
        "blender_with_vray_additions#195": "https://github.com/ChaosGroup/blender_with_vray_additions/issues/195",
        "openexrpython#16": "https://github.com/jamesbowman/openexrpython/issues/16",
        "camdkit#24": "https://github.com/SMPTE/ris-osvp-metadata-camdkit/issues/24",
        "DAVANet#17": "https://github.com/sczhou/DAVANet/issues/17",
        "Sammie-Roto-2#60": "https://github.com/Zarxrax/Sammie-Roto-2/issues/60",
        "Mitsuba#178": "https://github.com/mitsuba-renderer/mitsuba/issues/178",
        "openexr#2223": "https://github.com/AcademySoftwareFoundation/openexr/issues/2223",
        "openexr#1080": "https://github.com/AcademySoftwareFoundation/openexr/issues/1080",
        "OpenToonz#4747": "https://github.com/opentoonz/opentoonz/issues/4747",
        "material-maker#372": "https://github.com/RodZill4/material-maker/issues/372",
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
        "arnold-usd#2115": "https://github.com/Autodesk/arnold-usd/issues/2115",
        "tev#168": "https://github.com/Tom94/tev/issues/168",
        "mandelbulber2#730": "https://github.com/buddhi1980/mandelbulber2/issues/730",
        "GameDevelopmentToolset#59": "https://github.com/sideeffects/GameDevelopmentToolset/issues/59",
        "natron-plugins#72": "https://github.com/NatronVFX/natron-plugins/issues/72",
        "mandelbulber2#576": "https://github.com/buddhi1980/mandelbulber2/issues/576",
        "RadeonProRenderBlenderAddon#46": "https://github.com/GPUOpen-LibrariesAndSDKs/RadeonProRenderBlenderAddon/issues/46",
        "RenderManForBlender#720": "https://github.com/prman-pixar/RenderManForBlender/issues/720",
        "ComfyUI-FlashVSR#4": "https://github.com/1038lab/ComfyUI-FlashVSR/issues/4",
        "hdBlackbird#84": "https://github.com/tangent-opensource/hdBlackbird/pull/84",
        "3D_Blender#2": "https://github.com/Mrguanglei/3D_Blender/issues/2",
        "hdrmerge#196": "https://github.com/jcelaya/hdrmerge/issues/196",
        "godot#58164": "https://github.com/godotengine/godot/issues/58164",
        "tev#68": "https://github.com/Tom94/tev/issues/68",
        "tev#87": "https://github.com/Tom94/tev/issues/87",
        "Cryptomatte#22": "https://github.com/Psyop/Cryptomatte/issues/22",
        "exrs#247": "https://github.com/johannesvollmer/exrs/issues/247",
        "Cryptomatte#54": "https://github.com/Psyop/Cryptomatte/issues/54",
        "Cryptomatte#137": "https://github.com/Psyop/Cryptomatte/issues/137",
        "Cryptomatte#65": "https://github.com/Psyop/Cryptomatte/issues/65",
        "gaffer#6304": "https://github.com/GafferHQ/gaffer/pull/6304",
        "Cryptomatte#64": "https://github.com/Psyop/Cryptomatte/issues/64",
        "OpenImageIO#3049": "https://github.com/AcademySoftwareFoundation/OpenImageIO/pull/3049",
        "OpenUSD#751": "https://github.com/PixarAnimationStudios/OpenUSD/issues/751",
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


def where_is(source: str) -> str:
    """Where a source of a rule is: the address of its document, or a description; empty for a rule of a show.

    >>> where_is("OpenEXR standard attributes (owner)")
    'https://openexr.com/en/latest/StandardAttributes.html'
    >>> where_is("the studio's wiki")
    ''
    """
    names = (name for name in sorted(SOURCES, key=len, reverse=True) if source.startswith(name))
    return next((SOURCES[name] for name in names), "")
