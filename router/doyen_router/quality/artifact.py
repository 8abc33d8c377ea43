"""A quality model on disk: one folder with `quality.safetensors`, `card.json` and `manifest.json` (their SHA-256)."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load, save

from doyen_router.errors import Invalid
from doyen_router.folder import MANIFEST, read_folder, write_folder
from doyen_router.quality.card import QualityCard
from doyen_router.quality.model import FormScale, Panel, QualityMalformed, QualityModel

TENSORS, CARD = "quality.safetensors", "card.json"
FORMAT = "doyen-quality-1"


class QualityArtifactInvalid(Invalid):
    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"{directory} is not a usable quality model: {reason}", param="quality")


class QualityForAnotherEncoder(Invalid):
    def __init__(self, model_encoder: str, encoder: str) -> None:
        super().__init__(
            f"the quality model was trained with the encoder {model_encoder[:12]}..., this one is {encoder[:12]}...; "
            "use that encoder, or fit the model again",
            param="quality",
        )


def save_quality(model: QualityModel, directory: Path) -> Path:
    """Writes beside `directory` and renames, so that a reader never sees half a model. Replaces an older one there."""
    contents = {TENSORS: save(model.tensors), CARD: (model.card.model_dump_json(indent=2) + "\n").encode()}
    return write_folder(directory, contents, format_name=FORMAT, version=model.version, refusal=QualityArtifactInvalid)


def load_quality(directory: Path, *, encoder_identity: str | None = None) -> QualityModel:
    """Raises `QualityArtifactInvalid` for what is missing, altered or foreign, and `QualityForAnotherEncoder`."""
    contents, version = read_folder(directory, (TENSORS, CARD), format_name=FORMAT, refusal=QualityArtifactInvalid)
    try:
        tensors = load(contents[TENSORS])
        card = QualityCard.model_validate_json(contents[CARD])
        panels = tuple(
            Panel(tensors[f"panel{number}.landmarks_LP"], tensors[f"panel{number}.weights_EL"])
            for number in range(len(card.panels))
        )
        scale = FormScale(tensors["form_mean_F"], tensors["form_deviation_F"])
        model = QualityModel(card, scale, tensors["common_L"], panels)
    except (SafetensorError, ValueError, TypeError, KeyError, QualityMalformed) as error:
        raise QualityArtifactInvalid(directory, f"its content does not fit together ({error})") from error
    if model.version != version:
        raise QualityArtifactInvalid(directory, f"{MANIFEST} names another version than its content has")
    if encoder_identity is not None and card.encoder_identity != encoder_identity:
        raise QualityForAnotherEncoder(card.encoder_identity, encoder_identity)
    return model
