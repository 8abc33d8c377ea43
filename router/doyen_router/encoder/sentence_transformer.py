"""Any encoder's folder: an exported artifact, one with an ONNX file, or sentence-transformers through torch."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from doyen_router.encoder.artifact import is_artifact, load_artifact
from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.onnx import EncoderBroken, OnnxEncoder, Pooling, file_sha256
from doyen_router.encoder.packaged import packaged_encoder
from doyen_router.errors import NotFound, Unavailable

ONNX_FILES = ("onnx/model.onnx", "model.onnx")


class EncoderNotFound(NotFound):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is no encoder's folder: it has neither a manifest.json, nor an ONNX model, nor modules.json"
        )


class ModelsExtraMissing(Unavailable):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is to be run through torch, which needs the extra: pip install 'doyen[models]'. "
            "A folder that `doyen encoder export` wrote does without"
        )


def load_encoder(spec: str | Path | None = None, *, threads: int = 1) -> Encoder:
    """The packaged default for None, else the folder at `spec`: of `export_encoder`, or of sentence-transformers."""
    if spec is None:
        return packaged_encoder(threads=threads)
    folder = Path(spec)
    if is_artifact(folder):
        return load_artifact(folder, threads=threads)
    for name in ONNX_FILES:
        if (folder / name).is_file():
            return OnnxEncoder(
                folder / name,
                folder / "tokenizer.json",
                max_tokens=_max_tokens(folder),
                threads=threads,
                pooling=_pooling(folder),
            )
    if not (folder / "modules.json").is_file():
        raise EncoderNotFound(folder)
    return SentenceTransformerEncoder(folder, threads=threads)


def open_sentence_transformer(folder: Path, *, threads: int = 1, **options: Any) -> Any:  # Any: untyped
    """The torch model, on the CPU and from local files alone. Code inside the folder is never run."""
    if not (folder / "modules.json").is_file():
        raise EncoderNotFound(folder)
    if not (folder / "model.safetensors").is_file():
        raise EncoderBroken(folder, "its weights are not in model.safetensors")
    pickled = [path for path in folder.rglob("*.bin") if not (path.parent / "model.safetensors").is_file()]
    if pickled:
        raise EncoderBroken(pickled[0], "it is a pickle, which runs code when it is opened; save it as safetensors")
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise ModelsExtraMissing(folder) from error
    # Its bar for the loading of weights would run through those of commands. transformers has no types here.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads)
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True, **options).eval()


def default_prompt(model: Any) -> str:  # Any: untyped
    """What the model's makers want before every text; empty for most."""
    name = model.default_prompt_name
    return str(model.prompts.get(name) or "") if name else ""


class SentenceTransformerEncoder:
    """The torch reference. Slower and larger than ONNX Runtime; runs any architecture. Thread-safe by a lock."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._model = open_sentence_transformer(folder, threads=threads)
        self._identity = _folder_identity(folder)
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def dimensions(self) -> int:
        return int(self._model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        return int(self._model.max_seq_length)

    def count_tokens(self, text: str) -> int:
        whole = default_prompt(self._model) + text
        return len(self._model.tokenizer(whole, truncation=False, verbose=False)["input_ids"])

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        with self._lock:
            own_limit = self._model.max_seq_length
            self._model.max_seq_length = min(own_limit, max_tokens or own_limit)
            try:
                vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
            finally:
                self._model.max_seq_length = own_limit
        return np.asarray(vectors, dtype=np.float32)


def _max_tokens(folder: Path) -> int:
    return int(_json(folder / "sentence_bert_config.json").get("max_seq_length") or 256)


def _pooling(folder: Path) -> Pooling:
    config = _json(folder / "1_Pooling" / "config.json")
    modes = {name for name, on in config.items() if name.startswith("pooling_mode_") and on is True}
    if modes <= {"pooling_mode_mean_tokens"} and config.get("pooling_mode", "mean") == "mean":
        return "mean"
    if modes <= {"pooling_mode_cls_token"} and config.get("pooling_mode", "cls") == "cls":
        return "cls"
    raise EncoderBroken(folder, f"its pooling ({', '.join(sorted(modes)) or config}) is neither mean nor first token")


def _json(path: Path) -> dict[str, Any]:  # Any: a foreign file
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderBroken(path, "it is not readable JSON") from error
    if not isinstance(content, dict):
        raise EncoderBroken(path, "it is not a JSON object")
    return content


def _folder_identity(folder: Path) -> str:
    """Over all weights and settings, also those of layers behind the transformer. The words about a model are none."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".safetensors", ".json"))
    parts = [f"{path.relative_to(folder).as_posix()} {file_sha256(path)}" for path in paths]
    return hashlib.sha256("\n".join(["torch", *parts]).encode()).hexdigest()
