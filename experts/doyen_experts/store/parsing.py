"""Bytes of a file become text with Markdown headings. HTML and PDF are parsed in a guarded process of their own: a file
that loops, swells or crashes its parser fails alone.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from doyen_experts.store import parse_child
from doyen_experts.store.chunking import headings
from doyen_router.errors import Invalid

TEXT, MARKDOWN, HTML, PDF = "text/plain", "text/markdown", "text/html", "application/pdf"
_BY_SUFFIX = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), MARKDOWN),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    ".pdf": PDF,
}
_BY_MEDIA_TYPE = {"application/xhtml+xml": HTML, "text/x-markdown": MARKDOWN, MARKDOWN: MARKDOWN, HTML: HTML, PDF: PDF}
_TEXTUAL = re.compile(r"text/.+|application/(json|xml|yaml|toml|x-yaml|javascript|sql|x-sh|x-python|.+\+(json|xml))")
_UNKNOWN = {"", "application/octet-stream", "binary/octet-stream"}
_BINARY_STARTS = (b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"\x7fELF", b"\xd0\xcf\x11\xe0")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_SHARE = 0.01
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")  # no secret of this process reaches the parser


class ParseFailed(Invalid):
    """This one file cannot be used; `reason` reads after its name."""

    code = "parse_failed"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the file {name[:100]!r} {reason}", param="file")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    max_bytes: int = 32_000_000
    max_text_chars: int = 8_000_000
    max_pages: int = 3_000
    cpu_seconds: int = 30
    wall_seconds: float = 90.0
    memory_bytes: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Parsed:
    """`media_type` is that of `text`'s source; HTML has become Markdown."""

    title: str
    text: str
    media_type: str


def parse(content: bytes, *, name: str, media_type: str | None = None, limits: Limits | None = None) -> Parsed:
    """The text of a file. `name` is what the user calls it, never opened as a path.

    `media_type` may carry a charset; when it says nothing, the name and the first bytes decide. Raises ParseFailed.
    """
    limits = limits or Limits()
    if not name.strip() or _CONTROL.search(name) or "\0" in name:
        raise ParseFailed(name, "needs a name without control characters")
    path = PurePosixPath(name.replace("\\", "/"))
    if ".." in path.parts:
        raise ParseFailed(name, "must not have '..' in its name")
    if len(content) > limits.max_bytes:
        raise ParseFailed(name, f"has {len(content):,} bytes; at most {limits.max_bytes:,} are allowed")
    given, _, parameters = (media_type or "").partition(";")
    kind = _kind(content, path.suffix.lower(), given.strip().lower(), name)
    if kind in (HTML, PDF):
        title, text = _parse_apart(content, kind, name, limits)
    else:
        title, text = "", _decoded(content, parameters, name)
        if len(text) > limits.max_text_chars:
            raise ParseFailed(name, f"holds more text than is allowed ({limits.max_text_chars:,} characters)")
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not text.strip():
        raise ParseFailed(
            name, "has no text" + (" (a scanned PDF needs text recognition first)" if kind == PDF else "")
        )
    if not title and kind in (MARKDOWN, HTML):
        title = next((heading for _, heading in headings(text)), "")
    return Parsed(title=title or path.stem or name, text=text, media_type=kind)


def _kind(content: bytes, suffix: str, given: str, name: str) -> str:
    if content.startswith(b"%PDF-"):
        return PDF
    if content.startswith(_BINARY_STARTS):
        raise ParseFailed(name, "is of a type that is not supported; give text, Markdown, HTML or PDF")
    if given in _BY_MEDIA_TYPE:
        return _BY_MEDIA_TYPE[given]
    if given in _UNKNOWN or _TEXTUAL.fullmatch(given):
        return _BY_SUFFIX.get(suffix, TEXT)
    raise ParseFailed(name, f"is of the type {given!r}, which is not supported; give text, Markdown, HTML or PDF")


def _decoded(content: bytes, parameters: str, name: str) -> str:
    charset = re.search(r"charset=[\"']?([\w.:-]+)", parameters, re.IGNORECASE)
    encoding = next((codec for bom, codec in _BOMS if content.startswith(bom)), None)
    if encoding is None and b"\0" in content:
        raise ParseFailed(name, "is binary (it has NUL bytes); give text, Markdown, HTML or PDF")
    tried = [encoding] if encoding else ["utf-8", *([charset.group(1)] if charset else []), "cp1252", "latin-1"]
    for codec in tried:
        try:
            text = content.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
        if len(_CONTROL.findall(text)) > _CONTROL_SHARE * len(text):
            raise ParseFailed(name, "is binary; give text, Markdown, HTML or PDF")
        return text
    raise ParseFailed(name, f"is not valid {encoding} text")


def _parse_apart(content: bytes, kind: str, name: str, limits: Limits) -> tuple[str, str]:
    order = {
        "media_type": kind,
        "max_pages": limits.max_pages,
        "max_text_chars": limits.max_text_chars,
        "cpu_seconds": limits.cpu_seconds,
        "memory_bytes": limits.memory_bytes,
    }
    command = [sys.executable, "-I", str(Path(parse_child.__file__)), json.dumps(order)]
    environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own file; the content goes in by stdin
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limits.wall_seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ParseFailed(name, f"took longer than {limits.wall_seconds:g} seconds to parse") from error
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise ParseFailed(name, f"took more than {limits.cpu_seconds} seconds of CPU or was killed while parsed")
    try:
        answer: dict[str, str] = json.loads(done.stdout)
    except ValueError as error:
        raise ParseFailed(name, f"broke its parser (exit {done.returncode})") from error
    if "error" in answer:
        raise ParseFailed(name, answer["error"])
    clean = {key: value.encode("utf-8", "replace").decode("utf-8") for key, value in answer.items()}
    return clean["title"], clean["text"]
