"""A serving encoder on disk: one folder with `model.onnx`, `tokenizer.json`, `card.json` and `manifest.json`.

The manifest has the SHA-256 of the others. Nothing of it is opened before all of them agree.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from doyen_router.encoder.onnx import OnnxEncoder, file_sha256
from doyen_router.errors import Invalid
from doyen_router.folder import MANIFEST, read_manifest, replace_folder
from doyen_router.folder import new_draft as folder_draft

MODEL, TOKENIZER, CARD = "model.onnx", "tokenizer.json", "card.json"
FORMAT = "doyen-encoder-1"

Precision = Literal["int8", "fp32"]


class EncoderArtifactInvalid(Invalid):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} is not a usable encoder: {reason}", param="encoder")


class Facts(BaseModel):
    """Unknown fields are refused: a card of a newer format must not be half understood."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Parity(Facts):
    """Cosines between this encoder's vectors and the torch reference's, over `texts` texts.

    `min_cosine` and `mean_cosine` are of padded batches; `alone_min_cosine` of the same texts one by one.
    """

    precision: Precision
    texts: int
    min_cosine: FiniteFloat
    mean_cosine: FiniteFloat
    alone_min_cosine: FiniteFloat
    wanted_cosine: FiniteFloat

    @property
    def lowest_cosine(self) -> float:
        return min(self.min_cosine, self.alone_min_cosine)

    @property
    def holds(self) -> bool:
        return self.lowest_cosine >= self.wanted_cosine


class GateFigures(Facts):
    """Of a gate that was trained on one encoder's vectors, on texts that neither has seen."""

    accuracy: FiniteFloat
    macro_f1: FiniteFloat
    ece: FiniteFloat
    outside_auroc: FiniteFloat | None = None


class EpochFigures(Facts):
    """`choice_accuracy` is the nearest class mean's, on the part of the examples that the epochs are chosen by."""

    epoch: int
    loss: FiniteFloat
    choice_accuracy: FiniteFloat
    seconds: FiniteFloat


class Tuning(Facts):
    """`newly_right` and `newly_wrong` count held-out texts. `similarity_kept` is the correlation of pairwise cosines of
    general texts before and after: the lower, the more other domains should be measured again."""

    base_identity: str
    examples: int
    examples_sha256: str
    classes: int
    seed: int
    epochs: tuple[EpochFigures, ...]
    chosen_epoch: int
    held_out: int
    before: GateFigures
    after: GateFigures
    newly_right: int
    newly_wrong: int
    similarity_kept: FiniteFloat
    recommended: bool


class Reading(Facts):
    """How a text becomes tokens. `prompt` is put before every text; `pad_id` fills short ones up."""

    max_tokens: int
    prompt: str = ""
    pad_id: int = 0


class EncoderCard(Facts):
    """`tried` has every precision that was measured, also the one that was not written."""

    format: Literal[1] = 1
    created: datetime
    source_sha256: str
    architecture: str
    layers: tuple[str, ...]
    precision: Precision
    dimensions: int
    reading: Reading
    parity: Parity
    tried: tuple[Parity, ...]
    tuning: Tuning | None = None


def is_artifact(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def read_card(folder: Path) -> EncoderCard:
    """Checks every file against the manifest first. Raises `EncoderArtifactInvalid`."""
    hashes = read_manifest(folder, format_name=FORMAT, refusal=EncoderArtifactInvalid)["sha256"]
    for name in (MODEL, TOKENIZER, CARD):
        if not (folder / name).is_file():
            raise EncoderArtifactInvalid(folder, f"{name} is missing")
        if file_sha256(folder / name) != hashes.get(name):
            raise EncoderArtifactInvalid(folder, f"{name} was altered since it was exported (SHA-256 differs)")
    try:
        return EncoderCard.model_validate_json((folder / CARD).read_bytes())
    except ValidationError as error:
        raise EncoderArtifactInvalid(folder, f"{CARD} does not fit this version ({error})") from error


def load_artifact(folder: Path, *, threads: int = 1) -> OnnxEncoder:
    """Raises `EncoderArtifactInvalid` for whatever is missing, altered or foreign."""
    card = read_card(folder)
    encoder = opened(folder, card.reading, threads=threads)
    if encoder.dimensions != card.dimensions:
        raise EncoderArtifactInvalid(folder, f"it gives {encoder.dimensions} dimensions, its card {card.dimensions}")
    return encoder


def opened(folder: Path, reading: Reading, *, threads: int = 1) -> OnnxEncoder:
    """The encoder in a folder whose files are known to be right."""
    return OnnxEncoder(
        folder / MODEL,
        folder / TOKENIZER,
        max_tokens=reading.max_tokens,
        threads=threads,
        pooling="model",
        prompt=reading.prompt,
        pad_id=reading.pad_id,
        identity=_identity(folder, reading),
    )


def write_artifact(draft: Path, card: EncoderCard, folder: Path) -> Path:
    """Moves the model and tokenizer of `draft` into `folder` with card and manifest; an older encoder there goes.

    The rename is the last step, so that a reader never sees half an encoder.
    """
    (draft / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    hashes = {name: file_sha256(draft / name) for name in (MODEL, TOKENIZER, CARD)}
    manifest = {"format": FORMAT, "version": _identity(draft, card.reading), "sha256": hashes}
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for name in (MODEL, TOKENIZER, CARD, MANIFEST):
        with (draft / name).open("rb") as file:
            os.fsync(file.fileno())
    replace_folder(draft, folder)
    return folder


def new_draft(folder: Path) -> Path:
    """An empty folder beside `folder`. Raises when saving to `folder` would replace something that is no encoder."""
    return folder_draft(folder, format_name=FORMAT, refusal=EncoderArtifactInvalid)


def _identity(folder: Path, reading: Reading) -> str:
    """What the vectors depend on, and nothing else: the same encoder exported twice is one encoder."""
    parts = [file_sha256(folder / MODEL), file_sha256(folder / TOKENIZER), reading.model_dump_json()]
    return hashlib.sha256("\n".join([FORMAT, *parts]).encode()).hexdigest()
