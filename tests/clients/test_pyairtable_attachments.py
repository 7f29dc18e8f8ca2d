"""pyairtable's attachments: uploaded, fetched from a URL, kept, and downloaded again."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyairtable
import pytest
import requests
from pyairtable.orm import Model
from pyairtable.orm import fields as F  # noqa: N812 - the name pyairtable's own documents use

from sandbox.in_process import Sandbox

# A PNG of 2 by 1 pixels.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000010802000000"
    "7b40e8dd0000000f49444154789c63f8cf0002ff1900000903020116f2b0570000000049454e44ae426082"
)


@pytest.fixture
def papers(box: Sandbox, carriers: pyairtable.Table) -> pyairtable.Table:
    """Carriers, by an Api whose uploads arrive at the sandbox.

    pyairtable sends uploads to content.airtable.com, whatever its endpoint is. With the sandbox as the proxy for that
    one host they arrive there, and pyairtable stays as it is.
    """
    carriers.api.session.proxies = {"http://content.airtable.com": box.airtable_url}
    return carriers


@pytest.fixture
def files() -> Iterator[str]:
    """The address of a web server with one file on every path; `/missing` is 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = not self.path.startswith("/missing")
            self.send_response(200 if found else 404)
            self.send_header("content-type", "image/png" if found else "text/html")
            self.send_header("content-length", str(len(PNG) if found else 0))
            self.end_headers()
            self.wfile.write(PNG if found else b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def fetched(table: pyairtable.Table, record_id: str) -> list[dict[str, Any]]:
    """The cell once every file has been fetched (or dropped): the service does that after its answer."""
    for _ in range(200):
        cell = table.get(record_id)["fields"].get("Papers", [])
        if all("size" in one for one in cell):
            return cell
        time.sleep(0.02)
    raise AssertionError(f"not fetched after 4 s: {cell}")


def test_an_upload_is_appended_and_answered_under_the_field_s_id(papers: pyairtable.Table) -> None:
    acme = papers.first()["id"]
    field = papers.schema().field("Papers").id
    told = papers.upload_attachment(acme, "Papers", "licence.txt", b"x" * 1000)
    assert told["id"] == acme
    assert list(told["fields"]) == [field]
    one = told["fields"][field][0]
    assert (one["filename"], one["type"], one["size"]) == ("licence.txt", "text/plain", 1000)
    assert one["id"].startswith("att")
    assert requests.get(one["url"], timeout=10).content == b"x" * 1000
    told = papers.upload_attachment(acme, field, "second.bin", "text", "application/octet-stream")
    assert [file["filename"] for file in told["fields"][field]] == ["licence.txt", "second.bin"]
    assert [file["id"] for file in papers.get(acme)["fields"]["Papers"]] == [
        file["id"] for file in told["fields"][field]
    ]


def test_an_upload_from_a_path_takes_its_name_and_an_image_its_measures(
    papers: pyairtable.Table, tmp_path: Path
) -> None:
    path = tmp_path / "truck.png"
    path.write_bytes(PNG)
    told = papers.upload_attachment(papers.first()["id"], "Papers", path)
    one = next(iter(told["fields"].values()))[0]
    assert (one["filename"], one["type"], one["size"]) == ("truck.png", "image/png", len(PNG))
    assert (one["width"], one["height"]) == (2, 1)
    assert set(one["thumbnails"]) == {"small", "large", "full"}


def test_an_upload_into_another_field_or_record_is_refused(papers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        papers.upload_attachment(papers.first()["id"], "Notes", "a.txt", b"a")
    assert caught.value.response.status_code == 422
    with pytest.raises(requests.HTTPError) as caught:
        papers.upload_attachment("rec00000000000000", "Papers", "a.txt", b"a")
    assert caught.value.response.status_code == 403


def test_an_upload_over_5_mb_is_refused(papers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        papers.upload_attachment(papers.first()["id"], "Papers", "big.bin", b"x" * 5_300_000)
    assert caught.value.response.status_code in (413, 422)
    assert "Papers" not in papers.first()["fields"]


def test_a_file_is_fetched_from_its_url_after_the_answer(papers: pyairtable.Table, files: str) -> None:
    made = papers.create({"Name": "x", "Papers": [{"url": f"{files}/a/truck.png"}, {"url": f"{files}/b"}]})
    first, second = made["fields"]["Papers"]
    assert first["id"].startswith("att")
    assert "size" not in first
    cell = fetched(papers, made["id"])
    assert [one["id"] for one in cell] == [first["id"], second["id"]]
    assert (cell[0]["filename"], cell[0]["size"], cell[0]["type"]) == ("truck.png", len(PNG), "image/png")
    assert requests.get(cell[0]["url"], timeout=10).content == PNG


def test_a_given_filename_is_kept(papers: pyairtable.Table, files: str) -> None:
    made = papers.create({"Name": "x", "Papers": [{"url": f"{files}/a", "filename": "mine.png"}]})
    assert fetched(papers, made["id"])[0]["filename"] == "mine.png"


def test_a_file_that_cannot_be_fetched_vanishes_silently(papers: pyairtable.Table, files: str) -> None:
    made = papers.create({"Name": "x", "Papers": [{"url": f"{files}/missing.png"}]})
    assert len(made["fields"]["Papers"]) == 1
    assert fetched(papers, made["id"]) == []


def test_writing_the_list_keeps_what_it_names_and_drops_the_rest(papers: pyairtable.Table) -> None:
    acme = papers.first()["id"]
    for name in ("a.txt", "b.txt"):
        papers.upload_attachment(acme, "Papers", name, name)
    a, b = papers.get(acme)["fields"]["Papers"]
    told = papers.update(acme, {"Papers": [{"id": b["id"]}]})["fields"]["Papers"]
    assert [one["id"] for one in told] == [b["id"]]
    assert "Papers" not in papers.update(acme, {"Papers": []})["fields"]
    with pytest.raises(requests.HTTPError):
        papers.update(acme, {"Papers": [a["url"]]})


def test_a_url_dies_after_two_hours_and_a_new_reading_gives_a_new_one(box: Sandbox, papers: pyairtable.Table) -> None:
    acme = papers.first()["id"]
    papers.upload_attachment(acme, "Papers", "a.txt", b"a")
    old = papers.get(acme)["fields"]["Papers"][0]["url"]
    box.clock(advance=3 * 3600)
    assert requests.get(old, timeout=10).status_code in (403, 404, 410)
    assert requests.get(papers.get(acme)["fields"]["Papers"][0]["url"], timeout=10).content == b"a"


def test_a_model_uploads_into_its_list(papers: pyairtable.Table, files: str) -> None:
    table = papers

    class Carrier(Model):
        class Meta:
            base_id, table_name, api_key = table.base.id, "Carriers", table.api.api_key

        papers = F.AttachmentsField("Papers")

    Carrier.meta.api = table.api
    acme = Carrier.first()
    acme.papers.upload("a.txt", "hello")
    assert [one["filename"] for one in acme.papers] == ["a.txt"]
    acme.papers.append({"url": f"{files}/truck.png"})
    acme.save()
    assert [one["filename"] for one in fetched(table, acme.id)] == ["a.txt", "truck.png"]
