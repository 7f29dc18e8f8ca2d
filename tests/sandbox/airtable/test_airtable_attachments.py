"""Attachments: fetched from URLs after the answer, uploaded, served at URLs that die."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import pytest
import requests

from sandbox.airtable import outward
from sandbox.in_process import Sandbox

BAD = (422, "INVALID_ATTACHMENT_OBJECT")


def png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def files(site):
    site.files = {
        "/cat.png": (200, "image/png", png(3, 2)),
        "/docs/a%20letter.txt?v=1": (200, "text/plain; charset=utf-8", b"dear reader"),
        "/": (200, "application/octet-stream", b"root"),
        "/guess.pdf": (200, "application/octet-stream", b"%PDF-"),
        "/error": (500, "text/html", b"<h1>oops</h1>"),
        "/other-status": (204, "text/html", b""),
    }
    site.redirects = {
        "/one": "/cat.png",
        "/two": "/one",
        "/three": "/two",
        "/four": "/three",
        "/loop": "/loop",
        "/local-file": "file:///etc/passwd",
        "/broken": "http://[",
        "/gopher": "gopher://127.0.0.1/",
    }
    return site.address


def cell(base, record, field="Files"):
    return base.ok("GET", f"Every/{record}")["fields"].get(field, [])


def fetched(base, wait, record):
    """The cell when nothing in it is being fetched any more."""
    return wait(lambda: [cell(base, record)] if all("size" in element for element in cell(base, record)) else None)[0]


def test_a_url_is_answered_at_once_without_size_and_type_and_has_them_later(base, files, wait):
    made = base.make(Files=[{"url": f"{files}/cat.png"}])
    (first,) = made["fields"]["Files"]
    assert set(first) == {"id", "url", "filename"}
    assert first["filename"] == "cat.png"
    assert first["id"].startswith("att")
    (later,) = fetched(base, wait, made["id"])
    assert (later["id"], later["type"], later["size"]) == (first["id"], "image/png", len(png(3, 2)))
    assert (later["width"], later["height"]) == (3, 2)
    assert set(later["thumbnails"]) == {"small", "large", "full"}
    assert set(later["thumbnails"]["small"]) == {"url", "width", "height"}
    served = requests.get(later["url"], timeout=10)
    assert (served.status_code, served.content) == (200, png(3, 2))
    assert served.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("path", "given", "filename", "kind"),
    [
        ("/docs/a%20letter.txt?v=1", None, "a letter.txt", "text/plain"),
        ("/docs/a%20letter.txt?v=1", "mine.txt", "mine.txt", "text/plain"),
        ("/cat.png", "../../../evil/\u00e9.png", "../../../evil/\u00e9.png", "image/png"),
        ("/", None, "a", "application/octet-stream"),
        ("/guess.pdf", None, "guess.pdf", "application/pdf"),
        ("/three", None, "three", "image/png"),
    ],
)
def test_a_file_has_its_own_name_or_the_given_one(base, files, wait, path, given, filename, kind):
    item = {"url": files + path} | ({"filename": given} if given else {})
    (attachment,) = fetched(base, wait, base.make(Files=[item])["id"])
    assert (attachment["filename"], attachment["type"]) == (filename, kind)
    assert requests.get(attachment["url"], timeout=10).status_code == 200


@pytest.mark.parametrize(
    "path", ["/missing.png", "/error", "/other-status", "/four", "/loop", "/local-file", "/broken", "/gopher"]
)
def test_a_url_that_fails_silently_leaves_the_cell(base, files, wait, path):
    made = base.make(Name="x", Files=[{"url": files + path}])
    assert len(made["fields"]["Files"]) == 1
    wait(lambda: cell(base, made["id"]) == [])
    assert cell(base, made["id"]) == []


def test_a_failed_file_leaves_and_its_neighbours_stay(base, files, wait):
    urls = [f"{files}/cat.png", f"{files}/missing", f"{files}/guess.pdf"]
    made = base.make(Files=[{"url": url} for url in urls])
    kept = wait(lambda: now if len(now := cell(base, made["id"])) == 2 else None)
    assert [element["filename"] for element in kept] == ["cat.png", "guess.pdf"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://no-such-host.invalid/x", "http://127.0.0.1:99999/x"])
def test_a_host_that_does_not_answer_is_a_silent_failure(base, wait, url):
    made = base.make(Files=[{"url": url}])
    wait(lambda: cell(base, made["id"]) == [])


@pytest.mark.parametrize(
    "item",
    [
        *("x", 1, None, [], {}),
        {"filename": "x"},
        {"url": None},
        {"url": 1},
        {"url": []},
        {"url": ""},
        {"url": "cat.png"},
        {"url": "//host/x"},
        {"url": "http://"},
        {"url": "http:///x"},
        {"url": "file:///etc/passwd"},
        {"url": "FILE:///etc/passwd"},
        {"url": "ftp://host/x"},
        {"url": "data:text/plain,x"},
        {"url": "javascript:alert(1)"},
        {"url": "http://["},
        {"url": "http://ok/x", "filename": 1},
        {"url": "http://ok/x", "filename": []},
        {"id": "att00000000000000"},
        {"id": 1},
        {"id": {}},
        {"id": []},
    ],
    ids=repr,
)
def test_what_is_no_attachment_is_refused(base, item):
    assert base.refused_value("Files", [item])[:2] == BAD


@pytest.mark.parametrize("value", ["http://ok/x", 1, True, {}, {"url": "http://ok/x"}], ids=repr)
@pytest.mark.parametrize("typecast", [False, True])
def test_what_is_no_list_is_refused(base, value, typecast):
    assert base.refused_value("Files", value, typecast=typecast)[:2] == BAD


def test_an_array_overwrites_and_ids_keep_what_is_there(base, files, wait):
    record = base.make(Files=[{"url": f"{files}/cat.png"}, {"url": f"{files}/guess.pdf"}])["id"]
    cat, pdf = fetched(base, wait, record)

    def write(value):
        return base.ok("PATCH", f"Every/{record}", {"fields": {"Files": value}})["fields"].get("Files", [])

    more = write([{"id": pdf["id"]}, {"id": cat["id"]}, {"url": f"{files}/docs/a%20letter.txt?v=1"}])
    assert [element["id"] for element in more[:2]] == [pdf["id"], cat["id"]]
    assert [element["filename"] for element in write([cat])] == ["cat.png"]  # a whole object as it was read
    assert [element["filename"] for element in write([{"url": f"{files}/guess.pdf"}])] == ["guess.pdf"]
    assert write([]) == []
    assert base.refused("PATCH", f"Every/{record}", {"fields": {"Files": [{"id": cat["id"]}]}})[:2] == BAD


def test_a_url_dies_after_two_hours_and_a_new_read_gives_a_new_one(connect, files, wait):
    with Sandbox(requests_per_second="off", fetch_loopback=True) as box:
        base = connect(box)
        record = base.make(Files=[{"url": f"{files}/cat.png"}])["id"]
        (attachment,) = fetched(base, wait, record)
        box.clock(advance=7100)
        assert requests.get(attachment["url"], timeout=10).status_code == 200
        box.clock(advance=200)
        assert requests.get(attachment["url"], timeout=10).status_code == 410
        (again,) = cell(base, record)
        assert again["id"] == attachment["id"]
        assert requests.get(again["url"], timeout=10).status_code == 200
        # sending back the dead URL is the classic failure: it is taken, and what it holds is an error page
        base.ok("PATCH", f"Every/{record}", {"fields": {"Files": [{"url": attachment["url"]}]}})
        wait(lambda: cell(base, record) == [])


def test_a_made_up_url_is_not_served(base, files, wait):
    (attachment,) = fetched(base, wait, base.make(Files=[{"url": f"{files}/cat.png"}])["id"])
    root, attachment_id, expires, mac, name = attachment["url"].rsplit("/", 4)
    for parts in (
        (attachment_id, str(int(expires) + 1), mac, name),
        (attachment_id, expires, mac[::-1], name),
        ("att00000000000000", expires, mac, name),
        (attachment_id, "x", mac, name),
        (attachment_id, "\u0661", mac, name),
        (attachment_id, "9" * 5000, mac, name),
        (attachment_id, expires, "%ff", name),
    ):
        assert requests.get("/".join([root, *parts]), timeout=10).status_code == 404


def test_no_file_is_fetched_from_this_machine_without_the_switch(connect, files, site, wait):
    with Sandbox(requests_per_second="off") as box:
        base = connect(box)
        port = site.server.server_port
        for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "[::ffff:127.0.0.1]"):
            made = base.make(Files=[{"url": f"http://{host}:{port}/cat.png"}])
            wait(lambda made=made: cell(base, made["id"]) == [])
        assert site.seen == []


def test_a_public_page_may_not_redirect_to_this_machine(site, files, monkeypatch):
    real = outward._allowed_address
    here = ("127.0.0.1", site.server.server_port)
    monkeypatch.setattr(
        outward,
        "_allowed_address",
        lambda host, port, loopback: here if host == "public.test" else real(host, port, loopback),
    )
    site.redirects["/in"] = f"{files}/cat.png"
    assert outward.request("GET", "http://public.test/cat.png", loopback=False).status == 200
    with pytest.raises(outward.OutwardError, match="not on the public internet"):
        outward.request("GET", "http://public.test/in", loopback=False)
    assert outward.request("GET", "http://public.test/in", loopback=True).content == png(3, 2)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::1", "fe80::1", "fd00::1", "224.0.0.1",
                "64:ff9b::7f00:1", "2002:7f00:1::"]
)  # fmt: skip
def test_private_addresses_are_not_the_public_internet(address):
    with pytest.raises(outward.OutwardError, match="not on the public internet"):
        outward._allowed_address(address, 80, loopback=False)


def test_deleting_a_record_while_its_file_is_fetched_is_no_trouble(base, files):
    for path in ("/cat.png", "/missing"):
        made = base.make(Files=[{"url": files + path}])
        base.ok("DELETE", f"Every/{made['id']}")
    assert base.records() == []


# ------------------------------------------------------------------ upload


def upload(base, record, content, field="Files", **more):
    body = {"contentType": "text/plain", "filename": "a.txt", "file": base64.encodebytes(content).decode(), **more}
    return f"{record}/{field}/uploadAttachment", body


def test_an_upload_appends_and_answers_the_cell_under_field_ids(base):
    record = base.make(Name="x")["id"]
    files = base.field("Files")["id"]
    first = base.ok("POST", *upload(base, record, b"x" * 1000))
    assert set(first) == {"id", "createdTime", "fields"}
    assert set(first["fields"]) == {files}
    assert first["id"] == record
    second = base.ok("POST", *upload(base, record, b"two", field=files, filename="b.txt"))["fields"][files]
    assert [(element["filename"], element["size"], element["type"]) for element in second] == [
        ("a.txt", 1000, "text/plain"),
        ("b.txt", 3, "text/plain"),
    ]
    assert requests.get(second[0]["url"], timeout=10).content == b"x" * 1000


def test_base64_may_have_line_breaks_or_none(base):
    record = base.make(Name="x")["id"]
    for text in (base64.b64encode(b"y" * 300).decode(), base64.encodebytes(b"y" * 300).decode(), "eXl5\r\n eXl5\n"):
        path, body = upload(base, record, b"", file=text)
        assert base.ok("POST", path, body)["fields"]


def test_five_megabytes_are_taken_and_more_is_refused(base):
    record = base.make(Name="x")["id"]
    assert base.ok("POST", *upload(base, record, b"x" * 5_000_000))
    assert base.refused("POST", *upload(base, record, b"x" * 5_000_001))[0] == 422


@pytest.mark.parametrize(
    "change",
    [
        {"file": "not base64!"},
        {"file": "abc"},
        {"file": None},
        {"file": 1},
        {"file": ["eA=="]},
        {"filename": None},
        {"filename": 1},
        {"contentType": None},
        {"contentType": {}},
    ],
    ids=repr,
)
def test_an_upload_of_the_wrong_shape_is_refused(base, change):
    record = base.make(Name="x")["id"]
    assert base.refused("POST", *upload(base, record, b"x", **change))[:2] == (422, "INVALID_REQUEST_UNKNOWN")


def test_an_upload_into_what_is_no_attachment_field_is_refused(base):
    record = base.make(Name="x")["id"]
    payload = (422, "INVALID_VALUE_FOR_COLUMN", 'Field "Name" cannot accept the provided value')
    assert base.refused("POST", *upload(base, record, b"x", field="Name")) == payload
    assert base.refused("POST", *upload(base, record, b"x", field="Nope"))[1] == "UNKNOWN_FIELD_NAME"
    assert base.refused("POST", *upload(base, "rec00000000000000", b"x"))[0] == 403
    assert base.call("POST", f"/v0/appNoSuchBase0000/{record}/Files/uploadAttachment", {}).status_code == 404


@pytest.mark.parametrize("kind", ["text/plain\r\nX-Evil: 1", "\u00e9", "", "a" * 300, "text/html; charset=x", "\ud800"])
def test_any_content_type_can_be_served_and_adds_no_header(base, kind):
    record = base.make(Name="x")["id"]
    path, body = upload(base, record, b"hello", contentType=kind, filename="a/b?#%\u00e9.txt")
    (cells,) = base.ok("POST", path, data=json.dumps(body).encode())["fields"].values()
    served = requests.get(cells[0]["url"], timeout=10)
    assert (served.status_code, served.content) == (200, b"hello")
    assert "x-evil" not in served.headers
