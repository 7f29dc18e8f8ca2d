"""Snapshots: whole or not there, verified, and the same bytes for the same items."""

from __future__ import annotations

import gzip
import json
import stat

import pytest

from runbook.catalog import Collection, Field
from runbook.errors import SourceError
from runbook.snapshot import Mark, Snapshot, SnapshotWriter, newest


def collection(wix: str = "Carriers", *keys: str) -> Collection:
    fields = tuple(
        Field(wix=key, wix_type="text", name=f"Name of {key}", type="singleLineText") for key in ("_id", *keys)
    )
    return Collection(
        wix=wix, table=wix, phase=1, tab_group="All", flag="carriers", primary="Name of _id", fields=fields
    )


ITEMS = [
    {"_id": "a", "name": "Ann", "n": 1, "_updatedDate": {"$date": "2025-04-23T20:33:09Z"}},
    {
        "_id": "b",
        "name": None,
        "n": 1.5,
        "_updatedDate": {"$date": "2025-04-23T20:33:09.123Z"},
        "_publishStatus": "DRAFT",
    },
    {"_id": "c", "name": "\ud800 half", "n": True, "list": [{"$date": "x"}], "box": {"$date": "x", "more": 1}},
    {"_id": "d", "name": "line\u2028end\r\n", "list": {"$date": "2025-01-01T00:00:00Z"}},
]


def write(folder, items=ITEMS, **finish):
    with SnapshotWriter(folder, collection("Carriers", "name", "n"), source="wix") as writer:
        for item in items:
            writer.write(item)
        return writer.finish(**finish)


def test_gives_back_what_was_written(tmp_path):
    made = write(tmp_path / "snapshots", notes=["a note"], mark=Mark(4, "2025-04-23T20:33:09.123Z"))
    assert list(made.items()) == ITEMS
    assert Snapshot.read(tmp_path / "snapshots", "Carriers") == made
    assert Snapshot.read(tmp_path / "snapshots", collection()) == made
    assert (made.count, made.drafts, made.notes) == (4, 1, ("a note",))
    assert made.newest_update == "2025-04-23T20:33:09.123Z"
    assert made.unknown_keys == {"_publishStatus": 1, "_updatedDate": 2, "box": 1, "list": 2}


def test_keys_that_the_source_does_not_show_and_warnings_are_kept(tmp_path):
    made = write(tmp_path, untold=["name", "pay"], warnings=["it kept changing"])
    assert Snapshot.read(tmp_path, "Carriers") == made
    assert (made.untold, made.warnings) == (("name", "pay"), ("it kept changing",))
    assert (made.facts()["untold"], made.facts()["warnings"]) == (["name", "pay"], ["it kept changing"])


def test_a_snapshot_of_the_format_before_is_read(tmp_path):
    made = write(tmp_path)
    about = tmp_path / "Carriers.json"
    metadata = json.loads(about.read_text())
    del metadata["untold"], metadata["warnings"]
    about.write_text(json.dumps({**metadata, "format": 1}))
    assert Snapshot.read(tmp_path, "Carriers") == made


def test_schema_counts_json_types(tmp_path):
    schema = write(tmp_path).schema
    assert schema["name"] == {"null": 1, "string": 3}
    assert schema["n"] == {"boolean": 1, "number": 2}
    assert schema["list"] == {"array": 1, "date": 1}
    assert schema["box"] == {"object": 1}
    assert schema["_updatedDate"] == {"date": 2}


def test_only_the_owner_may_read(tmp_path):
    made = write(tmp_path / "deep" / "snapshots")
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.path.parent.iterdir()} == {0o600}


def test_metadata_holds_no_values(tmp_path):
    made = write(tmp_path)
    text = (tmp_path / "Carriers.json").read_text() + repr(made) + json.dumps(made.facts())
    assert "Ann" not in text
    assert str(tmp_path) not in text


def test_equal_items_give_equal_bytes(tmp_path):
    assert write(tmp_path / "one").sha256 == write(tmp_path / "two").sha256
    assert write(tmp_path / "one").path.read_bytes() == write(tmp_path / "two").path.read_bytes()


def test_no_snapshot_is_none(tmp_path):
    assert Snapshot.read(tmp_path / "nowhere", "Carriers") is None


def test_without_finish_the_old_snapshot_stays(tmp_path):
    made = write(tmp_path)

    def export(writer):
        writer.write({"_id": "z"})
        raise KeyError

    with SnapshotWriter(tmp_path, collection(), source="wix") as writer, pytest.raises(KeyError):
        export(writer)
    assert Snapshot.read(tmp_path, "Carriers") == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Carriers.json", "Carriers.jsonl.gz"]


def test_killed_while_writing_leaves_no_snapshot(tmp_path):
    writer = SnapshotWriter(tmp_path, collection(), source="wix")
    writer.write({"_id": "z"})
    writer._lines.close(), writer._file.close()  # as a killed process does, without its `with`
    assert Snapshot.read(tmp_path, "Carriers") is None
    assert write(tmp_path).count == 4
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("damage", ["content", "cut", "gone", "metadata"])
def test_a_file_that_is_not_what_was_written(tmp_path, damage):
    made = write(tmp_path)
    content = made.path.read_bytes()
    match damage:
        case "content":
            made.path.write_bytes(gzip.compress(b'{"_id":"other"}\n', mtime=0))
        case "cut":
            made.path.write_bytes(content[:-9])
        case "gone":
            made.path.unlink()
        case "metadata":
            (tmp_path / "Carriers.json").write_text('{"format": 1, "count"')
    with pytest.raises(SourceError, match=r"Carriers\.json"):
        Snapshot.read(tmp_path, "Carriers")


def test_reading_a_cut_file_is_an_error_and_no_shorter_list(tmp_path):
    made = write(tmp_path)
    made.path.write_bytes(made.path.read_bytes()[:-9])
    with pytest.raises(SourceError, match="cannot be read to its end"):
        list(made.items())


def test_what_is_not_json_is_refused(tmp_path):
    with pytest.raises(SourceError, match="Carriers: item 'x' is not JSON"):
        write(tmp_path, [{"_id": "x", "n": float("nan")}])


def test_a_slash_in_a_name(tmp_path):
    with SnapshotWriter(tmp_path, collection("Stores/Products"), source="wix") as writer:
        writer.finish()
    assert (tmp_path / "Stores%2FProducts.jsonl.gz").exists()
    assert Snapshot.read(tmp_path, "Stores/Products") is not None


def test_newest_reads_both_forms():
    assert newest(["2025-04-23T20:33:09.123Z", None, "2025-04-23T20:33:09Z", "soon"]) == "2025-04-23T20:33:09.123Z"
    assert newest([]) is None
