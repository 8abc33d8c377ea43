"""The serving encoder: ONNX Runtime on the CPU and a `tokenizers` file. It knows neither packages nor folders.

Legend: N texts, B texts of one run, L tokens padded, D dimensions.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.errors import Invalid

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# "model": the ONNX graph pools by itself, and gives one vector a text.
Pooling = Literal["mean", "cls", "model"]

# Padded tokens of one run. Larger runs are no faster on a CPU, and their activations stay resident for good.
RUN_TOKENS = 128
# Few tokens have more characters. Texts are cut there first, so that a megabyte prompt costs no second of tokenising.
CHARACTERS_PER_TOKEN = 64


class EncoderBroken(Invalid):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot serve as an encoder: {reason}", param="encoder")


def file_sha256(path: Path) -> str:
    """Hexadecimal. Raises `EncoderBroken` when the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderBroken(path, error.strerror or str(error)) from error


def onnx_identity(model_sha256: str, tokenizer_sha256: str, pooling: Pooling) -> str:
    return hashlib.sha256(f"onnx\n{model_sha256}\n{tokenizer_sha256}\n{pooling}".encode()).hexdigest()


class OnnxEncoder:
    """Unit vectors by mean pooling, the first token, or as the graph makes them. Thread-safe: runs share one session.

    Without `identity` both files are hashed. `threads` are those of one inference: a second thread on a busy core
    makes it slower, not faster. `prompt` is put before every text, and counts among its tokens.
    """

    def __init__(
        self,
        model_path: Path,
        tokenizer_path: Path,
        *,
        max_tokens: int = 256,
        threads: int = 1,
        pooling: Pooling = "mean",
        prompt: str = "",
        pad_id: int = 0,
        identity: str | None = None,
    ) -> None:
        self._identity = identity or onnx_identity(file_sha256(model_path), file_sha256(tokenizer_path), pooling)
        self._max_tokens = max_tokens
        self._pooling = pooling
        self._prompt = prompt
        self._pad_id = pad_id
        self._tokenizer = _open_tokenizer(tokenizer_path)
        self._closing = _closing_tokens(self._tokenizer)
        self._session = _open_session(model_path, threads)
        self._inputs = {wanted.name for wanted in self._session.get_inputs()}
        if not self._inputs <= {"input_ids", "attention_mask", "token_type_ids"}:
            raise EncoderBroken(model_path, f"it wants the inputs {sorted(self._inputs)}")
        self._output = self._session.get_outputs()[0].name
        hidden = self._run([[0, 0]])
        wanted = "texts, dimensions" if pooling == "model" else "texts, tokens, dimensions"
        if hidden.ndim != (2 if pooling == "model" else 3):
            raise EncoderBroken(model_path, f"its first output {self._output!r} is not ({wanted})")
        self._dimensions = int(hidden.shape[-1])
        _return_freed_memory()

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(self._prompt + _well_formed(text)).ids)

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        """Unit vectors in the order of `texts`. Beyond 64 characters a token, a text is not even tokenised."""
        limit = max(3, min(self._max_tokens, max_tokens or self._max_tokens))
        if len(texts) == 1:
            encoding = self._tokenizer.encode(self._prompt + _prepared(texts[0], limit))
            return self._pooled(self._run([_truncated(encoding, limit, self._closing)]), None)
        encodings = self._tokenizer.encode_batch_fast([self._prompt + _prepared(text, limit) for text in texts])
        token_lists = [_truncated(encoding, limit, self._closing) for encoding in encodings]
        vectors_ND = np.empty((len(texts), self._dimensions), dtype=np.float32)
        for batch in _runs_of_like_length([len(tokens) for tokens in token_lists]):
            batch_tokens = [token_lists[index] for index in batch]
            lengths_B = np.array([len(tokens) for tokens in batch_tokens])
            vectors_ND[batch] = self._pooled(self._run(batch_tokens), lengths_B)
        return vectors_ND

    def _run(self, token_lists: list[list[int]]) -> npt.NDArray[np.float32]:
        longest = max(len(tokens) for tokens in token_lists)
        ids_BL = np.full((len(token_lists), longest), self._pad_id, dtype=np.int64)
        mask_BL = np.zeros_like(ids_BL)
        for row, tokens in enumerate(token_lists):
            ids_BL[row, : len(tokens)] = tokens
            mask_BL[row, : len(tokens)] = 1
        feed = {"input_ids": ids_BL, "attention_mask": mask_BL}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids_BL)
        return np.asarray(self._session.run([self._output], feed)[0], dtype=np.float32)

    def _pooled(self, hidden_BLD: npt.NDArray[np.float32], lengths_B: npt.NDArray[np.int64] | None) -> Vector:
        if self._pooling == "model":
            vectors_BD = hidden_BLD
        elif self._pooling == "cls":
            vectors_BD = hidden_BLD[:, 0]
        elif lengths_B is None:
            vectors_BD = hidden_BLD.mean(axis=1)
        else:
            mask_BL1 = (np.arange(hidden_BLD.shape[1]) < lengths_B[:, None])[:, :, None]
            vectors_BD = (hidden_BLD * mask_BL1).sum(axis=1)
        norms_B1 = np.maximum(np.sqrt((vectors_BD * vectors_BD).sum(axis=1, keepdims=True)), 1e-12)
        return np.asarray(vectors_BD / norms_B1, dtype=np.float32)


def _open_tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise EncoderBroken(path, f"the tokenizer cannot be read ({error})") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _open_session(path: Path, threads: int) -> Any:  # Any: onnxruntime ships no types
    import onnxruntime  # here: who only imports this module should not wait for it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # One pattern is kept for every shape ever seen, and lengths of texts make hundreds of shapes.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base
        raise EncoderBroken(path, f"ONNX Runtime refuses it ({str(error)[:200]})") from error


def _return_freed_memory() -> None:
    """Loading leaves about 65 MB of freed blocks in glibc's arenas; other C libraries have no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _runs_of_like_length(lengths: list[int]) -> list[list[int]]:
    """Indexes grouped by length, so that little is padded; each group within `RUN_TOKENS` or a single text."""
    runs: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Sorted by length: the newest member is the longest of its run.
        if runs and (len(runs[-1]) + 1) * lengths[index] <= RUN_TOKENS:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _closing_tokens(tokenizer: Tokenizer) -> int:
    """How many special tokens end every text: one for BERT, none for some others."""
    special = tokenizer.encode("a").special_tokens_mask
    return next((count for count, of_model in enumerate(reversed(special)) if not of_model), 0)


def _truncated(encoding: Encoding, limit: int, closing: int) -> list[int]:
    tokens = encoding.ids
    if len(tokens) <= limit:
        return tokens or [0]
    # The closing special tokens stay, as in the training of the model.
    return [*tokens[: limit - closing], *tokens[len(tokens) - closing :]]


def _prepared(text: str, limit: int) -> str:
    return _well_formed(text[: limit * CHARACTERS_PER_TOKEN])


def _well_formed(text: str) -> str:
    """JSON may carry half a surrogate pair, which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
