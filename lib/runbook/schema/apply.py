"""Applying a schema plan: exactly its steps, then the schema is read back and compared.

Where a response was lost, what Airtable did is never assumed: the schema is read again, and what is still missing is
planned again. A run that was killed resumes in the same way.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook.airtable.client import Airtable
from runbook.airtable.responses import MALFORMED, UNKNOWN_OUTCOME
from runbook.display import Shown, Table, plural
from runbook.errors import AirtableError, SchemaDrift
from runbook.json_types import Json
from runbook.schema.plan import SchemaPlan
from runbook.schema.steps import LINK, Describe, MakeColumn, MakeLink, MakeTable, Step

_MAX_ROUNDS_WITHOUT_PROGRESS = 4
_TAKEN = {"DUPLICATE_TABLE_NAME", "DUPLICATE_OR_EMPTY_FIELD_NAME"}  # exists: a lost response, or another process
REFUSED = {"UNSUPPORTED_FIELD_TYPE_FOR_CREATE", "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"}


@dataclass(frozen=True, repr=False)
class Applied(Shown):
    """What was made; the schema read back, `schema`, is as planned. `plan`: the plan for it, without steps.

    `manual_steps`: how a person makes the columns that Airtable refused. `seconds`: wall-clock time.
    """

    base: str
    made: tuple[Step, ...]
    manual_steps: tuple[str, ...]
    notes: tuple[str, ...]
    tables: int
    columns: int
    links: int
    requests: int
    seconds: float
    plan: SchemaPlan
    schema: tuple[dict[str, Json], ...]

    def table(self) -> Table:
        """What was made, then what a person has to make."""
        rows: list[tuple[Any, ...]] = [step.row for step in self.made]
        rows += [("make manually", "", "", step) for step in self.manual_steps]
        summary = (
            f"Read back as planned: {plural(self.tables, 'table')}, {plural(self.columns, 'column')} and "
            f"{plural(self.links, 'link')} with their inverses. "
            f"{plural(self.requests, 'request')} in {self.seconds:,.1f} s."
        )
        title = f"Schema of base {self.base}" + ("" if self.made else ": nothing to make")
        return Table(title, ("done", "table", "column", "as"), rows, (summary, *self.notes))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "base": self.base,
            "made": [list(step.row) for step in self.made],
            "manual_steps": list(self.manual_steps),
            "notes": list(self.notes),
            "verified": {"tables": self.tables, "columns": self.columns, "links": self.links},
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
        }


def apply_schema(
    plan: SchemaPlan, airtable: Airtable, base: str, *, on_progress: Callable[[int, int], None] | None = None
) -> Applied:
    """Make what the plan lists and does not exist yet; read it back; compare it, links in both directions.

    Raises SchemaDrift before the first write where a person must fix something, or where the base has changed since it
    was planned so that other steps would be needed; after the last where anything is not as planned. Raises
    AirtableError where Airtable refuses; what was made stays, and running it again continues from there.
    """
    plan.require_no_drift()
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
        without_progress, fewest = 0, None
        while True:
            self.requests += 1
            tables = self.airtable.tables(self.base)
            plan = self.plan.replan(tables, self.refused)
            self._check(plan)
            if not plan.steps:
                return self._applied(plan, tables, time.monotonic() - began)
            without_progress = 0 if fewest is None or len(plan.steps) < fewest else without_progress + 1
            fewest = len(plan.steps) if fewest is None else min(fewest, len(plan.steps))
            if without_progress == _MAX_ROUNDS_WITHOUT_PROGRESS:
                raise SchemaDrift(
                    f"base {self.base}: made, but missing when read back, {without_progress} times in a row:\n  "
                    + "\n  ".join(" ".join(step.row) for step in plan.steps)
                    + "\nWhat else was made stays; run this again, and it continues from there"
                )
            self.ids = {table["name"]: table["id"] for table in tables}
            try:
                for step in plan.steps:
                    self._do(step)
                    self.made.append(step)
                    if self.on_progress is not None:
                        self.on_progress(len(self.made), max(len(self.plan.steps), len(self.made)))
            except AirtableError as error:
                if not outcome_unknown(error) and error.kind not in _TAKEN:
                    raise AirtableError(
                        f"{' '.join(step.row)}: {error}. {len(self.made)} of {len(self.plan.steps)} steps are done; "
                        "run this again, and it continues from there",
                        status=error.status,
                        kind=error.kind,
                    ) from error

    def _check(self, plan: SchemaPlan) -> None:
        if self.made and plan.drift:
            raise SchemaDrift(
                f"base {self.base}: {plural(len(plan.drift), 'difference')}, not as planned; what was made stays:\n  "
                + "\n  ".join(drift.message for drift in plan.drift)
            )
        plan.require_no_drift()
        unplanned = [step for step in plan.steps if step.key not in self.allowed]
        if unplanned:
            raise SchemaDrift(
                f"base {self.base} has changed since it was planned: {plural(len(unplanned), 'step')} would be needed "
                "that the plan does not have. Plan again, review it, and apply that:\n  "
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
                self._send(self.airtable.update_table, step.table_id, {"description": step.description})
            case _:
                self._send(self.airtable.update_field, step.table_id, step.field_id, {"name": step.name})

    def _send(self, call: Callable[..., Any], *arguments: Any) -> Any:
        self.requests += 1
        return call(self.base, *arguments)

    def _make_table(self, step: MakeTable) -> None:
        """One request for all columns; a column that is refused is left out, and the request sent again."""
        columns = list(step.columns)
        while True:
            try:
                table = self._send(self.airtable.create_table, {**step.spec, "fields": columns})
            except AirtableError as error:
                blamed = _blamed(step.table, columns[1:], str(error)) if error.kind in REFUSED else None
                if blamed is None and (error.kind not in REFUSED or len(columns) == 1):
                    raise
                if blamed is None:  # the response does not say which: the others one by one
                    table = self._send(self.airtable.create_table, {**step.spec, "fields": columns[:1]})
                    self.ids[step.table] = table["id"]
                    for column in columns[1:]:
                        self._make_column(step.table, column)
                    return
                self.refused[step.table, blamed["name"]] = str(error)
                columns.remove(blamed)
            else:
                self.ids[step.table] = table["id"]
                return

    def _make_column(self, table: str, spec: dict[str, Json]) -> None:
        try:
            self._send(self.airtable.create_field, self.ids[table], spec)
        except AirtableError as error:
            if error.kind not in REFUSED:
                raise
            self.refused[table, str(spec["name"])] = str(error)

    def _make_link(self, step: MakeLink) -> None:
        target = self.ids[step.target]
        column = self._send(self.airtable.create_field, self.ids[step.table], step.spec(target))
        inverse = (column.get("options") or {}).get("inverseLinkFieldId")
        # Where Airtable names it differently from the prediction, the plan of the next round renames it.
        if inverse is not None and step.inverse != step.predicted:
            self._send(self.airtable.update_field, target, inverse, {"name": step.inverse})

    def _applied(self, plan: SchemaPlan, every: list[dict[str, Json]], seconds: float) -> Applied:
        names = {wanted.table for wanted in plan.scope.tables}
        tables = [table for table in every if table["name"] in names]
        links = {(c.table, link.name) for c in plan.scope.collections for link in c.links}
        return Applied(
            self.base,
            tuple(step for step in self.made if step.key[1:] not in self.refused),
            plan.manual_steps,
            plan.notes,
            len(tables),
            sum(field["type"] != LINK for table in tables for field in table["fields"]),
            sum((table["name"], field["name"]) in links for table in tables for field in table["fields"]),
            self.requests,
            seconds,
            plan,
            tuple(every),
        )


def outcome_unknown(error: AirtableError) -> bool:
    """Whether what Airtable did must be looked up: no response, a truncated one, or a server error."""
    return error.status is None or error.status >= 500 or error.kind in (UNKNOWN_OUTCOME, MALFORMED)


def _blamed(table: str, columns: list[dict[str, Json]], message: str) -> dict[str, Json] | None:
    """The column that an error message names: `Invalid options for T.F: …`."""
    named = [c for c in columns if re.search(rf"\b{re.escape(table + '.' + c['name'])}\s*:", message)]
    return max(named, key=lambda column: len(column["name"]), default=None)
