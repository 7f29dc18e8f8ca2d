"""The base to fill: the configured one, the one that an earlier run made, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runbook.airtable.client import Airtable
from runbook.catalog import Catalog, Collection
from runbook.display import plural
from runbook.errors import AirtableError, SettingError, TargetError
from runbook.json_types import Json
from runbook.schema.apply import REFUSED, outcome_unknown
from runbook.schema.compare import wanted_of
from runbook.schema.steps import MakeTable
from runbook.schema.tables import marked
from runbook.state import State


def base_name(catalog: Catalog, label: str) -> str:
    """The name of the base that a source's rows go to."""
    return catalog.base if label == "wix" else f"{catalog.base} ({label})"


def find_base(airtable: Airtable, bases: Sequence[dict[str, Json]], name: str, catalog: Catalog) -> str | None:
    """The base of this name that this project made, for a state that knows of none. Raises TargetError for several."""
    collections = {c.table: c.wix for c in catalog.collections.values()}
    found = [
        base["id"]
        for base in bases
        if base["name"] == name
        and any(marked(t) is not None and collections.get(t["name"]) == marked(t) for t in airtable.tables(base["id"]))
    ]
    if len(found) > 1:
        raise TargetError(
            f"there are {len(found)} bases named {name!r} that this project made: {', '.join(found)}; nothing was "
            "done. Set AIRTABLE_BASE_ID to the right one"
        )
    return found[0] if found else None


def find_or_create_base(
    airtable: Airtable,
    state: State,
    *,
    base_id: str | None,
    workspace_id: str | None,
    name: str,
    catalog: Catalog,
    first_tables: Sequence[Collection] | None = None,
) -> str:
    """The id of the base to fill; a base that this project did not create is used only where `base_id` names it.

    `base_id`: the configured base; it must be reachable with the permission to create. Else the base of this name that
    an earlier run made, known from the state or from the descriptions of its tables. Else a new one in `workspace_id`,
    with `first_tables` (by default the catalog's first): Airtable makes no base without a table.

    Raises TargetError where the base is unreachable or ambiguous, SettingError where one is to be made and no workspace
    is set, AirtableError where it is not known whether the base was made; running it again finds it then.
    """
    bases = airtable.bases()
    if base_id is not None:
        return _reachable(bases, base_id, f"AIRTABLE_BASE_ID is {base_id}")
    known = state.facts.created_base(name)
    if known is not None:
        return _reachable(bases, known, f"the base {known} was made as {name!r} by an earlier run")
    found = _find_existing(airtable, bases, name, catalog)
    if found is None:
        found = _create(airtable, workspace_id, name, catalog, first_tables)
        _require_alone(airtable, found, name)
    state.facts.set_created_base(name, found)
    return found


def _reachable(bases: list[dict[str, Json]], base_id: str, why: str) -> str:
    base = next((b for b in bases if b["id"] == base_id), None)
    if base is None:
        raise TargetError(
            f"{why}, but the token has no access to it (it has access to {plural(len(bases), 'base')}); nothing was "
            "done. Give it access (airtable.com/create/tokens, 'Access'), restore the base from the trash if it was "
            "deleted, or set AIRTABLE_BASE_ID to the right base"
        )
    if base["permissionLevel"] != "create":
        raise TargetError(
            f"{why}, but the token's owner has the permission {base['permissionLevel']!r} there, and 'create' (called "
            "Creator or Owner in Airtable) is needed to make tables and columns; nothing was done. A creator of the "
            "base can raise it under 'Share'"
        )
    return base_id


def _find_existing(airtable: Airtable, bases: list[dict[str, Json]], name: str, catalog: Catalog) -> str | None:
    """The base of this name, if the descriptions of its tables say that this project made it."""
    named = [b for b in bases if b["name"] == name]
    if not named:
        return None
    if len(named) > 1:
        raise TargetError(
            f"there are {len(named)} bases named {name!r}: {', '.join(b['id'] for b in named)}; nothing was done. Set "
            "AIRTABLE_BASE_ID to the right one"
        )
    base_id = _reachable(bases, named[0]["id"], f"there is a base named {name!r}, {named[0]['id']}")
    collections = {c.table: c.wix for c in catalog.collections.values()}
    if any(marked(t) is not None and collections.get(t["name"]) == marked(t) for t in airtable.tables(base_id)):
        return base_id
    raise TargetError(
        f"there is a base named {name!r}, {base_id}, and none of its tables says that this project made it; nothing "
        "was done. To fill it anyway, set AIRTABLE_BASE_ID to it; else rename it, and a new one is made"
    )


def _require_alone(airtable: Airtable, base_id: str, name: str) -> None:
    """Raises TargetError where another process made a base of this name too: names of bases are not unique."""
    others = [b["id"] for b in airtable.bases() if b["name"] == name and b["id"] != base_id]
    if others:
        raise TargetError(
            f"two processes made a base named {name!r} at the same time: {base_id} (this one, still empty) and "
            f"{', '.join(others)}. Delete {base_id} in Airtable unless it is in use, or set AIRTABLE_BASE_ID to the "
            "right one; then run this again"
        )


def _create(
    airtable: Airtable, workspace_id: str | None, name: str, catalog: Catalog, first: Sequence[Collection] | None
) -> str:
    if workspace_id is None:
        raise SettingError(
            f"there is no base named {name!r}, and AIRTABLE_WORKSPACE_ID is not set to make one in: it begins with "
            "wsp and is part of the workspace's URL. Or set AIRTABLE_BASE_ID to an existing base"
        )
    chosen = list(first) if first else [next(iter(catalog.collections.values()))]
    wanted = [wanted_of(collection) for collection in chosen]
    tables = [MakeTable(w.table, w.description, w.columns).spec for w in wanted]
    try:
        return _id(airtable.create_base(name, workspace_id, tables))
    except AirtableError as error:
        if error.kind in REFUSED:  # a column that Airtable refuses; provisioning reports it by name
            slim = [{**table, "fields": table["fields"][:1]} for table in tables]
            return _id(airtable.create_base(name, workspace_id, slim))
        if not outcome_unknown(error):
            raise
        made = _find_existing(airtable, airtable.bases(), name, catalog)
        if made is not None:
            return made
        raise AirtableError(
            f"it is not known whether Airtable made the base {name!r}: {error}. It is not in the list of bases now; "
            "run this again, and it is used if it exists by then, else made",
            status=error.status,
            kind=error.kind,
        ) from error


def _id(answer: Any) -> str:
    return str(answer["id"] if isinstance(answer, dict) else answer)
