"""Files of every kind become text, or say by name and reason why not; a hostile one harms nobody else."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys

import pytest
from pypdf import PdfWriter

from doyen_experts.store import parse_child
from doyen_experts.store.parsing import Limits, ParseFailed, parse

PAGE = """<!doctype html><html><head><title> Käse &amp; Brot </title><style>p{}</style></head><body>
<nav>Home | About</nav><script>alert(1)</script>
<h1>Cheese<a class="headerlink" href="#c">¶</a></h1>
<p>It is <b>made</b> of <code>milk()</code>.</p><p hidden>secret</p>
<h2>Kinds</h2><ul><li>Gouda</li><li>Brie</li></ul>
<pre><span>if x:</span>
    # a comment
    eat()</pre><footer>(c) 2026</footer></body></html>""".encode()


def pdf(*lines: str, title: str | None = None) -> bytes:
    """A PDF of one page for each line, made by hand: objects, a cross-reference table, a trailer."""
    count = len(lines)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {count} /Kids [{' '.join(f'{4 + 2 * n} 0 R' for n in range(count))}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, line in enumerate(lines):
        drawn = f"BT /F1 12 Tf 72 720 Td ({line}) Tj ET"
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R"
        objects.append(f"{page} /Resources << /Font << /F1 3 0 R >> >> >>")
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    if title:
        objects.append(f"<< /Title ({title}) >>")
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode())
    start = out.tell()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    info = f" /Info {len(objects)} 0 R" if title else ""
    size = len(objects) + 1
    out.write(f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R{info} >>\n".encode())
    out.write(f"startxref\n{start}\n%%EOF".encode())
    return out.getvalue()


def refused(content: bytes, name: str, **options: object) -> str:
    with pytest.raises(ParseFailed) as caught:
        parse(content, name=name, **options)  # type: ignore[arg-type]
    assert caught.value.reason in str(caught.value)
    return caught.value.reason


def test_html_becomes_markdown_without_its_frame() -> None:
    parsed = parse(PAGE, name="cheese.html")
    assert parsed.title == "Käse & Brot"
    assert parsed.text == (
        "# Cheese\n\nIt is made of `milk()`.\n\n## Kinds\n\n- Gouda\n- Brie\n\n"
        "```\nif x:\n    # a comment\n    eat()\n```"
    )
    assert parsed.media_type == "text/html"


def test_a_pages_main_part_is_taken_alone() -> None:
    assert parse(b"<body><div>menu</div><main><p>text</p></main>", name="a.htm").text == "text"


def test_pages_of_a_pdf_are_read_in_order() -> None:
    parsed = parse(pdf("first page", "second page", title="The Book"), name="book.pdf")
    assert parsed.title == "The Book"
    assert parsed.text.split() == ["first", "page", "second", "page"]
    assert (
        parse(pdf("x"), name="named-by-its-file.pdf", media_type="application/octet-stream").title
        == "named-by-its-file"
    )


def test_broken_and_encrypted_and_empty_pdfs_say_so() -> None:
    assert "broken PDF" in refused(b"%PDF-1.7\ngarbage", "a.pdf")
    assert "broken PDF" in refused(pdf("x")[:120], "cut.pdf")
    assert "text recognition" in refused(pdf(""), "scan.pdf")
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert "encrypted" in refused(out.getvalue(), "locked.pdf")


def test_a_pdf_of_too_many_pages_is_refused() -> None:
    assert "3 pages" in refused(pdf("a", "b", "c"), "long.pdf", limits=Limits(max_pages=2))


@pytest.mark.parametrize("seed", range(6))
def test_mutated_pdfs_fail_alone_or_give_text(seed: int) -> None:
    content = bytearray(pdf("some text here", "and more"))
    for position in range(seed, len(content), 37):
        content[position] = (content[position] * 31 + seed) % 256
    with contextlib.suppress(ParseFailed):  # anything else would be a 500
        assert parse(bytes(content), name="mutated.pdf").text


def test_deep_nesting_ends_at_the_limit_of_processor_time() -> None:
    assert "1 seconds of CPU" in refused(b"<div>" * 150_000 + b"x", "deep.html", limits=Limits(cpu_seconds=1))


def test_a_page_ten_thousand_deep_is_read() -> None:
    assert parse(b"<div>" * 10_000 + b"the bottom", name="deep.html").text == "the bottom"


def test_a_parser_that_hangs_is_stopped_by_the_clock() -> None:
    deep = b"<div>" * 150_000 + b"x"
    assert "longer than 0.3 seconds" in refused(deep, "slow.html", limits=Limits(wall_seconds=0.3))


def test_memory_is_limited() -> None:
    reason = refused(b"<p>x" * 1_500_000, "wide.html", limits=Limits(memory_bytes=150_000_000))
    assert "memory" in reason


def test_text_that_swells_is_refused() -> None:
    limits = Limits(max_text_chars=100, max_bytes=1_000)
    assert "more text than is allowed" in refused(b"<p>" + b"word " * 100, "a.html", limits=limits)
    assert "more text than is allowed" in refused(b"word " * 100, "a.txt", limits=limits)
    assert "1,001 bytes" in refused(b"x" * 1_001, "a.txt", limits=limits)


@pytest.mark.parametrize(
    ("content", "name", "media_type", "text"),
    [
        ("grün".encode(), "a.txt", None, "grün"),
        (b"\xef\xbb\xbfwith a mark", "a.txt", None, "with a mark"),
        ("grün".encode("utf-16"), "a.txt", None, "grün"),
        ("grün".encode("latin-1"), "a.txt", None, "grün"),
        ("привет".encode("koi8-r"), "a.txt", "text/plain; charset=koi8-r", "привет"),
        (b"a\r\nb\rc", "a", None, "a\nb\nc"),
        (b"def f(): ...", "f.py", "text/x-python", "def f(): ..."),
        (b'{"a": 1}', "f.json", "application/json", '{"a": 1}'),
    ],
)
def test_text_is_decoded(content: bytes, name: str, media_type: str | None, text: str) -> None:
    parsed = parse(content, name=name, media_type=media_type)
    assert (parsed.text, parsed.media_type) == (text, "text/plain")


def test_markdown_is_named_by_its_first_heading() -> None:
    parsed = parse(b"```\n# no\n```\n# The *Guide*\n\ntext", name="dir/readme.md")
    assert (parsed.title, parsed.media_type) == ("The *Guide*", "text/markdown")
    assert parse(b"no heading", name="some/dir/notes.md").title == "notes"


@pytest.mark.parametrize(
    ("content", "name", "media_type", "reason"),
    [
        (b"", "empty.txt", None, "no text"),
        (b" \n\t ", "blank.md", None, "no text"),
        (b"<html><script>x</script>", "blank.html", None, "no text"),
        (b"a\0b", "nul.txt", None, "NUL bytes"),
        (bytes(range(1, 256)), "noise", None, "binary"),
        (b"PK\x03\x04rest", "report.docx", None, "not supported"),
        (b"\x89PNG\r\n", "image.txt", "text/plain", "not supported"),
        (b"text", "a.bin", "image/png", "image/png"),
        (b"text", "../../etc/passwd", None, ".."),
        (b"text", "..\\boot.ini", None, ".."),
        (b"text", "a\0.txt", None, "control characters"),
        (b"text", " ", None, "needs a name"),
        (b"\xff\xfe\x00\xd8", "half.txt", None, "utf-16"),
    ],
)
def test_what_cannot_be_used_says_why(content: bytes, name: str, media_type: str | None, reason: str) -> None:
    assert reason in refused(content, name, media_type=media_type)


def test_the_child_starts_without_doyen_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOYEN_ADMIN_KEY", "secret")
    seen: dict[str, object] = {}
    real = subprocess.run

    def watched(command: list[str], **options: object) -> object:
        seen.update(options)
        return real(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", watched)
    parse(b"<p>x", name="a.html")
    assert "DOYEN_ADMIN_KEY" not in seen["env"]  # type: ignore[operator]
    order = {"media_type": "text/html", "max_pages": 1, "max_text_chars": 99, "cpu_seconds": 5, "memory_bytes": 10**9}
    probe = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__');"
        "sys.stderr.write(' '.join(name for name in sys.modules if name.startswith(('doyen', 'numpy', 'pypdf'))))"
    )
    command = [sys.executable, "-I", "-c", probe, parse_child.__file__, json.dumps(order)]
    done = real(command, input=b"<p>x", capture_output=True, check=True)
    assert json.loads(done.stdout)["text"] == "x"
    assert done.stderr == b""
