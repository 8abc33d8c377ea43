"""How the words of a document become something that a person would type."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from doyen_platform.demo.corpora.document import CorpusDocument

# A list, since endings cannot tell "filter the rows" from "filter for rows", nor "linear" from "clear".
_VERB_LIST = (
    "accept access acknowledge acquire activate add adjust align allow alter annotate append apply "
    "arrange assemble assert assign associate attach await begin bind binarize block bootstrap break "
    "broadcast build cache calculate calibrate call cancel capture cast change check choose clean clear "
    "clip clone close cluster collapse collect combine commit compare compile compress compute "
    "concatenate configure confirm connect construct consume contain control convert copy count create "
    "cut deactivate decide declare decode decompose decompress decorate decrement define delay delete "
    "deliver denote derive describe deserialize detach detect determine disable discard display divide "
    "draw drop dump emit enable encode end enhance enqueue ensure enter enumerate escape establish "
    "estimate evaluate examine exclude execute exit expand expire export extend extract fetch fill filter "
    "finalize find fire fit flatten flush force forget form format forward gather generate get give group "
    "handle hash hold identify implement import include increment indicate initialize inject insert "
    "inspect install interpolate invert invoke issue iterate join keep kill limit link list listen load "
    "locate lock log look make manage map mark mask match measure merge migrate modify monitor move "
    "multiply normalize notify obtain open order override pad parse partition patch pause perform permute "
    "pickle ping place plot poll pop populate predict prepare prevent print produce provide publish purge "
    "push put query quote raise read rebuild receive reconnect record redirect reduce refer refresh "
    "register reject release reload remove rename render repeat replace report represent request require "
    "reset reshape resize resolve restart restore retrieve retry return reverse revoke roll rollback "
    "rotate round route run sample save scale scan schedule search select send serialize serve set share "
    "shift show shuffle shut shutdown sign simulate skip solve sort specify split squeeze stack stamp "
    "standardize start stop store strip submit subtract sum suspend swap switch take tell terminate test "
    "track train transfer transform translate transpose traverse trim truncate try undefer unlock unpack "
    "unregister update upload use validate verify visit wait walk warn wrap write yield"
)
_VERBS = frozenset(_VERB_LIST.split())
_NO_OBJECT = frozenset({"is", "are", "of", "that", "which", "for", "was", "can", "may", "must", "and", "or"})


def as_action(sentence: str) -> str:
    """ "Returns the names of it." -> "return the names of it"; empty when the sentence does not begin with a verb."""
    words = _plain(sentence).split()
    if len(words) < 2 or not re.fullmatch(r"[A-Z]?[a-z]+", words[0]):
        return ""
    bare = _imperative(words[0].lower())
    if bare not in _VERBS or words[1].lower() in _NO_OBJECT:
        return ""
    return " ".join([bare, *words[1:24]])


def as_noun(sentence: str) -> str:
    """A sentence without a verb at its head, without article's capital and full stop."""
    text = _plain(sentence)
    words = text.split()[:24]
    if words and re.fullmatch(r"[A-Z][a-z]*", words[0]):
        words[0] = words[0].lower()
    return " ".join(words)


def spoken(name: str) -> str:
    """`StandardScaler` -> "standard scaler", `back_populates` -> "back populates"."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace(".", " ")
    return " ".join(parts.lower().split())


def _plain(sentence: str) -> str:
    text = re.sub(r"[`*]", "", sentence).strip().rstrip(".:!?")
    return re.sub(r"\s*\((?:default|see|e\.g)[^)]*\)", "", text)


def _imperative(verb: str) -> str:
    if verb in _VERBS:
        return verb
    for ending, replacement in (("ies", "y"), ("es", ""), ("s", "")):
        if verb.endswith(ending) and (stem := verb.removesuffix(ending) + replacement) in _VERBS:
            return stem
    return verb


def pick(document: CorpusDocument, salt: str, *choices: str) -> str:
    """One of the wordings, spread evenly over documents and stable over builds."""
    return choices[zlib.crc32(f"{document.id}/{salt}".encode()) % len(choices)]


def sentences(document: CorpusDocument, count: int, *, skip: int = 1) -> Iterator[str]:
    """What the text says, as statements: people also paste those."""
    prose = [one for one in re.split(r"\n\s*\n", document.text) if re.match(r"[A-Z`*]", one) and "```" not in one]
    sentences = re.split(r"(?<=[a-z)`][.!?])\s+(?=[A-Z`])", " ".join(" ".join(prose).split()))
    useful = [
        one
        for one in sentences[skip:]
        if 30 < len(one) < 220 and not one.startswith(("Note", "Changed", "CWE", "Consequences", "Mitigations"))
    ]
    yield from useful[:count]
