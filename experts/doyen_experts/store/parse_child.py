"""Parses one HTML or PDF file from stdin in a process of its own, run by its path: `python -I parse_child.py ORDER`.

It imports nothing of Doyen and only the parser it needs, so that it starts fast. ORDER is JSON: media_type,
max_pages, max_text_chars, cpu_seconds, memory_bytes. Its answer on stdout is JSON: {title, text} or {error}.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_DROPPED = {
    *(
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "iframe",
        "object",
        "nav",
        "footer",
        "button",
        "select",
        "head",
    ),
    *("textarea", "-comment"),
}
_BLOCKS = {
    *("p", "div", "section", "article", "main", "header", "aside", "ul", "ol", "dl", "dt", "dd", "table", "blockquote"),
    *("figure", "figcaption", "details", "summary", "form", "fieldset", "address", "hr", "body", "thead", "tbody"),
}
_LINES = {"br", "tr", "li"}
_PERMALINKS = "¶🔗§"


class Refused(Exception):
    """The file cannot be used; the message says why."""


class _Text:
    """Collects pieces of text and refuses to grow past the limit."""

    def __init__(self, max_chars: int) -> None:
        self.parts: list[str] = []
        self._left = max_chars

    def add(self, part: str) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise Refused("holds more text than is allowed")
        self.parts.append(part)


def _opening(tag: str, *, in_pre: bool) -> str:
    if tag == "pre":
        return "\n\n```\n"
    if tag == "code" and not in_pre:
        return "`"
    if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
        return "\n\n" + "#" * int(tag[1]) + " "
    if tag in ("td", "th"):
        return " | "
    if tag in _LINES:
        return "\n- " if tag == "li" else "\n"
    return "\n\n" if tag in _BLOCKS else ""


def _closing(tag: str, *, in_pre: bool) -> str:
    if tag == "pre":
        return "\n```\n\n"
    if tag == "code" and not in_pre:
        return "`"
    is_heading = len(tag) == 2 and tag[0] == "h" and tag[1] in "123456"
    return "\n\n" if is_heading or tag in _BLOCKS else ""


def _inline(text: str) -> str:
    folded = " ".join(text.split())
    if not folded:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + folded + (" " if text[-1].isspace() else "")


def _is_dropped(node: LexborNode) -> bool:
    if node.tag in _DROPPED:
        return True
    attributes = node.attributes
    return "hidden" in attributes or attributes.get("role") in ("navigation", "search", "contentinfo")


class _Walk:
    """Collects a page depth first, by the nodes' own links: a page may nest deep and have millions of nodes."""

    def __init__(self, text: _Text) -> None:
        self._text = text
        self._pre_depth = 0

    def collect(self, root: LexborNode) -> None:
        node: LexborNode = root
        depth = 0
        while True:
            is_open = self._enter(node)
            child = node.first_child if is_open else None
            if child is not None:
                node, depth = child, depth + 1
                continue
            if is_open:
                self._leave(node)
            following = node.next if depth else None
            while depth and following is None and node.parent is not None:
                node, depth = node.parent, depth - 1
                self._leave(node)
                following = node.next if depth else None
            if following is None:
                return
            node = following

    def _enter(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        if tag == "-text":
            content = node.text_content or ""
            self._text.add(content if self._pre_depth else _inline(content))
            return False
        if _is_dropped(node):
            return False
        self._text.add(_opening(tag, in_pre=self._pre_depth > 0))
        self._pre_depth += tag == "pre"
        return True

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        self._pre_depth -= tag == "pre"
        self._text.add(_closing(tag, in_pre=self._pre_depth > 0))


def _tidy(text: str) -> str:
    """Blank lines between blocks, none within; trailing blanks and permalink marks gone; code lines as they are."""
    lines: list[str] = []
    in_code = False
    for raw in text.split("\n"):
        line = raw.rstrip()
        if line.strip() == "```":
            in_code = not in_code
        elif not in_code:
            line = line.strip()
            if line.startswith("#"):
                line = line.rstrip(_PERMALINKS + " ")
            if line.strip("#- |`") == "":
                line = ""
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip()


def html(content: bytes, *, max_text_chars: int, **_: int) -> dict[str, str]:
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        page = LexborHTMLParser(content)
    except SelectolaxError as error:  # what lexbor says when memory ends
        raise Refused("is no HTML that can be parsed, or needs more memory than is allowed") from error
    title = page.css_first("title")
    main = page.css_first("main, [role=main]")
    root = main if main is not None else page.body
    text = _Text(max_text_chars)
    if root is not None:
        _Walk(text).collect(root)
    return {"title": " ".join(title.text().split()) if title is not None else "", "text": _tidy("".join(text.parts))}


def pdf(content: bytes, *, max_pages: int, max_text_chars: int, **_: int) -> dict[str, str]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused("is encrypted; remove its password first")
        if len(reader.pages) > max_pages:
            raise Refused(f"has {len(reader.pages)} pages; at most {max_pages} are allowed")
        text = _Text(max_text_chars)
        for page in reader.pages:
            text.add(page.extract_text() + "\n\n")
        title = reader.metadata.title if reader.metadata else None
    except (Refused, MemoryError):
        raise
    except (PyPdfError, Exception) as error:  # pypdf lets KeyError, RecursionError and others out of broken files
        raise Refused(f"is a broken PDF ({type(error).__name__})") from error
    return {"title": str(title or "").strip(), "text": "".join(text.parts).strip()}


def _limit(cpu_seconds: int, memory_bytes: int) -> None:
    import resource

    for name, value in (("RLIMIT_CPU", cpu_seconds), ("RLIMIT_AS", memory_bytes), ("RLIMIT_CORE", 0)):
        # Some systems (macOS) have no such limit; the wall clock of the parent holds everywhere.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


def main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])  # Any: checked by the one caller, parsing.py
    _limit(order.pop("cpu_seconds"), order.pop("memory_bytes"))
    parser = {"text/html": html, "application/pdf": pdf}[order.pop("media_type")]
    try:
        answer = parser(sys.stdin.buffer.read(), **order)
    except Refused as refused:
        answer = {"error": str(refused)}
    except MemoryError:
        answer = {"error": "needs more memory to parse than is allowed"}
    sys.stdout.buffer.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
