"""What is on record of a migration: its bases, gates and checks, and how far each collection has come.

state.facts.base_of("wix")              # the base that the site's rows go to, None before there is one
state.facts.gate(base, 3)               # GateResult(passed, run_id)
state.facts.progress(base)              # {collection: CollectionProgress(…)}
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import select

from runbook.json_types import Json
from runbook.state.database import Database
from runbook.state.tables import fact, progress


@dataclass(frozen=True)
class CollectionProgress:
    """The result of the last validation of a collection. `verified_at`: ISO time in UTC, None: never.

    `source`: the source's label; `source_count`, `source_newest`: its mark when it was exported.
    """

    collection: str
    run_id: str
    phase: int
    exported: int
    loaded: int
    quarantined: int
    verified: int
    unexplained: int
    source: str
    source_count: int | None
    source_newest: str | None
    verified_at: str | None
    green: bool


class GateResult(NamedTuple):
    """The last verdict on a phase."""

    passed: bool
    run_id: str


class CheckResult(NamedTuple):
    """The verdict of one integrity check. `at`: ISO time in UTC."""

    at: str
    passed: bool
    run: str


@dataclass(frozen=True)
class KnownTable:
    """The table of a collection. `columns`: field ids by name; `choices`: by select, names by choice id."""

    id: str
    columns: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class DrillResult(NamedTuple):
    """The verdict of one drill of the way back. `at`: ISO time in UTC; `catalog`: the hash of what it was a drill of.

    `lost`, `twice`: writes; `seconds`: by step.
    """

    at: str
    passed: bool
    run: str
    writes: int
    lost: int
    twice: int
    seconds: dict[str, float]
    catalog: str


class HoldingNote(NamedTuple):
    """What this state noted of a base that it holds or held.

    `epoch`: the base's, when this state last agreed with it. `pending`: the epoch that it is about to write. `claim`:
    the id of its claim. `stale`: the base was taken over, and the rows have not been read since.
    """

    epoch: str | None = None
    pending: str | None = None
    claim: str | None = None
    stale: bool = False


class FollowNote(NamedTuple):
    """What was carried back to Wix continuously. `until`: see `cutover.agreed_until`; the base was told it at `told`
    (seconds since 1970).

    `seen`: seconds until an edit in the grid is seen; `watched`: deletions are as well. `problem`: why it is not going
    on now, "" where it is. `carried`: when rows of each collection were carried last. `run`: where conflicts stand.
    """

    until: str | None = None
    told: float = 0.0
    seen: float | None = None
    watched: bool = False
    problem: str = ""
    carried: dict[str, str] = {}  # noqa: RUF012 - never changed
    run: str = ""


class ValidatedTable(NamedTuple):
    """A table as the last validation read it. `rows`: how many of its records were rows that state knew.

    `answers`: by record, `RowMerge.answer` where `KnownRow.answer` was another.
    """

    rows: int
    answers: dict[str, str]


_CHECKS, _FROZEN, _ALERTS, _STATE_ID = "integrity checks", "frozen collections", "alerts", "state id"
_DRILL = "newest drill"


class Facts:
    """Typed values by name, and the progress of collections. Every change is committed when the method returns."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def base_of(self, source: str) -> str | None:
        """The base that the rows of a source (its label) go to."""
        return self._base(f"base:{source}")

    def set_base_of(self, source: str, base: str, name: str) -> None:
        """`name`: the base's name. The source that a base was first filled from stays on record."""
        self._put(f"base:{source}", {"id": base, "name": name})
        self._replace(f"filled from:{base}", None, source)

    def sources_of(self, base: str) -> list[str]:
        """The labels of the sources that a base was filled from: more than one only by an older version."""
        filled_from = self._get(f"filled from:{base}")
        labels = [label for label, value in self._all("base:").items() if value["id"] == base]
        return labels if filled_from is None else [filled_from]

    def source_origins(self) -> dict[str, str]:
        """What each source's base was filled from, by label: the site's id, or the folder's path.

        A path inside the project is relative to it.
        """
        return {label: str(value) for label, value in self._all("source:").items()}

    def set_source_origin(self, source: str, origin: str) -> None:
        """See `source_origins`."""
        if self._get(f"source:{source}") != origin:
            self._put(f"source:{source}", origin)

    def known_folders(self) -> dict[str, str]:
        """The path at which each folder source was last read, by label."""
        return {label: str(value) for label, value in self._all("folder:").items()}

    def set_known_folder(self, source: str, path: str) -> None:
        """See `known_folders`."""
        if self._get(f"folder:{source}") != path:
            self._put(f"folder:{source}", path)

    def created_base(self, name: str) -> str | None:
        """The base of this name that a run created or adopted."""
        return self._base(f"base made: {name}")

    def set_created_base(self, name: str, base: str) -> None:
        """See `created_base`."""
        self._put(f"base made: {name}", {"id": base, "name": name})

    def state_id(self) -> str:
        """What tells this state from others; a copy of its database has the same one."""
        while (found := self._get(_STATE_ID)) is None:
            self._replace(_STATE_ID, None, str(uuid.uuid4()))
        return str(found)

    def holding(self, base: str) -> HoldingNote:
        """See `HoldingNote`."""
        return HoldingNote(**(self._get(f"holding {base}") or {}))

    def set_holding(self, base: str, note: HoldingNote) -> None:
        """See `holding`."""
        self._put(f"holding {base}", note._asdict())

    def flags_in_base(self, base: str) -> dict[str, str]:
        """The side of each flag that this state and a base last agreed on; "" where a person has said since.

        Of the base "", which stands for any: only what was said.
        """
        return dict(self._get(f"flags in {base}") or {})

    def set_flags_in_base(self, base: str, sides: Mapping[str, str]) -> None:
        """See `flags_in_base`."""
        self._put(f"flags in {base}", dict(sides))

    def say_flag(self, flag: str) -> None:
        """A person has said where a flag stands: whatever a base says, it is to be told."""
        self.set_flags_in_base("", {**self.flags_in_base(""), flag: ""})

    def newest_run(self, base: str) -> list[str] | None:
        """The newest run that wrote to a base, and when."""
        found: list[str] | None = self._get(f"newest run {base}")
        return found

    def set_newest_run(self, base: str, run_id: str, at: str) -> None:
        """See `newest_run`."""
        self._put(f"newest run {base}", [run_id, at])

    def followed(self, base: str) -> FollowNote:
        """See `FollowNote`."""
        return FollowNote(**(self._get(f"follow {base}") or {}))

    def set_followed(self, base: str, note: FollowNote) -> None:
        """See `followed`."""
        if self.followed(base) != note:
            self._put(f"follow {base}", note._asdict())

    def validated(self, base: str, collection: str) -> ValidatedTable | None:
        """See `ValidatedTable`; None where no validation has noted it."""
        found = self._get(f"validated {base} {collection}")
        return None if found is None else ValidatedTable(**found)

    def set_validated(self, base: str, collection: str, seen: ValidatedTable) -> None:
        """See `validated`."""
        if self.validated(base, collection) != seen:
            self._put(f"validated {base} {collection}", seen._asdict())

    def compared(self, base: str, collection: str) -> str | None:
        """When a whole table was last compared with what both sides agreed on, while services used it; ISO, UTC."""
        found: str | None = self._get(f"compared {base} {collection}")
        return found

    def set_compared(self, base: str, collection: str, at: str) -> None:
        """See `compared`."""
        self._put(f"compared {base} {collection}", at)

    def gate(self, base: str, phase: int) -> GateResult | None:
        """The last gate of a phase."""
        found = self._get(f"gate:{base}:{phase}")
        return None if found is None else GateResult(found["passed"], found["run_id"])

    def nothing_to_do(self, base: str, phase: int) -> bool:
        """Whether the last gate of a phase found nothing to do; it has not passed then."""
        return bool((self._get(f"gate:{base}:{phase}") or {}).get("nothing_to_do"))

    def set_nothing_to_do(self, base: str, phase: int, run_id: str) -> None:
        """See `nothing_to_do`."""
        self._put(f"gate:{base}:{phase}", {"passed": False, "run_id": run_id, "nothing_to_do": True})

    def set_gate(self, base: str, phase: int, result: GateResult) -> None:
        """Replace the gate of a phase."""
        self._put(f"gate:{base}:{phase}", result._asdict())

    def webhook(self, base: str) -> str | None:
        """The webhook that all mirrors of a base share."""
        found: str | None = self._get(f"webhook {base}")
        return found

    def replace_webhook(self, base: str, old: str | None, new: str | None) -> bool:
        """Set `new` if `old` is still the webhook (None: none), in one step; whether it was set."""
        return self._replace(f"webhook {base}", old, new)

    def alert_levels(self) -> dict[str, float] | None:
        """The levels at which the integrity check alerts, by what is measured."""
        found: dict[str, float] | None = self._get(_ALERTS)
        return found

    def set_alert_levels(self, levels: Mapping[str, float]) -> None:
        """See `alert_levels`."""
        self._put(_ALERTS, dict(levels))

    def integrity_checks(self) -> list[CheckResult]:
        """Every check, oldest first."""
        return [CheckResult(**check) for check in self._get(_CHECKS) or ()]

    def add_integrity_check(self, check: CheckResult) -> None:
        """Add a check; one that another process adds at the same time is kept too."""
        while True:
            old = self._get(_CHECKS)
            if self._replace(_CHECKS, old, [*(old or ()), check._asdict()]):
                return

    def drill(self) -> DrillResult | None:
        """The newest drill of the way back."""
        found = self._get(_DRILL)
        return None if found is None else DrillResult(**found)

    def set_drill(self, result: DrillResult) -> None:
        """See `drill`."""
        self._put(_DRILL, result._asdict())

    def frozen(self) -> dict[str, dict[str, str]]:
        """The former permissions of each frozen collection."""
        return dict(self._get(_FROZEN) or {})

    def add_frozen(self, collection: str, permissions: Mapping[str, str]) -> None:
        """A collection is about to be frozen: keep the permissions it has."""
        self._put(_FROZEN, {**self.frozen(), collection: dict(permissions)})

    def set_frozen(self, permissions: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the former permissions of all frozen collections."""
        self._put(_FROZEN, {name: dict(found) for name, found in permissions.items()})

    def clear_frozen(self) -> None:
        """No collection is frozen."""
        self._put(_FROZEN, {})

    def keys_held(self, base: str, collection: str) -> frozenset[str] | None:
        """Keys of which rows in the base have had values; None where it is not recorded."""
        found = self._get(f"keys:{base}:{collection}")
        return None if found is None else frozenset(found)

    def set_keys_held(self, base: str, collection: str, keys: Iterable[str]) -> None:
        """See `keys_held`."""
        self._put(f"keys:{base}:{collection}", sorted(keys))

    def table(self, base: str, collection: str) -> KnownTable | None:
        """The table of a collection, as it was when it last equalled the catalog."""
        found = self._get(f"table {base} {collection}")
        return None if found is None else KnownTable(**found)

    def set_table(self, base: str, collection: str, table: KnownTable) -> None:
        """See `table`."""
        self._put(f"table {base} {collection}", asdict(table))

    def forget_table(self, base: str, collection: str) -> None:
        """The ids of a collection's table and columns are no longer known."""
        self._delete(f"table {base} {collection}")

    def progress(self, base: str) -> dict[str, CollectionProgress]:
        """Every collection of a base that was validated, by name."""
        columns = [column for column in progress.columns if column.name != "base"]
        with self._db.reading() as connection:
            rows = connection.execute(select(*columns).where(progress.c.base == base)).mappings()
            return {row["collection"]: CollectionProgress(**row) for row in rows}

    def set_progress(self, base: str, result: CollectionProgress) -> None:
        """Replace the progress of a collection."""
        with self._db.writing() as connection:
            connection.execute(self._db.upsert(progress), {"base": base, **asdict(result)})

    def _base(self, key: str) -> str | None:
        found = self._get(key)
        return None if found is None else str(found["id"])

    def _get(self, key: str) -> Any:
        with self._db.reading() as connection:
            found = connection.scalar(select(fact.c.value).where(fact.c.key == key))
        return None if found is None else json.loads(found)

    def _all(self, prefix: str) -> dict[str, Any]:
        """Every fact whose key has a prefix, by the rest of its key."""
        query = select(fact.c.key, fact.c.value).where(fact.c.key.startswith(prefix, autoescape=True))
        with self._db.reading() as connection:
            return {row[0].removeprefix(prefix): json.loads(row[1]) for row in connection.execute(query)}

    def _put(self, key: str, value: Json) -> None:
        with self._db.writing() as connection:
            connection.execute(self._db.upsert(fact), {"key": key, "value": _text(value)})

    def _delete(self, key: str) -> None:
        with self._db.writing() as connection:
            connection.execute(fact.delete().where(fact.c.key == key))

    def _replace(self, key: str, old: Json, new: Json) -> bool:
        with self._db.writing() as connection:
            if old is None:
                # RETURNING, because not every driver counts the rows of an INSERT.
                query = self._db.insert(fact).on_conflict_do_nothing().returning(fact.c.key)
                return connection.execute(query, {"key": key, "value": _text(new)}).first() is not None
            change = fact.delete() if new is None else fact.update().values(value=_text(new))
            return bool(connection.execute(change.where(fact.c.key == key, fact.c.value == _text(old))).rowcount == 1)


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
