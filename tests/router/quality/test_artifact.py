import json

import numpy as np
import pytest

from doyen_router.quality.artifact import (
    QualityArtifactInvalid,
    QualityForAnotherEncoder,
    load_quality,
    save_quality,
)

FILES = ("quality.safetensors", "card.json", "manifest.json")


def test_a_saved_model_comes_back_the_same(model, words, tmp_path):
    loaded = load_quality(save_quality(model, tmp_path / "m"), encoder_identity="words")
    assert loaded.version == model.version
    vector = words.encode(["poem prime"])[0]
    assert (loaded.qualities("poem prime", vector) == model.qualities("poem prime", vector)).all()
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == sorted(FILES)
    save_quality(model, tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("name", FILES)
def test_an_altered_or_missing_file_is_refused(model, tmp_path, name):
    path = save_quality(model, tmp_path / "m") / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(QualityArtifactInvalid):
        load_quality(tmp_path / "m")
    path.unlink()
    with pytest.raises(QualityArtifactInvalid, match=name):
        load_quality(tmp_path / "m")


def test_another_format_and_another_encoder_are_refused(model, tmp_path):
    folder = save_quality(model, tmp_path / "m")
    with pytest.raises(QualityForAnotherEncoder):
        load_quality(folder, encoder_identity="letters")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": "doyen-gate-1"}))
    with pytest.raises(QualityArtifactInvalid, match="doyen-quality-1"):
        load_quality(folder)
    with pytest.raises(QualityArtifactInvalid, match="other files"):
        save_quality(model, folder)
    assert json.loads((folder / "manifest.json").read_text())["format"] == "doyen-gate-1"


def test_tensors_cannot_be_changed(model):
    with pytest.raises(ValueError, match="read-only"):
        model.common_L[0] = 1
    assert all(np.isfinite(tensor).all() for tensor in model.tensors.values())
