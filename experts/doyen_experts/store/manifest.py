"""The manifest of a generation: SHA-256 and size of every file, and of itself.

faiss and numpy load damaged files without complaint, so nothing is loaded before its bytes are proven.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from doyen_router.errors import Invalid

FILE = "manifest.json"


class GenerationCorrupt(Invalid):
    """The files are not what was written. Serve the last good generation, or build the store again."""

    code = "generation_corrupt"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the store generation {path.name} is damaged: {reason}; use another one or build it again")
        self.path = path


class FileFact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    size_bytes: int


class Manifest(BaseModel):
    """`id` is the hash of the content and names the folder; `seal` covers the manifest itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    id: str
    parent: str | None
    created: datetime
    encoder_identity: str
    dimensions: int
    chunks: int
    documents: int
    files: dict[str, FileFact]
    seal: str = ""

    def sealed(self) -> Manifest:
        return self.model_copy(update={"seal": hashlib.sha256(self._canonical()).hexdigest()})

    def is_sealed(self) -> bool:
        return self.seal == hashlib.sha256(self._canonical()).hexdigest()

    def _canonical(self) -> bytes:
        return self.model_copy(update={"seal": ""}).to_bytes()

    def to_bytes(self) -> bytes:
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True).encode()


def fact(path: Path) -> FileFact:
    with path.open("rb") as file:
        return FileFact(
            sha256=hashlib.file_digest(file, "sha256").hexdigest(), size_bytes=os.fstat(file.fileno()).st_size
        )


def content_id(files: Mapping[str, FileFact], encoder_identity: str) -> str:
    content = {name: files[name].sha256 for name in sorted(files)} | {"encoder": encoder_identity}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def read_manifest(path: Path) -> Manifest:
    """The manifest alone, its seal proven, the files not. Raises GenerationCorrupt."""
    try:
        content = (path / FILE).read_bytes()
        manifest = Manifest.model_validate_json(content)
    except OSError as error:
        raise GenerationCorrupt(path, f"{FILE} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise GenerationCorrupt(path, f"{FILE} is no manifest") from error
    if manifest.to_bytes() != content or not manifest.is_sealed():
        raise GenerationCorrupt(path, f"{FILE} was changed after it was written")
    return manifest


def verified(path: Path) -> Manifest:
    """The manifest, once every file was read and found to be what was written. Raises GenerationCorrupt."""
    manifest = read_manifest(path)
    for name, expected in manifest.files.items():
        try:
            found = fact(path / name)
        except OSError as error:
            raise GenerationCorrupt(path, f"{name} cannot be read ({error.strerror})") from error
        if found.size_bytes != expected.size_bytes:
            raise GenerationCorrupt(path, f"{name} has {found.size_bytes} bytes instead of {expected.size_bytes}")
        if found.sha256 != expected.sha256:
            raise GenerationCorrupt(path, f"{name} does not have its SHA-256")
    return manifest
