"""The security expert: the Common Weakness Enumeration, as the package `cwe2` ships it. One document per weakness."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from xml.etree import ElementTree

from doyen_platform.demo.corpora.document import Corpus, CorpusDocument, within_budget
from doyen_platform.demo.corpora.packages import origin_of
from doyen_platform.demo.corpora.prose import clipped, first_sentence

_SIMPLIFIED_MAPPING = "1003"  # the view of weaknesses that published vulnerabilities are mapped to


def corpus() -> Corpus:
    """Raises ModuleNotFoundError when the package is not installed."""
    path = _catalogue(files("cwe2"))
    with path.open("rb") as file:
        root = ElementTree.parse(file).getroot()  # noqa: S314 - a file of an installed, pinned package
    return Corpus(
        "security",
        "Security weaknesses (CWE)",
        "Software and hardware security weaknesses of the Common Weakness Enumeration (CWE): injection, memory safety, "
        "authentication, cryptography, access control, races; their consequences and mitigations.",
        "CWE terms of use (The MITRE Corporation)",
        origin_of(["cwe2"]) + f" (CWE {root.get('Version', '')})",
        tuple(within_budget(_documents(root), chunks=380)),
    )


def _catalogue(folder: Traversable) -> Traversable:
    candidates = [
        one for child in sorted(folder.iterdir(), key=lambda one: one.name) if child.is_dir() for one in child.iterdir()
    ]
    return max((one for one in candidates if re.fullmatch(r"cwec_v.*\.xml", one.name)), key=lambda one: one.name)


def _documents(root: ElementTree.Element) -> Iterator[CorpusDocument]:
    """The most met ones first: those of the simplified mapping, by the number of vulnerabilities given as examples."""
    weaknesses = [
        one for one in root.iterfind("{*}Weaknesses/{*}Weakness") if one.get("Status") not in {"Deprecated", "Obsolete"}
    ]
    for weakness in sorted(weaknesses, key=_prominence, reverse=True):
        yield _document(weakness)


def _prominence(weakness: ElementTree.Element) -> tuple[int, int]:
    relations = weakness.iterfind("{*}Related_Weaknesses/{*}Related_Weakness")
    is_mapped = any(one.get("View_ID") == _SIMPLIFIED_MAPPING for one in relations)
    examples = len(weakness.findall("{*}Observed_Examples/{*}Observed_Example"))
    return examples + 4 * is_mapped, -int(weakness.get("ID", "0"))


def _document(weakness: ElementTree.Element) -> CorpusDocument:
    number, full = weakness.get("ID", ""), weakness.get("Name", "")
    short = match[1] if (match := re.search(r"\('(.+)'\)$", full)) else full
    terms = [term for one in weakness.iterfind("{*}Alternate_Terms/{*}Alternate_Term/{*}Term") if (term := _text(one))]
    description = _text(weakness.find("{*}Description"))
    parts = [f"Also called: {', '.join(terms)}." if terms else "", description]
    parts.append(clipped(_text(weakness.find("{*}Extended_Description")), 500))
    if consequences := _consequences(weakness):
        parts.append("Consequences: " + ", ".join(consequences) + ".")
    if mitigations := _mitigations(weakness):
        parts.append("Mitigations:\n" + "\n".join(f"- {one}" for one in mitigations))
    return CorpusDocument(
        id=f"CWE-{number}",
        title=f"CWE-{number}: {full}",
        text=clipped("\n\n".join([f"CWE-{number} is {full}.", *(part for part in parts if part)]), 1750),
        source=f"https://cwe.mitre.org/data/definitions/{number}.html",
        summary=first_sentence(description, characters=320),
        kind="weakness",
        names=(short, f"CWE-{number}", *terms[:3]),
        topics=tuple(consequences[:4]),
    )


def _consequences(weakness: ElementTree.Element) -> list[str]:
    impacts = [_text(one) for one in weakness.iterfind("{*}Common_Consequences/{*}Consequence/{*}Impact")]
    return list(dict.fromkeys(one for one in impacts if one and one not in {"Other", "Varies by Context"}))[:8]


def _mitigations(weakness: ElementTree.Element) -> list[str]:
    texts = [_text(one) for one in weakness.iterfind("{*}Potential_Mitigations/{*}Mitigation/{*}Description")]
    return [first_sentence(text) for text in texts if text][:4]


def _text(element: ElementTree.Element | None) -> str:
    """Paragraphs and list items as lines."""
    if element is None:
        return ""
    lines = [" ".join(one.split()) for one in _runs(element)]
    return "\n".join(line for line in lines if line)


def _runs(element: ElementTree.Element) -> Iterator[str]:
    tag = element.tag.rpartition("}")[2]
    inner = [element.text or ""]
    for child in element:
        if child.tag.rpartition("}")[2] in {"b", "i", "em", "code", "br", "sub", "sup", "a", "span"}:
            inner[-1] += "".join(child.itertext())
        else:
            inner += _runs(child)
            inner.append("")
        inner[-1] += child.tail or ""
    if tag == "li":
        inner[0] = f"- {inner[0].lstrip()}"
    yield from inner
