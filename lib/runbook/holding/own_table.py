"""The table `Runbook` of a base: one row a fact that must survive this machine.

    facts = read_own_table(airtable, base)      # one request; None where the base has no such table
    facts.flags["carriers"].side                # "wix"
    write_facts(airtable, base, facts, [...])   # upserts by the fact's name

People may edit or delete its rows: whatever is there is read as far as it can be, and nothing is taken for granted.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.catalog import Catalog
from runbook.errors import AirtableError, TargetError
from runbook.json_types import Json
from runbook.schema.apply import apply_schema
from runbook.schema.compare import Wanted
from runbook.schema.plan import plan_tables
from runbook.schema.tables import OWN_TABLE

FACT, VALUE, SINCE, BY, WHY, SEEN = "Fact", "Value", "Since", "By", "Why", "Seen"
COLUMNS = (FACT, VALUE, SINCE, BY, WHY, SEEN)
SOURCE, CATALOG, STATE, EPOCH, RUN, FROZEN = "source", "catalog", "state", "epoch", "newest run", "frozen in Wix"
DEBTS = "not carried back to Wix"
FOLLOWED = "followed until"
_FLAG, _CLAIM = "flag ", "claim "

_WANTED = Wanted(
    "",
    OWN_TABLE,
    "Kept by the migration runbook, for itself: where this base was filled from, which state holds it, and which side "
    "services read. Holds no collection. Do not edit it: `runbook flags` turns flags.",
    tuple({"name": name, "type": "multilineText" if name == VALUE else "singleLineText"} for name in COLUMNS),
)


class BaseFlag(NamedTuple):
    """A flag as the base has it. `side`: whatever stands there; `since`: ISO time in UTC, "" where it is none."""

    side: str
    since: str
    who: str
    why: str


class Claim(NamedTuple):
    """A state that holds a base, or wants to. `made`: when, by Airtable's clock; `seen`: its last sign of life."""

    id: str
    record: str
    state: str
    holder: str
    made: str
    seen: float


@dataclass(frozen=True)
class Facts:
    """What a base says of itself. `rows`: by fact, the cells; `extra`: records that repeat a fact, to be deleted."""

    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    flags: Mapping[str, BaseFlag] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    extra: tuple[str, ...] = ()

    def value(self, fact: str) -> str:
        """The value of a fact; "" where there is none."""
        return self.rows.get(fact, {}).get(VALUE, "")

    @property
    def epoch(self) -> str | None:
        """`number nonce`; None where the base has none, or what is there is none."""
        number, _, nonce = self.value(EPOCH).partition(" ")
        return self.value(EPOCH) if number.isdecimal() and nonce else None

    @property
    def opened_by(self) -> str:
        """The id of the claim under which the base was last opened for writing."""
        return self.value(EPOCH).partition(" ")[2]

    @property
    def is_empty(self) -> bool:
        """Whether the table says nothing; claims alone say nothing of the base."""
        return not self.flags and not any(self.value(fact) for fact in (SOURCE, STATE, EPOCH))

    @property
    def followed(self) -> str | None:
        """The last time at which rows were carried back to Wix continuously; None where no time is there."""
        return _since(self.value(FOLLOWED)) or None

    @property
    def frozen(self) -> dict[str, dict[str, str]]:
        """The permissions of collections from before they were frozen."""
        try:
            found = json.loads(self.value(FROZEN) or "{}")
            return {str(name): {str(k): str(v) for k, v in value.items()} for name, value in found.items()}
        except (ValueError, AttributeError):
            return {}


def read_own_table(airtable: Airtable, base: str) -> Facts | None:
    """What a base says of itself; None where it has no such table. Raises AirtableError, TargetError.

    Airtable answers 403 to a table that is missing and to one that is forbidden: then the schema tells.
    """
    try:
        records = [r for r in airtable.records(base, OWN_TABLE) if FACT in r["fields"]]
    except AirtableError as error:
        if error.status not in (403, 404):
            raise
        if any(table["name"] == OWN_TABLE for table in airtable.tables(base)):
            raise TargetError(
                f"base {base}: its table {OWN_TABLE!r} cannot be read, so it is not known who holds the base and which "
                f"side its flags are on; nothing was done. {error}"
            ) from None
        return None
    return parse(records)


def parse(records: Iterable[dict[str, Json]]) -> Facts:
    """Records of the table as facts. Of several rows for one fact the oldest counts."""
    rows: dict[str, Mapping[str, str]] = {}
    claims: dict[str, Claim] = {}
    extra = []
    for record in sorted(records, key=lambda record: (record["createdTime"], record["id"])):
        cells = {name: _one_line(text) for name, text in record["fields"].items() if isinstance(text, str)}
        fact = cells.get(FACT, "")
        if fact in rows:
            extra.append(record["id"])
            continue
        rows[fact] = cells
        if fact.startswith(_CLAIM):
            claim = fact.removeprefix(_CLAIM)
            seen = _time(cells.get(SEEN, "")) or _time(record["createdTime"]) or 0.0
            holder = cells.get(BY, "") or "an unnamed holder"
            claims[claim] = Claim(claim, record["id"], cells.get(VALUE, ""), holder, record["createdTime"], seen)
    return Facts(rows, _flags(rows), claims, tuple(extra))


def with_rows(facts: Facts | None, rows: Iterable[Mapping[str, str]]) -> Facts:
    """The facts after rows were written."""
    before = facts or Facts()
    after = {**before.rows, **{row[FACT]: {**before.rows.get(row[FACT], {}), **row} for row in rows}}
    return Facts(after, _flags(after), before.claims)


def without_claims(facts: Facts, claims: Collection[str]) -> Facts:
    """The facts after claims were withdrawn."""
    return replace(facts, claims={name: claim for name, claim in facts.claims.items() if name not in claims})


def _flags(rows: Mapping[str, Mapping[str, str]]) -> dict[str, BaseFlag]:
    return {
        fact.removeprefix(_FLAG): BaseFlag(
            cells.get(VALUE, ""), _since(cells.get(SINCE, "")), cells.get(BY, ""), cells.get(WHY, "")
        )
        for fact, cells in rows.items()
        if fact.startswith(_FLAG)
    }


def fact_row(fact: str, value: str, *, since: str = "", by: str = "", why: str = "", seen: str = "") -> dict[str, str]:
    """The cells of a fact."""
    cells = {FACT: fact, VALUE: value, SINCE: since, BY: by, WHY: why, SEEN: seen}
    return {name: _one_line(text) for name, text in cells.items()}


def flag_row(name: str, flag: BaseFlag) -> dict[str, str]:
    """The cells of a flag."""
    return fact_row(_FLAG + name, flag.side, since=flag.since, by=flag.who, why=flag.why)


def claim_row(claim: str, state: str, holder: str, *, since: str, seen: str) -> dict[str, str]:
    """The cells of a claim."""
    return fact_row(_CLAIM + claim, state, since=since, by=holder, seen=seen)


def differing(rows: Iterable[Mapping[str, str]], facts: Facts | None) -> list[dict[str, str]]:
    """Those rows that a base does not have like that; an empty cell is an absent one."""
    known = {} if facts is None else facts.rows
    return [dict(row) for row in rows if any(known.get(row[FACT], {}).get(name, "") != row[name] for name in row)]


def write_facts(airtable: Airtable, base: str, facts: Facts | None, rows: Iterable[Mapping[str, str]]) -> None:
    """Upsert rows by their fact; copies of facts are deleted first, since Airtable refuses to choose one."""
    for start in range(0, len(facts.extra) if facts else 0, PER_WRITE):
        airtable.delete(base, OWN_TABLE, facts.extra[start : start + PER_WRITE] if facts else ())
    # Airtable trims nothing, but an empty text is an empty cell: None says so.
    cells = [{name: text or None for name, text in row.items()} for row in rows]
    for start in range(0, len(cells), PER_WRITE):
        airtable.upsert(base, OWN_TABLE, cells[start : start + PER_WRITE], [FACT])


def make_own_table(airtable: Airtable, base: str, catalog: Catalog) -> None:
    """Make the table, or the columns that it lacks. Raises SchemaDrift, and TargetError where that is not permitted."""
    tables = airtable.tables(base)
    if any(table["name"] == OWN_TABLE and not is_own(table) for table in tables):
        raise TargetError(
            f"base {base} has a table {OWN_TABLE!r} that this project did not make, and needs one of its own by that "
            "name; nothing was written. Rename that table, then run this again"
        )
    try:
        apply_schema(plan_tables(catalog, (_WANTED,), tables), airtable, base)
    except AirtableError as error:
        if error.status != 403:
            raise
        columns = ", ".join(f"{name!r} ({'long' if name == VALUE else 'single line'} text)" for name in COLUMNS)
        raise TargetError(
            f"base {base} must have a table {OWN_TABLE!r}, which says who holds the base and which side services read; "
            f"the token may not make it, and nothing was written. Give the token schema.bases:write and its owner the "
            f"permission Creator, or make the table by hand with the columns {columns}. {error}"
        ) from None


def is_own(table: Mapping[str, Json]) -> bool:
    """Whether a table is this project's, though a person may have changed its description or some of its columns."""
    description = table.get("description") or ""
    return description.startswith("Kept by the migration runbook") or FACT in {f["name"] for f in table["fields"]}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _time(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found.timestamp()


def _since(text: str) -> str:
    return "" if _time(text) is None else text
