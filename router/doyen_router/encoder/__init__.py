"""Text encoders: from a text to a unit vector."""

from doyen_router.encoder.contract import Encoder, Vector
from doyen_router.encoder.microbatch import BatchedEncoder
from doyen_router.encoder.onnx import OnnxEncoder
from doyen_router.encoder.packaged import packaged_encoder
from doyen_router.encoder.sentence_transformer import load_encoder

__all__ = ["BatchedEncoder", "Encoder", "OnnxEncoder", "Vector", "load_encoder", "packaged_encoder"]
