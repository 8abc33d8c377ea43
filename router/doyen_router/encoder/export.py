"""From a sentence-transformers folder to a serving artifact: traced by torch, made small, measured before it counts.

The whole chain is traced into one graph, so that every pooling, a Dense layer or a LayerNorm behind it is served as the
reference computes it. It knows neither gates nor tuning.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from doyen_router.encoder.artifact import (
    MODEL,
    TOKENIZER,
    EncoderCard,
    Parity,
    Precision,
    Reading,
    Tuning,
    new_draft,
    opened,
    write_artifact,
)
from doyen_router.encoder.blockwise import quantise_weights
from doyen_router.encoder.encoding import Progress
from doyen_router.encoder.parity import ParityMissed, measured_parity, parity_texts
from doyen_router.encoder.sentence_transformer import (
    ModelsExtraMissing,
    SentenceTransformerEncoder,
    default_prompt,
    open_sentence_transformer,
)
from doyen_router.errors import Invalid

Wanted = Literal["auto", "int8", "fp32"]

OPSET = 17
LAYERS = ("Transformer", "Pooling", "Dense", "LayerNorm", "Normalize", "Dropout")
# What is assumed of a model that names no limit of its own.
UNLIMITED_TOKENS = 512
UNLIMITED = 1_000_000
FEWEST_TOKENS = 3
# Beyond it an ONNX file needs a second one for its weights.
MOST_BYTES = 2_000_000_000


class EncoderNotExportable(Invalid):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} cannot be exported: {reason}", param="encoder")


def export_encoder(
    source: Path,
    output: Path,
    *,
    precision: Wanted = "auto",
    min_cosine: float = 0.99,
    texts: Sequence[str] = (),
    tuning: Tuning | None = None,
    progress: Progress | None = None,
) -> EncoderCard:
    """Writes the artifact only when every cosine reaches `min_cosine`, else raises `ParityMissed` and leaves `output`.

    `auto` is int8 where that holds, else fp32. `texts` are measured besides the package's own: name some of your own
    field, above all in a language that those hardly have.
    """
    told = progress or (lambda _stage, _share: None)
    told("opening the model", 0.0)
    # Eager: fused attention has no ONNX form.
    model = open_sentence_transformer(source, model_kwargs={"attn_implementation": "eager"})
    layers = _checked_layers(source, model)
    measured = [*parity_texts(), *texts]
    reference = SentenceTransformerEncoder(source)
    reference_ND = reference.encode(measured)
    reading = _reading(source, model)
    draft = new_draft(output)
    try:
        told("tracing", 0.2)
        traced = draft / "traced.onnx"
        _trace(source, model, traced)
        model.tokenizer.backend_tokenizer.save(str(draft / TOKENIZER))
        tried: list[Parity] = []
        wanted: tuple[Precision, ...] = ("int8", "fp32") if precision == "auto" else (precision,)
        for step, each in enumerate(wanted):
            told(f"measuring {each}", 0.5 + 0.5 * step / len(wanted))
            _write_model(source, traced, draft / MODEL, each)
            encoder = opened(draft, reading)
            parity = measured_parity(encoder, reference_ND, measured, precision=each, wanted_cosine=min_cosine)
            tried.append(parity)
            if parity.holds:
                traced.unlink()
                card = EncoderCard(
                    created=datetime.now(UTC),
                    source_sha256=reference.identity,
                    architecture=type(model[0].auto_model).__name__,
                    layers=layers,
                    precision=each,
                    dimensions=encoder.dimensions,
                    reading=reading,
                    parity=parity,
                    tried=tuple(tried),
                    tuning=tuning,
                )
                write_artifact(draft, card, output)
                return card
        raise ParityMissed(tried)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _checked_layers(folder: Path, model: Any) -> tuple[str, ...]:  # Any: sentence-transformers is untyped
    layers = tuple(type(layer).__name__ for layer in model)
    if layers[:1] != ("Transformer",) or any(name not in LAYERS for name in layers):
        known = ", ".join(LAYERS[1:])
        raise EncoderNotExportable(folder, f"it is made of {', '.join(layers)}; known is a Transformer, then {known}")
    if getattr(model.tokenizer, "backend_tokenizer", None) is None:
        raise EncoderNotExportable(folder, "its tokenizer has no fast form, and so no tokenizer.json")
    if default_prompt(model) and any(not getattr(layer, "include_prompt", True) for layer in model):
        raise EncoderNotExportable(folder, "its pooling leaves the prompt's tokens out, which is not served")
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if size > MOST_BYTES:
        raise EncoderNotExportable(folder, f"its weights have {size / 1e9:.1f} GB, and one ONNX file bears 2")
    poolings = [getattr(layer, "pooling_mode", None) for layer in model]
    return tuple(f"{name}({mode})" if mode else name for name, mode in zip(layers, poolings, strict=True))


def _trace(folder: Path, model: Any, path: Path) -> None:  # Any: sentence-transformers is untyped
    import torch

    features = model.preprocess(["a text to trace with", "another one that is a little longer"])
    inputs = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in features]

    class Sentence(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: Any) -> Any:  # Any: torch tensors
            return self.model(dict(zip(inputs, tensors, strict=True)))["sentence_embedding"]

    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of tracing; what it would get wrong is measured on real texts
            torch.onnx.export(
                Sentence().eval(),
                tuple(features[name] for name in inputs),
                str(path),
                dynamo=False,  # the newer exporter needs a package more, and gives the same graph
                opset_version=OPSET,
                input_names=inputs,
                output_names=["sentence_embedding"],
                dynamic_axes={
                    **{name: {0: "texts", 1: "tokens"} for name in inputs},
                    "sentence_embedding": {0: "texts"},
                },
            )
    except Exception as error:  # torch's exporter raises what the model's code raises
        raise EncoderNotExportable(folder, f"torch cannot trace it ({str(error)[:200]})") from error


def _write_model(folder: Path, traced: Path, path: Path, precision: Precision) -> None:
    if precision == "fp32":
        shutil.copyfile(traced, path)
        return
    try:
        import onnx
    except ImportError as error:
        raise ModelsExtraMissing(folder) from error
    graph = onnx.load(str(traced))
    quantise_weights(graph)
    onnx.save(graph, str(path))


def _reading(folder: Path, model: Any) -> Reading:  # Any: sentence-transformers is untyped
    limit = model.max_seq_length
    if limit is None or limit > UNLIMITED:
        limit = getattr(model[0].auto_model.config, "max_position_embeddings", None) or UNLIMITED_TOKENS
    if limit < FEWEST_TOKENS:
        raise EncoderNotExportable(folder, f"it reads {limit} tokens of a text, and {FEWEST_TOKENS} are the fewest")
    return Reading(max_tokens=int(limit), prompt=default_prompt(model), pad_id=int(model.tokenizer.pad_token_id or 0))
