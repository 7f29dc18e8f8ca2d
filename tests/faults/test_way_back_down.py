"""Either side down, slow, refusing or half readable during a rollback: flags turn, what is not known is said, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet, copy_of
from runbook.airtable.client import Airtable
from runbook.errors import CheckFailed
from runbook.wix.client import WixClient
from yard import COLLECTIONS, back_of, settled
from yard_book import Book

pytestmark = pytest.mark.slow

Rule = dict[str, Any]
FOREVER = None
READS = {"service": "airtable", "method": "GET"}
WRITES_TO_WIX = {"service": "wix", "path": "*/bulk/items/*"}


def status(code: int, body: Any = None, **match: str) -> Rule:
    headers = {"Retry-After": "0"} if code in (429, 503) else {}
    rule: Rule = {"match": match, "kind": "status", "status": code, "headers": headers, "times": FOREVER}
    return rule | ({} if body is None else {"body": body})


MONTH = {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "billing limit"}]}

FAULTS: dict[str, Rule] = {
    "Airtable is down": {"match": {"service": "airtable"}, "kind": "drop_before", "times": FOREVER},
    "Airtable answers 503": status(503, service="airtable"),
    "Airtable answers 429": status(429, service="airtable"),
    "the month's calls are used up": status(429, MONTH, service="airtable"),
    "the token lost its permission": status(403, {"error": {"type": "NOT_AUTHORIZED"}}, service="airtable"),
    "the table of trucks cannot be read": status(503, service="airtable", method="GET", path="/v0/app*/tbl*"),
    "half of each page of records arrives": {"match": {**READS, "path": "/v0/app*/tbl*"}, "kind": "truncate", "times": FOREVER},
    "the second page of records breaks": {"match": {**READS, "path": "/v0/app*/tbl*", "nth": 2}, "kind": "drop_before", "times": FOREVER},
    "Wix is down": {"match": {"service": "wix"}, "kind": "drop_before", "times": FOREVER},
    "Wix answers 503": status(503, service="wix"),
    "Wix refuses reads": status(403, service="wix", path="*/items/query"),
    "Wix refuses writes": status(403, **WRITES_TO_WIX),
    "Wix answers writes with 429": status(429, **WRITES_TO_WIX),
    "answers to writes are lost": {"match": WRITES_TO_WIX, "kind": "drop_after_commit", "times": FOREVER},
    "half of each answer to a write arrives": {"match": WRITES_TO_WIX, "kind": "truncate", "times": FOREVER},
    "references cannot be set": status(503, service="wix", path="*/replace-references"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients wait for seconds between attempts; here for none."""
    monkeypatch.setitem(WixClient.__init__.__kwdefaults__, "trouble_waits", (0.0, 0.0))
    monkeypatch.setitem(WixClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)
    monkeypatch.setitem(Airtable.__init__.__kwdefaults__, "backoff", 0.001)


def flags(fleet: Fleet) -> set[str]:
    return set(fleet.connect().state.flags.all().values())


def cells(fleet: Fleet, owed: set[str]) -> dict[str, Any]:
    airtable, base = fleet.connect().airtable, fleet.base()
    return {name: {r["id"]: r["fields"] for r in airtable.records(base, name)} for name in COLLECTIONS if name in owed}


def refused_forth(fleet: Fleet) -> str:
    """What the way forth says; of collections that are owed to Wix it must write nothing in Airtable."""
    connections = fleet.connect()
    owed = {c.wix for flag in connections.state.debts.all() for c in connections.catalog.of_flag(flag)}
    assert owed
    before = cells(fleet, owed)
    with pytest.raises(CheckFailed) as error:
        fleet.migrate(2)
    assert cells(fleet, owed) == before
    return str(error.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_flags_turn_and_what_is_stranded_is_known_until_it_is_carried(
    written_yard: tuple[Path, Book], tmp_path: Path, fault: str
) -> None:
    saved, book = written_yard
    with copy_of(saved, tmp_path) as fleet:
        root, here = str(fleet.platform.root), book.of(fleet)
        fleet.box.faults(FAULTS[fault])
        for attempt in ("first", "the same command again"):
            said = back_of(root)
            assert flags(fleet) == {"wix"}, f"{attempt}: {said}"
            assert said is not None
            assert not settled(said), f"{attempt}: says that nothing is left"
        fleet.box.faults(clear=True)
        assert here.wrong(carried=False) == {}
        said = refused_forth(fleet)
        assert "--reverse-sync" in said
        said = back_of(root)
        assert (settled(said), here.wrong()) == (True, {}), said
