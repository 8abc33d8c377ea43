"""A gate on disk: one folder with `gate.safetensors`, `card.json`, `texts.json` and `manifest.json` (their SHA-256).

Never pickle. `texts.json` holds the sampled texts that explain a choice.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load, save

from doyen_router.errors import Invalid
from doyen_router.folder import MANIFEST, check_replaceable, read_folder, write_folder
from doyen_router.gate.card import GateCard
from doyen_router.gate.gate import Gate, GateMalformed, Rows, Samples

TENSORS, CARD, TEXTS = "gate.safetensors", "card.json", "texts.json"
FORMAT = "doyen-gate-2"


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
    texts = {"references": gate.samples.reference_texts, "passages": gate.samples.passage_texts}
    contents = {
        TENSORS: save(gate.tensors()),
        CARD: (gate.card.model_dump_json(indent=2) + "\n").encode(),
        TEXTS: (json.dumps(texts) + "\n").encode(),
    }
    return write_folder(directory, contents, format_name=FORMAT, version=gate.version, refusal=GateArtifactInvalid)


def check_output(directory: Path) -> None:
    """Before a training: raises `GateArtifactInvalid` when `save_gate` would refuse to write there."""
    check_replaceable(directory, format_name=FORMAT, refusal=GateArtifactInvalid)


def load_gate(directory: Path, *, encoder_identity: str | None = None) -> Gate:
    """Raises `GateArtifactInvalid` for whatever is missing, altered or foreign; `GateForAnotherEncoder` when asked."""
    contents, version = read_folder(directory, (TENSORS, CARD, TEXTS), format_name=FORMAT, refusal=GateArtifactInvalid)
    try:
        tensors = load(contents[TENSORS])
        card = GateCard.model_validate_json(contents[CARD])
        texts = json.loads(contents[TEXTS])
        gate = Gate(
            card,
            Rows(tensors["weights_RW"], tensors["bias_R"], tensors["prototypes_RD"]),
            Samples(
                tensors["references_SF"],
                tuple(map(str, texts["references"])),
                tensors["passages_PD"],
                tuple(map(str, texts["passages"])),
            ),
            tensors["trunk_HD"],
            tensors["trunk_bias_H"],
        )
    except (SafetensorError, ValueError, TypeError, KeyError, GateMalformed) as error:
        raise GateArtifactInvalid(directory, f"its content does not fit together ({error})") from error
    if gate.version != version:
        raise GateArtifactInvalid(directory, f"{MANIFEST} names another version than its content has")
    if encoder_identity is not None and card.encoder_identity != encoder_identity:
        raise GateForAnotherEncoder(card.encoder_identity, encoder_identity)
    return gate
