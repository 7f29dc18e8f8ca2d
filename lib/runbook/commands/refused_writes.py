"""`runbook mirror --refused`: writes that Airtable refused later; tried again, or given up by an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from runbook.catalog import Catalog
from runbook.display import Table, plural
from runbook.errors import SettingError
from runbook.platform import Platform
from runbook.settings import read_home
from runbook.state import PendingWrite, State
from runbook.steps.conflict_file import shown

ALL = "all"
_VALUES = 6  # keys whose values are shown


def list_refused(platform: Platform, environment: str) -> Table:
    """One row per refused write, oldest first. Reads only the state. Raises SettingError where there is no base."""
    state, base = _opened(platform, environment)
    lines = state.pending_writes(base).lines(refused=True)
    notes = []
    if lines:
        notes.append("`runbook mirror --retry ID` tries one again; `--give-up ID --why …` leaves it undone for good.")
    given_up = state.pending_writes(base).given_up()
    if given_up:
        last = given_up[-1]
        notes.append(f"{plural(len(given_up), 'write')} given up; the last at {last.at} by {last.who}: {last.why}")
    return _table(f"Writes that Airtable refused: {len(lines):,}", lines, platform.catalog, notes)


def retry(platform: Platform, environment: str, ids: Sequence[str]) -> Table:
    """Let refused writes wait again, each as the newest write of its row. Raises SettingError for an unknown id."""
    state, base = _opened(platform, environment)
    chosen, flags = _chosen(state, base, ids), state.flags.all()
    for name in dict.fromkeys(line.collection for line in chosen):
        flag = platform.catalog.collection(name).flag
        if flags.get(flag) != "airtable":
            raise SettingError(
                f"{name}: the flag {flag!r} is not at 'airtable', so services write in Wix by now; nothing was done. "
                "Make the change there, and give the write up: `runbook mirror --give-up ID --why …`"
            )
    done = _each(state, base, chosen, state.pending_writes(base).retry)
    note = "They wait for Airtable again, as the newest writes of their rows; `runbook mirror --send` sends them now."
    return _table(f"To be tried again: {len(done):,}", done, platform.catalog, [note])


def give_up(platform: Platform, environment: str, ids: Sequence[str], *, who: str, why: str) -> Table:
    """Leave refused writes undone for good; who said so and why is kept. Raises SettingError."""
    if not why.strip():
        raise SettingError("--why is empty: say why these writes are given up; it is kept. Nothing was done")
    state, base = _opened(platform, environment)
    drop = partial(state.pending_writes(base).drop, who=who, why=why)
    done = _each(state, base, _chosen(state, base, ids), drop)
    note = "They are gone from the journal; their rows stay as Airtable has them."
    return _table(f"Given up: {len(done):,}", done, platform.catalog, [note])


def _opened(platform: Platform, environment: str) -> tuple[State, str]:
    state = State(read_home(environment, platform)[1])
    base = state.facts.base_of("wix")
    if base is None:
        raise SettingError("there is no base yet, so no service has written to one; nothing was done")
    return state, base


def _chosen(state: State, base: str, ids: Sequence[str]) -> list[PendingWrite]:
    """The refused writes that are meant, in order."""
    lines = {str(line.id): line for line in state.pending_writes(base).lines(refused=True)}
    wanted = list(lines) if ALL in ids else ids
    unknown = [id_ for id_ in wanted if id_ not in lines]
    if unknown or not wanted:
        have = f"there are {', '.join(lines)}" if lines else "there is none"
        raise SettingError(f"no refused write has the id {', '.join(unknown) or ALL}; {have}. Nothing was done")
    return [line for id_, line in lines.items() if id_ in wanted]


def _each(
    state: State, base: str, lines: Sequence[PendingWrite], do: Callable[[int], PendingWrite | None]
) -> list[PendingWrite]:
    """Do it to each, under its row's lock; those that were still refused."""
    done = []
    for line in lines:
        with state.locks.rows(line.collection, [line.legacy_id]):
            if do(line.id) is not None:
                done.append(line)
    return done


def _table(title: str, lines: Sequence[PendingWrite], catalog: Catalog, notes: Sequence[str]) -> Table:
    rows = [(w.id, w.collection, w.legacy_id, w.kind, _values(w, catalog), w.at, w.refused) for w in lines]
    return Table(title, ("id", "collection", "row", "write", "values", "written at", "reason"), rows, tuple(notes))


def _values(write: PendingWrite, catalog: Catalog) -> str:
    """What it sets, personal values and texts masked."""
    known = catalog.collections.get(write.collection)
    columns = {column.wix: column for column in known.columns} if known is not None else {}
    parts = [f"{key} = {shown(value, columns.get(key))}" for key, value in write.values.items()]
    parts += [f"{key} removed" for key in write.unset]
    more = f", and {len(parts) - _VALUES} more" if len(parts) > _VALUES else ""
    return ", ".join(parts[:_VALUES]) + more
