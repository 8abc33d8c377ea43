"""Cuts documents into chunks along their structure. It knows nothing of vectors."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right

from doyen_experts.store.documents import Chunk, Document

MAX_CHARS = 900

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S[^\n]*)", re.MULTILINE)
_MARKDOWN = {"text/markdown", "text/html"}  # HTML is parsed into Markdown


def _fenced(text: str) -> list[tuple[int, int]]:
    """Character ranges of fenced code blocks: a '#' in there is a comment and no heading."""
    ranges = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text):
        mark = match.group(1)
        if opened is None:
            opened = (match.start(), mark)
        elif mark[0] == opened[1][0] and len(mark) >= len(opened[1]):
            ranges.append((opened[0], match.end()))
            opened = None
    if opened is not None:
        ranges.append((opened[0], len(text)))
    return ranges


def headings(text: str) -> list[tuple[int, str]]:
    """Offsets of the Markdown headings with the path that holds from there on: `Parent > Child`."""
    fences = _fenced(text)
    starts = [start for start, _ in fences]
    path: list[tuple[int, str]] = []
    found = []
    for match in _HEADING.finditer(text):
        at = bisect_right(starts, match.start()) - 1
        if at >= 0 and match.start() < fences[at][1]:
            continue
        level = len(match.group(1))
        path = [(parent, name) for parent, name in path if parent < level] + [(level, match.group(2).rstrip("# \t"))]
        found.append((match.start(), " > ".join(name for _, name in path)))
    return found


def chunk_id(document_id: str, start: int, end: int, text: str) -> str:
    seed = f"{document_id}\0{start}\0{end}\0{text}"
    return hashlib.sha256(seed.encode()).hexdigest()[:24]


def _heading_at(found: list[tuple[int, str]], position: int) -> str:
    at = bisect_right(found, position, key=lambda item: item[0]) - 1
    return found[at][1] if at >= 0 else ""


def chunk(document: Document, *, max_chars: int = MAX_CHARS) -> list[Chunk]:
    """The document's chunks in order, each a verbatim piece of its text, at most `max_chars` long.

    A text that comes twice in one document is kept once; across documents both are kept, so that removing one document
    never takes another's words away. An empty or blank document has no chunks.
    """
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    is_markdown = document.media_type in _MARKDOWN
    found = headings(document.text) if is_markdown else []
    splitter = MarkdownSplitter(max_chars) if is_markdown else TextSplitter(max_chars)
    chunks: list[Chunk] = []
    seen: set[str] = set()
    for start, text in splitter.chunk_indices(document.text):
        if text in seen or not text.strip():
            continue
        seen.add(text)
        end = start + len(text)
        chunks.append(
            Chunk(
                id=chunk_id(document.id, start, end, text),
                document_id=document.id,
                ordinal=len(chunks),
                title=document.title,
                source=document.source,
                heading=_heading_at(found, start),
                text=text,
                start=start,
                end=end,
            )
        )
    return chunks


def embedding_text(piece: Chunk) -> str:
    """What is embedded for a chunk: its title, heading and text, each said once, white space folded.

    The embedding sees about the first hundred tokens; lexical search covers the whole text.
    """
    heading = piece.heading.removeprefix(piece.title).removeprefix(" > ")
    text = _HEADING.sub(r"\2", piece.text)
    lines = [line for line in (piece.title, heading) if line and not text.startswith(line)]
    return " ".join(" ".join((*(f"{line}." for line in lines), text)).split())
