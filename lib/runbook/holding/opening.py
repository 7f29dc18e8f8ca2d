"""Opening a base: read what it says of itself, make the state agree with it, or refuse. See `runbook.holding`.

| what the base says            | what the state knows       | what happens                                      |
|-------------------------------|----------------------------|---------------------------------------------------|
| this state's epoch            | the same                   | nothing more is read                              |
| another epoch                 | nothing, or an older epoch | rows and flags are read from the base             |
| nothing                       | that it filled the base    | rows are read; the flags of the state stand       |
| nothing, and it has no rows   | nothing                    | a new base                                        |
| nothing, and it has rows      | nothing                    | refused until a person says where the flags stand |
| another source, or live claim | any                        | refused                                           |
| another side of a flag        | agreed with the base       | refused; turned since: the base is told           |
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext, suppress

from runbook.connections import Connections
from runbook.display import Progress
from runbook.errors import AirtableError, BaseRefused, BudgetSpent, FlagsUnsettled, RunbookError, TargetError
from runbook.holding import own_table
from runbook.holding.claims import rivals
from runbook.holding.debts import debts_row, merge_debts, read_debts
from runbook.holding.flags import FlagVerdicts, judge_flags, side_of
from runbook.holding.hold import SITE, Hold
from runbook.holding.own_table import Facts
from runbook.holding.rebuild import Rebuilt, rebuild_rows
from runbook.schema import Tables
from runbook.schema.base import base_name, find_base
from runbook.schema.tables import OWN_TABLE
from runbook.state import Debt
from runbook.state.tables import now

_PATH = " (path "  # before the hash of a folder's path


def open_base(
    connections: Connections,
    label: str = SITE,
    *,
    run_id: str | None = None,
    dry_run: bool = False,
    offline: bool = False,
    origin: str | None = None,
    moved: bool = False,
) -> Hold:
    """Open the base of a source, if there is one yet; from here on its writes are under this hold.

    `dry_run`: nothing is written to the base, and a base that is held by another state may be looked at. `offline`:
    where Airtable cannot be reached, a state that knows its flags goes on with them. `origin`: the path of
    a folder of export files; `moved`: it may be another one than that which filled the base: a person gave its name.

    Raises BaseRefused. Other errors of Airtable are left for the first step that needs the base, unless flags are
    needed before that.
    """
    hold = Hold(connections, label, identity_of(connections, label, origin), run_id)
    hold.source_moved = (
        moved or connections.state.facts.base_of(label) is not None
    )  # then the state has judged its path
    hold.reopen = lambda base: attach(hold, base, dry_run=dry_run)
    connections.airtable.before_write = hold.before_write
    state = connections.state
    base = connections.base(label)
    try:
        with connections.airtable.brief() if offline else nullcontext():
            if base is None:
                base = find_own_base(hold)
                if base is not None:
                    attach(hold, base, dry_run=dry_run)
                    state.facts.set_base_of(label, base, base_name(connections.catalog, label))
                    if origin is not None:
                        state.facts.set_source_origin(label, origin)
                elif label == SITE:
                    state.flags.create(connections.catalog.flags)
            else:
                attach(hold, base, dry_run=dry_run)
    except (AirtableError, BudgetSpent) as error:
        hold.base = None
        if offline and (unknown := flags_unknown(hold)):
            raise FlagsUnsettled(
                f"it is not known which side services read ({', '.join(unknown)}): this state does not know, and the "
                f"base cannot be read; nothing was done. {error}",
                unknown,
            ) from None
        hold.notes.append(f"the base could not be read at the opening: {error}")
    return hold


def find_own_base(hold: Hold) -> str | None:
    """The base that was filled from this source, for a state that knows of none; found though a person renamed it.

    A request for the list of bases and, where none has the name, one for the schema of each. Raises TargetError for
    several.
    """
    connections, airtable = hold.connections, hold.airtable
    bases = airtable.bases()
    base = find_base(airtable, bases, base_name(connections.catalog, hold.label), connections.catalog)
    if base is not None:
        return base
    found = []
    for other in bases:
        with suppress(AirtableError):  # a base that this token may only see
            if any(table["name"] == OWN_TABLE for table in airtable.tables(other["id"])):
                said = own_table.read_own_table(airtable, other["id"])
                if said is not None and said.value(own_table.SOURCE) == hold.identity:
                    found.append(str(other["id"]))
    if len(found) > 1:
        raise TargetError(
            f"there are {len(found)} bases that were filled from {hold.identity}: {', '.join(found)}; nothing was "
            "done. Set AIRTABLE_BASE_ID to the right one"
        )
    return found[0] if found else None


def attach(hold: Hold, base: str, *, dry_run: bool = False, read_again: bool = False) -> Rebuilt | None:
    """Open a base that was found or made after the opening; what was read again from it, None where nothing was.

    `read_again`: in any case. Raises as `open_base`, and AirtableError.
    """
    hold.base = base
    try:
        return _attach(hold, dry_run=dry_run, read_again=read_again)
    except RunbookError:
        hold.base = None
        raise


def flags_unknown(hold: Hold) -> list[str]:
    """The flags of which this state does not know where they stand."""
    known = hold.state.flags.all()
    return [name for name in hold.connections.catalog.flags if name not in known]


def identity_of(connections: Connections, label: str, path: str | None = None) -> str:
    """What tells the source of a base from others; of a folder's path only a hash, since a base is shared."""
    if label == SITE:
        return f"site {connections.settings.site_id}"
    mark = f"{_PATH}{hashlib.sha256(path.encode()).hexdigest()[:8]})" if path is not None else ""
    return f"folder {label}{mark}"


def how_to_open(hold: Hold, said: Facts) -> tuple[bool, bool]:
    """Whether the rows are to be read from the base, and whether what they were last written with is known then."""
    assert hold.base is not None
    note = hold.state.facts.holding(hold.base)
    known = note.epoch is not None or bool(hold.state.facts.progress(hold.base))
    if said.epoch is not None and said.epoch in (note.epoch, note.pending) and not note.stale:
        return False, True
    if said.is_empty:
        return known or _has_rows(hold), known
    # Another state's, a newer one of this state's, or damaged.
    return True, said.epoch is None and note.epoch is not None


def _attach(hold: Hold, *, dry_run: bool, read_again: bool) -> Rebuilt | None:
    assert hold.base is not None
    base, state, facts = hold.base, hold.state, hold.read()
    _require_source(hold, facts)
    said = facts or Facts()
    rebuild, keep = how_to_open(hold, said)
    # A state that has opened the base for writing and not closed it yet may write still, or have been killed at it.
    is_open = said.opened_by in said.claims and said.opened_by != state.facts.holding(base).claim
    if not dry_run:
        if not hold.connections.settings.take_over:
            hold.require_free(said)
        if is_open or rivals(said.claims.values(), state.facts.holding(base).claim, hold.airtable.service_time()):
            hold.take_over()
            rebuild, keep, said = True, False, hold.facts or Facts()
    elif held := rivals(said.claims.values(), state.facts.holding(base).claim, hold.airtable.service_time()):
        hold.notes.append(f"the base is held by another state now, {held[0].holder}; what is shown may change")
    fresh = rebuild and not keep
    rebuild, rebuilt = rebuild or read_again, None
    if fresh and said.is_empty:
        _require_flags(hold, judge(hold, said, fresh=True))  # before all tables are read
    if rebuild:
        with Progress(f"Read base {base} again") as report:
            rebuilt = rebuild_rows(hold.airtable, base, hold.connections.catalog, state, keep=keep, on_progress=report)
        why = "as asked: " if read_again else _why(said, keep=keep)
        hold.notes.append(why + rebuilt.summary())
        if fresh and said.frozen and not state.facts.frozen():
            state.facts.set_frozen(said.frozen)
        if fresh and said.followed is not None:
            state.facts.set_followed(base, state.facts.followed(base)._replace(until=said.followed))
    verdicts = judge(hold, said, fresh=fresh)
    _take_debts(hold, said, verdicts, fresh=fresh)
    _require_flags(hold, verdicts)
    _apply(hold, verdicts)
    hold.settled = True
    note = state.facts.holding(base)
    epoch = said.epoch if said.epoch is not None else note.epoch
    if rebuild or note.epoch != epoch:
        pending = None if epoch == note.pending or fresh else note.pending
        moving = is_open and dry_run
        state.facts.set_holding(base, note._replace(epoch=epoch, pending=pending, stale=moving))
    telling = verdicts.of("tell") or (
        hold.label == SITE and debts_row(state)[own_table.VALUE] != said.value(own_table.DEBTS)
    )
    if not dry_run and ((telling and not said.is_empty) or (rebuild and said.epoch is None)):
        hold.publish()
    return rebuilt


def _require_source(hold: Hold, facts: Facts | None) -> None:
    filled_from = "" if facts is None else facts.value(own_table.SOURCE)
    name, path = hold.identity.partition(_PATH)[::2]
    name_there, path_there = filled_from.partition(_PATH)[::2]
    if not filled_from or (name == name_there and (path == path_there or not path_there or hold.source_moved)):
        return
    if name == name_there:
        raise BaseRefused(
            f"base {hold.base} was filled from a {name} at another path, and this state does not know it; nothing was "
            f"done. If this is the same export in another place, go on with --source-name {hold.label} (source_name in "
            "a notebook); if it is another export, give it a name and so a base of its own: --source-name NAME"
        )
    raise BaseRefused(
        f"base {hold.base} was filled from {name_there}, and this command is for {name}; nothing was done. Set "
        "AIRTABLE_BASE_ID to another base for it, or use the source that the base was filled from (WIX_SITE_ID, "
        "--source)"
    )


def _has_rows(hold: Hold) -> bool:
    assert hold.base is not None
    tables = Tables(hold.airtable.tables(hold.base), hold.connections.catalog)
    return any(
        any(True for _ in hold.airtable.records(hold.base, tables.id(c), page_size=1))
        for c in hold.connections.catalog.collections.values()
        if c in tables
    )


def _why(said: Facts, *, keep: bool) -> str:
    if keep:
        return f"the base's table {OWN_TABLE!r} was missing or damaged, and is written anew: "
    if said.is_empty:
        return f"neither this state nor the base's table {OWN_TABLE!r} knew the rows: "
    holder = said.rows.get(own_table.STATE, {}).get(own_table.BY) or "another state"
    return f"the base was last written by {holder}, not by this state as it is: "


def judge(hold: Hold, said: Facts, *, fresh: bool) -> FlagVerdicts:
    """The flags as this state and the base have them. `fresh`: the state is not the one that wrote the base."""
    if hold.label != SITE:
        return FlagVerdicts()
    assert hold.base is not None
    state, catalog = hold.state, hold.connections.catalog

    def is_new(flag: str) -> bool:
        return not fresh or (
            not said.is_empty and not any(state.rows(hold.base or "", c.wix).count() for c in catalog.of_flag(flag))
        )

    agreed = {**state.facts.flags_in_base(hold.base), **state.facts.flags_in_base("")}
    return judge_flags(catalog.flags, state.flags.all(), agreed, said.flags, rebuilt=fresh, is_new=is_new)


def _require_flags(hold: Hold, verdicts: FlagVerdicts) -> None:
    """Raises BaseRefused where a person must say which side a flag is on."""
    unsettled = verdicts.unsettled
    if not unsettled:
        return
    states = hold.state.flags.states()
    lines = []
    for name, found in unsettled.items():
        mine = "this state does not know"
        if found.mine is not None:
            since = states[name].since
            mine = f"this state says {found.mine!r}" + (f" since {since}" if since else "")
        there = "the base does not say"
        if found.base is not None:
            since = f" since {found.base.since}" if found.base.since else ""
            who = f" by {found.base.who}" if found.base.who else ""
            there = f"the base says {found.base.side!r}{since}{who}"
        lines.append(f"{name}: {mine}; {there}")
    first = next(iter(unsettled)) if len(unsettled) == 1 else "all"
    environment = hold.connections.settings.environment
    raise FlagsUnsettled(
        f"base {hold.base}: it is not certain which side services read; nothing was done:\n  "
        + "\n  ".join(lines)
        + f"\nSay where they stand: `runbook flags {first} airtable --settle -e {environment}`, or the same with 'wix'",
        unsettled,
    )


def _take_debts(hold: Hold, said: Facts, verdicts: FlagVerdicts, *, fresh: bool) -> None:
    """Make the state's debts what it and the base know together.

    A flag that is at 'wix' here, while the base says 'airtable' and nobody here knew of that, has one as well.
    """
    if hold.label != SITE or said.is_empty:
        return
    assert hold.base is not None
    state, before = hold.state, hold.state.debts.all()
    told, there = state.debts.told(hold.base), read_debts(said.value(own_table.DEBTS))
    if there is None:
        why = f"the base's record of it, in the table {OWN_TABLE!r}, cannot be read"
        there = dict.fromkeys(hold.connections.catalog.flags, Debt(None, now(), "unknown", why)) if fresh else told
    debts = merge_debts(before, told, there, rebuilt=fresh)
    agreed = state.facts.flags_in_base(hold.base)
    for name, found in verdicts.of("tell").items():
        if found.mine == "wix" and found.base is not None and found.base.side == "airtable" != agreed.get(name):
            who = "".join(turn.who for turn in state.flags.history(name)[-1:])
            debt = debts.get(name) or Debt(None, now(), who, "the base said 'airtable', which this state did not know")
            debts[name] = debt._replace(since=debt.since or found.base.since or None)
    if debts != before:
        state.debts.replace(debts)
    state.debts.set_told(hold.base, there)


def _apply(hold: Hold, verdicts: FlagVerdicts) -> None:
    if hold.label != SITE:
        return
    assert hold.base is not None
    state = hold.state
    state.flags.create(verdicts.of("create"))
    for name, found in verdicts.of("take").items():
        assert found.base is not None
        flag = found.base
        state.flags.restore(name, side_of(flag), flag.since or now(), flag.who or "the base", flag.why)
    agreed = {name: side for name, side in state.flags.all().items() if name not in verdicts.of("tell")}
    before = {**state.facts.flags_in_base(hold.base), **state.facts.flags_in_base("")}
    after = {**{name: before[name] for name in verdicts.of("tell") if name in before}, **agreed}
    if after != state.facts.flags_in_base(hold.base):
        state.facts.set_flags_in_base(hold.base, after)
    if state.facts.flags_in_base(""):
        state.facts.set_flags_in_base("", {})
