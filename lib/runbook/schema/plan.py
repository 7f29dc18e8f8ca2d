"""The plan of a schema: everything that will be made, everything that cannot be, before anything is written.

plan = plan_schema(catalog, catalog.phase(3).collections, airtable.tables(base))
plan.requests        # what applying it will send, reads included
plan.drift           # what a person must mend first
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook.catalog import Catalog, Collection
from runbook.display import Shown, Table
from runbook.errors import SchemaDrift
from runbook.json_types import Json
from runbook.schema import manual_steps as by_hand
from runbook.schema.compare import Wanted, compare_table, wanted_of
from runbook.schema.links import plan_links
from runbook.schema.steps import Drift, Findings, Key, MakeTable, Step
from runbook.schema.tables import COUNTS_TABLE, LINK, marked

MOST_TABLES = 1_000  # a base; support.airtable.com, "Airtable plans"
MOST_FIELDS = 500  # a table, links and their other faces included
MOST_DESCRIPTION = 20_000  # characters


@dataclass(frozen=True)
class _Asked:
    """What a plan was made for, so that it can be made again of what is there later."""

    catalog: Catalog
    collections: tuple[Collection, ...]
    with_targets: bool
    tables: tuple[Wanted, ...]


@dataclass(frozen=True, repr=False)
class SchemaPlan(Shown):
    """What applying will do (`steps`, in order), and what it will not.

    `drift`: not as the catalog says, and for a person to mend; nothing is written while there is any.
    `by_hand`: columns that Airtable refused to make; the rest goes on without them.
    `notes`: what is there but not in the catalog (left alone), choices that loading will add, links that wait.
    """

    asked: _Asked
    steps: tuple[Step, ...]
    drift: tuple[Drift, ...]
    by_hand: tuple[str, ...]
    notes: tuple[str, ...]
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Requests that applying sends: the steps, and a read before and (where anything is made) after them."""
        return sum(step.requests for step in self.steps) + (2 if self.steps else 1)

    @property
    def keys(self) -> set[Key]:
        """What applying may do; renaming the other face belongs to a link, also to one found half-made."""
        links = {("rename", c.table, link.name) for c in self.asked.collections for link in c.links}
        return {step.key for step in self.steps} | links

    def again(self, tables_json: Iterable[dict[str, Json]], refused: Mapping[tuple[str, str], str]) -> SchemaPlan:
        """The same plan for what is there now."""
        return _plan(self.asked, tables_json, refused)

    def require_sound(self) -> None:
        """Raises SchemaDrift listing everything that a person must mend first."""
        if self.drift:
            raise SchemaDrift(
                f"{len(self.drift)} things are not as the catalog says, and Airtable's API cannot mend them; "
                "nothing was "
                "written. Mend them, then run this again:\n  " + "\n  ".join(drift.words for drift in self.drift)
            )

    def table(self) -> Table:
        """What is to be mended, then what will be made, step by step."""
        rows: list[tuple[Any, ...]] = [
            ("MEND BY HAND", d.table, d.column, f"{d.found}; wanted: {d.wanted}. {d.mend}", None) for d in self.drift
        ]
        rows += [("make by hand", "", "", words, None) for words in self.by_hand]
        rows += [(*step.row, step.requests) for step in self.steps]
        made = [s for s in self.steps if isinstance(s, MakeTable)]
        kinds = [key[0] for key in (s.key for s in self.steps)]
        summary = (
            f"{len(made)} tables with {sum(len(t.columns) for t in made)} columns, {kinds.count('column')} columns "
            "of tables "
            f"that are there, {kinds.count('link')} links; {self.requests} requests."
            if self.steps
            else "Nothing to make."
        )
        if self.drift:
            summary += f" {len(self.drift)} things to mend by hand first: nothing is written before."
        elif self.steps:
            summary += " A column that Airtable refuses to make is reported, to be made by hand; the rest goes on."
        title = f"Schema of {len(self.asked.tables)} tables"
        return Table(title, ("do", "table", "column", "as", "requests"), rows, (summary, *self.notes))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "collections": [wanted.collection for wanted in self.asked.tables],
            "requests": self.requests,
            "steps": [list(step.row) for step in self.steps],
            "drift": [drift.words for drift in self.drift],
            "by_hand": list(self.by_hand),
            "notes": list(self.notes),
        }


def plan_schema(
    catalog: Catalog,
    collections: Iterable[Collection | str],
    tables_json: Iterable[dict[str, Json]],
    *,
    with_targets: bool = True,
) -> SchemaPlan:
    """What is to be made so that these collections can be loaded. Asks nothing, writes nothing.

    `tables_json`: the base's tables as `Airtable.tables(base)` gives them, [] for a base that is not there yet.
    `with_targets`: also the tables, without their own links, that links of these collections lead to.
    """
    chosen = tuple(c if isinstance(c, Collection) else catalog.collection(c) for c in collections)
    wanted = {c.wix: c for c in chosen}
    if with_targets:
        for c in chosen:
            for link in c.links:
                wanted.setdefault(link.to, catalog.collection(link.to))
    return _plan(_Asked(catalog, chosen, with_targets, tuple(wanted_of(c) for c in wanted.values())), tables_json, {})


def plan_tables(catalog: Catalog, tables: Sequence[Wanted], tables_json: Iterable[dict[str, Json]]) -> SchemaPlan:
    """The same for tables that hold no collection."""
    return _plan(_Asked(catalog, (), False, tuple(tables)), tables_json, {})


def _plan(asked: _Asked, tables_json: Iterable[dict[str, Json]], refused: Mapping[tuple[str, str], str]) -> SchemaPlan:
    every = list(tables_json)
    found = Findings()
    there: dict[str, dict[str, Json]] = {}
    for wanted in asked.tables:
        table = compare_table(wanted, every, refused, found)
        if table is not None:
            there[wanted.table] = table
    lost = {d.table for d in found.drift if not d.column}
    for c in asked.catalog.collections.values():  # targets that were not asked for may be there all the same
        exact = next((t for t in every if t["name"] == c.table), None)
        if exact is not None and c.table not in lost:
            there.setdefault(c.table, exact)
    planned: dict[str, list[str]] = {t.table: [s["name"] for s in t.columns] for t in found.tables}
    for column in found.columns:
        planned.setdefault(column.table, []).append(str(column.spec["name"]))
    names = plan_links(asked.catalog, asked.collections, there, planned, found)
    found.drift += _limits(asked, len(every), found, names)
    _note_strangers(asked, every, there, found)
    return SchemaPlan(asked, found.steps, tuple(found.drift), tuple(found.by_hand), tuple(found.notes), dict(refused))


def _limits(asked: _Asked, there: int, found: Findings, names: Mapping[str, set[str]]) -> list[Drift]:
    """What Airtable would refuse for its size or its name, found before anything is written."""
    drift = []
    if there + len(found.tables) > MOST_TABLES:
        drift.append(
            Drift(
                "(base)",
                "",
                f"{there} tables are there and {len(found.tables)} are to be made",
                f"a base holds {MOST_TABLES:,}",
                "Use a base of its own",
            )
        )
    for table, own in names.items():
        if len(own) > MOST_FIELDS:
            drift.append(
                Drift(
                    table,
                    "",
                    f"it would have {len(own)} columns, links and their other faces included",
                    f"a table holds {MOST_FIELDS}",
                    f"Delete columns of '{table}' that are not needed, or take links to it out of the catalog",
                )
            )
    described = [(w.table, "", w.description) for w in asked.tables]
    described += [(w.table, s["name"], s.get("description", "")) for w in asked.tables for s in w.columns]
    described += [(link.table, link.name, link.description) for link in found.links]
    drift += [
        Drift(
            table,
            column,
            f"its description would have {len(text):,} characters",
            f"a description holds {MOST_DESCRIPTION:,}",
            "Shorten its note in the catalog",
        )
        for table, column, text in described
        if len(text) > MOST_DESCRIPTION
    ]
    return drift


def _note_strangers(
    asked: _Asked, every: Sequence[dict[str, Json]], there: Mapping[str, dict[str, Json]], found: Findings
) -> None:
    """Tables and columns that are there and not in the catalog: left alone, and said."""
    tables = {c.table for c in asked.catalog.collections.values()} | {w.table for w in asked.tables} | {COUNTS_TABLE}
    unknown = [t["name"] for t in every if t["name"] not in tables and marked(t) is None]
    if unknown:
        found.notes.append(f"Tables that the catalog does not know, left alone: {by_hand.quoted(unknown)}.")
    inverse = _faces_of_links(asked.catalog, there)
    links = {c.table: {link.name for link in c.links} for c in asked.catalog.collections.values()}
    for wanted in asked.tables:
        if wanted.table in there:
            own = {spec["name"] for spec in wanted.columns} | links.get(wanted.table, set())
            strange = [
                f["name"] for f in there[wanted.table]["fields"] if f["name"] not in own and f["id"] not in inverse
            ]
            if strange:
                found.notes.append(
                    f"{wanted.table} has columns that the catalog does not know, left alone: {by_hand.quoted(strange)}."
                )


def _faces_of_links(catalog: Catalog, there: Mapping[str, dict[str, Json]]) -> set[str]:
    """The ids of columns that are the other face of a link of the catalog."""
    ids: set[str] = set()
    for c in catalog.collections.values():
        names = {link.name for link in c.links}
        for column in there.get(c.table, {"fields": []})["fields"]:
            if column["type"] == LINK and column["name"] in names:
                ids.add((column.get("options") or {}).get("inverseLinkFieldId") or "")
    return ids
