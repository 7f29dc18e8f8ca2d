"""What phase 1 does besides creating the base: access, links, tab groups, secrets, the rate limit under load."""

from __future__ import annotations

from runbook.checks import access as accounts
from runbook.checks.access import Access
from runbook.checks.rate_limit import RateLimitCheck, check_rate_limit
from runbook.display import Table
from runbook.errors import WixError
from runbook.run.context import RunContext
from runbook.wix.secrets import put_secret, secret_names

ACCESS_CHECK = "both accounts can carry the migration"
KEY_SECRET, BASE_SECRET = "AIRTABLE_API_KEY", "AIRTABLE_BASE_ID"


def check_access(run: RunContext) -> Access:
    """Check the credentials and permissions of both accounts, and compare the whole site with the plan's limits.

    Every problem is found, not the first. Where there is one, no later step of this run does anything.
    """
    run.folder.require_unsealed()
    run.results.refused = ""
    settings = run.connections.settings
    try:
        available = run.source_collections()
    except WixError:
        available = {}  # the check of the Wix account says why
    rows = {name: found.count for name, found in available.items() if name in run.catalog.collections}
    found = accounts.check_access(
        run.connections.airtable,
        run.connections.wix,
        base_id=run.connections.base(run.source.label),
        workspace_id=settings.workspace_id,
        plan=settings.plan,
        rows={name: count for name, count in rows.items() if count is not None},
        collections=run.catalog.collections,
    )
    run.results.checks[ACCESS_CHECK] = found.passed
    if found.problems:
        run.results.refused = "the access check is red, so nothing was created or written:\n  " + "\n  ".join(
            [*found.problems, f"put this right, then run phase {run.phase.number} again"]
        )
    run.evidence("access", found.facts())
    return found


def require_access(run: RunContext) -> None:
    """Raises AccessRefused where the site is another one or, in phase 1, an account lacks something."""
    if run.phase.number == 1 and ACCESS_CHECK not in run.results.checks:
        check_access(run)
    run.require_open()
    run.check_source()


def check_schema_links(run: RunContext) -> Table:
    """Check every link column of the phase's tables: it links to the right table, and its inverse links back."""
    if run.dry_run:
        return run.skip("schema_links", "no link was created")
    tables, rows, sound = run.tables(), [], True
    for c in run.catalog.collections.values():
        if c not in run.provisioned:
            continue
        for name, column in tables.links(c).items():
            target = run.catalog.collection(column.to).table
            self_link = column.to == c.wix
            ok = column.ok and (self_link or column.inverse_ok)
            sound = sound and ok
            rows.append(
                (
                    c.table,
                    name,
                    target,
                    column.inverse_name or "none (links to its own table)",
                    "passed" if ok else "failed",
                )
            )
    run.results.checks["every link points both ways"] = sound
    run.evidence("schema_links", {"links": [list(row) for row in rows]})
    return Table(
        "Links, in both directions",
        ("table", "column", "links to", "inverse link field", "verdict"),
        rows,
        () if rows else ("The tables of this phase have no links.",),
    )


def tab_groups(run: RunContext) -> Table:
    """Which table belongs to which tab group. Airtable has no API for tab groups: a person arranges them."""
    groups = run.catalog.tab_groups
    rows = [
        (group, ", ".join(c.table for c in run.catalog.collections.values() if c.tab_group == group))
        for group in groups
    ]
    return Table(
        "Tab groups, to be arranged manually",
        ("group", "tables"),
        rows,
        ("In Airtable, drag the tabs, or use the menu of a tab. The description of each table names its group.",),
    )


def store_secrets(run: RunContext) -> Table:
    """Put the API key and the base id into the site's Secrets Manager, where its code reads them. Shows names only."""
    if run.dry_run:
        return run.skip("secrets", "no secret was written")
    require_access(run)
    settings, wix = run.connections.settings, run.connections.wix
    values = {KEY_SECRET: settings.airtable_key, BASE_SECRET: run.base()}
    done = {name: put_secret(wix, name, value) for name, value in values.items()}
    existing = set(secret_names(wix))
    run.results.checks["the site's secrets are in place"] = set(values) <= existing
    run.evidence("secrets", {"secrets": done})
    rows = [(name, action, "passed" if name in existing else "failed") for name, action in done.items()]
    return Table("Secrets Manager of the site", ("name", "action", "verdict"), rows, ("Values are never shown.",))


def show_rate_limit(run: RunContext) -> RateLimitCheck | Table:
    """Some seconds of requests from several threads at once."""
    if run.dry_run:
        return run.skip("rate_limit", "no table to read yet")
    settings = run.connections.settings
    table = run.tables().id(run.catalog.collection(run.phase.tables[0] if run.phase.tables else run.collections[0].wix))
    shown = check_rate_limit(
        run.connections.airtable,
        run.base(),
        table,
        requests=min(200, round(settings.rate * 8)),
        workers=8,
        limit=settings.rate,
    )
    run.results.checks["the request limit was kept under load"] = shown.passed
    run.save_requests()
    run.evidence("rate_limit", shown.facts())
    return shown
