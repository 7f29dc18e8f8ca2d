"""`runbook flags`: show, set, settle, publish. Setting one back to 'wix' has no conditions and needs no connection."""

from __future__ import annotations

from runbook.commands import flag_formats
from runbook.connections import Connections, connect
from runbook.cutover.airtable_evidence import AirtableEvidence
from runbook.cutover.debts import as_texts, new_debt, owed
from runbook.cutover.turning import refusal, tell, turn_back, turn_on
from runbook.display import Table, plural
from runbook.errors import FlagsUnsettled, RunbookError, SettingError
from runbook.holding import open_base
from runbook.local import is_running
from runbook.parameters import known_flag
from runbook.platform import Platform
from runbook.settings import read_home, read_settings
from runbook.state import State
from runbook.wix.secrets import put_secret
from runbook.wix.source import WixSource

ALL = "all"


def _state(platform: Platform, environment: str) -> State:
    # No connection to either side is needed to read a flag or to set it back.
    return State(read_home(environment, platform)[1])


def set_flag(platform: Platform, environment: str, flag: str, value: str, *, who: str, why: str) -> str:
    """Set one flag; returns a message. Raises FlagRefused if 'airtable' is not allowed, BaseRefused."""
    known_flag(platform, flag)
    why = why or "set manually"
    if value == "wix":
        return _turn_back(platform, environment, flag, who=who, why=why)
    connections = connect(platform, environment)
    state, hold = connections.state, open_base(connections)
    before = state.flags.get(flag)
    if before == value:
        return f"{flag} is already at {value!r}"
    base, source = connections.base("wix"), WixSource(connections.wix, platform.catalog)
    if base is None:
        raise refusal(flag, ["nothing has been migrated yet"])
    last = state.facts.progress(base).get(platform.catalog.of_flag(flag)[0].wix)
    run_id = last.run_id if last is not None else None
    turned = turn_on(
        [flag],
        platform.catalog,
        state,
        base,
        source,
        who=who,
        why=why,
        run_id=run_id,
        hold=hold,
        gates=True,
        airtable=AirtableEvidence(connections.airtable, base, platform.catalog, state),
        write_lock=connections.write_lock(source.label),
    )
    if turned.reasons[flag]:
        hold.release()
        raise refusal(flag, turned.reasons[flag])
    note = tell(hold)
    hold.release()
    return "; ".join(filter(None, (f"{flag}: {before!r} → {value!r}", turned.held, note)))


def _turn_back(platform: Platform, environment: str, flag: str, *, who: str, why: str) -> str:
    state = _state(platform, environment)
    before = state.flags.all().get(flag)
    turned = turn_back(state, flag, who=who, why=why)
    note = _tell(platform, environment, state)
    done = f"{flag} is already at 'wix'" if before == "wix" else f"{flag}: {before or 'unknown'!r} → 'wix'"
    return "; ".join(filter(None, (done, turned.held, owed(state, flag), note)))


def _tell(platform: Platform, environment: str, state: State) -> str | None:
    """Tell the base of a turn back. Whatever keeps it from that is said and does not undo the turn."""
    if state.facts.base_of("wix") is None and environment == "sandbox" and not _can_connect(platform, environment):
        return None  # nothing was migrated with this state
    try:
        connections = connect(platform, environment)
        with connections.airtable.brief():
            hold = open_base(connections)
            note = None if connections.base("wix") is None else tell(hold)
            hold.release()
    except RunbookError as error:
        return f"the base was not told; the next opening tells it: {error}"
    return note


def _can_connect(platform: Platform, environment: str) -> bool:
    """Whether both sides can be asked without starting anything."""
    return environment != "sandbox" or is_running(read_settings(environment, platform))


def settle(platform: Platform, environment: str, flag: str, value: str, *, who: str, why: str) -> str:
    """Say where a flag stands (`all`: every such flag) of which base and state differ, or neither knows.

    Asks for no evidence: it says what is. Raises SettingError for a flag that is settled, BaseRefused.
    """
    if flag != ALL:
        known_flag(platform, flag)
    connections = connect(platform, environment)
    unsettled = _unsettled(connections)
    chosen = unsettled if flag == ALL else [flag]
    if not unsettled or not set(chosen) <= set(unsettled):
        where = f"{flag} stands at {connections.state.flags.get(flag)!r}" if flag != ALL else "every flag is settled"
        raise SettingError(
            f"{where}; nothing was done. --settle is for flags of which base and state differ, or neither knows; "
            f"`runbook flags {flag if flag != ALL else 'FLAG'} {value}` turns one"
        )
    state = connections.state
    ahead = [name for name in chosen if value == "wix" and state.flags.get(name) == "airtable"]
    why_owed = "settled as 'wix', while this state had it at 'airtable'"
    debts = {name: new_debt(state, name, who=who, why=why_owed) for name in ahead}
    state.flags.turn(chosen, value, who, why or "settled", always=chosen, debts=debts)
    for name in chosen:
        state.facts.say_flag(name)
    left = _unsettled(connect(platform, environment))
    said = f"{', '.join(chosen)}: {value!r}, as said by {who}"
    owing = [text for name in chosen if (text := owed(state, name)) is not None]
    return "; ".join([said, *([f"not settled yet: {', '.join(left)}"] if left else []), *owing])


def _unsettled(connections: Connections) -> list[str]:
    try:
        hold = open_base(connections, offline=True)
        tell(hold)
        hold.release()
    except FlagsUnsettled as error:
        return list(error.flags)
    return []


def _known_flags(platform: Platform, environment: str) -> State:
    """The state, its flags read from the base where it does not know them and the base can be asked."""
    state = _state(platform, environment)
    if set(platform.catalog.flags) - set(state.flags.all()) and _can_connect(platform, environment):
        open_base(connect(platform, environment), offline=True, dry_run=True)
    return state


def show(platform: Platform, environment: str, flag: str | None, form: str) -> str:
    """The flags as a table, JSON or a Velo module. Raises FlagsUnsettled where it is not known where they stand."""
    if flag is not None:
        known_flag(platform, flag)
    state = _known_flags(platform, environment)
    found = state.flags.all()
    values = {name: str(found.get(name, "unknown")) for name in platform.catalog.flags if flag in (None, name)}
    if form != "table" and (unknown := [name for name in values if name not in found]):
        raise FlagsUnsettled(
            f"it is not known which side {', '.join(unknown)} must be read from; nothing is given out. Start what the "
            f"environment {environment!r} needs, then run the same command again",
            unknown,
        )
    if form == "json":
        return flag_formats.as_json(values)
    if form == "jsw":
        return flag_formats.as_jsw(values, platform.catalog)
    rows = []
    for name, value in values.items():
        turns = state.flags.history(name)
        last = turns[-1] if turns else None
        collections = ", ".join(c.wix for c in platform.catalog.of_flag(name))
        rows.append((name, value, last.at if last else None, last.who if last else None, collections))
    return repr(Table("DATA_SOURCE", ("flag", "source", "since", "by", "collections"), rows, as_texts(state)))


def history(platform: Platform, environment: str, flag: str | None) -> Table:
    """Every turn of a flag, or of all flags, oldest first."""
    if flag is not None:
        known_flag(platform, flag)
    turns = _state(platform, environment).flags.history(flag)
    rows = [(t.at, t.flag, t.value, t.who, t.why, t.run_id) for t in turns]
    return Table("Flag history", ("at", "flag", "to", "by", "reason", "evidence of run"), rows)


def publish(platform: Platform, environment: str) -> str:
    """Put all flags into the site's Secrets Manager as one secret. Raises BaseRefused."""
    connections = connect(platform, environment)
    hold = open_base(connections, offline=True)
    hold.release()
    values = {name: connections.state.flags.get(name) for name in platform.catalog.flags}
    put_secret(connections.wix, flag_formats.SECRET_NAME, flag_formats.as_json(values))
    return f"published {plural(len(values), 'flag')} as the secret {flag_formats.SECRET_NAME}"
