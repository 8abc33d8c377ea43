import json
from pathlib import Path

import numpy as np
import pytest

from doyen_router import OnnxEncoder, load_encoder
from doyen_router.encoder import blockwise
from doyen_router.encoder.artifact import EncoderArtifactInvalid, read_card
from doyen_router.encoder.contract import truncates
from doyen_router.encoder.export import EncoderNotExportable, export_encoder
from doyen_router.encoder.onnx import EncoderBroken
from doyen_router.encoder.parity import ParityMissed, parity_texts
from doyen_router.encoder.sentence_transformer import SentenceTransformerEncoder

TEXTS = ["refund", "Where is my parcel, and why does it take so long?", "", "word " * 100, "?"]


@pytest.fixture(scope="module")
def exported(small_folder, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("exported") / "encoder"
    export_encoder(small_folder, output)
    return output


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize(
    "shape",
    [
        {"pooling": "mean"},
        {"pooling": "cls", "normalize": False},
        {"pooling": "mean", "dense": True},
        {"pooling": "max", "normalize": False},
        {"architecture": "DistilBert", "pooling": "mean"},
    ],
    ids=["mean", "cls-not-normalised", "dense", "max", "no-token-types"],
)
def test_an_exported_encoder_gives_the_vectors_of_torch(folder_of, tmp_path, shape, precision):
    folder = folder_of(**shape)
    card = export_encoder(folder, tmp_path / "encoder", precision=precision)
    served, reference = load_encoder(tmp_path / "encoder"), load_encoder(folder)
    assert isinstance(served, OnnxEncoder)
    assert isinstance(reference, SentenceTransformerEncoder)
    cosines = (served.encode(TEXTS) * reference.encode(TEXTS)).sum(axis=1)
    assert cosines.min() >= (0.99 if precision == "int8" else 0.99999)
    assert served.dimensions == reference.dimensions == card.dimensions
    assert served.max_tokens == reference.max_tokens == 48
    assert card.precision == precision
    assert card.parity.texts == len(parity_texts())


def test_the_default_prompt_goes_before_every_text(folder_of, tmp_path):
    folder = folder_of(prompt="search query: ")
    card = export_encoder(folder, tmp_path / "encoder", precision="fp32")
    served, reference = load_encoder(tmp_path / "encoder"), load_encoder(folder)
    assert card.reading.prompt == "search query: "
    assert (served.encode(TEXTS) * reference.encode(TEXTS)).sum(axis=1).min() >= 0.99999
    assert served.count_tokens("refund") == reference.count_tokens("refund") > 4
    assert not np.allclose(served.encode(["refund"]), load_encoder(folder_of()).encode(["refund"]), atol=1e-2)


def test_int8_vectors_do_not_depend_on_their_company(exported):
    encoder = load_encoder(exported)
    assert read_card(exported).precision == "int8"
    together = encoder.encode(parity_texts())
    alone = np.concatenate([encoder.encode([text]) for text in parity_texts()])
    assert np.abs(together - alone).max() < 1e-4


def test_int8_is_smaller_than_fp32(small_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(blockwise, "SMALLEST_TABLE", 1)
    export_encoder(small_folder, tmp_path / "small", precision="int8")
    export_encoder(small_folder, tmp_path / "wide", precision="fp32")
    assert (tmp_path / "small" / "model.onnx").stat().st_size < 0.7 * (tmp_path / "wide" / "model.onnx").stat().st_size


def test_a_missed_bar_is_refused_and_leaves_the_output_alone(small_folder, exported, tmp_path):
    with pytest.raises(ParityMissed, match="nothing was written") as missed:
        export_encoder(small_folder, tmp_path / "new", precision="int8", min_cosine=0.999999)
    assert missed.value.tried[0].lowest_cosine < 0.999999
    assert list(tmp_path.iterdir()) == []
    before = (exported / "manifest.json").read_bytes()
    with pytest.raises(ParityMissed):
        export_encoder(small_folder, exported, precision="int8", min_cosine=0.999999)
    assert (exported / "manifest.json").read_bytes() == before


def test_without_parity_in_int8_auto_takes_fp32_and_keeps_both_figures(small_folder, tmp_path):
    card = export_encoder(small_folder, tmp_path / "encoder", min_cosine=0.99999)
    assert card.precision == card.parity.precision == "fp32"
    assert [parity.precision for parity in card.tried] == ["int8", "fp32"]
    assert card.tried[0].lowest_cosine < 0.99999 <= card.parity.lowest_cosine


def test_own_texts_are_measured_too(small_folder, tmp_path):
    card = export_encoder(small_folder, tmp_path / "encoder", texts=["one more", "and another"])
    assert card.parity.texts == len(parity_texts()) + 2


def test_one_model_exported_twice_is_one_encoder(small_folder, exported, tmp_path):
    export_encoder(small_folder, tmp_path / "again")
    assert load_encoder(tmp_path / "again").identity == load_encoder(exported).identity


def test_a_shorter_limit_is_another_encoder(small_folder, exported, tmp_path):
    import shutil

    shorter = Path(shutil.copytree(small_folder, tmp_path / "shorter"))
    config = json.loads((shorter / "tokenizer_config.json").read_text())
    (shorter / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": 24}))
    (shorter / "sentence_bert_config.json").write_text('{"max_seq_length": 24}')
    export_encoder(shorter, tmp_path / "encoder")
    assert load_encoder(tmp_path / "encoder").max_tokens == 24
    assert load_encoder(tmp_path / "encoder").identity != load_encoder(exported).identity


def test_what_is_cut_can_be_seen(exported):
    encoder = load_encoder(exported)
    assert not truncates(encoder, "refund")
    assert truncates(encoder, "word " * 100)
    assert np.allclose(encoder.encode(["word " * 100]), encoder.encode(["word " * 200]), atol=1e-6)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "card.json"])
def test_altered_files_are_refused(small_folder, exported, tmp_path, name):
    import shutil

    copy = Path(shutil.copytree(exported, tmp_path / "copy"))
    (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    with pytest.raises(EncoderArtifactInvalid, match=f"{name} was altered"):
        load_encoder(copy)
    (copy / name).unlink()
    with pytest.raises(EncoderArtifactInvalid, match=f"{name} is missing"):
        load_encoder(copy)


def test_a_folder_of_something_else_is_never_replaced(small_folder, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-my-aunt.txt").write_text("Dear aunt")
    with pytest.raises(EncoderArtifactInvalid, match="holds other files"):
        export_encoder(small_folder, tmp_path / "letters")
    assert (tmp_path / "letters" / "to-my-aunt.txt").read_text() == "Dear aunt"


def test_layers_that_are_not_known_are_named(small_folder, tmp_path):
    import shutil

    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import CNN

    model = SentenceTransformer(str(small_folder), device="cpu")
    odd = SentenceTransformer(modules=[model[0], CNN(32, 32), model[1]], device="cpu")
    odd.save(str(tmp_path / "odd"), create_model_card=False)
    with pytest.raises(EncoderNotExportable, match="CNN"):
        export_encoder(tmp_path / "odd", tmp_path / "encoder")
    shutil.rmtree(tmp_path / "odd")


def test_a_prompt_that_pooling_leaves_out_is_said_not_to_be_served(folder_of, tmp_path):
    with pytest.raises(EncoderNotExportable, match="prompt"):
        export_encoder(folder_of(prompt="Represent: ", include_prompt=False), tmp_path / "encoder")


def test_pickled_weights_are_never_opened(folder_of, tmp_path):
    folder = folder_of(dense=True)
    weights = folder / "2_Dense" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(EncoderBroken, match="pickle"):
        export_encoder(folder, tmp_path / "encoder")
