"""Reads one page of documentation, whatever its format, as a title and readable sections."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

from doyen_platform.demo.corpora.prose import readable

_CHROME = (
    "script, style, nav, header, footer, .navheader, .navfooter, .toc, #quickview, #path, #page-header, #footer, .up, "
    ".top, .bottomlang, .toplang, .headerlink"
)


@dataclass(frozen=True, slots=True)
class Page:
    """`sections` are pairs of heading and text, the first under the page's own title."""

    title: str
    sections: tuple[tuple[str, str], ...]


def _read(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", errors="replace")


def _page(text: str, fallback: str) -> Page:
    """Splits at `## ` lines."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    pairs = [
        (_unnumbered(heading.strip(" *`")), body.strip())
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    ]
    lead = parts[0].strip()
    title = pairs[0][0] if pairs and not lead else fallback
    sections = [(title, lead), *pairs] if lead else pairs
    return Page(title, tuple(sections))


def rest_page(path: Path) -> Page:
    text = re.sub(r"^(:\w[\w ]*:.*|\.\. _.*)$", "", _read(path), flags=re.MULTILINE)
    return _page(readable(text), path.name.split(".")[0])


def plain_page(path: Path) -> Page:
    """AsciiDoc-like or plain text with underlined headings."""
    text = re.sub(r"^(\S[^\n]{2,70})\n([=~^+*-])\2{2,}[ ]*$", r"## \1", _read(path), flags=re.MULTILINE)
    text = re.sub(
        r"^(?:include::.*|ifn?def::.*|endif::.*|\[\[.*\]\]|\[[a-z\"', =]+\]|-{4,}|\.{4,}|//.*)$",
        "",
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(r"linkgit:([\w-]+)\[(\d)\]", r"\1(\2)", text)
    text = re.sub(r"<<[^,>]*,\s*([^>]*)>>", r"\1", text)
    page = _page(re.sub(r"\n{3,}", "\n\n", text), path.name.split(".")[0])
    if page.sections and re.search(r"\(\d\)$", page.title) and len(page.sections) > 2:
        return _man_shaped(page)
    return page


def html_page(path: Path) -> Page:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_read(path))
    for node in tree.css(_CHROME):
        node.decompose()
    title_node = tree.css_first("h1, h2, title")
    title = " ".join(title_node.text(separator="").split()) if title_node else path.stem
    title = re.sub(r" - Apache HTTP Server.*$", "", title)
    for node in tree.css("h1, h2, h3"):
        node.replace_with(f"\n\n## {' '.join(node.text(separator='').split())}\n\n")
    for node in tree.css("p, li, pre, dt, dd, tr, div, br"):
        node.insert_before("\n\n" if node.tag in {"p", "pre", "div", "dt"} else "\n")
    body = tree.body
    text = body.text(separator="") if body else ""
    lines = [line.rstrip().replace("\xa0", " ").replace("¶", "") for line in text.splitlines()]
    text = re.sub(
        r"\n\s*\n\s*\n+", "\n\n", "\n".join(line if line[:4].strip() == "" else line.strip() for line in lines)
    )
    page = _page(text, title)
    first, *rest = page.sections or (("", ""),)
    return Page(_unnumbered(title), ((_unnumbered(title), first[1]), *((_unnumbered(one), body) for one, body in rest)))


def _unnumbered(heading: str) -> str:
    return re.sub(r"^(?:Chapter |Appendix )?[\dA-Z]+(?:\.\d+)*\.\s+", "", heading.replace("\xa0", " "))


def man_page(path: Path) -> Page:
    """groff's `man` macros without groff: fonts and requests go, headings and text stay."""
    lines: list[str] = []
    for line in _read(path).splitlines():
        if line.startswith((".SH", ".SS")):
            lines += ["", f"## {line[3:].strip().strip(chr(34)).capitalize()}", ""]
        elif line.startswith((".PP", ".P", ".LP", ".TP", ".IP", ".HP", ".sp")):
            lines += ["", line[3:].split('"')[1] if line.startswith(".IP") and line.count('"') > 1 else ""]
        elif re.match(r"\.(?:B|I|BR|RB|BI|IB|IR|RI|SM|SB)\b", line):
            is_joined = len(line.split()[0]) == 3
            words = re.findall(r'"[^"]*"|\S+', line)[1:]
            lines.append(("" if is_joined else " ").join(word.strip('"') for word in words))
        elif not line.startswith((".", "'")):
            lines.append(line)
    text = re.sub(r"\\f(?:\[[A-Z]*\]|\([A-Z]{2}|[BIRP1-4])|\\[&|^/,]|\\s[-+]?\d", "", "\n".join(lines))
    for escape, plain in (
        (r"\-", "-"),
        (r"\(aq", "'"),
        (r"\(co", "©"),
        (r"\(bu", "-"),
        (r"\e", "\\"),
        (r"\ ", " "),
        (r"\(em", "-"),
    ):
        text = text.replace(escape, plain)
    page = _page(re.sub(r"\n{3,}", "\n\n", re.sub(r'\\".*', "", text)), path.name.split(".")[0])
    return _man_shaped(Page(path.name.split(".")[0], page.sections))


def _man_shaped(page: Page) -> Page:
    """Name and description together: alone, the name is one line."""
    by_heading = {heading.upper(): body for heading, body in page.sections}
    lead = "\n\n".join(by_heading[one] for one in ("NAME", "DESCRIPTION") if by_heading.get(one))
    dropped = {
        "NAME",
        "DESCRIPTION",
        "SYNOPSIS",
        "SEE ALSO",
        "COLOPHON",
        "AUTHOR",
        "AUTHORS",
        "COPYRIGHT",
        "GIT",
        "BUGS",
        "HISTORY",
    }
    rest = [
        (heading, body) for heading, body in page.sections if heading.upper() not in dropped and heading != page.title
    ]
    return Page(page.title, ((page.title, lead), *rest))
