"""Checks what both accounts allow, before anything is written, and the site's size against the limits of the plan.

No API returns the plan of a workspace: it is a parameter. No record is written and no secret shown.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from runbook.airtable.client import Airtable
from runbook.airtable.estimate import requests_at_most
from runbook.display import Shown, Table
from runbook.errors import AirtableError, RunbookError, SettingError
from runbook.settings import PLANS, WARN_SHARE
from runbook.wix.secrets import secret_names

Verdict = Literal["ok", "failed", "not known"]
_NO_COLUMN = "no column has this name"  # Airtable refuses such a record, after it has checked the permissions
_SCHEMA_REQUESTS = 3  # per table
_TOKENS = "airtable.com/create/tokens"
_SCOPES = "data.records:read, data.records:write, schema.bases:read, schema.bases:write"


class WixAccount(Protocol):
    """The part of the Wix client that is needed."""

    def collections(self) -> list[dict[str, Any]]:
        """Every collection of the site."""

    def count(self, collection: str) -> int:
        """Its rows."""


@dataclass(frozen=True)
class Check:
    """One check; `todo`: what to do where it failed."""

    what: str
    verdict: Verdict
    found: str
    todo: str = ""


@dataclass(frozen=True, repr=False)
class Access(Shown):
    """Every check. `rows`, `calls`: what the migration needs; `plan`: the plan they were compared with."""

    checks: tuple[Check, ...]
    plan: str
    rows: int
    calls: int

    @property
    def passed(self) -> bool:
        """Whether no check failed; what cannot be known does not count as failed."""
        return not any(check.verdict == "failed" for check in self.checks)

    @property
    def problems(self) -> tuple[str, ...]:
        """The failed checks, each with what to do."""
        return tuple(
            f"{c.what}: {c.found.rstrip('.')}. {c.todo}".rstrip() for c in self.checks if c.verdict == "failed"
        )

    def table(self) -> Table:
        """One row per check."""
        rows = [(c.what, c.verdict, c.found, c.todo) for c in self.checks]
        return Table("Access and limits", ("what", "verdict", "found", "what to do"), rows)

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {**asdict(self), "passed": self.passed, "checks": [asdict(check) for check in self.checks]}


def check_access(
    airtable: Airtable,
    wix: WixAccount,
    *,
    base_id: str | None,
    workspace_id: str | None,
    plan: str,
    rows: Mapping[str, int],
    collections: Container[str] | None = None,
    secrets: Callable[[Any], tuple[str, ...]] = secret_names,
) -> Access:
    """Check both accounts. `rows`: rows at the source by Wix name; `plan`: free, team, business or enterprise.

    `collections`: the catalog's, of which the site must have at least one; None: not checked. An error response is a
    failed check, never raised. Raises SettingError for a plan that does not exist.
    """
    if plan not in PLANS:
        raise SettingError(f"RUNBOOK_PLAN is {plan!r}; valid are {', '.join(PLANS)}")
    total, calls = sum(rows.values()), sum(requests_at_most(count) + _SCHEMA_REQUESTS for count in rows.values())
    checks = [
        *_airtable(airtable, base_id, workspace_id),
        _records(plan, total),
        _calls(plan, calls),
        *_wix(wix, rows, secrets, collections),
    ]
    return Access(tuple(checks), plan, total, calls)


def _airtable(airtable: Airtable, base_id: str | None, workspace_id: str | None) -> list[Check]:
    try:
        user = airtable.whoami()
    except RunbookError as error:
        todo = f"Make a token with the scopes {_SCOPES} at {_TOKENS}, and set AIRTABLE_API_KEY to it"
        return [Check("Airtable: who the token is", "failed", str(error), todo)]
    scopes = user.get("scopes")
    found = ", ".join(scopes) if scopes else "Airtable returns scopes only for OAuth tokens; the checks below test them"
    checks = [Check("Airtable: who the token is", "ok", f"user {user.get('id')}; {found}")]
    try:
        bases = airtable.bases()
    except RunbookError as error:
        todo = f"Give the token the scope schema.bases:read at {_TOKENS}"
        checks.append(Check("Airtable: list bases", "failed", str(error), todo))
    else:
        checks.append(Check("Airtable: list bases", "ok", f"{len(bases)} bases"))
        if base_id is not None:
            checks.append(_base(bases, base_id))
    if base_id is None:
        return [*checks, _workspace(workspace_id)]
    try:
        tables = airtable.tables(base_id)
    except RunbookError as error:
        todo = f"Give the token the scope schema.bases:read at {_TOKENS}, and access to the base"
        return [*checks, Check("Airtable: read the schema", "failed", str(error), todo)]
    checks.append(Check("Airtable: read the schema", "ok", f"{len(tables)} tables"))
    checks.append(_creates(airtable, base_id, tables))
    return checks


def _base(bases: list[dict[str, Any]], base_id: str) -> Check:
    level = next((b["permissionLevel"] for b in bases if b["id"] == base_id), None)
    if level is None:
        todo = f"Give the token access to it at {_TOKENS} ('Access'), or set AIRTABLE_BASE_ID to another"
        return Check("Airtable: the base", "failed", f"{base_id} is not among the token's bases", todo)
    if level == "create":
        return Check("Airtable: the base", "ok", f"{base_id}, permission 'create'")
    todo = "A creator of the base raises it under 'Share': Creator is needed to make tables"
    return Check("Airtable: the base", "failed", f"{base_id}, permission {level!r}", todo)


def _workspace(workspace_id: str | None) -> Check:
    what = "Airtable: the base"
    if workspace_id is None:
        todo = "Set AIRTABLE_BASE_ID (app…), or AIRTABLE_WORKSPACE_ID (wsp…) to create one"
        return Check(what, "failed", "neither a base nor a workspace for a new one is set", todo)
    return Check(
        what,
        "not known",
        f"there is none yet; it will be created in {workspace_id}, which Airtable does not describe",
        "`run.provision()` shows it",
    )


def _creates(airtable: Airtable, base: str, tables: list[dict[str, Any]]) -> Check:
    """Send a record with an unknown column: refused for lack of permission or, where that suffices, for the column."""
    what = "Airtable: create records"
    if not tables:
        return Check(what, "not known", "the base has no table to ask it of")
    try:
        made = airtable.create(base, tables[0]["id"], [{_NO_COLUMN: "x"}], probe=True)
    except AirtableError as error:
        if error.kind == "UNKNOWN_FIELD_NAME":
            return Check(what, "ok", "Airtable would accept one; none was created")
        todo = f"Give the token the scope data.records:write at {_TOKENS}, and its owner at least Editor in the base"
        return Check(what, "failed", str(error), todo)
    except RunbookError as error:
        return Check(what, "failed", str(error), "")
    ids = ", ".join(record["id"] for record in made)
    return Check(what, "failed", f"Airtable created a record with an unknown column: {ids}", "Delete it manually")


def _records(plan: str, total: int) -> Check:
    limit = PLANS[plan][0]
    what = "Airtable: records in the base"
    share = f"{total / limit:.0%} used"
    if total <= limit:
        alert = " – close to it" if total > WARN_SHARE * limit else ""
        found = f"{total:,} rows on {plan.title()} ({limit:,}): {share}{alert}"
        todo = "Leave logs out, or take a larger plan before it fills" if alert else ""
        return Check(what, "ok", found, todo)
    enough = next((name for name, (records, _) in PLANS.items() if total <= records), None)
    if enough is None:
        found = f"{total:,} rows are more than any plan holds in a base ({max(n for n, _ in PLANS.values()):,})"
        return Check(what, "failed", found, "Leave collections out, or split them over bases")
    held = PLANS[enough][0]
    found = (
        f"{total:,} rows need {enough.title()} ({held:,}): {total / held:.0%} used; "
        f"the plan is {plan.title()} ({limit:,}), {total - limit:,} too few"
    )
    todo = f"Change the workspace to {enough.title()} and set RUNBOOK_PLAN={enough}, or leave collections out"
    return Check(what, "failed", found, todo)


def _calls(plan: str, calls: int) -> Check:
    limit = PLANS[plan][1]
    what = "Airtable: API calls a month"
    if limit is None:
        return Check(what, "ok", f"{calls:,} at most for one run; {plan.title()} has no limit")
    found = f"{calls:,} at most for one run, {plan.title()} has {limit:,}: {calls / limit:.0%}"
    if calls > limit:
        enough = next((name for name, (_, most) in PLANS.items() if most is None or calls <= most), plan)
        return Check(what, "failed", found, f"Change the workspace to {enough.title()}, and set RUNBOOK_PLAN={enough}")
    close = calls > WARN_SHARE * limit
    todo = "What is left of the month may not be enough: see 'Usage' of the workspace" if close else ""
    return Check(what, "ok", found + (" – close to it" if close else ""), todo)


def _wix(
    wix: WixAccount,
    rows: Mapping[str, int],
    secrets: Callable[[Any], tuple[str, ...]],
    known: Container[str] | None,
) -> list[Check]:
    keys = "manage.wix.com, API Keys Manager"
    checks = []
    try:
        collections = wix.collections()
    except RunbookError as error:
        checks.append(Check("Wix: list collections", "failed", str(error), f"Give the key 'Wix Data' rights: {keys}"))
    else:
        checks.append(Check("Wix: list collections", "ok", f"{len(collections)} collections"))
        existing = {str(collection["id"]) for collection in collections}
        if known is not None and not any(name in known for name in existing):
            todo = (
                f"Set WIX_SITE_ID to the site that is migrated, or give the key the right to list collections: {keys}"
            )
            checks.append(Check("Wix: the site", "failed", "it has none of the catalog's collections", todo))
        name = next((name for name in rows if name in existing), None)
        if name is None:
            checks.append(Check("Wix: count rows", "not known", "none of the catalog's collections is on the site"))
        else:
            try:
                checks.append(Check("Wix: count rows", "ok", f"{name}: {wix.count(name):,}"))
            except RunbookError as error:
                todo = f"Give the key 'Manage Data Items': {keys}"
                checks.append(Check("Wix: count rows", "failed", str(error), todo))
    try:
        count = len(secrets(wix))
    except RunbookError as error:
        todo = f"Give the key 'Manage Secrets': {keys}"
        checks.append(Check("Wix: names of secrets", "failed", str(error), todo))
    else:
        checks.append(Check("Wix: names of secrets", "ok", f"{count} secrets; values are never read"))
    return checks
