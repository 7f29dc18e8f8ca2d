"""Applying a schema plan: exactly its steps, again and again if need be, then everything read back and compared.

What Airtable did of a request whose answer was lost is never assumed: the schema is read again, and what is still
missing is planned anew. That is also how a run that was killed goes on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook.airtable.client import Airtable
from runbook.airtable.responses import MALFORMED, UNKNOWN_OUTCOME
from runbook.display import Shown, Table
from runbook.errors import AirtableError, SchemaDrift
from runbook.json_types import Json
from runbook.schema.plan import SchemaPlan
from runbook.schema.steps import Describe, MakeColumn, MakeLink, MakeTable, Step
from runbook.schema.tables import LINK

_MOST_ROUNDS_FOR_NOTHING = 4
_TAKEN = {"DUPLICATE_TABLE_NAME", "DUPLICATE_OR_EMPTY_FIELD_NAME"}  # so it is there: a lost request, or someone else
REFUSED = {"UNSUPPORTED_FIELD_TYPE_FOR_CREATE", "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"}


@dataclass(frozen=True, repr=False)
class Applied(Shown):
    """What was made, and that all of it is there as planned. `plan`: what is left to plan, which is nothing to make.

    `by_hand`: columns that Airtable refused to make, and how a person makes them. `seconds`: wall clock.
    """

    base: str
    made: tuple[Step, ...]
    by_hand: tuple[str, ...]
    notes: tuple[str, ...]
    tables: int
    columns: int
    links: int
    requests: int
    seconds: float
    plan: SchemaPlan

    def table(self) -> Table:
        """What was made, then what a person is to make."""
        rows: list[tuple[Any, ...]] = [step.row for step in self.made]
        rows += [("make by hand", "", "", words) for words in self.by_hand]
        words = (
            f"Read back: {self.tables} tables, {self.columns} columns and {self.links} links, both faces, are as "
            "planned. "
            f"{self.requests} requests in {self.seconds:,.1f} s."
        )
        title = f"Schema of base {self.base}" + ("" if self.made else ": nothing to make")
        return Table(title, ("done", "table", "column", "as"), rows, (words, *self.notes))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "base": self.base,
            "made": [list(step.row) for step in self.made],
            "by_hand": list(self.by_hand),
            "notes": list(self.notes),
            "verified": {"tables": self.tables, "columns": self.columns, "links": self.links},
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
        }


def apply_schema(
    plan: SchemaPlan, airtable: Airtable, base: str, *, on_progress: Callable[[int, int], None] | None = None
) -> Applied:
    """Make what the plan lists and is not there yet; read it back; compare everything, links in both directions.

    Raises SchemaDrift before the first write where a person must mend something, or where the base has changed since it
    was planned so that something else would be made; after the last where anything is not as planned. Raises
    AirtableError where Airtable refuses; what was made stays, and running it again goes on from there.
    """
    plan.require_sound()
    return _Work(plan, airtable, base, on_progress).run()


class _Work:
    def __init__(
        self, plan: SchemaPlan, airtable: Airtable, base: str, on_progress: Callable[[int, int], None] | None
    ) -> None:
        self.plan = plan
        self.allowed = plan.keys
        self.airtable = airtable
        self.base = base
        self.on_progress = on_progress
        self.refused: dict[tuple[str, str], str] = {}
        self.made: list[Step] = []
        self.requests = 0
        self.ids: dict[str, str] = {}  # table name -> id

    def run(self) -> Applied:
        began = time.monotonic()
        for_nothing, least = 0, None
        while True:
            self.requests += 1
            there = self.airtable.tables(self.base)
            now = self.plan.again(there, self.refused)
            self._check(now)
            if not now.steps:
                return self._applied(now, there, time.monotonic() - began)
            for_nothing = 0 if least is None or len(now.steps) < least else for_nothing + 1
            least = len(now.steps) if least is None else min(least, len(now.steps))
            if for_nothing == _MOST_ROUNDS_FOR_NOTHING:
                raise SchemaDrift(
                    f"base {self.base}: made, but not there when read back, {for_nothing} times over:\n  "
                    + "\n  ".join(" ".join(step.row) for step in now.steps)
                    + "\nWhat else was made stays; run this again, and it goes on from there"
                )
            self.ids = {table["name"]: table["id"] for table in there}
            try:
                for step in now.steps:
                    self._do(step)
                    self.made.append(step)
                    if self.on_progress is not None:
                        self.on_progress(len(self.made), max(len(self.plan.steps), len(self.made)))
            except AirtableError as error:
                if not outcome_unknown(error) and error.kind not in _TAKEN:
                    raise AirtableError(
                        f"{' '.join(step.row)}: {error}. {len(self.made)} of {len(self.plan.steps)} steps stand; "
                        "run this again, and it goes on from there",
                        status=error.status,
                        kind=error.kind,
                    ) from error

    def _check(self, now: SchemaPlan) -> None:
        if self.made and now.drift:
            raise SchemaDrift(
                f"base {self.base}: {len(now.drift)} things are not as planned after all was made; what was made "
                "stays:\n  " + "\n  ".join(drift.words for drift in now.drift)
            )
        now.require_sound()
        unplanned = [step for step in now.steps if step.key not in self.allowed]
        if unplanned:
            raise SchemaDrift(
                f"base {self.base} has changed since it was planned: {len(unplanned)} things would be made that the "
                "plan "
                "does not have. Plan again, look at it, and apply that:\n  "
                + "\n  ".join(" ".join(step.row) for step in unplanned)
            )

    def _do(self, step: Step) -> None:
        match step:
            case MakeTable():
                self._make_table(step)
            case MakeColumn():
                self._make_column(step.table, step.spec)
            case MakeLink():
                self._make_link(step)
            case Describe():
                self._ask(self.airtable.update_table, step.table_id, {"description": step.description})
            case _:
                self._ask(self.airtable.update_field, step.table_id, step.field_id, {"name": step.name})

    def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        self.requests += 1
        return call(self.base, *arguments)

    def _make_table(self, step: MakeTable) -> None:
        """One request for all columns; a column that is refused is left out, and the table asked for again."""
        columns = list(step.columns)
        while True:
            try:
                answer = self._ask(self.airtable.create_table, {**step.spec, "fields": columns})
            except AirtableError as error:
                blamed = _blamed(step.table, columns[1:], str(error)) if error.kind in REFUSED else None
                if blamed is None and (error.kind not in REFUSED or len(columns) == 1):
                    raise
                if blamed is None:  # the answer does not say which: the rest one by one
                    self.ids[step.table] = self._ask(self.airtable.create_table, {**step.spec, "fields": columns[:1]})[
                        "id"
                    ]
                    for column in columns[1:]:
                        self._make_column(step.table, column)
                    return
                self.refused[step.table, blamed["name"]] = str(error)
                columns.remove(blamed)
            else:
                self.ids[step.table] = answer["id"]
                return

    def _make_column(self, table: str, spec: dict[str, Json]) -> None:
        try:
            self._ask(self.airtable.create_field, self.ids[table], spec)
        except AirtableError as error:
            if error.kind not in REFUSED:
                raise
            self.refused[table, str(spec["name"])] = str(error)

    def _make_link(self, step: MakeLink) -> None:
        target = self.ids[step.target]
        answer = self._ask(self.airtable.create_field, self.ids[step.table], step.spec(target))
        other = (answer.get("options") or {}).get("inverseLinkFieldId")
        # Where Airtable names it otherwise than predicted, the reading afterwards shows it, and it is renamed then.
        if other is not None and step.inverse != step.predicted:
            self._ask(self.airtable.update_field, target, other, {"name": step.inverse})

    def _applied(self, now: SchemaPlan, there: list[dict[str, Json]], seconds: float) -> Applied:
        names = {wanted.table for wanted in now.asked.tables}
        tables = [table for table in there if table["name"] in names]
        links = {(c.table, link.name) for c in now.asked.collections for link in c.links}
        return Applied(
            self.base,
            tuple(step for step in self.made if step.key[1:] not in self.refused),
            now.by_hand,
            now.notes,
            len(tables),
            sum(field["type"] != LINK for table in tables for field in table["fields"]),
            sum((table["name"], field["name"]) in links for table in tables for field in table["fields"]),
            self.requests,
            seconds,
            now,
        )


def outcome_unknown(error: AirtableError) -> bool:
    """Whether what Airtable did must be looked up: no answer, half of one, or a server's failure."""
    return error.status is None or error.status >= 500 or error.kind in (UNKNOWN_OUTCOME, MALFORMED)


def _blamed(table: str, columns: list[dict[str, Json]], message: str) -> dict[str, Json] | None:
    """The column that a refusal names: `Invalid options for T.F: …`."""
    named = [c for c in columns if re.search(rf"\b{re.escape(table + '.' + c['name'])}\s*:", message)]
    return max(named, key=lambda column: len(column["name"]), default=None)
