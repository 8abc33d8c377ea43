"""The medicine expert: ICD-10-CM, as the package `simple-icd-10-cm` ships it: categories and blocks."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import chain
from xml.etree import ElementTree

from doyen_platform.demo.corpora.document import Corpus, CorpusDocument, within_budget
from doyen_platform.demo.corpora.packages import origin_of
from doyen_platform.demo.corpora.prose import clipped

_OUTER_CAUSES = "STVWXYZ"  # injuries and what brought them about: half of all codes, a small part of the questions
_TERMS = ("inclusionTerm", "includes")


def corpus() -> Corpus:
    """Raises ModuleNotFoundError when the package is not installed."""
    data = files("simple_icd_10_cm") / "data"
    path = next(
        one for one in sorted(data.iterdir(), key=lambda one: one.name) if re.fullmatch(r"icd10c.*\.xml", one.name)
    )
    with path.open("rb") as file:
        root = ElementTree.parse(file).getroot()  # noqa: S314 - a file of an installed, pinned package
    version = root.findtext("version") or ""
    sections = [(chapter, section) for chapter in root.iterfind("chapter") for section in chapter.iterfind("section")]
    mentions = Counter(
        code for note in root.iter("note") for code in re.findall(r"\b[A-Z]\d[\dA-Z]\b", note.text or "")
    )
    categories = chain.from_iterable(_categories(chapter, section, version, mentions) for chapter, section in sections)
    blocks = (_block(chapter, section, version) for chapter, section in sections if len(section.findall("diag")) > 1)
    by_cause = sorted(blocks, key=lambda one: (one.names[1][0] in _OUTER_CAUSES, one.id))
    ordered = sorted(categories, key=lambda one: (one[0], one[1].id))
    documents = chain(within_budget((one for _, one in ordered), chunks=470), within_budget(by_cause, chunks=130))
    return Corpus(
        "medicine",
        "Medical diagnoses (ICD-10-CM)",
        "Medical diagnoses and their ICD-10-CM codes: diseases, disorders, symptoms, injuries, infections, neoplasms, "
        "pregnancy, and the conditions each code includes or excludes.",
        "MIT; ICD-10-CM itself is a work of the US government",
        origin_of(["simple-icd-10-cm"]) + f" (ICD-10-CM {version})",
        tuple(documents),
    )


def _categories(
    chapter: ElementTree.Element, section: ElementTree.Element, version: str, mentions: Mapping[str, int]
) -> Iterator[tuple[float, CorpusDocument]]:
    """With each its rank, low first: the weightiest, but the further down in its block, the later."""
    weights = {id(one): _weight(one, mentions) for one in section.iterfind("diag")}
    diagnoses = sorted(section.iterfind("diag"), key=lambda one: -weights[id(one)])
    share = 0.1 if (section.get("id") or "")[0] in _OUTER_CAUSES else 1.0
    for place, diagnosis in enumerate(diagnoses, start=1):
        yield -weights[id(diagnosis)] * share / math.sqrt(place), _category(diagnosis, chapter, section, version)


def _weight(diagnosis: ElementTree.Element, mentions: Mapping[str, int]) -> float:
    """A condition that clinicians meet much is referred to by other codes, and has many names and finer codes."""
    code, name = _heading(diagnosis)
    weight = 4 * mentions.get(code, 0) + 2 * len(_notes(diagnosis, *_TERMS)) + len(list(diagnosis.iter("diag"))) / 4
    return weight / 4 if name.startswith("Other") else weight


def _category(
    diagnosis: ElementTree.Element, chapter: ElementTree.Element, section: ElementTree.Element, version: str
) -> CorpusDocument:
    code, name = _heading(diagnosis)
    block, chapter_name = _plain(section.findtext("desc")), _plain(chapter.findtext("desc"))
    terms = _notes(diagnosis, *_TERMS)
    finer = [_heading(one) for one in diagnosis.iterfind("diag")]
    parts = [f"ICD-10-CM code {code}: {name}."]
    if finer:
        parts.append("More specific codes:\n" + "\n".join(f"- {one}: {text}" for one, text in finer[:12]))
    if terms:
        parts.append(clipped(f"It includes {'; '.join(terms)}", 300) + ".")
    parts.append(f"It belongs to {block}, in the chapter {chapter_name}.")
    if excluded := _notes(diagnosis, "excludes1", "excludes2"):
        parts.append(clipped(f"It does not include {'; '.join(excluded)}", 200).rstrip(";") + ".")
    topics = tuple(text for _, text in finer if "nspecified" not in text and text != name)
    return CorpusDocument(
        id=f"icd-{code}",
        title=f"{code} {name}",
        text=clipped("\n\n".join(parts), 890),
        source=f"icd-10-cm-{version}:{code}",
        summary=f"{name} has the ICD-10-CM code {code}.",
        kind="diagnosis",
        names=(name, code, *terms[:4]),
        topics=topics[:10],
    )


def _block(chapter: ElementTree.Element, section: ElementTree.Element, version: str) -> CorpusDocument:
    code, block = section.get("id") or "", _plain(section.findtext("desc"))
    headings = [_heading(one) for one in section.iterfind("diag")]
    head = f"ICD-10-CM block {code}: {block}, in the chapter {_plain(chapter.findtext('desc'))}."
    listed = clipped("\n".join(f"- {one}: {name}" for one, name in headings), 880 - len(head))
    return CorpusDocument(
        id=f"icd-{code}",
        title=f"{code} {block}",
        text=f"{head}\n\nIts categories:\n{listed}",
        source=f"icd-10-cm-{version}:{code}",
        summary=f"The block {code} of ICD-10-CM is about {block}.",
        kind="diagnosis",
        names=(block, code),
        topics=tuple(name for _, name in headings[:10]),
    )


def _heading(diagnosis: ElementTree.Element) -> tuple[str, str]:
    return diagnosis.findtext("name") or "", _plain(diagnosis.findtext("desc"))


def _plain(text: str | None) -> str:
    return re.sub(r"\s*\([A-Z]\d[\w-]*\)$", "", " ".join((text or "").split()))


def _notes(diagnosis: ElementTree.Element, *tags: str) -> list[str]:
    notes = [note for tag in tags for group in diagnosis.iterfind(tag) for note in group.iterfind("note")]
    return [re.sub(r"\s*\([A-Z]\d[^)]*\)", "", " ".join((one.text or "").split())) for one in notes if one.text]
