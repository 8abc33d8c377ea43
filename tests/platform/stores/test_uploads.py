"""Documents as files: each readable kind is read, an unreadable one refuses the upload, a broken one leaves nothing."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from tests.conftest import ADMIN_KEY, Server, until

READABLE = {
    "tower.txt": (b"The tower of the abbey has 212 steps.", "text/plain"),
    "organ.md": (b"# The organ\n\nThe organ of the abbey has 54 stops.", "text/markdown"),
    "bells.html": (
        b"<html><head><title>Bells</title><script>var x = 'hidden'</script></head>"
        b"<body><p>The largest bell weighs 6 tonnes.</p></body></html>",
        "text/html",
    ),
}


def pdf(line: str) -> bytes:
    """The smallest PDF that shows one line of text."""
    stream = f"BT /F1 18 Tf 20 100 Td ({line}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(content)
    content += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return content + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table


@pytest.fixture
def abbey(server: Server) -> str:
    return server.expert(tenant=server.tenant(), description="The abbey: tower, organ and bells.")


def test_text_markdown_html_and_pdf_are_read(server: Server, abbey: str) -> None:
    files = [("files", (name, content, kind)) for name, (content, kind) in READABLE.items()]
    files.append(("files", ("crypt.pdf", pdf("The crypt was dug in 1093."), "application/pdf")))
    with server.http() as http:
        answer = http.post(f"/admin/experts/{abbey}/documents/files", files=files)
        assert answer.status_code == 201, answer.text
        assert {row["source"]: row["state"] for row in answer.json()["data"]} == {
            **dict.fromkeys(READABLE, "indexed"),
            "crypt.pdf": "indexed",
        }
        titles = {row["source"]: row["title"] for row in answer.json()["data"]}
        assert (titles["organ.md"], titles["bells.html"]) == ("The organ", "Bells")
    key = server.key("app", tenant=_tenant(server, abbey))
    client = server.openai(key)
    for question, fact in {
        "How many steps has the tower?": "212",
        "How many stops has the organ?": "54",
        "What does the largest bell weigh?": "6 tonnes",
        "When was the crypt dug?": "1093",
    }.items():
        said = client.chat.completions.create(model=abbey, messages=[{"role": "user", "content": question}])
        assert fact in (said.choices[0].message.content or ""), question
        assert "hidden" not in (said.choices[0].message.content or "")


def _tenant(server: Server, expert: str) -> str:
    with server.http() as http:
        return str(http.get(f"/admin/experts/{expert}").json()["tenant"])


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("broken.pdf", b"%PDF-1.7\nthis is not a PDF at all", "application/pdf"),
        ("cut.pdf", pdf("Cut")[:200], "application/pdf"),
        ("empty.txt", b"", "text/plain"),
        ("blank.md", b" \n ", "text/markdown"),
        ("nul.txt", b"a\x00b", "text/plain"),
        ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "image/png"),
        ("archive.zip", b"PK\x03\x04" + bytes(64), "application/zip"),
        ("../up.txt", b"text", "text/plain"),
        ("big.txt", b"many words " * 600_000, "text/plain"),
    ],
)
def test_one_unreadable_file_refuses_the_whole_upload(
    server: Server, abbey: str, name: str, content: bytes, kind: str
) -> None:
    good = ("files", ("tower.txt", *READABLE["tower.txt"]))
    with server.http() as http:
        answer = http.post(f"/admin/experts/{abbey}/documents/files", files=[good, ("files", (name, content, kind))])
        assert 400 <= answer.status_code < 500, answer.text
        assert name.rsplit("/", 1)[-1] in answer.json()["detail"]
        assert http.get(f"/admin/experts/{abbey}/documents").json()["data"] == []


def test_an_upload_without_files_is_refused(server: Server, abbey: str) -> None:
    url = f"/admin/experts/{abbey}/documents/files"
    with server.http() as http:
        assert http.post(url).status_code == 422
        assert http.post(url, data={"files": "not a file"}).status_code == 422
        wrong = http.post(url, content=b"garbage", headers={"Content-Type": "multipart/form-data; boundary=b"})
        assert wrong.status_code in (400, 422), wrong.text
        assert http.get(f"/admin/experts/{abbey}/documents").json()["data"] == []


@pytest.mark.parametrize("closes_the_body", [True, False])
def test_an_upload_that_dies_half_way_stores_nothing(
    server: Server, abbey: str, closes_the_body: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """True: the body ends before its boundary. False: the connection breaks before the body's length is reached."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nThe first half of"
    )
    address = urlsplit(server.url)
    head = (
        f"POST /admin/experts/{abbey}/documents/files HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {ADMIN_KEY}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(body) + (0 if closes_the_body else 1000)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        if closes_the_body:
            answer = b""
            while part := connection.recv(65536):
                answer += part
            assert answer.split(b" ", 2)[1] in (b"400", b"422"), answer
    until(lambda: server.http().get("/livez").status_code == 200)
    with server.http() as http:
        assert http.get(f"/admin/experts/{abbey}/documents").json()["data"] == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
