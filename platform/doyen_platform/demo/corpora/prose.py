"""Makes reStructuredText, Markdown and docstrings readable as plain text. It knows nothing of where they come from."""

from __future__ import annotations

import re

_ROLE = re.compile(r":(?:[a-zA-Z]\w*:)?[a-zA-Z][\w.-]*:`([^`]+)`")
_LINK = re.compile(r"`([^`<]+?)\s*<[^>`]+>`_{1,2}")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_MARKDOWN_LINK = re.compile(r"\[([^\]]*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\])(?:\{[^}]*\})?")
_MKDOCS = re.compile(r"^(\s*)!!! (\w+)(?: \"(.*)\")?$")
_DIRECTIVE = re.compile(r"^(\s*)\.\.(?:\s+(?:\|[^|]+\|\s+)?([\w:.-]+?)::\s*(.*)|\s.*|)$")
_CODE = {"code-block", "sourcecode", "code", "doctest", "highlight", "parsed-literal", "testcode", "prompt"}
_ADMONITIONS = {"note", "warning", "tip", "hint", "important", "caution", "attention", "danger", "admonition", "topic"}
_UNDERLINE = re.compile(r"^([=\-~^'#*+])\1{2,}\s*$")


def readable(text: str) -> str:
    """The text without a documentation builder's markup. Code keeps its indentation or its fence."""
    text = _ROLE.sub(lambda match: f"`{' '.join(_target(match[1]).split())}`", text)
    lines = _without_directives(_without_mkdocs(text.expandtabs(4).splitlines()))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_headings(lines))).strip()


def inline(text: str) -> str:
    """One line or paragraph, without roles and links."""
    text = _ROLE.sub(lambda match: f"`{_target(match[1])}`", text)
    text = _LINK.sub(r"\1", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    text = re.sub(r"`([^`]+)`_{1,2}(?!\w)", r"\1", text)
    text = _MARKDOWN_LINK.sub(r"\1", _IMAGE.sub("", text))
    return re.sub(
        r"</?(?:p|a|em|strong|img|br|div|span|details|summary|code|picture|source|h[1-6])\b[^>]*>|<!--.*?-->", "", text
    )


def _target(role_text: str) -> str:
    if role_text.endswith(">") and "<" in role_text:
        return role_text.split("<", 1)[0].strip()
    if role_text.startswith("~"):
        return role_text[1:].rsplit(".", 1)[-1]
    return re.sub(r"^[.!]*(?:_\w+\.)?", "", role_text)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _without_directives(lines: list[str]) -> list[str]:
    """Admonitions and code keep their bodies; all other directives go with theirs."""
    out: list[str] = []
    i, fenced = 0, False
    while i < len(lines):
        line = lines[i]
        fenced ^= line.lstrip().startswith("```")
        match = None if fenced else _DIRECTIVE.match(line)
        if match is None:
            is_code = fenced or line.startswith("    ") or line.lstrip().startswith((">>>", "..."))
            kept = line if is_code and "`" not in line else inline(line)
            out.append(kept.rstrip() if is_code else re.sub(r"\s*::\s*$", ":", kept).rstrip())
            i += 1
            continue
        end = i + 1
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > len(match[1])):
            end += 1
        name, argument = (match[2] or "").rsplit(":", 1)[-1], match[3] or ""
        body = [one for one in lines[i + 1 : end] if not re.match(r"\s*:[\w-]+:(\s|$)", one)]
        if name in _CODE:
            out += ["", *body]
        elif name in _ADMONITIONS:
            label = argument if name in {"admonition", "topic"} else f"{name.capitalize()}: {argument}"
            cut = min((_indent(one) for one in body if one.strip()), default=0)
            out += ["", inline(label).rstrip(), *_without_directives([one[cut:] for one in body])]
        i = end
    return out


def _without_mkdocs(lines: list[str]) -> list[str]:
    """`!!! note "Title"` becomes the directive that it stands for; pointers to other pages go."""
    out: list[str] = []
    for line in lines:
        if match := _MKDOCS.match(line):
            kind = match[2] if match[2] in _ADMONITIONS else "dropped" if match[2] == "abstract" else "note"
            out.append(f"{match[1]}.. {kind}:: {match[3] or ''}".rstrip())
        else:
            out.append(line)
    return out


def _headings(lines: list[str]) -> list[str]:
    out: list[str] = []
    for line in lines:
        if _UNDERLINE.match(line):
            if out and out[-1].strip() and not out[-1].startswith((" ", "#", ">>>")) and len(out[-1]) < 80:
                out[-1] = f"## {out[-1].strip()}"
            continue  # an overline, or the line under a table's head
        out.append(line)
    return out


def clipped(text: str, characters: int) -> str:
    """At most so many characters, ended at a paragraph, else at a sentence, else at a word."""
    text = text.strip()
    if len(text) <= characters:
        return text
    head = text[:characters]
    for border in ("\n\n", ".\n", ". ", "\n", " "):
        at = head.rfind(border)
        if at >= characters // 2:
            return _closed(head[: at + 1].rstrip())
    return head.rstrip()


def _closed(text: str) -> str:
    return f"{text}\n```" if text.count("```") % 2 else text


def first_sentence(text: str, *, characters: int = 220) -> str:
    """The first sentence of the first paragraph that is prose."""
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        if not line or line.startswith(("#", ">>>", "```", "|", "+-", "- ", "* ", ":", "--")):
            continue
        match = re.match(r"(.+?[.!?])(?=\s+[A-Z`(]|$)(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)", line)
        return clipped(match[1] if match else line, characters).rstrip(":")
    return ""
