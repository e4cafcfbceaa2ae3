"""`./run package`: writes the folder from which `vastde functions build` makes the function's image.

The build copies the whole folder into the image, so it contains only what the function needs: no tests, no benchmarks and no
virtual environment.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from exr_inspector import __version__
from exr_inspector.errors import ExrInspectorError

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "exr_inspector"
TOP_LEVEL_FILES = ("main.py", "requirements.txt", "Aptfile")
# Parts of the package that the function does not use: commands, the library, and what only they need.
LAPTOP_PARTS = (
    "cli", "report", "ingest", "library", "catalog/admin", "catalog/queries", "catalog/read/inspections.py",
    "catalog/read/reader.py", "catalog/rows/plain.py", "catalog/rows/read_back.py", "delivery/check.py",
    "delivery/checked.py", "delivery/copies.py", "delivery/diff.py", "delivery/files.py", "delivery/grouping.py",
    "delivery/patterns.py", "delivery/read_ahead.py", "delivery/stored_diff.py", "delivery/strays.py",
    "delivery/surround.py", "delivery/tables.py", "documents.py", "pixels/comparing.py", "pixels/difference.py",
    "pixels/image_maps.py", "pixels/layer_images.py", "pixels/lines.py", "pixels/rows.py", "pixels/singles.py",
    "pixels/zeros.py", "storage/client_views.py", "storage/file_object.py", "sync/kept.py", "sync/unvalidated.py",
    "validation/inspected_frames.py", "validation/layer_frames.py", "validation/policies/differences.py",
    "validation/policies/draft.py", "validation/policies/python_rules.py", "validation/policies/schema.py",
    "validation/rules/black_areas.py", "validation/rules/sequences/renamed.py", "validation/reports.py",
    "validation/restored.py", "validation/small_images", "validation/sources.py",
)  # fmt: skip
README = "deploy/image-readme.md"
MANIFEST = "MANIFEST.b2"  # as of b2sum
_DIGEST_BYTES = 12  # enough to see a change; the folder must stay small


class PackageError(ExrInspectorError):
    """The folder cannot be written; the message says why and what to do."""

    code = "PACKAGE"


@click.command("package")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def command(directory: Path) -> None:
    """Write the folder for `vastde functions build` into DIR.

    DIR must be absent, empty, or an unmodified folder that this command wrote before; that one is replaced.

    \b
    Examples:
      ./run package build/function
    """
    files = stage(ROOT, directory)
    size = sum(path.stat().st_size for path in files)
    click.echo(f"{directory}: {len(files)} files, {size / 1e6:.2f} MB, exr-inspector {__version__}")
    click.echo(f"next: vastde functions build exr-inspector --target {directory} --image-tag exr-inspector")


def stage(root: Path, directory: Path) -> list[Path]:
    """Write all files of the function from the checkout `root` into `directory`, or none if one fails.

    Returns:
        The written files, including `MANIFEST.b2`.

    Raises:
        PackageError: `root` is not a checkout, or `directory` has other files or is inside a folder that is copied.
        OSError: A file cannot be read or written.
    """
    sources = dict(_sources(root))
    target = directory.resolve()
    _check_target(root, target)
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise PackageError(f"{target.parent} cannot be written to ({error.strerror}): name another folder") from error
    try:
        lines = []
        for name, source in sorted(sources.items()):
            copy = staging / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            lines.append(f"{_digest(copy)}  {name}\n")
        (staging / MANIFEST).write_text("".join(lines), encoding="utf-8")
        for path in (staging, *staging.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # the container runs as another user
        _swap(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return sorted(path for path in target.rglob("*") if path.is_file())


def _sources(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name in the written folder, and the source, of every file."""
    for name in TOP_LEVEL_FILES:
        if not (root / name).is_file():
            raise PackageError(f"{root} has no {name}: run this command from a checkout of exr-inspector")
        yield name, root / name
    yield "README.md", root / README
    for folder in (PACKAGE, "customDeps"):
        for path in sorted((root / folder).rglob("*")):
            staged, inner = path.relative_to(root), path.relative_to(root / folder)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in staged.parts)
            laptop = folder == PACKAGE and any(inner.is_relative_to(part) for part in LAPTOP_PARTS)
            if path.is_file() and not hidden and not laptop:
                yield staged.as_posix(), path


def _check_target(root: Path, target: Path) -> None:
    if not target.parent.is_dir():
        raise PackageError(f"{target.parent} is not a folder: create it first")
    for folder in (PACKAGE, "customDeps"):
        if target.is_relative_to((root / folder).resolve()):
            raise PackageError(f"{target} lies inside {root / folder}, which is copied: name another folder")
    if not target.is_dir():
        if target.exists():
            raise PackageError(f"{target} is not a folder: name another one, or remove it")
        return
    foreign = _foreign_file(target)
    if foreign is not None:
        raise PackageError(f"{target} has {foreign}, which this command did not write: name an empty or new folder")


def _foreign_file(target: Path) -> str | None:
    """The name of a file that the folder's manifest does not list with this content; None if there is none."""
    manifest = target / MANIFEST
    known = {}
    if manifest.is_file():
        for line in manifest.read_text(encoding="utf-8", errors="replace").splitlines():
            digest, _, name = line.partition("  ")
            known[name] = digest
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        compiled = "__pycache__" in path.parts
        if (path.is_dir() and not path.is_symlink()) or compiled or path == manifest:
            continue
        if path.is_symlink() or known.get(name) != _digest(path):
            return name
    return None


def _swap(staging: Path, target: Path) -> None:
    """Replace the target by the staged folder; after a failure the target is unchanged."""
    if not target.is_dir():
        staging.rename(target)
        return
    replaced = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    try:
        target.rename(replaced)  # POSIX allows this, since the folder is empty
        try:
            staging.rename(target)
        except OSError:
            replaced.rename(target)
            raise
    finally:
        shutil.rmtree(replaced, ignore_errors=True)


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=_DIGEST_BYTES).hexdigest()
