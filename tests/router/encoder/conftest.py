"""A sentence-transformers folder of one small random layer, made here: nothing is downloaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doyen_router.encoder.parity import parity_texts

WIDTH = 32
LONGEST = 48

FolderOf = Callable[..., Path]


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> FolderOf:
    for needed in ("torch", "sentence_transformers", "onnx"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"exporting and tuning need {needed}, of the extra doyen[models]")

    def made(
        *,
        architecture: str = "Bert",
        pooling: str = "mean",
        dense: bool = False,
        normalize: bool = True,
        prompt: str = "",
        include_prompt: bool = True,
    ) -> Path:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

        torch.manual_seed(7)
        folder = tmp_path_factory.mktemp("model")
        save_transformer(architecture, folder / "plain")
        layers: list[Any] = [
            Transformer(str(folder / "plain"), max_seq_length=LONGEST),
            Pooling(WIDTH, pooling_mode=pooling, include_prompt=include_prompt),
        ]
        layers += [Dense(WIDTH, 16)] if dense else []
        layers += [Normalize()] if normalize else []
        prompts = {"query": prompt, "document": ""} if prompt else None
        model = SentenceTransformer(
            modules=layers, device="cpu", prompts=prompts, default_prompt_name="query" if prompt else None
        )
        model.save(str(folder / "sentence"), create_model_card=False)
        return folder / "sentence"

    return made


@pytest.fixture(scope="session")
def small_folder(folder_of: FolderOf) -> Path:
    return folder_of()


def save_transformer(architecture: str, folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = {word for text in parity_texts() for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    letters = {letter for word in words for letter in word}
    # Not trained: a trainer breaks ties differently in each process, and every process would test another model.
    pieces = [*special, *sorted(words | letters), *sorted(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({piece: place for place, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    inputs = ["input_ids", "attention_mask"] + (["token_type_ids"] if architecture == "Bert" else [])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_input_names=inputs, model_max_length=LONGEST,
    ).save_pretrained(folder)  # fmt: skip
    size = tokenizer.get_vocab_size()
    # Wide initial weights: with the usual ones a layer hardly changes what it is given, and nothing would be tested.
    if architecture == "Bert":
        BertModel(
            BertConfig(
                vocab_size=size, hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
                max_position_embeddings=64, initializer_range=0.3,
            )
        ).save_pretrained(folder)  # fmt: skip
    else:
        DistilBertModel(
            DistilBertConfig(
                vocab_size=size, dim=WIDTH, n_layers=1, n_heads=2, hidden_dim=64, max_position_embeddings=64,
                initializer_range=0.3,
            )
        ).save_pretrained(folder)  # fmt: skip
