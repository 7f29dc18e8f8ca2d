"""The plan of a schema: all that will be made, and all that cannot be, before anything is written.

plan = plan_schema(catalog, catalog.phase(3).collections, airtable.tables(base))
plan.requests        # what applying it will send, reads included
plan.drift           # what a person must fix first
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook.catalog import Catalog, Collection
from runbook.display import Shown, Table, plural
from runbook.errors import SchemaDrift
from runbook.json_types import Json
from runbook.schema.compare import Wanted, compare_table, wanted_of
from runbook.schema.identity import moved_of
from runbook.schema.links import plan_links
from runbook.schema.manual_steps import quoted
from runbook.schema.steps import LINK, Drift, Findings, Key, MakeTable, Step
from runbook.schema.tables import COUNTS_TABLE, OWN_TABLE, marked
from runbook.state import KnownTable

MAX_TABLES = 1_000  # per base; support.airtable.com, "Airtable plans"
MAX_FIELDS = 500  # per table, links and their inverses included
MAX_DESCRIPTION = 20_000  # characters


@dataclass(frozen=True)
class _Scope:
    """What a plan is for, so that it can be made again for the base as it is later."""

    catalog: Catalog
    collections: tuple[Collection, ...]
    with_targets: bool
    tables: tuple[Wanted, ...]
    known: Mapping[str, KnownTable] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class SchemaPlan(Shown):
    """What applying will do (`steps`, in order), and what it will not.

    `drift`: differences from the catalog that a person must fix; nothing is written while there is any.
    `manual_steps`: how to make columns that Airtable refused; everything else is made without them.
    `notes`: what is not in the catalog (left unchanged), choices that loading will add, links that wait.
    """

    scope: _Scope
    steps: tuple[Step, ...]
    drift: tuple[Drift, ...]
    manual_steps: tuple[str, ...]
    notes: tuple[str, ...]
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Requests that applying sends: the steps, a read before and (where anything is made) one after them."""
        return sum(step.requests for step in self.steps) + (2 if self.steps else 1)

    @property
    def keys(self) -> set[Key]:
        """What applying may do; renaming the inverse is part of making a link, also of one found half-made."""
        links = {("rename", c.table, link.name) for c in self.scope.collections for link in c.links}
        return {step.key for step in self.steps} | links

    def replan(self, tables_json: Iterable[dict[str, Json]], refused: Mapping[tuple[str, str], str]) -> SchemaPlan:
        """The same plan for the base as it is now."""
        return _plan(self.scope, tables_json, refused)

    def require_no_drift(self) -> None:
        """Raises SchemaDrift that lists what a person must fix first."""
        if self.drift:
            raise SchemaDrift(
                f"{plural(len(self.drift), 'difference')} from the catalog that Airtable's API cannot fix; nothing was "
                "written. Fix them, then run this again:\n  " + "\n  ".join(drift.message for drift in self.drift)
            )

    def table(self) -> Table:
        """What is to be fixed, then what will be made, step by step."""
        rows: list[tuple[Any, ...]] = [
            ("FIX MANUALLY", d.table, d.column, f"{d.actual}; expected: {d.expected}. {d.fix}", None)
            for d in self.drift
        ]
        rows += [("make manually", "", "", step, None) for step in self.manual_steps]
        rows += [(*step.row, step.requests) for step in self.steps]
        made = [s for s in self.steps if isinstance(s, MakeTable)]
        kinds = [step.key[0] for step in self.steps]
        summary = (
            f"{plural(len(made), 'table')} with {plural(sum(len(t.columns) for t in made), 'column')}, "
            f"{plural(kinds.count('column'), 'column')} of existing tables, {plural(kinds.count('link'), 'link')}; "
            f"{plural(self.requests, 'request')}."
            if self.steps
            else "Nothing to make."
        )
        if self.drift:
            summary += f" {plural(len(self.drift), 'difference')} to fix manually first: nothing is written before."
        elif self.steps:
            summary += " A column that Airtable refuses is reported with manual steps; everything else is made."
        title = f"Schema of {plural(len(self.scope.tables), 'table')}"
        return Table(title, ("do", "table", "column", "as", "requests"), rows, (summary, *self.notes))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "collections": [wanted.collection for wanted in self.scope.tables],
            "requests": self.requests,
            "steps": [list(step.row) for step in self.steps],
            "drift": [drift.message for drift in self.drift],
            "manual_steps": list(self.manual_steps),
            "notes": list(self.notes),
        }


def plan_schema(
    catalog: Catalog,
    collections: Iterable[Collection | str],
    tables_json: Iterable[dict[str, Json]],
    *,
    with_targets: bool = True,
    known: Mapping[str, KnownTable] | None = None,
) -> SchemaPlan:
    """What is to be made so that these collections can be loaded. Sends no request.

    `tables_json`: the base's tables as `Airtable.tables(base)` returns them, [] for a base that does not exist yet.
    `with_targets`: also the tables that links of these collections point to, without their own links. `known`: the
    tables that were filled, by collection: what was renamed or deleted in them by hand is drift, never made again.
    """
    chosen = tuple(c if isinstance(c, Collection) else catalog.collection(c) for c in collections)
    wanted = {c.wix: c for c in chosen}
    if with_targets:
        for c in chosen:
            for link in c.links:
                wanted.setdefault(link.to, catalog.collection(link.to))
    tables = tuple(wanted_of(c) for c in wanted.values())
    return _plan(_Scope(catalog, chosen, with_targets, tables, known or {}), tables_json, {})


def plan_tables(catalog: Catalog, tables: Sequence[Wanted], tables_json: Iterable[dict[str, Json]]) -> SchemaPlan:
    """The same for tables without a collection."""
    return _plan(_Scope(catalog, (), False, tuple(tables)), tables_json, {})


def _plan(scope: _Scope, tables_json: Iterable[dict[str, Json]], refused: Mapping[tuple[str, str], str]) -> SchemaPlan:
    every = list(tables_json)
    found = Findings()
    existing: dict[str, dict[str, Json]] = {}
    for wanted in scope.tables:
        known = scope.known.get(wanted.collection)
        moved = moved_of(scope.catalog.collection(wanted.collection), every, known) if known is not None else []
        found.drift += moved
        found.moved |= {(wanted.table, drift.column) for drift in moved}
        if any(not drift.column for drift in moved):
            continue
        table = compare_table(wanted, every, refused, found)
        if table is not None:
            existing[wanted.table] = table
    ambiguous = {d.table for d in found.drift if not d.column}
    for c in scope.catalog.collections.values():  # targets outside of the scope may exist too
        exact = next((t for t in every if t["name"] == c.table), None)
        if exact is not None and c.table not in ambiguous:
            existing.setdefault(c.table, exact)
    planned: dict[str, list[str]] = {t.table: [s["name"] for s in t.columns] for t in found.tables}
    for column in found.columns:
        planned.setdefault(column.table, []).append(str(column.spec["name"]))
    names = plan_links(scope.catalog, scope.collections, existing, planned, found)
    _check_limits(scope, len(every), found, names)
    _note_unknown(scope, every, existing, found)
    return SchemaPlan(
        scope, found.steps, tuple(found.drift), tuple(found.manual_steps), tuple(found.notes), dict(refused)
    )


def _check_limits(scope: _Scope, existing: int, found: Findings, names: Mapping[str, set[str]]) -> None:
    """Add to `found` what Airtable would refuse for its size."""
    if existing + len(found.tables) > MAX_TABLES:
        actual = f"{existing} tables exist and {len(found.tables)} are to be made"
        found.differs("(base)", "", actual, f"a base holds {MAX_TABLES:,}", "Use another base")
    for table, columns in names.items():
        if len(columns) > MAX_FIELDS:
            found.differs(
                table,
                "",
                f"it would have {len(columns)} columns, links and their inverses included",
                f"a table holds {MAX_FIELDS}",
                f"Delete columns of '{table}' that are not needed, or remove links to it from the catalog",
            )
    described = [(w.table, "", w.description) for w in scope.tables]
    described += [(w.table, s["name"], s.get("description", "")) for w in scope.tables for s in w.columns]
    described += [(link.table, link.name, link.description) for link in found.links]
    for table, column, text in described:
        if len(text) > MAX_DESCRIPTION:
            actual, expected = f"its description would have {len(text):,} characters", f"at most {MAX_DESCRIPTION:,}"
            found.differs(table, column, actual, expected, "Shorten its note in the catalog")


def _note_unknown(
    scope: _Scope, every: Sequence[dict[str, Json]], existing: Mapping[str, dict[str, Json]], found: Findings
) -> None:
    """Note existing tables and columns that are not in the catalog: they are left unchanged."""
    known = {c.table for c in scope.catalog.collections.values()} | {w.table for w in scope.tables}
    known |= {COUNTS_TABLE, OWN_TABLE}
    unknown = [t["name"] for t in every if t["name"] not in known and marked(t) is None]
    if unknown:
        found.notes.append(f"Tables that are not in the catalog, left unchanged: {quoted(unknown)}.")
    ours = _inverse_ids(scope.catalog, existing)
    links = {c.table: {link.name for link in c.links} for c in scope.catalog.collections.values()}
    ours |= {id_ for known in scope.known.values() for id_ in known.columns.values()}
    for wanted in scope.tables:
        columns = {spec["name"] for spec in wanted.columns} | links.get(wanted.table, set())
        fields = existing.get(wanted.table, {"fields": []})["fields"]
        unknown = [f["name"] for f in fields if f["name"] not in columns and f["id"] not in ours]
        if unknown:
            found.notes.append(
                f"{wanted.table} has columns that are not in the catalog, left unchanged: {quoted(unknown)}."
            )


def _inverse_ids(catalog: Catalog, existing: Mapping[str, dict[str, Json]]) -> set[str]:
    """The ids of the inverse link fields of the catalog's links."""
    return {
        (column.get("options") or {}).get("inverseLinkFieldId") or ""
        for c in catalog.collections.values()
        for column in existing.get(c.table, {"fields": []})["fields"]
        if column["type"] == LINK and column["name"] in {link.name for link in c.links}
    }
