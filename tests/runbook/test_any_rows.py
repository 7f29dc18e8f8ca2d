"""Any rows at all: what can be carried over comes back exactly, what cannot says why, and nothing is in between."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from every_kind import takes
from lmdr.platform import PLATFORM
from odd_rows import Odd
from other_sites import STEPS, Folder, run_on, sandbox_of
from runbook.catalog import ORIGINAL, load_catalog
from runbook.checks.suites import write_suites
from runbook.codecs import same
from runbook.mapping import Mapping
from runbook.platform import Platform
from runbook.quarantine import Entry

pytestmark = pytest.mark.slow

SEEDS = st.integers(0, 2**32)
ZOO = """
base: Zoo
tab_groups: [Core]
system_fields:
- {wix: _id, wix_type: text, name: Legacy Wix ID, type: singleLineText, required: true, unique: true, lookup: true}
- {wix: _createdDate, wix_type: datetime, name: Wix Created, type: dateTime}
- {wix: _updatedDate, wix_type: datetime, name: Wix Updated, type: dateTime}
phase: 1
name: zoo
title: Zoo
collections:
- wix: Animals
  table: Animals
  tab_group: Core
  flag: zoo
  primary: Name
  natural_key: [tag]
  fields:
  - {wix: name, wix_type: text, name: Name, type: singleLineText}
  - {wix: tag, wix_type: any, name: Tag, type: multilineText, codec: json_text}
  - {wix: mother, wix_type: reference, name: Mother ID, type: singleLineText}
  - {wix: friends, wix_type: multireference, name: Friend IDs, type: multilineText, codec: json_text}
  - {wix: house, wix_type: reference, name: House ID, type: singleLineText}
  - {wix: place, wix_type: address, name: Place, type: singleLineText}
  - {wix: pictures, wix_type: gallery, name: Pictures, type: multilineText}
  - {wix: story, wix_type: richcontent, name: Story, type: multilineText}
  - {wix: fed_at, wix_type: time, name: Fed At, type: singleLineText}
  - {wix: film, wix_type: video, name: Film, type: url}
  - {wix: call, wix_type: audio, name: Call, type: url}
  - {wix: papers, wix_type: document, name: Papers, type: url}
  - {wix: keeper, wix_type: email, name: Keeper, type: email, personal: true}
  - {wix: born, wix_type: date, name: Born, type: date}
  - {wix: weight, wix_type: number, name: Weight, type: number, precision: 1}
  - {wix: diet, wix_type: text, name: Diet, type: singleSelect, choices: [Hay, Fish], open: true}
  - {wix: marks, wix_type: tags, name: Marks, type: multipleSelects, choices: [old, new]}
  - {wix: notes, wix_type: richtext, name: Notes, type: richText}
  links:
  - {name: Mother, to: Animals, on: {mother: _id, tag: tag}}
  - {name: Friends, to: Animals, on: {friends: _id}}
  - {name: House, to: Houses, on: {house: _id}, inverse: Animals}
- wix: Houses
  table: Houses
  tab_group: Core
  flag: zoo
  primary: Legacy Wix ID
  fields:
  - {wix: first, wix_type: reference, name: First ID, type: singleLineText}
  links:
  - {name: First, to: Animals, on: {first: _id}, inverse: First Of}
"""


def zoo(root: Path) -> Platform:
    (root / "catalog").mkdir(parents=True)
    (root / "catalog" / "1.yaml").write_text(ZOO)
    made = Platform(name="zoo", root=root, catalog=load_catalog(root / "catalog"), write_sample=_no_sample)
    write_suites(made.catalog, made.expectations)
    return made


def _no_sample(folder: Path, *, seed: int, scale: float) -> None:
    (folder / "Animals.jsonl").write_text('{"_id": "1"}\n')


@dataclass
class Zoo:
    root: Path
    platform: Platform


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    root = tmp_path_factory.mktemp("any")
    platform = zoo(root)
    with sandbox_of(root, platform):
        yield Zoo(root, platform)


@pytest.fixture(scope="module")
def lmdr_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("lmdr")
    with sandbox_of(root, PLATFORM):
        yield root


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(SEEDS)
def test_every_row_comes_back_exactly_or_says_why(seed: int) -> None:
    odd = Odd(random.Random(seed))
    for collection in PLATFORM.catalog.collections.values():
        mapping = Mapping(collection)
        columns = {column.name: column.type for column in collection.columns} | {ORIGINAL: "multilineText"}
        item = odd.item(collection, "an-id")
        encoded = mapping.to_airtable(item)
        for refusal in encoded.refusals:
            readable(refusal.field, refusal.message)
            assert not shows(refusal.message, item.get(refusal.field), collection.by_key, refusal.field)
        if not encoded.refusals:
            assert same(mapping.to_wix(encoded.fields), item)
            for name, cell in encoded.fields.items():
                assert takes(columns[name], cell), name


def readable(field: str | None, reason: str) -> None:
    assert 3 < len(reason) < 10_000, (field, len(reason))  # a row without an id has all its reasons in one


def shows(reason: str, value: Any, fields: Any, key: str | None) -> bool:
    """Whether a reason shows a value of a personal field."""
    if key not in fields or not fields[key].personal:
        return False
    return isinstance(value, str) and len(value) > 5 and value in reason


def check(platform: Platform, folder: Folder, phases: list[int]) -> None:
    """Run the phases: all rows are accounted for, all that is there comes back, a second time writes nothing."""
    for number in phases:
        done = run_on(platform, number, source=str(folder.path))
        assert done.green, done.reasons
        for c in platform.catalog.phase(number).collections:
            exported, loaded, _ = done.counts(c.wix)
            items = folder.items(c.wix)
            assert exported == len(items)
            entries: list[Entry] = done.run.quarantine.entries(c.wix)
            for entry in entries:
                readable(entry.field, entry.reason)
            mapping = Mapping(c)
            first: dict[Any, Any] = {}
            for item in items:
                if isinstance(item.get("_id"), str) and item["_id"].strip():
                    first.setdefault(item["_id"], item)
            there = {r["fields"]["Legacy Wix ID"]: r["fields"] for r in done.airtable.records(done.base, c.table)}
            assert len(there) == loaded
            for legacy, cells in there.items():
                assert same(mapping.to_wix(cells), first[legacy]), (c.wix, legacy)
            assert first.keys() - there.keys() <= {entry.id for entry in entries}
    for number in phases:
        assert run_on(platform, number, steps=STEPS[:5], source=str(folder.path)).writes == 0


def test_any_lmdr_site(lmdr_servers: Path) -> None:
    seed = 1 if os.environ.get("CI") else random.randrange(2**32)
    print("seed", seed)
    odd = Odd(random.Random(seed))
    folder = Folder(lmdr_servers / f"lmdr-{seed}")
    for c in PLATFORM.catalog.collections.values():
        folder.write(c.wix, odd.items(c, 14))
    check(PLATFORM, folder, [2, 3, 4, 5, 6])


@settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(SEEDS)
def test_any_zoo(servers: Zoo, seed: int) -> None:
    odd = Odd(random.Random(seed))
    folder = Folder(servers.root / f"zoo-{seed}")
    for c in servers.platform.catalog.collections.values():
        items = odd.items(c, 30)
        ids = [item["_id"] for item in items if isinstance(item.get("_id"), str)]
        for item in items:
            for key in {"mother", "house", "first", "friends"} & c.by_key.keys():
                if odd.chance.random() < 0.6:
                    some = odd.chance.sample(ids, 3)
                    item[key] = some if key == "friends" else some[0]
        folder.write(c.wix, items)
    check(servers.platform, folder, [1])
