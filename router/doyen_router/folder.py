"""An artifact on disk: one folder of files, and a manifest with its format and their SHA-256. It knows no content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from doyen_router.errors import Invalid

MANIFEST = "manifest.json"

# Makes the artifact's own error of (folder, what is wrong with it).
Refusal = Callable[[Path, str], Invalid]


def write_folder(
    folder: Path, contents: Mapping[str, bytes], *, format_name: str, version: str, refusal: Refusal
) -> Path:
    """Writes beside `folder` and renames, so that a reader never sees half of it. Replaces an older one there.

    Raises the refusal when `folder` holds anything but an artifact of this format.
    """
    draft = new_draft(folder, format_name=format_name, refusal=refusal)
    try:
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        manifest = {"format": format_name, "version": version, "sha256": hashes}
        for name, content in {**contents, MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode()}.items():
            with (draft / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        replace_folder(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def new_draft(folder: Path, *, format_name: str, refusal: Refusal) -> Path:
    """An empty folder beside `folder`, for `replace_folder`. Raises the refusal for what must not be replaced."""
    folder = folder.absolute()
    check_replaceable(folder, format_name=format_name, refusal=refusal)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))


def check_replaceable(folder: Path, *, format_name: str, refusal: Refusal) -> None:
    """Before long work: raises the refusal when its outcome could not be written to `folder`."""
    if folder.exists() and not folder.is_dir():
        raise refusal(folder, "it is a file")
    if folder.exists() and any(folder.iterdir()) and not _has_format(folder, format_name.rpartition("-")[0]):
        raise refusal(folder, "it holds other files, and saving would replace them")
    if folder.resolve() == Path.cwd():
        raise refusal(folder, "it is the folder that this command runs in")


def replace_folder(draft: Path, folder: Path) -> None:
    draft.chmod(0o755)
    if not folder.exists():
        draft.rename(folder)
        return
    old = draft.with_name(draft.name + ".old")
    folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old)


def read_manifest(folder: Path, *, format_name: str, refusal: Refusal) -> dict[str, Any]:  # Any: JSON
    """Its `sha256` is a mapping from names to digests. Raises the refusal for a missing, broken or foreign one."""
    try:
        manifest = json.loads(_bytes(folder, MANIFEST, refusal))
    except (ValueError, RecursionError) as error:
        raise refusal(folder, f"{MANIFEST} is not JSON") from error
    if not isinstance(manifest, dict) or manifest.get("format") != format_name:
        raise refusal(folder, f"{MANIFEST} does not say {format_name}: make it again with this version of Doyen")
    if not isinstance(manifest.get("sha256"), dict):
        raise refusal(folder, f"{MANIFEST} has no hashes")
    return manifest


def read_folder(
    folder: Path, names: Sequence[str], *, format_name: str, refusal: Refusal
) -> tuple[dict[str, bytes], str | None]:
    """The files' contents, all of them as they were written, and the version. Raises the refusal otherwise."""
    manifest = read_manifest(folder, format_name=format_name, refusal=refusal)
    contents = {name: _bytes(folder, name, refusal) for name in names}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["sha256"].get(name):
            raise refusal(folder, f"{name} was altered since it was saved (SHA-256 differs)")
    return contents, manifest.get("version")


def _bytes(folder: Path, name: str, refusal: Refusal) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise refusal(folder, f"{name} cannot be read ({error.strerror})") from error


def _has_format(folder: Path, kind: str) -> bool:
    """Of the same kind, whatever its version: an older one may be replaced."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        # What lost its manifest to a crash, or never had one, is nobody's to delete.
        return False
    return isinstance(manifest, dict) and str(manifest.get("format", "")).rpartition("-")[0] == kind
