"""Bodies that nobody should send: values that break parsers and databases, put into bodies that would do.

What `json.dumps` cannot write (1e400, thousands of levels) is drawn as a placeholder and written into the text after.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Json = Any  # JSON is whatever JSON is
PLACEHOLDER = re.compile(r'"@@(1e400|-1e400|[\[{]\d+)@@"')

NUMBERS = st.sampled_from(
    [
        *(float("nan"), float("inf"), float("-inf"), "@@1e400@@", "@@-1e400@@", 1e308, 5e-324, -0.0),
        *(0, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**40, 10**4_000),
    ]
)
DEPTH = st.sampled_from([40, 200, 1_000, 5_000])
DEEP = st.builds(lambda opening, levels: f"@@{opening}{levels}@@", st.sampled_from("[{"), DEPTH)
WORDS = st.sampled_from(
    [
        *(
            "",
            " ",
            "\x00",
            "a\x00b",
            "\ud800",
            "tail \udfff",
            "\x1b[2J\x07\x7f",
            "\r\nX-Injected: 1",
            "\ufeff",
            "\u202e",
        ),
        *(
            "..",
            "../../etc/passwd",
            "a/b",
            "auto",
            "auto:",
            "auto:\x00",
            "default",
            "null",
            "NaN",
            "%00",
            "e\u0301",
            "🜁" * 70,
        ),
        *(
            "'; DROP TABLE experts;--",
            "{{7*7}}",
            "${jndi:ldap://x}",
            "1e400",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00+14:00",
        ),
        *("00000000-0000-0000-0000-000000000000", "default\n", "file:///etc/passwd", "http://127.0.0.1:1/v1"),
        *(
            "http://[::1",
            "http://a:99999/",
            "http://\u0130\u200d.de/",
            "http://xn--\ud800/",
            "http://é..é:1/",
            "//",
            "1e5",
        ),
    ]
)
UNSTORABLE: list[Json] = [
    "a\x00b",
    "\ud800",
    {"a": "\x00"},
    {"\ud800": 1},
    10**40,
    float("nan"),
    "@@1e400@@",
    "@@[1000@@",
]
LONG = st.builds(
    lambda word, size: (word * size)[:size], st.sampled_from("x \n#é\x01\u2028"), st.sampled_from([10_000, 100_000])
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=40), LONG)
ANY_JSON: st.SearchStrategy[Json] = st.one_of(
    DEEP,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12) | WORDS, inner, max_size=4),
        max_leaves=8,
    ),
)
RAW = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [
            *(
                b"",
                b"{",
                b"[",
                b'"',
                b"nul",
                b"{}{}",
                b"{'a': 1}",
                b'{"a": 1,}',
                b'{"a": 1, "a": 2}',
                b"\xff\xfe{\x00}\x00",
            ),
            *(
                b"\xef\xbb\xbf{}",
                b'{"a": "\xff"}',
                b'{"a": "\xed\xa0\x80"}',
                b"1e400",
                b"-",
                b"0" * 10_000,
                b"[" * 5_000,
            ),
            *(b'{"a":' * 5_000, b'"' + b"\\u0000" * 2_000 + b'"', b"1" * 20_000, b"\x00" * 100_000),
        ]
    ),
)
CONTENT_TYPES = st.sampled_from(
    [
        *(
            None,
            "",
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            ";",
            "json",
        ),
        *(
            "multipart/form-data; boundary=",
            "application/json; charset=utf-16",
            "application/problem+json",
            "a" * 5_000,
        ),
    ]
)


def places(value: Json) -> list[tuple[str | int, ...]]:
    """The paths of all parts of a JSON value, the value itself first."""
    found: list[tuple[str | int, ...]] = [()]
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        found += [(key, *path) for path in places(part)]
    return found


def with_value(body: Json, place: Sequence[str | int], value: Json) -> Json:
    """A copy with this value at that place."""
    changed = copy.deepcopy(body)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return changed


def alike(value: Json) -> st.SearchStrategy[Json]:
    """Other values of the same type, where there are such."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int | float):
        return NUMBERS | st.integers() | st.floats()
    if isinstance(value, str):
        return (
            WORDS
            | WORDS
            | LONG
            | st.text(max_size=300)
            | st.text(st.characters(categories=["Cc", "Cs", "Cf", "Mn", "So"]))
        )
    if isinstance(value, dict):
        return st.dictionaries(st.text(max_size=12) | WORDS, ANY_JSON, max_size=4)
    if isinstance(value, list) and value:
        return st.lists(alike(value[0]), max_size=6) | st.just(_often(value[0], 300))
    return ANY_JSON


@st.composite
def mutated(draw: st.DrawFn, valid: Json) -> Json:
    """A body that would do, with one to three parts replaced, removed, wrapped, repeated or added.

    Mostly by something of the same type: what is refused for its type never reaches the service behind.
    """
    body = copy.deepcopy(valid)
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        *way, last = draw(st.sampled_from(places(body)[1:] or [("x",)]))
        if not isinstance(body, dict | list):
            return body
        holder = body
        for step in way:
            holder = holder[step]
        change = draw(
            st.sampled_from(["alike", "alike", "alike", "alike", "replace", "remove", "wrap", "repeat", "add"])
        )
        if change == "replace":
            holder[last] = draw(ANY_JSON)
        elif change == "alike":
            holder[last] = draw(alike(holder[last]))
        elif change == "remove":
            del holder[last]
        elif change == "wrap":
            holder[last] = draw(st.sampled_from([[holder[last]], {"value": holder[last]}, [[holder[last]] * 3]]))
        elif change == "repeat":
            holder[last] = _often(holder[last], draw(st.sampled_from([2, 500])))
        elif isinstance(holder, dict):
            holder[draw(WORDS | st.text(max_size=12))] = draw(ANY_JSON)
        if not body:
            break
    return body


def _often(value: Json, times: int) -> list[Json]:
    """What is long already only twice: bodies of gigabytes are no test of the platform, but of the machine."""
    return [copy.deepcopy(value) for _ in range(times if len(repr(value)) < 2_000 else 2)]


def as_bytes(value: Json) -> bytes:
    """JSON text, with the literals that Python has no value for."""
    return PLACEHOLDER.sub(_literal, json.dumps(value)).encode()


def _literal(found: re.Match[str]) -> str:
    word = found.group(1)
    if word[0] == "[":
        return "[" * int(word[1:]) + "]" * int(word[1:])
    if word[0] == "{":
        return '{"a":' * int(word[1:]) + "1" + "}" * int(word[1:])
    return word
