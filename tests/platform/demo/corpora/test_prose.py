from __future__ import annotations

import gzip
from pathlib import Path

from doyen_platform.demo.corpora.docstrings import parse
from doyen_platform.demo.corpora.pages import man_page, plain_page, rest_page
from doyen_platform.demo.corpora.phrases import as_action, spoken
from doyen_platform.demo.corpora.prose import clipped, first_sentence, readable


def test_roles_and_directives_become_text() -> None:
    text = readable(
        "Use :class:`~a.b.Thing` or :meth:`.Session.add`, see `the site <https://x.org>`_::\n\n"
        "    x = ``1``\n\n"
        ".. versionadded:: 2.0\n    Much later.\n\n"
        ".. note::\n\n    Mind ``this``.\n\n.. code-block:: python\n\n    run()\n"
    )
    assert "Use `Thing` or `Session.add`, see the site:" in text
    assert "Much later" not in text
    assert "Note:" in text
    assert "Mind `this`." in text
    assert "    run()" in text
    assert "::" not in text


def test_a_fence_survives() -> None:
    assert readable("Text.\n\n```python\nx = 1\n```\n\nMore.") == "Text.\n\n```python\nx = 1\n```\n\nMore."


def test_clipping_ends_at_a_border_and_closes_the_fence() -> None:
    assert clipped("One sentence. Another sentence that is long.", 20) == "One sentence."
    assert clipped("Look at this:\n```\n" + "x = 1\n" * 40, 100).count("```") == 2


def test_first_sentence_knows_abbreviations_and_headings() -> None:
    assert first_sentence("# Head\n\nTakes a name, e.g. `x`. And more.") == "Takes a name, e.g. `x`."


def test_the_three_styles_of_parameters() -> None:
    field = parse("Do it.\n\n:param one: the first\n  thing\n:param int two: the second\n:return: a value.")
    google = parse(
        "Do it.\n\nArguments:\n    one (int): the first\n        thing\n    two: the second\n\nReturns:\n    str\n"
    )
    numpydoc = parse(
        "Do it.\n\nParameters\n----------\none : int\n    the first\n    thing\ntwo : int\n    the second\n"
    )
    for docstring in (field, google, numpydoc):
        assert docstring.summary == "Do it."
        assert [(name, " ".join(text.split())) for name, text in docstring.parameters] == [
            ("one", "the first thing"),
            ("two", "the second"),
        ]


def test_a_signature_in_the_docstring_is_no_summary() -> None:
    assert parse("a.min(axis=None, out=None)\n\nReturn the minimum along a given axis.").summary.startswith(
        "Return the minimum"
    )


def test_actions_are_said_as_people_say_them() -> None:
    assert as_action("Returns the names of it.") == "return the names of it"
    assert as_action("Linear Support Vector Classification.") == ""
    assert as_action("Instances of this are kept.") == ""
    assert spoken("StandardScaler") == "standard scaler"


def test_a_manual_page_without_groff(tmp_path: Path) -> None:
    path = tmp_path / "thing.7.gz"
    path.write_bytes(
        gzip.compress(
            b".TH THING 7\n.SH NAME\nthing \\- does it\n.SH DESCRIPTION\n"
            b'.BR open (2)\nreads \\fBfast\\fP.\n.\\" hidden\n'
        )
    )
    page = man_page(path)
    assert page.title == "thing"
    assert page.sections[0][1] == "thing - does it\n\nopen(2)\nreads fast."


def test_restructured_and_plain_pages_are_split_at_headings(tmp_path: Path) -> None:
    rest = tmp_path / "a.rst.txt"
    rest.write_text("*****\nTitle\n*****\n\nFirst :ref:`a\nlink <target>`.\n\nPart\n====\n\nSecond.\n")
    assert rest_page(rest).sections == (("Title", "First `a link`."), ("Part", "Second."))
    plain = tmp_path / "b.txt"
    plain.write_text("Guide\n=====\n\nFirst linkgit:git-add[1].\n\n1.2. Part\n---------\n\nSecond.\n")
    assert plain_page(plain).sections == (("Guide", "First git-add(1)."), ("Part", "Second."))
