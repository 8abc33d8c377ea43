"""Finds the public, documented objects of importable modules and makes documents of them. It calls none of them."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from doyen_platform.demo.corpora.docstrings import Docstring, parse, render
from doyen_platform.demo.corpora.document import CorpusDocument
from doyen_platform.demo.corpora.prose import clipped, first_sentence

_MENTION = re.compile(r"[`.](\w{3,})|\b(\w{3,})\(")
_DEPRECATED = re.compile(r"\.\. deprecated::|^\s*(?:\*\*)?deprecated|\[deprecated\]|is deprecated since", re.IGNORECASE)
_DEPRECATED_NAME = re.compile(r"Deprecat|Removed|Experimental|UJSON|ORJSON")
_STARS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_SHORTEST_DOCUMENT = 100
_SHORTEST_DOCSTRING = 60  # characters; below, a name says as much


@dataclass(frozen=True, slots=True)
class Found:
    """A public object by the first path it was met at. `raw` is its own docstring, never an inherited one."""

    module: str
    name: str
    object: object
    raw: str

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"


def find(places: Iterable[str]) -> Iterator[Found]:
    """`package.module` gives a module's public members; `package.module.Class.*` gives the methods of a class too."""
    seen: set[int] = set()
    for place in places:
        for found in _resolved(place):
            key = id(inspect.unwrap(found.object)) if callable(found.object) else id(found.object)
            is_current = not (_DEPRECATED_NAME.search(found.name) or _DEPRECATED.search(found.raw[:300]))
            if key not in seen and is_current and len(found.raw) >= _SHORTEST_DOCSTRING:
                seen.add(key)
                yield found


def _resolved(place: str) -> list[Found]:
    try:
        return list(_at(place))
    except (ImportError, AttributeError):
        return []  # libraries move things between versions, and need extras for some: the demo is to start all the same


def _at(place: str) -> Iterator[Found]:
    if not place.endswith(".*"):
        module = importlib.import_module(place)
        listed = getattr(module, "__all__", None)
        # Sorted: some packages make the list from a set, and the first of two aliases is the one that is kept.
        for name in sorted(listed or [name for name in vars(module) if not name.startswith("_")]):
            found = _attribute(module, name)
            home = getattr(found, "__module__", None) or place
            is_own = (
                home.startswith((place.partition(".")[0], "_"))
                if listed
                else place == "builtins" or home.startswith((place, "_"))
            )
            if is_own and _is_documented_code(found):
                yield Found(place, name, found, found.__doc__ or "")
        return
    module_name, _, class_name = place.removesuffix(".*").rpartition(".")
    owner = getattr(importlib.import_module(module_name), class_name)
    yield Found(module_name, class_name, owner, owner.__doc__ or "")
    package = owner.__module__.partition(".")[0]
    for base in (one for one in inspect.getmro(owner)[:-1] if one.__module__.partition(".")[0] == package):
        for name, member in vars(base).items():
            if not name.startswith("_") and (raw := _own_docstring(member)):
                yield Found(module_name, f"{class_name}.{name}", member, raw)


def _attribute(module: object, name: str) -> object:
    try:
        return getattr(module, name, None)
    except ImportError:
        return None  # listed, but behind a switch or an extra of the library's own


def _is_documented_code(found: object) -> bool:
    return callable(found) and isinstance(found.__doc__, str)


def _own_docstring(member: object) -> str:
    if isinstance(member, staticmethod | classmethod):
        member = member.__func__
    documented = callable(member) or isinstance(member, property) or inspect.ismethoddescriptor(member)
    return (member.__doc__ or "") if documented and not inspect.isclass(member) else ""


def by_mentions(found: Iterable[Found]) -> list[Found]:
    """Those first that the other docstrings speak of most: what users meet first is what authors refer to."""
    found = list(found)
    mentions = Counter(one or other for item in found for one, other in _MENTION.findall(item.raw))
    return sorted(found, key=lambda item: (-mentions[item.name.rsplit(".", 1)[-1]], item.path))


def in_turns(found: Iterable[Found]) -> list[Found]:
    """In the given order, but every module and class has its turn, the larger ones more often."""
    shelves: dict[str, list[Found]] = {}
    for item in found:
        shelves.setdefault(item.path.rpartition(".")[0], []).append(item)
    turns = [(place / math.sqrt(len(shelf)), item) for shelf in shelves.values() for place, item in enumerate(shelf, 1)]
    return [item for _, item in sorted(turns, key=lambda turn: (turn[0], turn[1].path))]


def documents_of(found: Found, *, characters: int) -> Iterator[CorpusDocument]:
    """The object's document, then one for every few parameters where there are too many for it."""
    docstring = parse(found.raw)
    parameters = docstring.parameters or tuple(_annotated_parameters(found.object))
    docstring = Docstring(docstring.intro, parameters, docstring.examples, docstring.returns)
    if not docstring.summary:
        return
    short = found.name.rsplit(".", 1)[-1]
    topics = tuple(name for name, _ in parameters)
    text = render(signature(found), docstring, characters=characters)
    if len(text) < _SHORTEST_DOCUMENT:
        return
    yield CorpusDocument(
        found.path,
        found.path,
        text,
        f"python:{found.path}",
        docstring.summary,
        "object",
        (short, found.name),
        topics[:12],
    )
    if sum(len(text) for _, text in parameters) < 4000:
        return
    for number, group in enumerate(_grouped(parameters), start=1):
        names = tuple(name for name, _ in group)
        body = "\n\n".join(f"`{name}`: {text}" for name, text in group)
        title = f"{found.path}: {', '.join(names)}"
        summary = f"What {', '.join(names)} of {short} mean."
        yield CorpusDocument(
            f"{found.path}#parameters-{number}",
            title,
            f"Parameters of `{short}`:\n\n{body}",
            f"python:{found.path}",
            summary,
            "object",
            (short, found.name),
            names,
        )


def _grouped(
    parameters: Iterable[tuple[str, str]], *, characters: int = 880, groups: int = 20
) -> list[list[tuple[str, str]]]:
    out: list[list[tuple[str, str]]] = [[]]
    for name, text in parameters:
        text = clipped(text, 620)
        if out[-1] and sum(len(one) + 10 for _, one in out[-1]) + len(text) > characters:
            out.append([])
        out[-1].append((name, text))
    return out[:groups]


def _annotated_parameters(found: object) -> Iterator[tuple[str, str]]:
    """FastAPI documents its parameters as `Annotated[..., Doc("...")]`."""
    try:
        parameters = inspect.signature(found).parameters if callable(found) else {}
    except (ValueError, TypeError):
        return
    for name, parameter in parameters.items():
        for note in getattr(parameter.annotation, "__metadata__", ()):
            text = getattr(note, "documentation", None)
            if isinstance(text, str):
                yield name, parse(text).intro


def signature(found: Found) -> str:
    """Names and short defaults only: annotations and representations of objects are long, and the latter not stable."""
    if isinstance(found.object, property) or not callable(found.object):
        return found.name
    try:
        parameters = inspect.signature(found.object).parameters.values()
    except (ValueError, TypeError):
        first_line = found.raw.strip().splitlines()[0]
        return first_line if re.fullmatch(r"[\w.]+\([^()]*\)", first_line) else f"{found.name}()"
    shown = []
    for parameter in parameters:
        default = "" if parameter.default is parameter.empty else repr(parameter.default)
        stars = _STARS.get(parameter.kind, "")
        if parameter.name not in {"self", "cls"} and not parameter.name.startswith("_"):
            is_plain = (
                default
                and len(default) <= 16
                and "<" not in default
                and "Undefined" not in default
                and "NO_ARG" not in default
            )
            shown.append(f"{stars}{parameter.name}" + (f"={default}" if is_plain else ""))
    inner = ", ".join(shown)
    return f"{found.name}({inner})" if len(inner) < 240 else f"{found.name}({clipped(inner, 240).rstrip(', ')}, ...)"


def module_documents(name: str, *, characters: int) -> Iterator[CorpusDocument]:
    """What a module says of itself, and a list of what is in it."""
    try:
        raw = inspect.getdoc(importlib.import_module(name)) or ""
    except ImportError:
        return  # as in `_resolved`
    intro = parse(raw).intro
    summary = first_sentence(intro) or f"The module {name}."
    if len(intro) >= _SHORTEST_DOCSTRING:
        text = clipped(intro, characters)
        yield CorpusDocument(name, name, text, f"python:{name}", summary, "module", (name.rsplit(".", 1)[-1], name))


def member_list(name: str, *, characters: int) -> Iterator[CorpusDocument]:
    """One line a member: short docstrings are found together, where each alone would be a poor document."""
    lines = []
    names = []
    for found in find([name]):
        summary = parse(found.raw).summary
        if summary:
            lines.append(f"- `{signature(found)}`: {clipped(summary, 140)}")
            names.append(found.name.rsplit(".", 1)[-1])
    if len(lines) >= 3:
        plain = name.removesuffix(".*").removeprefix("builtins.")
        head = f"What is in `{plain}`:\n\n"
        summary = f"Functions and classes of {plain}: {', '.join(names[:8])}."
        text = head + clipped("\n".join(lines), characters)
        yield CorpusDocument(
            f"{plain}#members",
            f"{plain}: members",
            text,
            f"python:{plain}",
            summary,
            "module",
            (plain,),
            tuple(names[:12]),
        )
