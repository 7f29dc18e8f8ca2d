"""Open a run: check the parameters, find or create the run folder, connect to both sides. Writes to neither."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from runbook.catalog import Collection, Phase
from runbook.connections import Connections, connect
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder
from runbook.evidence.runs import FOLLOW, MIGRATION, check_run, find_run, make_stamp, named_run, set_base
from runbook.holding import open_base
from runbook.parameters import check_types, known_phase, source_folder
from runbook.platform import Platform
from runbook.run.phase import PhaseRun
from runbook.run.sources import KNOWN, WIX, check_site, open_folder, open_source
from runbook.settings import read_settings
from runbook.state import State


def open_run(
    platform: Platform,
    phase: int,
    *,
    environment: str = "sandbox",
    run_id: str | None = None,
    new_run: str | None = None,
    collections: list[str] | None = None,
    source: str = "wix",
    source_name: str | None = None,
    dry_run: bool = False,
    turn_flags: bool = False,
    require_drill: bool = False,
    env: Mapping[str, str] | None = None,
) -> PhaseRun:
    """Open a phase. `collections` None: all of the phase. `source`: "wix", or a folder relative to the project.

    `source_name`: the name by which a folder, and so its base, is known; None: as it was known, else its own name.

    `run_id`: go on with this run; `new_run`: begin a run of this name; neither: go on with the newest unsigned run of
    this environment, source and base if the phase has not passed in it yet, else begin one. `require_drill`: the gate
    asks for a drill of the way back that passed, is of this catalog, and not too old. Raises SettingError, with the
    parameter and its valid values, before anything is written.
    """
    check_types(
        {"environment": (environment, str), "source": (source, str), "dry_run": (dry_run, bool)},
        {
            "run_id": (run_id, str),
            "new_run": (new_run, str),
            "collections": (collections, list),
            "source_name": (source_name, str),
        },
    )
    check_types({"turn_flags": (turn_flags, bool), "require_drill": (require_drill, bool)}, {})
    if type(phase) is not int:
        raise SettingError(f"phase is {phase!r}; it must be one of 1 to {len(platform.catalog.phases)}")
    if dry_run and turn_flags:
        raise SettingError(_DRY_TURN)
    plan = known_phase(platform, phase)
    chosen = _chosen(platform, plan, collections)
    check_run(read_settings(environment, platform, env).runs, {}, run_id=run_id, new_run=new_run)
    if source != WIX and not source.startswith(KNOWN):
        source_folder(platform, source)
    connections = connect(platform, environment, env)
    opened, origin = open_source(connections, source, source_name, dry_run=dry_run)
    hold = open_base(connections, opened.label, dry_run=dry_run, origin=origin, moved=source_name is not None)
    folder = run_folder(connections, opened.label, [plan.slug], run_id=run_id, new_run=new_run, dry_run=dry_run)
    hold.run_id = folder.run_id
    parameters = {
        "environment": environment,
        "collections": collections,
        "source": opened.label,
        "dry_run": dry_run,
        "turn_flags": turn_flags,
        "require_drill": require_drill,
    }
    return PhaseRun(connections, plan, chosen, opened, folder, parameters, hold)


def check_before(
    platform: Platform,
    phases: Sequence[int],
    *,
    environment: str,
    run_id: str | None = None,
    new_run: str | None = None,
    collections: list[str] | None = None,
    source: str = "wix",
    source_name: str | None = None,
    dry_run: bool = False,
    turn_flags: bool = False,
) -> str:
    """Check the parameters of several phases at once. Writes nothing and sends no request. Returns the source's label.

    Raises SettingError, or SourceError for a folder that cannot be read.
    """
    catalog = platform.catalog
    known = [c.wix for number in phases for c in catalog.phase(number).collections]
    if collections is not None and not collections:
        raise SettingError(f"collections is empty; omit it for all, or name some of {', '.join(known)}")
    for name in collections or ():
        if name not in known:
            raise SettingError(f"collections: {name!r} is not in {_of(phases)}{_hint(platform, name, known)}")
    if dry_run and turn_flags:
        raise SettingError(_DRY_TURN)
    settings = read_settings(environment, platform)
    if source != WIX:
        with State(settings.state_url) as state:
            folder = open_folder(platform, settings, state, source, source_name)
        label, wanted = folder.label, collections or known or [*catalog.collections]
        if wanted and all(folder.missing(catalog.collection(name)) for name in wanted):
            raise SettingError(
                f"source {source}: contains none of the {len(wanted)} requested collections; expected files such as "
                f"{wanted[0]}.jsonl or {wanted[0]}.csv"
            )
    else:
        label = source
        if settings.site_id or source_name is not None:  # the sandbox's is not known before its servers run
            with State(settings.state_url) as state:
                check_site(settings, state, source_name)
    slugs = [catalog.phase(number).slug for number in phases]
    stamp = make_stamp(environment, label, dry_run=dry_run)
    del stamp["base"]  # which it is takes a connection
    check_run(settings.runs, stamp, run_id=run_id, new_run=new_run, phases=slugs)
    return label


_SUFFIXES = {MIGRATION: "", "integrity_check": "-check", "rollback": "-rollback", FOLLOW: "-follow"}


def run_folder(
    connections: Connections,
    source: str,
    slugs: Sequence[str],
    *,
    run_id: str | None = None,
    new_run: str | None = None,
    dry_run: bool = False,
    kind: str = MIGRATION,
    opened: bool = True,
) -> RunFolder:
    """The folder of the run in which notebooks go on, or of a new one. See `find_run`.

    `source`: the source's label. `opened` False: the base was not opened yet, and a state that knows none (it may be
    lost) may then know it; whether a named run is of this base is checked at the opening.
    """
    base, environment = connections.base(source), connections.settings.environment
    stamp = make_stamp(environment, source, dry_run=dry_run, base=base, kind=kind)
    suffix = "-dry" if dry_run and kind == MIGRATION else _SUFFIXES[kind]
    runs, named = connections.settings.runs, run_id or new_run
    if base is None and named is not None and not opened and (folder := named_run(runs, named)) is not None:
        return folder  # its stamp was compared before, but for the base
    folder = find_run(runs, stamp, run_id=run_id, new_run=new_run, phases=slugs, suffix=suffix)
    if base is not None:
        set_base(folder, base)
    return folder


_DRY_TURN = "dry_run and turn_flags are both set: a dry run gives no evidence to turn a flag on"


def _of(phases: Sequence[int]) -> str:
    return f"phase {phases[0]}" if len(phases) == 1 else f"phases {', '.join(map(str, phases))}"


def _hint(platform: Platform, name: str, own: Sequence[str]) -> str:
    known = platform.catalog.collections.get(name)
    near = difflib.get_close_matches(name, own, n=1)
    hint = f"it belongs to phase {known.phase}" if known else f"did you mean {near[0]!r}?" if near else ""
    has = f"{_of(sorted({platform.catalog.collection(n).phase for n in own}))} has {', '.join(own)}" if own else ""
    return "".join(f"; {part}" for part in (hint, has or "it has no collections") if part)


def _chosen(platform: Platform, phase: Phase, names: list[str] | None) -> list[Collection]:
    own = [c.wix for c in phase.collections]
    if names is None:
        return platform.catalog.load_order(own)
    if not names:
        raise SettingError("collections is an empty list; None means all of the phase")
    for name in names:
        if not isinstance(name, str):
            raise SettingError(f"collections contains {name!r}; expected Wix names such as {own[0] if own else '…'!r}")
        if name not in own:
            raise SettingError(f"collections: {name!r} is not in {_of([phase.number])}{_hint(platform, name, own)}")
    return platform.catalog.load_order(dict.fromkeys(names))
