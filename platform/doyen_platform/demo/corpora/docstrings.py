"""Takes a docstring apart, whichever of the usual styles it has. It imports nothing of what it reads."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from doyen_platform.demo.corpora.prose import clipped, first_sentence, inline, readable

_UNDERLINED = re.compile(r"^(\S[^\n]{2,60})\n[-=~^]{3,}[ \t]*$", re.MULTILINE)
_GOOGLE = re.compile(
    r"^(Args|Arguments|Parameters|Keyword Arguments|Attributes|Returns|Return|Yields|Raises|Example|Examples|Note|Notes"
    r"|See Also|Warning|Warnings|References|Todo|Usage|Options|Signature|TODO):[ \t]*$",
    re.MULTILINE,
)
_FIELD = re.compile(r"^:(\w+)(?:[ \t]+([^:\n`]+))?:(?!`)[ \t]*(.*)$")
_ENTRY = re.compile(r"^(\*{0,2}\w[\w, *]*?)(?:\s*\([^)]*\))?(?:(\s*):\s*(.*))?$")
_CALL = re.compile(r"^(?:\w+ = )?[\w.]+\((?:[^)]*|.*\)(?:\s*->.*)?)$")
_PARAMETERS = {"args", "arguments", "parameters", "keyword arguments", "attributes", "options"}


@dataclass(frozen=True, slots=True)
class Docstring:
    """`intro` is readable prose with code; `parameters` are pairs of name and readable description, in order."""

    intro: str
    parameters: tuple[tuple[str, str], ...]
    examples: str
    returns: str

    @property
    def summary(self) -> str:
        return first_sentence(self.intro)


def parse(raw: str) -> Docstring:
    """numpydoc, Google and field-list docstrings; anything else is all intro."""
    intro, sections = _sections(_without_call(inspect.cleandoc(raw)))
    intro, parameters, returns = _fields(intro)
    examples = ""
    for heading, body in sections:
        kind = heading.lower()
        if kind in _PARAMETERS:
            parameters += _entries(body)
        elif kind in {"example", "examples", "usage"}:
            examples = examples or readable(inspect.cleandoc("\n" + body))
        elif kind in {"returns", "return", "yields"}:
            returns = returns or first_sentence(readable(inspect.cleandoc("\n" + body)), characters=200)
    return Docstring(readable(intro), tuple(parameters), examples, returns)


def _without_call(text: str) -> str:
    """Objects written in C begin with their signature."""
    lines = text.splitlines()
    i = 0
    while i < len(lines) and (_CALL.match(lines[i]) or (i and lines[i].startswith(" ")) or not lines[i].strip()):
        i += 1
    return "\n".join(lines[i:]) if i and i < len(lines) else text


def render(signature: str, docstring: Docstring, *, characters: int) -> str:
    """One document: what it is, an example, what its parameters mean; shortened at structural borders."""
    parts = [f"`{signature}`" if signature else "", clipped(docstring.intro, characters * 6 // 10)]
    if docstring.examples:
        parts.append("Example:\n" + clipped(docstring.examples, characters // 4))
    if docstring.parameters:
        lines = [f"- `{name}`: {first_sentence(text, characters=160)}" for name, text in docstring.parameters if text]
        parts.append("Parameters:\n" + "\n".join(lines))
    if docstring.returns:
        parts.append(f"Returns: {docstring.returns}")
    return clipped("\n\n".join(part for part in parts if part), characters)


def _sections(text: str) -> tuple[str, list[tuple[str, str]]]:
    pattern = _UNDERLINED if re.search(r"^(Parameters|Returns|Examples)\n-{3,}", text, re.MULTILINE) else _GOOGLE
    matches = list(pattern.finditer(text))
    if not matches:
        return text, []
    ends = [*(match.start() for match in matches[1:]), len(text)]
    sections = [(match[1].strip(), text[match.end() : end]) for match, end in zip(matches, ends, strict=True)]
    return text[: matches[0].start()], sections


def _fields(text: str) -> tuple[str, list[tuple[str, str]], str]:
    """Lifts `:param x: ...` with its indented lines out of the text."""
    kept: list[str] = []
    parameters: list[tuple[str, str]] = []
    returns = ""
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        match = _FIELD.match(lines[i])
        if match is None:
            kept.append(lines[i])
            i += 1
            continue
        end = i + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith((" ", "\t"))):
            end += 1
        body = readable(f"{match[3]}\n{inspect.cleandoc(chr(10) + chr(10).join(lines[i + 1 : end]))}")
        name = (match[2] or "").split()[-1:] or [""]
        if match[1] in {"param", "parameter", "arg", "keyword", "paramref"} and name[0]:
            parameters.append((name[0].replace("\\", ""), body))
        elif match[1] in {"return", "returns"}:
            returns = first_sentence(body, characters=200)
        i = end
    return "\n".join(kept), parameters, returns


def _entries(body: str) -> list[tuple[str, str]]:
    """`name : type` or `name (type): text`, each with its indented lines."""
    return list(_read_entries(inspect.cleandoc("\n" + body).splitlines()))


def _read_entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    name, head, rest = "", "", [""]
    for line in [*lines, "end:"]:
        match = _ENTRY.match(line) if line[:1].strip() else None
        if match is None:
            rest.append(line)
            continue
        if name:
            yield name, readable(f"{head}\n{inspect.cleandoc(chr(10) + chr(10).join(rest))}")
        # numpydoc, with a space before its colon, has the type where Google has the text.
        name, head, rest = match[1].strip(), "" if match[2] else inline(match[3] or ""), []
