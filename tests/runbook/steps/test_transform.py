"""Transform: exported = staged + quarantined, every staged row proved, the same bytes for the same rows."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

import runbook.steps.transform as module
from runbook.catalog import Collection, Copy, Field, Link
from runbook.codecs import same
from runbook.errors import SourceError, StepError
from runbook.mapping import Mapping
from runbook.quarantine import Entry, Quarantine
from runbook.snapshot import Snapshot, SnapshotWriter
from runbook.steps.transform import transform

EXPORT = Path(__file__).parents[4] / "shared" / "data" / "wix_export"


def field(key: str, wix_type: str = "text", column: str = "singleLineText", **settings) -> Field:
    return Field.model_validate(
        {"wix": key, "wix_type": wix_type, "name": settings.pop("name", key.title()), "type": column, **settings}
    )


def collection(*fields: Field, **settings) -> Collection:
    identity = field("_id", name="Legacy Wix ID", required=True, unique=True)
    return Collection(
        wix="Carriers", table="Carriers", phase=3, tab_group="All", flag="carriers", primary="Legacy Wix ID",
        fields=(identity, *fields), **settings,
    )  # fmt: skip


CARRIERS = collection(
    field("name"),
    field("dot", column="number", precision=0, required=True, unique=True),
    field("pay", "number", "number", precision=2, loose=True),
    field("ssn", "number", "number", precision=0, personal=True),
    field("status", column="singleSelect", choices=["Active"], open=True),
    field("secret", column="singleSelect", choices=["A"], open=True, personal=True),
    copies=(Copy.model_validate({"wix": "name", "wix_type": "text", "name": "N", "type": "number", "precision": 0}),),
    links=(Link(name="Boss", to="Carriers", on={"name": "_id"}),),
)
GOOD = [
    {"_id": "a", "dot": "12", "name": "Ann", "pay": 0.555, "status": "Active"},
    {"_id": "b", "dot": "0012", "name": "7", "pay": "about 5", "status": "Closed", "extra": {"a": 1}},
    {"_id": "ü", "dot": 13, "name": None, "secret": "Zebedee"},
]
BAD = [
    {"dot": "1"},
    {"_id": "", "dot": "1", "ssn": "Zebedee"},
    {"_id": "a", "dot": "14"},
    {"_id": "a", "dot": "x"},
    {"_id": "c", "dot": None},
    {"_id": "d", "dot": "one", "ssn": "Zebedee"},
    {"_id": "d", "dot": "15"},
]


@pytest.fixture
def stage(tmp_path):
    def run(items, of=CARRIERS, untold=(), **options):
        with SnapshotWriter(tmp_path / "snapshots", of, source="test") as writer:
            for item in items:
                writer.write(item)
            snapshot = writer.finish(untold=untold)
        return transform(snapshot, of, tmp_path / "staged", Quarantine(tmp_path / "quarantine"), **options)

    return run


@pytest.fixture
def quarantine(tmp_path):
    return Quarantine(tmp_path / "quarantine")


def test_rows_are_staged_in_order_with_cells_and_links(stage):
    transformed = stage(GOOD)

    first, second, third = transformed.rows()

    assert first.id == "a"
    assert first.fields == {"Legacy Wix ID": "a", "Name": "Ann", "Dot": 12, "Pay": 0.555, "Status": "Active"}
    assert first.links == {"Boss": [("Carriers", "_id", "Ann")]}
    assert second.fields["Wix Original"] == '{"values":{"dot":"0012","extra":{"a":1},"pay":"about 5"}}'
    assert second.fields["N"] == 7
    assert third.links == {}
    mapping = Mapping(CARRIERS)
    assert all(same(mapping.to_wix(row.fields), item) for row, item in zip(transformed.rows(), GOOD, strict=True))


def test_exported_is_staged_and_quarantined(stage, quarantine):
    transformed = stage([*GOOD, *BAD])

    assert (transformed.exported, transformed.staged, transformed.quarantined) == (10, 3, 7)
    assert quarantine.count("Carriers") == 7
    assert {row.id for row in transformed.rows()} == {"a", "b", "ü"}
    assert not {"a", "b", "ü"} & quarantine.ids("Carriers")


def test_each_row_in_quarantine_says_why(stage, quarantine):
    stage([*GOOD, *BAD])

    assert quarantine.entries("Carriers") == [
        Entry("transform", None, "_id", "required, but missing"),
        Entry("transform", None, "_id", "required, but empty text; ssn: not a number: text of 7 characters"),
        Entry("transform", None, "_id", "an earlier row has this _id: a"),
        Entry("transform", None, "_id", 'an earlier row has this _id: a; dot: not an integer: "x"'),
        Entry("transform", "c", "dot", "required, but null"),
        Entry("transform", "d", "dot", 'not an integer: "one"'),
        Entry("transform", "d", "ssn", "not a number: text of 7 characters"),
        Entry("transform", None, "_id", "an earlier row has this _id: d"),
    ]


def test_the_table_tells_a_reviewer_what_became_of_the_rows(stage):
    transformed = stage([*GOOD, *BAD])

    shown = repr(transformed)
    rows = {(what.strip(), name, why): n for what, name, n, why in transformed.table().rows}

    assert rows["exported", None, None] == 10
    assert rows["quarantined, reason", "_id", "an earlier row has this _id"] == 3
    assert rows["quarantined, reason", "dot", "not an integer"] == 2
    assert rows["kept in Wix Original", "extra", "key not in the catalog"] == 1
    assert rows["kept in Wix Original", "name", "null"] == 1
    assert rows["cell left empty (loose field)", "pay", "not a number"] == 1
    assert rows["copy left empty", "N", "not an integer"] == 1
    assert rows["new choice", "Status", "Closed"] == 1
    assert rows["new choice", "Secret", "text of 7 characters"] == 1
    assert rows["shows fewer decimals than it holds", "Pay", None] == 1
    assert "Zebedee" not in shown
    assert "Zebedee" not in json.dumps(transformed.facts())
    assert transformed.facts()["path"] == "Carriers.jsonl.gz"


def test_values_that_should_be_unique_are_warned_of_and_staged(stage):
    transformed = stage([{"_id": str(n), "dot": "5", "ssn": 1} for n in range(3)])

    assert transformed.staged == 3
    assert transformed.warnings == ("dot (Dot) should be unique; 2 rows with the value of an earlier row",)


def test_a_collection_of_nothing_is_staged_as_nothing(stage, quarantine):
    transformed = stage([])

    assert (transformed.exported, transformed.staged, transformed.quarantined) == (0, 0, 0)
    assert list(transformed.rows()) == []
    assert quarantine.entries("Carriers") == []


def test_the_staged_file_is_private_and_the_same_for_the_same_rows(stage, tmp_path):
    first = stage(GOOD)
    content = first.path.read_bytes()
    first.path.with_name("Carriers.json").unlink()

    again = stage(GOOD)

    assert again == first
    assert again.path.read_bytes() == content
    assert content[4:8] == bytes(4)  # gzip's time of writing
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.path.parent.stat().st_mode) == 0o700
    with gzip.open(first.path, "rt", encoding="utf-8") as lines:
        assert [json.loads(line).keys() for line in lines] == [{"id": 0, "fields": 0, "links": 0}.keys()] * 3
    assert {path.name for path in first.path.parent.iterdir()} == {"Carriers.jsonl.gz", "Carriers.json"}


# ------------------------------------------------------------------ doing it again


@pytest.fixture
def passes(monkeypatch):
    """How often rows went through."""
    calls = []
    real = module._write
    monkeypatch.setattr(module, "_write", lambda *arguments: calls.append(1) or real(*arguments))
    return calls


def test_what_is_staged_already_is_taken_as_it_is(stage, passes, quarantine):
    first = stage([*GOOD, *BAD])

    assert stage([*GOOD, *BAD]) == first
    assert len(passes) == 1
    assert quarantine.count("Carriers") == 7


@pytest.mark.parametrize("change", ["rows", "catalog", "code", "staged file", "quarantine", "description"])
def test_it_is_staged_again_when_anything_has_changed(stage, passes, quarantine, monkeypatch, change):
    first = stage([*GOOD, *BAD])
    items, of = [*GOOD, *BAD], CARRIERS
    match change:
        case "rows":
            items = [*items, {"_id": "new", "dot": "1"}]
        case "catalog":
            of = CARRIERS.model_copy(update={"fields": CARRIERS.fields[:-1]})
        case "code":
            monkeypatch.setattr(module, "_code", lambda: "another")
        case "staged file":
            first.path.write_bytes(first.path.read_bytes()[:-5])
        case "quarantine":
            quarantine.replace("Carriers", "transform", [])
        case "description":
            first.path.with_name("Carriers.json").write_text('{"format": 1, "inputs"')

    again = stage(items, of)

    assert len(passes) == 2
    assert again.exported == again.staged + quarantine.count("Carriers") == len(items)
    assert len(list(again.rows())) == again.staged


def test_keys_that_the_source_does_not_show_are_handed_on_and_make_it_stage_again(stage, passes):
    for untold in ((), ("pay",), ("pay",), ()):
        assert stage(GOOD, untold=untold).untold == untold
    assert len(passes) == 3


def test_rows_that_are_better_now_leave_quarantine_and_other_steps_entries_stay(stage, quarantine):
    stage([*GOOD, *BAD])
    quarantine.add("Carriers", Entry("load", "a", None, "422"))

    stage(GOOD)

    assert quarantine.entries("Carriers") == [Entry("load", "a", None, "422")]


@pytest.mark.parametrize("point", ["rows", "quarantine", "description"])
def test_a_kill_leaves_nothing_that_looks_complete(stage, monkeypatch, quarantine, point):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    places = {
        "rows": (Mapping, "to_wix"),
        "quarantine": (Quarantine, "replace"),
        "description": (module.Transformed, "facts"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*places[point], kill)
        with pytest.raises(Killed):
            stage([*GOOD, *BAD])

    transformed = stage([*GOOD, *BAD])

    assert (transformed.exported, transformed.staged, quarantine.count("Carriers")) == (10, 3, 7)
    assert {path.name for path in transformed.path.parent.iterdir()} == {"Carriers.jsonl.gz", "Carriers.json"}


def test_a_snapshot_that_cannot_be_read_leaves_what_was_staged(stage, tmp_path, quarantine):
    first = stage(GOOD)
    found = Snapshot.read(tmp_path / "snapshots", "Carriers")
    assert found is not None
    found.path.write_bytes(found.path.read_bytes()[:-20])
    torn = Snapshot(**{**vars(found), "sha256": "another"})

    with pytest.raises(SourceError, match="cannot be read to its end"):
        transform(torn, CARRIERS, tmp_path / "staged", quarantine)

    assert len(list(first.rows())) == 3


def test_a_snapshot_of_other_rows_than_it_was_made_of_is_not_staged(stage, tmp_path, quarantine):
    first = stage(GOOD)
    found = Snapshot.read(tmp_path / "snapshots", "Carriers")
    assert found is not None
    wrong = Snapshot(**{**vars(found), "sha256": "another", "count": 4})

    with pytest.raises(StepError, match="Carriers: the snapshot holds 3 rows and was made of 4"):
        transform(wrong, CARRIERS, tmp_path / "staged", quarantine)

    assert len(list(first.rows())) == 3


def test_a_staged_file_is_hashed_once_and_again_when_it_has_changed(stage, monkeypatch):
    transformed = stage(GOOD)
    age = os.stat(transformed.path).st_mtime - 60
    os.utime(transformed.path, (age, age))
    hashed, digest = [], hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, kind: hashed.append(file.name) or digest(file, kind))
    for _ in range(4):
        assert len(list(transformed.rows())) == 3
    assert len(hashed) == 1

    content = transformed.path.read_bytes()
    transformed.path.write_bytes(content[:-1] + b"?")
    with pytest.raises(StepError, match="transform again"):
        list(transformed.rows())
    transformed.path.write_bytes(content)
    assert len(list(transformed.rows())) == 3
    transformed.path.unlink()
    with pytest.raises(StepError, match="transform again"):
        list(transformed.rows())


def test_a_staged_file_that_was_touched_is_not_loaded(stage):
    transformed = stage(GOOD)
    with gzip.GzipFile(transformed.path, "wb") as file:
        file.write(b'{"id":"a","fields":{},"links":{}}\n')

    with pytest.raises(StepError, match=r"Carriers: .*transform again"):
        next(transformed.rows())


def test_a_row_that_would_not_come_back_is_never_staged(stage, monkeypatch, quarantine):
    real = Mapping.to_wix
    monkeypatch.setattr(Mapping, "to_wix", lambda self, fields: {**real(self, fields), "name": "changed"})

    transformed = stage(GOOD)

    assert (transformed.staged, transformed.quarantined) == (0, 3)
    assert "round trip failed" in quarantine.entries("Carriers")[0].reason


def test_a_lossy_field_may_come_back_otherwise_and_is_counted(stage):
    of = collection(field("dot", column="number", precision=0, lossy="leading zeros mean nothing"), field("name"))

    transformed = stage([{"_id": "a", "dot": "007", "name": "Ann"}], of)

    assert transformed.staged == 1
    assert transformed.lost == {"dot": {"leading zeros mean nothing": 1}}
    assert next(transformed.rows()).fields == {"Legacy Wix ID": "a", "Dot": 7, "Name": "Ann"}


def test_progress_ends_at_the_total(stage):
    heard: list[tuple[int, int]] = []
    stage(GOOD, on_progress=lambda done, total: heard.append((done, total)))
    stage(GOOD, on_progress=lambda done, total: heard.append((done, total)))

    assert heard == [(3, 3), (3, 3)]


# ------------------------------------------------------------------ real rows


@pytest.mark.slow
@pytest.mark.skipif(not EXPORT.is_dir(), reason="the real exports are not beside this checkout")
@pytest.mark.parametrize("name", ["Carriers", "CarrierSafetyData", "BlogPosts", "FAQs", "DriverJobs"])
def test_every_real_row_is_staged_and_comes_back(stage, quarantine, name):
    lmdr = pytest.importorskip("lmdr.catalog")
    of = lmdr.load().collection(name)
    items = [json.loads(line) for line in (EXPORT / f"{name}.jsonl").read_text("utf-8").splitlines()]

    transformed = stage(items, of)

    assert transformed.exported == len(items) == transformed.staged + quarantine.count(name)
    assert quarantine.entries(name) == []
    mapping = Mapping(of)
    for row, item in zip(transformed.rows(), items, strict=True):
        assert same(mapping.to_wix(row.fields), item)
    assert os.path.getsize(transformed.path) > 0
