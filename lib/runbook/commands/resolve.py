"""`runbook resolve`: say which side is right where Wix and Airtable disagree. The next run or rollback obeys."""

from __future__ import annotations

from runbook.catalog import Collection
from runbook.display import Table, plural
from runbook.errors import SettingError
from runbook.evidence.runs import existing_run
from runbook.platform import Platform
from runbook.settings import read_home, read_settings
from runbook.state import Conflict, Side, State
from runbook.steps.conflict_file import WHY, ConflictFile, ConflictLine


def resolve(
    platform: Platform,
    run_id: str,
    *,
    prefer: Side | None,
    collection: str | None = None,
    row: str | None = None,
    key: str | None = None,
    who: str,
    why: str,
) -> Table:
    """Settle the conflicts that a run found: all, those of a collection, of a row, or of one key (or its column).

    `prefer` None: only list them. Needs no connection. Raises SettingError where a name is unknown, nothing is left to
    settle, or `why` is empty; nothing is noted then.
    """
    runs = read_settings("sandbox", platform).runs
    stamp = existing_run(runs, run_id).stamp
    if prefer is not None and not why.strip():
        raise SettingError("--why is empty: say why this side is right; it is kept with the decision")
    base = str(stamp.get("base"))  # "None" before there is one, of which nothing is known
    lines = ConflictFile(runs / run_id)
    rows = []
    with State(read_home(str(stamp["environment"]), platform)[1]) as state:
        wanted: list[tuple[Collection, list[Conflict]]] = []
        for c in _collections(platform, collection):
            found = state.conflicts(base, c.wix).of_run(run_id)
            chosen = [each for each in found if _is_meant(c, each, row, key)]
            if chosen:
                wanted.append((c, chosen))
        if not wanted:
            raise SettingError(_nothing(run_id, collection, row, key))
        for c, chosen in wanted:
            if prefer is not None:
                state.conflicts(base, c.wix).settle(chosen, prefer, who, why)
            words, known = state.conflicts(base, c.wix).settled(), _by_key(lines.read(c.wix))
            for each in chosen:
                line, word = known.get((each.legacy_id, each.key)), words.get((each.legacy_id, each.key))
                column = line.column if line and line.column else each.key or "the whole row"
                values = (line.wix, line.airtable) if line else (None, None)
                settled = f"{word.prefer}, by {word.who}" if word else "open"
                rows.append((c.wix, each.legacy_id, column, WHY[each.kind], *values, settled))
    columns = ("collection", "row", "column", "what", "Wix", "Airtable", "settled")
    note = (
        f"{_obeying(str(stamp.get('kind')), wanted)} obeys" if prefer else 'Settle with --prefer wix|airtable --why "…"'
    )
    return Table(f"Conflicts of run {run_id}", columns, rows, (f"{plural(len(rows), 'conflict')}. {note}.",))


def _obeying(kind: str, wanted: list[tuple[Collection, list[Conflict]]]) -> str:
    """The command that does what a person said: a run of the phase, or, of a conflict found on the way back, that."""
    if kind == "rollback":
        flags = sorted({c.flag for c, _ in wanted})
        return f"`runbook rollback --reverse-sync{f' --flag {flags[0]}' if len(flags) == 1 else ''}`"
    if kind == "follow":
        return "`runbook follow`"
    phases = " ".join(str(number) for number in sorted({c.phase for c, _ in wanted}))
    return f"`runbook run {phases}`"


def _collections(platform: Platform, name: str | None) -> list[Collection]:
    known = platform.catalog.collections
    if name is None:
        return list(known.values())
    if name not in known:
        raise SettingError(f"--collection: {name!r} is not in the catalog; it has {', '.join(known)}")
    return [known[name]]


def _is_meant(c: Collection, conflict: Conflict, row: str | None, key: str | None) -> bool:
    names = {conflict.key, *(column.name for column in c.columns if column.wix == conflict.key)}
    return row in (None, conflict.legacy_id) and (key is None or key in names)


def _by_key(lines: list[ConflictLine]) -> dict[tuple[str, str], ConflictLine]:
    return {(line.id, line.key): line for line in lines}


def _nothing(run_id: str, collection: str | None, row: str | None, key: str | None) -> str:
    given = [f"{name} {value}" for name, value in (("collection", collection), ("row", row), ("key", key)) if value]
    where = f" of {', '.join(given)}" if given else ""
    listed = f". `runbook resolve {run_id}` lists those that it has" if given else ""
    return f"run {run_id} has no open conflict{where}, or a later run has taken it up; nothing was noted{listed}"
