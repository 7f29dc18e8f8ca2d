"""`runbook flags`: show, set, publish. Setting a flag back to 'wix' has no conditions and needs no connection."""

from __future__ import annotations

from runbook.commands import flag_formats
from runbook.connections import connect
from runbook.cutover.turning import between_calls, require_turn, turn_back
from runbook.display import Table, plural
from runbook.parameters import known_flag
from runbook.platform import Platform
from runbook.settings import read_home
from runbook.state import State
from runbook.wix.secrets import put_secret
from runbook.wix.source import WixSource


def _state(platform: Platform, environment: str) -> State:
    # No connection to either side is needed to read a flag or to set it back.
    state = State(read_home(environment, platform)[1])
    state.flags.create(platform.catalog.flags)
    return state


def set_flag(platform: Platform, environment: str, flag: str, value: str, *, who: str, why: str) -> str:
    """Set one flag; returns a message. Raises FlagRefused if 'airtable' is not allowed."""
    known_flag(platform, flag)
    state = _state(platform, environment)
    before = state.flags.get(flag)
    if before == value:
        return f"{flag} is already at {value!r}"
    if value == "wix":
        turn_back(state, flag, who=who, why=why or "set manually")
        return f"{flag}: {before!r} → {value!r}"
    connections = connect(platform, environment)
    base, source = connections.base("wix"), WixSource(connections.wix, platform.catalog)
    require_turn(flag, platform.catalog, state, base, source)
    assert base is not None
    with between_calls(state, flag):
        # Again while calls are blocked: one of them may have written since.
        require_turn(flag, platform.catalog, state, base, source)
        run_id = state.facts.progress(base)[platform.catalog.of_flag(flag)[0].wix].run_id
        state.flags.set(flag, value, who=who, why=why or "set manually", run_id=run_id)
    return f"{flag}: {before!r} → {value!r}"


def show(platform: Platform, environment: str, flag: str | None, form: str) -> str:
    """The flags as a table, JSON or a Velo module."""
    if flag is not None:
        known_flag(platform, flag)
    state = _state(platform, environment)
    values = {name: state.flags.get(name) for name in platform.catalog.flags if flag in (None, name)}
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
    return repr(Table("DATA_SOURCE", ("flag", "source", "since", "by", "collections"), rows))


def history(platform: Platform, environment: str, flag: str | None) -> Table:
    """Every turn of a flag, or of all flags, oldest first."""
    if flag is not None:
        known_flag(platform, flag)
    turns = _state(platform, environment).flags.history(flag)
    rows = [(t.at, t.flag, t.value, t.who, t.why, t.run_id) for t in turns]
    return Table("Flag history", ("at", "flag", "to", "by", "reason", "evidence of run"), rows)


def publish(platform: Platform, environment: str) -> str:
    """Put all flags into the site's Secrets Manager as one secret."""
    connections = connect(platform, environment)
    connections.state.flags.create(platform.catalog.flags)
    values = {name: connections.state.flags.get(name) for name in platform.catalog.flags}
    put_secret(connections.wix, flag_formats.SECRET_NAME, flag_formats.as_json(values))
    return f"published {plural(len(values), 'flag')} as the secret {flag_formats.SECRET_NAME}"
