"""SEQ: the sequence rule on what frames were made from: scene files, shots, inputs, cameras and samples. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import groupby

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.rule import Found, Results, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import named, usual_value

_FEWEST = 4  # frames that tell which value is the usual one
_MOST_VALUES = 4  # more change from frame to frame
_LEAST_SHOT = 8  # frames of a shot in an edit of two
_SHOTS = 3  # which may be shorter, and come again
_FEWER = 2  # half the samples or fewer are a fault
_SHOWN = 4  # attributes in a message
_TEXT = 60  # characters of a value in a message

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VERSION = re.compile(r"(?<![a-zA-Z0-9])(?:v|ver|version)[._-]?\d{1,5}[a-z]?(?![a-zA-Z0-9])", re.IGNORECASE | re.ASCII)
_SCENES = r"ma|mb|hip(?:lc|nc)?|blend|nk(?:nc)?|max|c4d|katana|gfr|aep|comp|clip|lxo|hrox|scn|ntp"
_OF_FRAMES = r"(?:usd[acz]?|ass|rib|vrscene)(?:\.gz)?"  # scenes that may be written frame by frame
_IS_SCENE = re.compile(rf"[^/\\]\.(?:{_SCENES}|{_OF_FRAMES})$", re.IGNORECASE)
_SAVED = re.compile(rf"[._]\d{{2,5}}(?=\.(?:{_SCENES})$)", re.IGNORECASE | re.ASCII)  # `light.0014.ma`
# The number of a frame, in the name of an input or of a scene of one frame
_NUMBER = re.compile(rf"(?<=[._])\d{{3,8}}(?=\.(?!(?:{_SCENES})$)\w+(?:\.gz)?$)", re.ASCII | re.IGNORECASE)
_SCENE_NAME = re.compile(
    r"(?:^|.* )(?:scene|script|work|workfile|hip|hipfile|blend|blendfile|nk|project)(?: (?:file|name|path|version))*"
    r"|(?:^|.* )(?:scene|script|work)(?:file|name|path)|file"
)
_SHOT_NAME = re.compile(
    r"(?:^|.* )(?:shot|sequence|episode|reel|show)(?: (?:name|code|id))?|(?:^|.* )(?:shot|reel)(?:name|code)"
)
_INPUT_NAME = re.compile(
    r".*\b(?:input|source|src|plate|read)\b.* (?:file ?name|file|path|name)|(?:.* )?(?:input|source)file"
)
_SAMPLES_NAME = re.compile(r"(?:.* )?(?:(?:aa|min|max|pixel|camera)?samples(?: per pixel)?|samplesperpixel|spp)")
_SETTING_NAME = re.compile(
    r"(?:.* )?(?:cam|camera|render ?layer|take|bounces|noise threshold|adaptive threshold|pixel variance|denois(?:e|er|ing))"
    r"(?: name)?"
)
_NO_SETTING = frozenset({"stats", "stat", "statistics", "time", "memory"})
# What other rules compare, or what differs between machines and jobs.
_NO_SOURCE = re.compile(
    r"(?:.*[/:. _])?(?:software|generated ?by|writer|creator|generator|host\w*|comments?|description|user\w*|owner|date|time"
    r"|color\w*|colour\w*|type|view|name|channels?)",
    re.IGNORECASE,
)


class _Kind(Enum):
    SCENE = auto()
    SHOT = auto()
    INPUT = auto()
    NAME = auto()  # any other value with a version word
    SAMPLES = auto()
    SETTING = auto()


@dataclass(frozen=True, slots=True)
class _Odd:
    """An attribute that has another value in some frames than in most."""

    severity: Severity
    text: str
    value: str
    usual: str


@sequence_rule(
    "SEQ-SOURCE",
    Severity.WARNING,
    "All frames were made from the same scene file, of the same shot, with the same settings",
    why="Frames of an older scene or of another shot were left in the sequence or copied into it.",
    source="OpenEXR standard attributes (reelName and other production attributes)",
    fix="Render the frames that the message names from the scene of the others.",
    yields_to=("SHOW-STEADY",),
    limits="Attributes of the first part with a single value: those that hold the name of a scene file or a name with a "
    "version (v014), and those that are named for the scene, shot, reel, input, camera, render layer, samples or denoiser. "
    "More than half of the frames have one value, and at most three others occur. Folders count only by their version. Another "
    "input, camera, or more samples, are info. Three shots, or two of eight frames and more, are an edit. Of stored rows, the "
    "usual names of such attributes are compared.",
)
def sources(sequence: SequenceFacts, _: object) -> Results:
    seen = [
        (frame, frame.attributes)
        for frame in sequence.frames
        if frame.attributes and frame.frame not in sequence.slates
    ]
    by_frames: dict[tuple[int, ...], list[_Odd]] = {}
    for name in dict.fromkeys(name for _, attributes in seen for name in attributes):
        for numbers, odd in _compared(sequence, name, [(f, each[name]) for f, each in seen if name in each]).items():
            by_frames.setdefault(numbers, []).append(odd)
    found = []
    for numbers, every in sorted(by_frames.items()):
        every.sort(key=lambda odd: -odd.severity)
        message = f"{named(numbers)}: {listed([odd.text for odd in every], _SHOWN, '; ')}"
        first = every[0]
        found.append(Found(message, first.value, first.usual, frames=numbers, severity=first.severity))
    return found


def _compared(
    sequence: SequenceFacts, name: str, given: Sequence[tuple[FrameSummary, str]]
) -> dict[tuple[int, ...], _Odd]:
    """The frames with another value of an attribute than most frames, for each such value; none if it changes in general."""
    if len(given) < _FEWEST or len({value for _, value in given}) == 1:
        return {}
    kinds = Counter(kind for _, value in given if (kind := _kind(name, value)) is not None)
    if not kinds:
        return {}
    kind = kinds.most_common(1)[0][0]
    by_value: dict[tuple[str, ...], list[int]] = {}
    texts: dict[tuple[str, ...], str] = {}
    for frame, value in given:
        key = _comparable(value)
        by_value.setdefault(key, []).append(frame.frame)
        texts.setdefault(key, value)
    if not 1 < len(by_value) <= _MOST_VALUES:
        return {}
    usual = usual_value(sequence, by_value)
    others = {key: numbers for key, numbers in by_value.items() if key != usual}
    if 2 * len(by_value[usual]) <= len(given):
        return {}
    order = [key for key, _ in groupby(_comparable(value) for _, value in given)]
    is_cut = len(order) == len(by_value) and min(map(len, by_value.values())) >= _LEAST_SHOT
    is_edit = is_cut or len(by_value) >= _SHOTS
    found = {}
    for key, numbers in others.items():
        is_version = _without_version(key) == _without_version(usual)
        if is_version or not is_edit:
            severity = _severity(kind, texts[key], texts[usual], is_version=is_version)
            mine, theirs = _shown(texts[key], texts[usual])
            text = f"{name} is {mine}, in {'the other frames' if len(others) == 1 else 'most frames'} {theirs}"
            found[tuple(numbers)] = _Odd(severity, text, mine, theirs)
    return found


def _severity(kind: _Kind, value: str, usual: str, *, is_version: bool) -> Severity:
    if kind is _Kind.SAMPLES:
        mine, theirs = _number(value), _number(usual)
        return Severity.WARNING if mine is not None and theirs and _FEWER * mine <= theirs else Severity.INFO
    is_warning = kind in {_Kind.SCENE, _Kind.SHOT} or (is_version and kind is not _Kind.SETTING)
    return Severity.WARNING if is_warning else Severity.INFO


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _kind(name: str, value: str) -> _Kind | None:
    """What an attribute says about the source of a frame; None if nothing."""
    by_name = _kind_of_name(name)
    if by_name in {_Kind.SAMPLES, _Kind.SETTING}:
        return by_name
    if _IS_SCENE.search(value):
        return _Kind.INPUT if by_name is _Kind.INPUT and not _VERSION.search(value) else _Kind.SCENE
    if by_name is None:
        return _Kind.NAME if _VERSION.search(value) and not _NO_SOURCE.fullmatch(name) else None
    return by_name


@lru_cache(maxsize=1024)
def _kind_of_name(name: str) -> _Kind | None:
    words = [word.lower() for word in _WORD.findall(name)]
    plain = " ".join(words)
    if _NO_SETTING.isdisjoint(words):
        for kind, pattern in _NAMES.items():
            if pattern.fullmatch(plain):
                return kind
    return None


_NAMES: Mapping[_Kind, re.Pattern[str]] = {
    _Kind.SAMPLES: _SAMPLES_NAME,
    _Kind.SETTING: _SETTING_NAME,
    _Kind.INPUT: _INPUT_NAME,
    _Kind.SCENE: _SCENE_NAME,
    _Kind.SHOT: _SHOT_NAME,
}


def _comparable(value: str) -> tuple[str, ...]:
    """The name in a value without its frame number, and the versions of its folders."""
    folder, _, name = value.strip().replace("\\", "/").rpartition("/")
    return (_NUMBER.sub("#", name), *_VERSION.findall(folder))


def _without_version(key: tuple[str, ...]) -> tuple[str, ...]:
    """A comparable value without its versions."""
    return tuple(_SAVED.sub("", _VERSION.sub("v#", part)) for part in key)


def _shown(value: str, usual: str) -> tuple[str, str]:
    """Two values for a message: their file names if these differ in more than the frame number, else the ends of the paths."""
    names = [each.replace("\\", "/").rpartition("/")[2] for each in (value, usual)]
    are_apart = _NUMBER.sub("#", names[0]) != _NUMBER.sub("#", names[1])
    mine, theirs = names if are_apart else (value, usual)
    return mine[-_TEXT:], theirs[-_TEXT:]
