"""What the tests of other people's sites share: a folder of export files, and a phase run on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from lmdr.platform import PLATFORM
from runbook.airtable.client import Airtable
from runbook.codecs import same
from runbook.connections import connect
from runbook.errors import CheckFailed
from runbook.json_types import Item
from runbook.local import stop_local_servers
from runbook.mapping import Mapping as CatalogMapping
from runbook.platform import Platform
from runbook.run import PhaseRun, open_run
from runbook.snapshot import dump_line
from runbook.steps.load import Loaded

LEGACY = "Legacy Wix ID"
SCALE = "0.003"  # the sample site is there, and hardly read


STEPS = ("plan", "provision", "export", "transform", "load", "validate", "check_lookups", "check_links")


def folder_of(path: Path) -> AbstractContextManager[Path]:
    """A sandbox of one's own while it lasts."""
    return sandbox_of(path, PLATFORM)


@contextmanager
def sandbox_of(path: Path, platform: Platform) -> Iterator[Path]:
    """The same, with the platform's sample site."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("HOME", path / "home"), ("RUNS", path / "runs"), ("SANDBOX_SCALE", SCALE)):
            patch.setenv(f"RUNBOOK_{name}", str(value))
        try:
            yield path
        finally:
            stop_local_servers(connect(platform, "sandbox").settings)


class Folder:
    """A folder of export files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, collection: str, items: Iterable[Item]) -> None:
        (self.path / f"{collection}.jsonl").write_bytes(b"".join(map(dump_line, items)))

    def items(self, collection: str) -> list[Item]:
        return [json.loads(line) for line in (self.path / f"{collection}.jsonl").read_bytes().splitlines()]


@dataclass
class Done:
    """A phase that was run, and the verdict."""

    run: PhaseRun
    green: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    _records: dict[str, Any] = field(default_factory=dict)

    @property
    def airtable(self) -> Airtable:
        return self.run.connections.airtable

    @property
    def base(self) -> str:
        return self.run.base()

    @property
    def writes(self) -> int:
        return sum(row.method != "GET" and row.status < 400 for row in self.run.connections.log.rows())

    def loaded(self, name: str) -> Loaded:
        return self.run.results.loaded[name]

    def counts(self, name: str) -> tuple[int, int, int]:
        v = self.run.results.validated[name]
        assert v.exported == v.loaded + v.quarantined
        return v.exported, v.loaded, v.quarantined

    def _of(self, name: str) -> list[dict[str, Any]]:
        return list(self.airtable.records(self.base, PLATFORM.catalog.collection(name).table))

    def records(self, name: str) -> dict[str, dict[str, Any]]:
        return {record["fields"][LEGACY]: record["fields"] for record in self._of(name)}

    def record_ids(self, name: str) -> dict[str, str]:
        return {record["fields"][LEGACY]: record["id"] for record in self._of(name)}

    def table_id(self, name: str) -> str:
        return self.run.tables().id(name)

    def fields(self, name: str) -> dict[str, str]:
        return {column: json["id"] for column, json in self.run.tables().columns(name).items()}

    def links(self, name: str, link: str) -> dict[str, list[str]]:
        """By legacy id, the legacy ids that a link's cell leads to."""
        target = next(x.to for x in PLATFORM.catalog.collection(name).links if x.name == link)
        names = {record: legacy for legacy, record in self.record_ids(target).items()}
        return {key: [names[one] for one in cells[link]] for key, cells in self.records(name).items() if link in cells}

    def same_as_the_source(self, folder: Folder, name: str) -> None:
        """Every record read back gives its item; those that are not there are in quarantine."""
        mapping = CatalogMapping(PLATFORM.catalog.collection(name))
        records = self.records(name)
        first: dict[Any, Item] = {}
        for item in folder.items(name):
            first.setdefault(str(item.get("_id")), item)
        for legacy, cells in records.items():
            back = mapping.to_wix(cells)
            assert same(back, first[legacy]), (name, legacy)


def run(number: int, folder: Folder, **parameters: Any) -> Done:
    """A phase on a folder, as its notebook runs it."""
    return run_on(PLATFORM, number, source=str(folder.path), **parameters)


def run_on(
    platform: Platform,
    number: int,
    *,
    steps: Sequence[str] = STEPS,
    after: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    **parameters: Any,
) -> Done:
    """A phase of a platform. `after`: by step, what happens once it is done."""
    opened = open_run(platform, number, **parameters)
    for step in steps:
        shown = getattr(opened, step)()
        assert repr(shown)
        assert shown._repr_html_()
        after.get(step, lambda: None)()
    try:
        gate = opened.gate() if steps else None
    except CheckFailed:
        told = opened.folder.read_evidence(opened.phase.slug, "gate")
        assert told is not None
        return Done(opened, False, tuple(told["reasons"]), tuple(told["warnings"]))
    return Done(opened, True, (), gate.warnings if gate else ())
