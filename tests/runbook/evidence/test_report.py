from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from a_run import SLUG, made, phase
from runbook.evidence.folder import RunFolder
from runbook.evidence.manifest import verify, write_manifest
from runbook.evidence.report import render, write_report

HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(1)> '{{ 7 * 7 }}"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Tags in balance, what they point to, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.text += " " if tag in ("td", "dt", "dd") else ""
        self.targets += [value for key, value in attrs if key in ("href", "src")]
        self.ids |= {value for key, value in attrs if key == "id"}
        assert not [key for key, _ in attrs if key.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def shown(folder: RunFolder) -> Page:
    write_manifest(folder)
    return Page(write_report(folder).read_text())


def test_leads_a_reviewer_through(tmp_path):
    folder = made(tmp_path / "a-run")
    page = shown(folder)
    headings = ["Parameters and code", "Phases", "Collections", "Quarantine", "Warnings", "Manual steps", "Requests"]
    places = [page.words.index(words) for words in ["✓ Passed", *headings, "Verify and sign", "Files"]]
    assert places == sorted(places), "the verdict first"
    for words in (
        "12 rows exported, 10 loaded, 2 in quarantine",
        "Carriers has 2 drafts",
        "Make the table Carriers by hand",
        "1,234",
        "not a number",
        "id-0, id-1",
        'runbook sign-off a-run --who "Your Name"',
        'environment = "sandbox"',
    ):
        assert words in page.words
    assert f"{SLUG}.passed.html" in page.targets
    assert "quarantine/Carriers.jsonl" in page.targets
    verify(folder).require()


def test_links_lead_somewhere_and_nothing_is_loaded(tmp_path):
    folder = made(tmp_path / "a-run")
    page = shown(folder)
    for target in page.targets:
        assert target[1:] in page.ids if target.startswith("#") else (folder.path / target).is_file(), target
    html = (folder.path / "index.html").read_text()
    assert not re.search(r"https?:|//\w|@import|url\(", html)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "default-src 'none'" in html


def test_hostile_names_are_only_words(tmp_path):
    folder = made(tmp_path / "a-run", status="failed", name=HOSTILE, reason=HOSTILE)
    page = shown(folder)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.words.count(HOSTILE) >= 5
    assert "49" not in page.words.replace("0.49", "").split()


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        ({"status": "failed"}, "✗ Not passed Red: 03_core_business"),
        ({"green": False}, "! Not complete"),
        ({}, "✓ Passed"),
    ],
)
def test_verdicts(tmp_path, run, verdict):
    assert verdict in shown(made(tmp_path / "a-run", **run)).words


def test_a_dry_run_proves_nothing(tmp_path):
    folder = made(tmp_path / "a-run")
    folder.write_evidence("run", "run", {"environment": "live", "source": "wix", "dry_run": True})
    assert "○ Dry run Nothing was written" in shown(folder).words


def test_what_does_not_add_up_is_said(tmp_path):
    folder = made(tmp_path / "a-run")
    numbers = {"exported": 12, "loaded": 9, "quarantined": 2, "verified": 9, "unexplained": 1, "green": True}
    folder.write_evidence(SLUG, "collections", {"Carriers": numbers})
    assert "✗ does not add up" in shown(folder).words


def test_manual_steps_that_were_done_since_are_not_listed(tmp_path):
    folder = made(tmp_path / "a-run")
    folder.write_evidence(SLUG, "gate", {"passed": True, "reasons": [], "manual_steps": ["an older attempt's"]})

    def provision(slug, at, covers, *steps):
        folder.write_evidence(slug, "provision", {"at": at, "covers": covers, "manual_steps": list(steps)})

    step = "In table '{}', click '+' right of the last column: name 'Pay', type Currency; 'Create field'"
    provision("01_infra", "2026-11-24T20:00", ["Carriers", "Jobs"], step.format("Carriers"), step.format("Jobs"))
    provision(SLUG, "2026-11-24T21:00", ["Carriers"])
    page = shown(folder)
    assert step.format("Jobs") in page.words
    assert step.format("Carriers") not in page.words, "phase 3 found it done"
    assert "an older attempt's" not in page.words
    provision(SLUG, "2026-11-24T19:00", ["Carriers"])  # phase 1 was run again, and found it missing
    assert step.format("Carriers") in shown(folder).words


def test_parameters_that_differ_are_told_with_their_phase(tmp_path):
    folder = made(tmp_path / "a-run")
    phase(folder, "06_cutover", freeze=True)
    words = shown(folder).words
    assert 'Parameters environment = "sandbox" Code' in words
    assert "65 freeze = true" in words
    assert "65 as above" in words


def test_absent_evidence(tmp_path):
    folder = RunFolder(tmp_path / "bare")
    (folder.path / "evidence" / "01_infrastructure").mkdir()
    words = shown(folder).words
    assert "not executed headless" in words
    assert "No collection has been validated" in words
    assert "01_infrastructure has no executed notebook" in words


def test_the_same_run_gives_the_same_report(tmp_path):
    folder = made(tmp_path / "a-run")
    phase(folder, "04_more")
    write_manifest(folder)
    write_report(folder)
    assert render(folder) == (folder.path / "index.html").read_text()
