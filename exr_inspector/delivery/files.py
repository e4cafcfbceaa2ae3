"""Expand targets (files, folders, patterns, URLs) to files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from exr_inspector.delivery.naming import Recognition, recognise
from exr_inspector.delivery.patterns import (
    Pattern,
    fixed_folder,
    folder_matches,
    is_folder_pattern,
    is_pattern,
    parse_pattern,
    unknown_tokens_hint,
)
from exr_inspector.errors import AccessDenied, NothingMatches, SourceError, SourceUnavailable
from exr_inspector.settings import local_path
from exr_inspector.storage import SourceOpener, exr_report, is_excluded, is_exr
from exr_inspector.storage.keys import split_url
from exr_inspector.storage.sequences import is_apple_double
from exr_inspector.validation.rule import listed

_NAMED = 4  # folders named in a message


@dataclass(frozen=True, slots=True)
class Expansion:
    """The files of a target.

    Attributes:
        target: As the user wrote it.
        recognition: Its OpenEXR files, grouped into sequences by their names.
        ranges: Frames that the target names (`[1001-1060]`); empty if it names none.
        others: Entries of the folder and its subfolders that are not OpenEXR files: other files, and folders named `*.exr`.
        folders: The folders of its files, if it stands for all files of a folder or of several.
        fault: The subfolders that were not listed, because access is denied, the file system fails, or they are links to
            folders elsewhere; None if all were listed.
    """

    target: str
    recognition: Recognition
    ranges: tuple[range, ...] = ()
    others: tuple[str, ...] = ()
    folders: frozenset[str] = frozenset()
    fault: SourceError | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """All files, sequences first."""
        known = self.recognition
        inside = [frame.path for sequence in known.sequences for frame in sequence.members]
        return (*inside, *known.singles, *(path for group in known.ambiguous for path in group))


class FoldersUnavailable(SourceUnavailable):
    """Folders that could not be listed now, since the file system fails."""


_UNLISTED = (AccessDenied, FoldersUnavailable)  # raised after all other files


def _combined(faults: Iterable[SourceError]) -> AccessDenied | FoldersUnavailable:
    """Return one error for folders that could not be listed; it says that access is denied only if that is true of all."""
    texts = {str(fault): fault.retryable for fault in faults}
    return (FoldersUnavailable if any(texts.values()) else AccessDenied)(listed(texts, _NAMED, "; "))


def is_folder(target: str) -> bool:
    """Whether a target means all .exr files below it: a folder, or a URL that ends in a slash or names a bucket."""
    named = split_url(target)
    return _is_folder(target) if named is None else not named[1] or named[1].endswith("/")


def paths_of(opener: SourceOpener, target: str) -> Iterator[str]:
    """Yield the files of a target as they are found.

    A folder, or a URL that ends in a slash or names a bucket, means every .exr file below it. A name with `####`, `%04d`,
    `@@@@`, `$F4`, `<UDIM>`, `*` or `[1001-1060]` means the matching files of its folder, unless a file of exactly this name
    exists. Any other target is a file. `*`, `?`, `[abc]` and `%V` in the names of folders mean the same in every folder that
    matches.

    Raises:
        PatternError: The pattern is invalid.
        NothingMatches: The file or folder does not exist, no file matches the pattern, or the folder holds no .exr file.
        AccessDenied, FoldersUnavailable: Folders could not be listed; raised after all other files.
        SourceError: Listing failed.
    """
    yield from _paths_of_all(opener, target, _matching(opener, target), [])


def _paths_of_all(opener: SourceOpener, target: str, found: _Matching, others: list[str]) -> Iterator[str]:
    """As `paths_of`, in the folders that match. Other files below a folder, and AppleDouble files, are added to `others`."""
    if found.targets == [target]:
        yield from _paths_of(opener, target, others, literal=True)
        return
    is_empty = True
    faults = found.faults
    for each in found.targets:
        try:
            for path in _paths_of(opener, each, others, literal=False):
                is_empty = False
                yield path
        except _UNLISTED as error:
            faults.append(error)
        except NothingMatches:
            continue
    if faults:
        raise _combined(faults)
    if is_empty:
        raise NothingMatches(f"no .exr files match {target}{unknown_tokens_hint(target)}")


def _paths_of(opener: SourceOpener, target: str, others: list[str], *, literal: bool) -> Iterator[str]:
    """As `paths_of`, of a target without patterns in the names of folders.

    With `literal`, a file of exactly this name counts alone.
    """
    named = split_url(target)
    path = local_path(target)
    if is_folder(target):
        is_empty = True
        for name in _files_below(path, others) if named is None else _objects_below(opener, *named, others):
            is_empty = False
            yield name
        if is_empty:
            found = f", but other files: {listed(sorted(others), _NAMED)}" if others else ""
            raise NothingMatches(f"no .exr files below {target}{found}")
    elif is_pattern(target) and not (literal and _exists(opener, target)):
        pattern = parse_pattern(target)
        there = (name for name in _paths_in(opener, pattern) if is_apple_double(target) or not is_apple_double(name))
        matching = sorted(filter(pattern.matches, there))
        if not matching:
            hint = _folders_hint(opener, pattern) or unknown_tokens_hint(target)
            raise NothingMatches(f"no .exr files match {target}{hint}")
        yield from matching
    else:
        if named is None:
            require_place(target)
        yield target


class _Matching(NamedTuple):
    """What a target stands for: the target in each folder that matches, and why folders could not be searched."""

    targets: list[str]
    faults: list[SourceError]


def _matching(opener: SourceOpener, target: str) -> _Matching:
    """Find the folders that match the patterns in the names of a target's folders; a target without them stands for itself.

    A folder whose name is exactly as written counts alone. Snapshots and trash match no pattern.

    Raises:
        NothingMatches: The target is empty.
        SourceError: Listing failed.
    """
    require_name(target)
    start = fixed_folder(target)
    folder = target[: target.rfind("/") + 1]
    if start == folder:
        return _Matching([target], [])
    found = [start]
    faults: list[SourceError] = []
    for wanted in folder.removeprefix(start).split("/")[:-1]:
        if is_folder_pattern(wanted):
            found = [inner for outer in found for inner in _folders_matching(opener, outer, wanted, faults)]
        else:
            found = [f"{outer}{wanted}/" for outer in found]
    targets = [outer + target[len(folder) :] for outer in found]
    if not is_pattern(target):
        targets = [each for each in targets if each.endswith("/") or _exists(opener, each)]
    return _Matching(targets, faults)


def _folders_matching(opener: SourceOpener, outer: str, wanted: str, faults: list[SourceError]) -> list[str]:
    """The folders directly in a folder whose names match, each with a slash."""
    try:
        names = _folders_in(opener, outer)
    except _UNLISTED as error:
        faults.append(error)
        return []
    exact = [wanted] if wanted in names else sorted(name for name in names if folder_matches(wanted, name))
    return [f"{outer}{name}/" for name in exact]


def _folders_hint(opener: SourceOpener, pattern: Pattern) -> str:
    """What to write if folders match instead of files, as in `shots/*`."""
    name = pattern.text[len(pattern.folder) :]
    is_meant = is_folder_pattern(name) and _folders_matching(opener, pattern.folder, name, [])
    return f"; for the files in folders that match, write {pattern.text}/" if is_meant else ""


def _folders_in(opener: SourceOpener, folder: str) -> list[str]:
    """The names of the folders in a folder, which ends in a slash or is empty, without snapshots and trash."""
    named = split_url(folder)
    if named is None:
        names = [name for name in _names_in(folder) if _is_folder(folder + name)]
    else:
        names = [key.removeprefix(named[1]).rstrip("/") for key in opener.folders(*named)]
    return [name for name in names if not is_excluded(f"{name}/")]


def _names_in(folder: str) -> list[str]:
    """The names in a local folder, which ends in a slash or is empty; none if it does not exist.

    Raises:
        AccessDenied, FoldersUnavailable: It cannot be listed.
    """
    try:
        return os.listdir(local_path(folder or "."))  # noqa: PTH208 - names
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _combined(_folder_faults([(folder or ".", error)])) from error


def files_in(folder: str) -> list[str]:
    """The files directly in a local folder, which ends in a slash or is empty; none if it cannot be read, or is a URL."""
    if split_url(folder) is not None:
        return []
    try:
        return [folder + name for name in _names_in(folder)]
    except _UNLISTED:
        return []


def _folder_faults(errors: Iterable[tuple[str, OSError]]) -> list[SourceError]:
    """Return one error for each reason why local folders cannot be listed."""
    folders: dict[str | None, list[str]] = {}
    for folder, error in errors:
        reason = None if isinstance(error, PermissionError) else os.strerror(error.errno or 0)
        folders.setdefault(reason, []).append(folder)
    return [
        AccessDenied(f"folders that may not be read: {listed(sorted(names), _NAMED)}")
        if reason is None
        else FoldersUnavailable(f"the file system fails ({reason}) at folders: {listed(sorted(names), _NAMED)}")
        for reason, names in folders.items()
    ]


def _exists(opener: SourceOpener, target: str) -> bool:
    named = split_url(target)
    return os.path.lexists(local_path(target)) if named is None else opener.head(*named) is not None


def new_names(names: Iterable[str], seen: set[str]) -> Iterator[str]:
    """Yield the names whose files are not in `seen`, and add them to it."""
    for name in names:
        # Links are not resolved: a file and a link to it are two files of a delivery.
        file = name if split_url(name) else os.path.abspath(local_path(name))  # noqa: PTH100
        if file not in seen:
            seen.add(file)
            yield name


def require_name(target: str) -> None:
    """Check that a target is not empty.

    Raises:
        NothingMatches: It is empty.
    """
    if not target.strip():
        raise NothingMatches("an empty name stands for no file: give a file, a folder, a pattern or an s3:// URL")


def require_place(target: str) -> None:
    """Check that a file, folder or link of this name exists.

    Raises:
        NothingMatches: It does not exist.
        AccessDenied: A folder on the way to it may not be searched.
    """
    try:
        local_path(target).lstat()
    except PermissionError as error:
        raise AccessDenied(f"{target}: a folder on the way to it may not be searched") from error
    except (OSError, ValueError) as error:
        raise NothingMatches(f"there is no file or folder {target}{unknown_tokens_hint(target)}") from error


def _is_folder(target: str) -> bool:
    # Path.is_dir raises if the name, or the target of a link, is longer than the system allows.
    return os.path.isdir(local_path(target))  # noqa: PTH112


def _objects_below(opener: SourceOpener, bucket: str, prefix: str, others: list[str]) -> Iterator[str]:
    """Yield the .exr objects, then those that could not be listed: reading them gives the reason.

    Raises:
        AccessDenied, FoldersUnavailable: Folders could not be listed; raised last.
    """
    files: list[str] = []
    faults: list[SourceError] = []

    def report(path: str, error: SourceError) -> None:
        if path.endswith("/"):
            faults.append(error)
        else:
            files.append(f"s3://{path}")

    listing = opener.list(bucket, prefix, report=exr_report(report))
    for each in listing:
        name = f"s3://{bucket}/{each.key}"
        if is_exr(name):
            yield name
        elif not name.endswith("/"):
            others.append(name)
    yield from files
    if faults:
        raise _combined(sorted(faults, key=str))


def _files_below(folder: Path, others: list[str]) -> Iterator[str]:
    """Yield the .exr files.

    Raises:
        AccessDenied, FoldersUnavailable: Folders could not be listed, or are links to folders elsewhere; raised last.
    """
    unlisted: list[tuple[str, OSError]] = []
    linked: list[str] = []
    found: list[Path] = []
    root = folder.resolve()
    for place, folders, names in os.walk(folder, onerror=lambda error: unlisted.append((str(error.filename), error))):
        folders[:] = [name for name in folders if not is_excluded(f"{name}/")]
        found += (Path(place, name) for name in names if is_exr(name))
        others += (str(Path(place, name)) for name in names if not is_exr(name))
        others += (str(Path(place, name)) for name in folders if is_exr(name))
        links = (Path(place, name) for name in folders if Path(place, name).is_symlink())
        # A link to another folder below the root (such as `latest`) needs no report: that folder is walked itself.
        linked += (str(link) for link in links if not link.resolve().is_relative_to(root))
    # Dangling links, pipes, sockets and devices are among them: reading those fails, which reports them.
    yield from map(str, sorted(found))
    faults = _folder_faults(unlisted)
    if linked:
        links_text = listed(sorted(linked), _NAMED)
        faults.append(AccessDenied(f"links to folders elsewhere are not followed, name them as well: {links_text}"))
    if faults:
        raise _combined(faults)


def expand(opener: SourceOpener, target: str) -> Expansion:
    """List the files of a target and group them into sequences.

    Raises:
        NothingMatches: The file or folder does not exist, or holds no .exr file.
        ExrInspectorError: As `paths_of`.
    """
    paths: list[str] = []
    others: list[str] = []
    fault: SourceError | None = None
    found = _matching(opener, target)
    try:
        for path in _paths_of_all(opener, target, found, others):
            paths.append(path)  # noqa: PERF402 - keep the paths found before an error
    except _UNLISTED as error:
        if not paths:
            raise
        fault = error
    if paths == [target]:
        return Expansion(target, recognise(paths))
    if is_pattern(target) and not _is_folder(target):
        pattern = parse_pattern(target)
        return Expansion(target, pattern.recognise(paths), pattern.ranges, fault=fault)
    is_whole = any(map(is_folder, found.targets))
    folders = frozenset(path.rpartition("/")[0] for path in paths) if is_whole else frozenset()
    return Expansion(target, recognise(paths), others=tuple(sorted(others)), folders=folders, fault=fault)


def _paths_in(opener: SourceOpener, pattern: Pattern) -> Iterable[str]:
    """The files directly in a pattern's folder."""
    folder = pattern.folder
    named = split_url(folder)
    if named is None:
        return [folder + name for name in _names_in(folder) if not _is_folder(folder + name)]
    bucket, prefix = named
    beginning = prefix + pattern.beginning_of_names
    inside = len(prefix)
    unlisted: list[str] = []
    listing = opener.list(bucket, beginning, report=lambda path, _: unlisted.append(path.partition("/")[2]))
    keys = [*(entry.key for entry in listing), *unlisted]  # reading an unlisted object gives the reason
    return [f"s3://{bucket}/{key}" for key in keys if "/" not in key[inside:]]
