"""A gate on disk: one folder with `gate.safetensors`, `card.json` and `manifest.json` (their SHA-256). Never pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from doyen_router.errors import Invalid
from doyen_router.gate.card import GateCard
from doyen_router.gate.gate import Gate, GateMalformed

TENSORS, CARD, MANIFEST = "gate.safetensors", "card.json", "manifest.json"
FORMAT = "doyen-gate-1"


class GateArtifactInvalid(Invalid):
    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"{directory} is not a usable gate: {reason}", param="gate")


class GateForAnotherEncoder(Invalid):
    def __init__(self, gate_encoder: str, encoder: str) -> None:
        super().__init__(
            f"the gate was trained with the encoder {gate_encoder[:12]}..., this one is {encoder[:12]}...; "
            "use that encoder, or train the gate again",
            param="gate",
        )


def save_gate(gate: Gate, directory: Path) -> Path:
    """Writes beside `directory` and renames, so that a reader never sees half a gate. Replaces an older gate there."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    if directory.exists() and any(directory.iterdir()) and not (directory / MANIFEST).is_file():
        raise GateArtifactInvalid(directory, "it holds other files, and saving would replace them")
    contents = {
        TENSORS: save(
            {
                "weights_RD": gate.weights_RD,
                "bias_R": gate.bias_R,
                "prototypes_RD": gate.prototypes_RD,
                "references_SD": gate.references_SD,
            }
        ),
        CARD: (gate.card.model_dump_json(indent=2) + "\n").encode(),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = {"format": FORMAT, "version": gate.version, "sha256": hashes}
    contents[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        for name, content in contents.items():
            with (draft / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        draft.chmod(0o755)
        if directory.exists():
            old = draft.with_name(draft.name + ".old")
            directory.rename(old)
            draft.rename(directory)
            shutil.rmtree(old)
        else:
            draft.rename(directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return directory


def load_gate(directory: Path, *, encoder_identity: str | None = None) -> Gate:
    """Raises `GateArtifactInvalid` for whatever is missing, altered or foreign; `GateForAnotherEncoder` when asked."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        contents = {name: (directory / name).read_bytes() for name in (TENSORS, CARD)}
    except OSError as error:
        missing = Path(error.filename or directory).name
        raise GateArtifactInvalid(directory, f"{missing} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise GateArtifactInvalid(directory, f"{MANIFEST} is not JSON") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise GateArtifactInvalid(directory, f"{MANIFEST} does not say {FORMAT}")
    hashes = manifest.get("sha256")
    for name, content in contents.items():
        if not isinstance(hashes, dict) or hashlib.sha256(content).hexdigest() != hashes.get(name):
            raise GateArtifactInvalid(directory, f"{name} was altered since it was saved (SHA-256 differs)")
    try:
        tensors = load(contents[TENSORS])
        card = GateCard.model_validate_json(contents[CARD])
        gate = Gate(card, tensors["weights_RD"], tensors["bias_R"], tensors["prototypes_RD"], tensors["references_SD"])
    except (SafetensorError, ValidationError, KeyError, GateMalformed) as error:
        raise GateArtifactInvalid(directory, f"its content does not fit together ({error})") from error
    if gate.version != manifest.get("version"):
        raise GateArtifactInvalid(directory, f"{MANIFEST} names another version than its content has")
    if encoder_identity is not None and card.encoder_identity != encoder_identity:
        raise GateForAnotherEncoder(card.encoder_identity, encoder_identity)
    return gate
