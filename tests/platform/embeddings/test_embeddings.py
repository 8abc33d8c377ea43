"""`/v1/embeddings` with the OpenAI client: its own base64, plain floats, and what is refused."""

from __future__ import annotations

import numpy as np
import openai
import pytest
from tests.conftest import Server

TEXTS = ["Which moons does Jupiter have?", "The moons of Jupiter", "A recipe for bread"]


def test_base64_and_floats_are_the_same_unit_vectors(server: Server) -> None:
    client = server.openai(server.key("app"))
    packed = client.embeddings.create(model="doyen-encoder", input=TEXTS)  # the client asks for base64 by itself
    plain = client.embeddings.create(model="auto", input=TEXTS, encoding_format="float")
    packed_ND = np.array([one.embedding for one in packed.data])
    plain_ND = np.array([one.embedding for one in plain.data])
    assert plain_ND.shape == (3, server.platform.encoder.dimensions)
    np.testing.assert_allclose(packed_ND, plain_ND, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(plain_ND, axis=1), 1, atol=1e-4)
    assert plain_ND[0] @ plain_ND[1] > 0.6 > 0.3 > plain_ND[0] @ plain_ND[2]
    assert [one.index for one in packed.data] == [0, 1, 2]
    assert packed.usage.total_tokens == packed.usage.prompt_tokens > 10
    assert packed.model == "doyen-encoder"


def test_one_text_alone_and_a_long_one_that_is_cut(server: Server) -> None:
    client = server.openai(server.key("app"))
    alone = client.embeddings.create(model="auto", input=TEXTS[0])
    assert len(alone.data) == 1
    cut = client.embeddings.create(model="auto", input=[TEXTS[0], "word " * 2_000])
    assert cut.truncated == [1]  # type: ignore[attr-defined]  # a field beside OpenAI's
    assert alone.truncated == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "text-embedding-3-small", "input": "x"}, "model"),
        ({"model": "auto", "input": "x", "dimensions": 7}, "dimensions"),
        ({"model": "auto", "input": ""}, "input"),
        ({"model": "auto", "input": []}, "input"),
        ({"model": "auto", "input": [""]}, "input"),
        ({"model": "auto", "input": [[1, 2, 3]]}, "input"),
        ({"model": "auto", "input": "x", "encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_what_cannot_be_embedded_is_said(server: Server, body: dict[str, object], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        server.openai().embeddings.create(**body)  # type: ignore[arg-type]  # wrong on purpose
    assert str(bad.value.param).startswith(param)
