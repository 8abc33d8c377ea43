"""The python expert: the language's own help topics, and the docstrings of the standard library's modules."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from itertools import chain, islice

from doyen_platform.demo.corpora.document import Corpus, CorpusDocument, within_budget
from doyen_platform.demo.corpora.objects import by_mentions, documents_of, find, member_list, module_documents
from doyen_platform.demo.corpora.prose import clipped, first_sentence, readable

# The much used ones, in the order in which the budget is spent.
_MODULE_LIST = (
    "builtins builtins.str.* builtins.list.* builtins.dict.* builtins.set.* builtins.bytes.* pathlib "
    "pathlib.Path.* os os.path io re json csv datetime datetime.datetime.* datetime.date.* collections "
    "itertools functools dataclasses typing subprocess threading queue asyncio multiprocessing "
    "concurrent.futures logging argparse sys shutil tempfile glob fileinput random math statistics "
    "decimal fractions time calendar string textwrap contextlib enum abc copy pickle sqlite3 unittest "
    "unittest.mock doctest pdb traceback warnings inspect importlib hashlib hmac secrets uuid base64 "
    "struct gzip zipfile tarfile zlib configparser tomllib urllib.request urllib.parse http.server socket "
    "ssl smtplib email.message html xml.etree.ElementTree operator heapq bisect array weakref types "
    "signal selectors platform locale gettext getpass fnmatch difflib pprint timeit cProfile tracemalloc "
    "gc ast dis venv zoneinfo ipaddress mimetypes shelve sched stat linecache codecs unicodedata graphlib "
    "contextvars"
)
MODULES = tuple(_MODULE_LIST.split())


def corpus() -> Corpus:
    documents = chain(
        within_budget(_topics(), chunks=110),
        within_budget(_overviews(), chunks=165),
        within_budget(_objects(), chunks=130),
    )
    return Corpus(
        "python",
        "Python and its standard library",
        "The Python language and its standard library: syntax, statements, built-in types and functions, strings, "
        "files, exceptions, classes, iterators, modules such as os, re, json, datetime, pathlib, asyncio, logging.",
        "PSF-2.0",
        f"Python {platform.python_version()}",
        tuple(within_budget(documents, chunks=420)),
    )


def _topics() -> Iterator[CorpusDocument]:
    from pydoc_data.topics import topics

    by_length = sorted(topics.items(), key=lambda item: (len(item[1]) < 700, item[0]))
    for key, raw in by_length:
        text = readable(raw.replace('"', "`") if raw.count('"') % 2 == 0 else raw)
        lines = [line.strip("# ") for line in text.splitlines() if line.strip()]
        heading = lines[0].replace("`", "") if lines and len(lines[0]) < 70 else key
        body = clipped(text, 1750)
        summary = first_sentence(body)
        if summary:
            yield CorpusDocument(
                id=f"topic-{key}",
                title=f"Python language: {heading}",
                text=body,
                source=f"python:pydoc_data.topics/{key}",
                summary=summary,
                kind="page",
                names=(heading, key),
            )


def _overviews() -> Iterator[CorpusDocument]:
    for name in MODULES:
        if not name.endswith(".*"):
            yield from module_documents(name, characters=1300)
        yield from member_list(name, characters=1300)


def _objects() -> Iterator[CorpusDocument]:
    """A few of every module: those that the module's other docstrings speak of most."""
    for name in MODULES:
        found = [one for one in by_mentions(find([name])) if len(one.raw) > 350]
        for one in islice(found, 40 if name == "builtins" else 2):
            yield from islice(documents_of(one, characters=900), 1)
