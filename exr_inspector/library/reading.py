"""`inspect` and `inspect_all`: inspect files in place."""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

from exr_inspector.delivery.files import is_folder, new_names, paths_of
from exr_inspector.delivery.read_ahead import inspect_each
from exr_inspector.errors import ArgumentError, ExrInspectorError, NothingMatches, ObjectNotFound
from exr_inspector.inspector import Inspector
from exr_inspector.library.arguments import (
    instance,
    one_of,
    path_text,
    settings_by_name,
    stats_mode,
    target_names,
    truth,
    wrong,
)
from exr_inspector.library.results import InspectedFile
from exr_inspector.memory import FileMemory
from exr_inspector.model import Inspection, StatsMode, Thumbnails
from exr_inspector.settings import OBJECTS, PIXELS, READING, Settings, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.source import RangeSource
from exr_inspector.validation import Policy
from exr_inspector.validation.policies.source import PolicySource

Stats = Literal["off", "sampled", "full"]
Levels = Literal["first", "all"]
DEFAULT_STATS: Stats = "sampled"


@dataclass(frozen=True, slots=True)
class Session:
    """The objects that inspect files, shared by any number of files and threads."""

    opener: SourceOpener
    inspector: Inspector
    policy: Policy

    def inspect(self, name: str, memory: FileMemory | None = None) -> Inspection:
        """Inspect a file or `s3://` URL; with `memory`, in memory that the caller has taken.

        Raises:
            ExrInspectorError: As `inspect`.
        """
        return self.inspector.inspect(self.opener.open_url(name), self.policy, memory=memory)

    def inspect_each(self, names: Iterable[str]) -> Generator[tuple[str, Inspection | ExrInspectorError], None, None]:
        """Yield the inspection of each file, or the error, in order; several files are read at a time."""
        return inspect_each(names, self.inspect, self.inspector.memory)


def settings_for(
    names: Iterable[str], settings: Mapping[str, str] | None = None, *, stats: str | None = "full"
) -> Settings:
    """The settings for these names; those of object stores are read only if a URL is among them.

    Args:
        names: Files, folders, patterns and URLs, the policy's included.
        settings: Settings by name, which override secrets and the environment.
        stats: Which pixels are read: without any (`off`), settings of pixels are not read; None if no file is inspected.

    Raises:
        ArgumentError: `settings` has an unknown name, or a value that is no text.
        SettingsError: A setting that is used is wrong.
    """
    given = settings_by_name(settings)
    has_url = any(isinstance(name, str) and "://" in name for name in names)
    reads = () if stats is None else (READING,) if stats == "off" else (READING, PIXELS)
    use = (*reads, OBJECTS) if has_url else reads
    return load_settings(os.environ, given=given, use=use)


@contextmanager
def session(
    settings: Settings,
    *,
    stats: Stats = DEFAULT_STATS,
    hash: bool = False,  # noqa: A002 - the option's name everywhere
    levels: Levels | None = None,
    objects: bool = False,
    policy: str = "default",
    is_isolated: bool = True,
    thumbnails: Thumbnails = Thumbnails.OFF,
) -> Iterator[Session]:
    """Make a session, which is closed at the end of the block.

    Args:
        settings: The settings.
        stats: As in `inspect`, as are `hash`, `levels` and `policy`.
        hash: See `inspect`.
        levels: See `inspect`.
        objects: Whether a full pass lists all objects of Cryptomattes.
        policy: See `inspect`.
        is_isolated: Whether separate processes decode pixels. The OpenEXR library prints lines about damaged chunks, and can
            crash; but starting a process takes longer than decoding the sample of one file.
        thumbnails: Which thumbnails to make.

    Raises:
        PolicyError: There is no such policy, or it is wrong.
        SettingsError: Thumbnails are requested, but Pillow is not installed.
        ArgumentError: The mode does not exist, or hashes or objects are requested without `full`.
    """
    mode = stats_mode(stats)
    if levels is not None:
        one_of("levels", levels, ("first", "all"))
    instance("policy", policy, str, "a profile, a YAML file or an s3:// URL as text")
    if (truth("hash", hash) or truth("objects", objects)) and mode is not StatsMode.FULL:
        what = "hash" if hash else "objects"
        raise ArgumentError(f"{what}: needs every pixel: expected stats='full' beside it, found {mode.value!r}")
    with closing(SourceOpener(settings)) as opener:
        inspector = Inspector.from_settings(
            settings,
            stats=mode,
            levels=levels,
            with_hash=hash,
            with_zeros=True,
            max_objects=settings.max_ids if objects else None,
            is_isolated=is_isolated,
            thumbnails=thumbnails,
        )
        yield Session(opener, inspector, PolicySource.from_settings(settings, policy).current())


def check_session(
    settings: Settings, *, stats: Stats, policy: str, thumbnails: Thumbnails = Thumbnails.OFF
) -> AbstractContextManager[Session]:
    """The session of a check: a full pass reads all levels and hashes pixels, so that frames can be compared."""
    is_full = stats == "full"
    levels: Levels | None = "all" if is_full else None
    return session(settings, stats=stats, hash=is_full, levels=levels, policy=policy, thumbnails=thumbnails)


def inspect(
    source: str | os.PathLike[str] | bytes | BinaryIO,
    *,
    stats: Stats = DEFAULT_STATS,
    hash: bool = False,  # noqa: A002 - the option's name everywhere
    levels: Levels | None = None,
    objects: bool = False,
    policy: str = "default",
    settings: Mapping[str, str] | None = None,
) -> InspectedFile:
    """Inspect one OpenEXR file: header, completeness, pixels, findings.

    Args:
        source: A path, an `s3://bucket/key` URL, the bytes of a file, or a seekable file object in binary mode.
        stats: Which pixels to read: `off`, `sampled` (usually at most 4 MiB) or `full`.
        hash: Whether to hash the file and its decoded pixels; needs `stats="full"`.
        levels: Which levels of mipmaps and ripmaps to read, `first` or `all`; None for EXR_STATS_LEVELS.
        objects: Whether to list the objects of Cryptomattes, in `pixels.mattes`; needs `stats="full"`.
        policy: Profile, YAML file or s3:// URL of the policy.
        settings: Settings by name, such as `{"S3_ENDPOINT_URL": ...}`, which override secrets and the environment.

    Returns:
        The inspection. A file that is damaged, unreadable or not OpenEXR has the status `failed` and an error code.

    Raises:
        NothingMatches: The file does not exist, or is a folder.
        ArgumentError: An argument is wrong.
        ExrInspectorError: The store did not answer, or the file changed while it was read (`retryable`).
        SettingsError: A setting is wrong, or S3 is not configured.
    """
    is_path = isinstance(source, (str, os.PathLike))
    is_binary_file = hasattr(source, "read") and not isinstance(source, io.TextIOBase)
    if not (is_path or isinstance(source, bytes) or is_binary_file):
        raise wrong("source", "a path, an s3:// URL, bytes, or a file object in binary mode", source)
    named = [path_text("source", source)] if is_path else []
    complete_settings = settings_for([*named, policy], settings, stats=stats)
    with session(
        complete_settings,
        stats=stats,
        hash=hash,
        levels=levels,
        objects=objects,
        policy=policy,
        is_isolated=stats == "full",
    ) as made:
        opened: RangeSource
        if isinstance(source, bytes):
            opened = made.opener.open_bytes(source)
        elif isinstance(source, (str, os.PathLike)):
            name = os.fspath(source)
            if is_folder(name):
                raise NothingMatches(f"{name} is a folder: inspect_all inspects every .exr file below it")
            opened = made.opener.open_url(name)
        else:
            opened = made.opener.open_file(source)
        return InspectedFile.of(_existing(made.inspector.inspect(opened, made.policy)))


def inspect_all(
    targets: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    stats: Stats = DEFAULT_STATS,
    hash: bool = False,  # noqa: A002 - the option's name everywhere
    levels: Levels | None = None,
    objects: bool = False,
    policy: str = "default",
    settings: Mapping[str, str] | None = None,
) -> Iterator[InspectedFile]:
    """Inspect files, folders, patterns and URL prefixes; several files are read at a time.

    Args:
        targets: One target or several: a file, a folder or a URL that ends in a slash (every .exr file below it), or a
            pattern (`beauty.####.exr`, `beauty.%04d.exr`, `*_v003.exr`, `shots/*/comp/beauty.####.exr`).
        stats: As in `inspect`, and so are the other arguments.
        hash: See `inspect`.
        levels: See `inspect`.
        objects: See `inspect`.
        policy: See `inspect`.
        settings: See `inspect`.

    Yields:
        Files in the order of the targets. A file that was removed after it was listed has status `failed`.

    Raises:
        NothingMatches: A target names no file.
        ExrInspectorError: As `inspect`.
    """
    names = target_names(targets)
    complete_settings = settings_for([*names, policy], settings, stats=stats)
    with (
        session(complete_settings, stats=stats, hash=hash, levels=levels, objects=objects, policy=policy) as made,
        closing(made.inspect_each(_paths(made, names))) as answers,
    ):
        for name, answer in answers:
            if isinstance(answer, ExrInspectorError):
                raise answer
            yield InspectedFile.of(_existing(answer) if name in names else answer)


def _existing(inspection: Inspection) -> Inspection:
    """The inspection of a file, which must exist."""
    if inspection.error_code == ObjectNotFound.code:
        raise NothingMatches(str(inspection.error_message))
    return inspection


def _paths(made: Session, targets: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for target in targets:
        yield from new_names(paths_of(made.opener, target), seen)
