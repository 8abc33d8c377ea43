"""`POST /v1/embeddings`: the encoder that the gate and the stores use."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from doyen_platform.composition import Platform
from doyen_platform.keys.access import App
from doyen_platform.web.reference import OPENAI_ERRORS
from doyen_router.errors import Invalid

router = APIRouter(prefix="/v1", tags=["openai"])

MOST_CHARACTERS = 1_000_000  # together: one call must not hold the encoder for minutes
NAMES = ("auto", "doyen-encoder")
Input = Annotated[str, Field(min_length=1, max_length=200_000)]


class EmbeddingRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")

    input: Input | Annotated[list[Input], Field(min_length=1, max_length=2_048)]
    model: Annotated[str, Field(max_length=200)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage
    truncated: list[int] = Field(description="indices of inputs longer than the encoder reads; their ends were cut")


class UnknownEncoder(Invalid):
    code = "model_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"no encoder is called {name!r}; this platform has one: use 'doyen-encoder'", param="model")


@router.post("/embeddings", operation_id="createEmbedding", responses=OPENAI_ERRORS)
async def create_embedding(request: Request, body: EmbeddingRequest, caller: App) -> EmbeddingList:
    """Unit vectors. The OpenAI client asks for base64 (float32, little-endian) by itself."""
    platform: Platform = request.app.state.platform
    encoder = platform.encoder
    if body.model not in NAMES:
        raise UnknownEncoder(body.model)
    if body.dimensions not in (None, encoder.dimensions):
        raise Invalid(f"this encoder has {encoder.dimensions} dimensions and cannot shorten them", param="dimensions")
    texts = [body.input] if isinstance(body.input, str) else body.input
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise Invalid(f"the inputs have more than {MOST_CHARACTERS:,} characters together", param="input")

    def work() -> tuple[list[Any], list[int]]:  # Any: a list of floats, or base64
        vectors_ND = encoder.encode(texts)
        tokens = [encoder.count_tokens(text) for text in texts]
        if body.encoding_format == "base64":
            return [base64.b64encode(vector_D.astype("<f4").tobytes()).decode() for vector_D in vectors_ND], tokens
        return [vector_D.astype(np.float64).tolist() for vector_D in vectors_ND], tokens

    vectors, tokens = await run_in_threadpool(work)
    read = sum(min(count, encoder.max_tokens) for count in tokens)
    return EmbeddingList(
        model="doyen-encoder",
        data=[Embedding(index=index, embedding=vector) for index, vector in enumerate(vectors)],
        usage=EmbeddingUsage(prompt_tokens=read, total_tokens=read),
        truncated=[index for index, count in enumerate(tokens) if count > encoder.max_tokens],
    )
