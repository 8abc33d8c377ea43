"""The retrieval expert: search, judge, quote. It writes nothing of its own but the frame of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict, Field

from doyen_experts.contract import Answer, Citation, Delta, Expert, ExpertRequest, ExpertSpec, Resources, TextEncoder
from doyen_experts.contract import Vector as QueryVector
from doyen_experts.kinds.retrieval.evidence import evidence
from doyen_experts.kinds.retrieval.quotes import best_quote
from doyen_experts.limits import Cancelled, bounded, check, usage
from doyen_experts.registry import parsed_config
from doyen_experts.store.documents import Passage
from doyen_experts.store.generation import Generation, open_generation
from doyen_router.errors import DoyenError, Unavailable

_LATENESS = 0.02  # a document opens with what it is about; its later chunks are details
_PIECE = re.compile(r".*?(?:[.!?:](?=\s)|\n|$)\s*", re.DOTALL)


class StoreMissing(Unavailable):
    code = "store_missing"

    def __init__(self, name: str) -> None:
        super().__init__(f"the expert {name!r} has no store yet; add documents to it", retry_after_seconds=5)


class RetrievalConfig(BaseModel):
    """`min_score`: below this evidence the expert says that it found nothing. A further passage is quoted when its
    evidence reaches `further_share` of the best one's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_score: float = Field(default=0.28, ge=0, le=1)
    passages: int = Field(default=5, ge=1, le=50)
    max_quotes: int = Field(default=3, ge=1, le=10)
    max_chars: int = Field(default=900, ge=100, le=20_000)
    further_share: float = Field(default=0.85, ge=0, le=1)
    not_found_text: str = Field(default="I found nothing about this in my documents.", min_length=1, max_length=2_000)


class RetrievalExpert:
    """Thread-safe: a generation is read-only and nothing else is kept."""

    def __init__(self, generation: Generation, config: RetrievalConfig, encoder: TextEncoder) -> None:
        self._generation = generation
        self._config = config
        self._encoder = encoder

    def answer(self, requests: Sequence[ExpertRequest]) -> list[Answer | Exception]:
        unencoded = [request for request in requests if request.vector is None]
        vectors = self._encoder.encode([request.question for request in unencoded]) if unencoded else ()
        encoded = {id(request): vector_D for request, vector_D in zip(unencoded, vectors, strict=True)}
        results: list[Answer | Exception] = []
        for request in requests:
            vector_D = encoded[id(request)] if request.vector is None else request.vector
            try:
                check(request)
                results.append(self._answered(request, vector_D))
            except DoyenError as error:
                results.append(error)
        return results

    def stream(self, request: ExpertRequest) -> Iterator[Delta]:
        (result,) = self.answer([request])
        if isinstance(result, Cancelled):
            return
        if isinstance(result, Exception):
            raise result
        for piece in _PIECE.findall(result.text):
            if request.is_cancelled():
                return
            if piece:
                yield Delta(piece)
        yield Delta("", result)

    def close(self) -> None:
        """The generation's files are let go with the expert."""

    def passages(self, question: str, vector_D: QueryVector) -> list[Passage]:
        """What the store has, best first; of a document's chunks that fit alike, the earlier."""
        found = self._generation.search(question, vector_D, count=self._config.passages)
        return sorted(found, key=lambda passage: _LATENESS * min(passage.chunk.ordinal, 3) - evidence(passage))

    def _answered(self, request: ExpertRequest, vector_D: QueryVector) -> Answer:
        found = self.passages(request.question, vector_D)
        score = max(map(evidence, found), default=0.0)
        if not found or score < self._config.min_score:
            text, reason = bounded(self._config.not_found_text, request, self._encoder)
            return Answer(text, usage(self._encoder, request, text), found=False, score=score, finish_reason=reason)
        citations = self._citations(found, request.question, score)
        quoted = "\n\n".join(_marked(citation.quote, number) for number, citation in enumerate(citations, start=1))
        sources = "\n".join(_source(citation, number) for number, citation in enumerate(citations, start=1))
        text, reason = bounded(f"{quoted}\n\nSources:\n{sources}", request, self._encoder)
        # A cut answer cites what it still shows: a quote counts once its marker is out.
        shown = tuple(citation for number, citation in enumerate(citations, start=1) if f"[{number}]" in text)
        return Answer(text, usage(self._encoder, request, text), shown, score=score, finish_reason=reason)

    def _citations(self, found: list[Passage], question: str, best: float) -> list[Citation]:
        left = self._config.max_chars
        citations: list[Citation] = []
        for passage in found:
            score = evidence(passage)
            is_enough = len(citations) == self._config.max_quotes or left < self._config.max_chars // 5
            if is_enough or (citations and score < self._config.further_share * best):
                break
            # The best passage gets most of the room, so that further ones add to it and do not replace it.
            room = left if citations else max(left * 2 // 3, 100)
            start, end = best_quote(passage.chunk.text, question, max_chars=room)
            quote = passage.chunk.text[start:end]
            if not quote or any(quote in citation.quote for citation in citations):
                continue
            chunk = passage.chunk
            citations.append(
                Citation(
                    document_id=chunk.document_id,
                    chunk_id=chunk.id,
                    title=chunk.title,
                    source=chunk.source,
                    quote=quote,
                    start=chunk.start + start,
                    end=chunk.start + end,
                    score=score,
                )
            )
            left -= len(quote)
        return citations


def _marked(quote: str, number: int) -> str:
    # A marker on the last line of a code block would become part of the code.
    is_code = quote.rstrip().endswith(("```", "~~~")) or quote.startswith(("    ", "\t", ">>>"))
    return f"{quote}\n[{number}]" if is_code else f"{quote} [{number}]"


def _source(citation: Citation, number: int) -> str:
    return f"[{number}] {citation.title}" + (f" ({citation.source})" if citation.source != citation.title else "")


class RetrievalKind:
    config_model: type[BaseModel] = RetrievalConfig
    uses_store = True
    concurrency = 8
    max_batch = 32

    def open(self, spec: ExpertSpec, resources: Resources) -> Expert:
        """Raises StoreMissing without a store, GenerationCorrupt or EncoderMismatch with an unusable one."""
        config = parsed_config(RetrievalConfig, spec.config, kind_name=spec.kind)
        if spec.store_path is None:
            raise StoreMissing(spec.name)
        generation = open_generation(spec.store_path, encoder_identity=resources.encoder.identity)
        return RetrievalExpert(generation, config, resources.encoder)
