"""Which source a run reads, and by what name its base is known: the site by its id, a folder by its resolved path.

The path of a folder inside the project is relative to it, so that the project may move, or lie elsewhere on another
machine.

source = open_source(connections, "exports/may", None)      # known by its path, else by the folder's name
source = open_source(connections, "exports/may", "may")     # known by this name, wherever the folder is
source = open_source(connections, "@may", None)             # the folder that is known by this name
"""

from __future__ import annotations

from pathlib import Path

from runbook.connections import Connections
from runbook.errors import SettingError
from runbook.parameters import source_folder
from runbook.platform import Platform
from runbook.settings import Settings
from runbook.state import State
from runbook.wix.folder import FolderSource
from runbook.wix.source import Source, WixSource

WIX = "wix"
KNOWN = "@"
"""`@NAME`: the folder that is known by this name, so that evidence holds no path of a machine."""


def open_source(
    connections: Connections, source: str, source_name: str | None = None, *, dry_run: bool = False
) -> tuple[Source, str]:
    """The source of a run, and its origin: the site's id, the folder's path. But for a dry run, state notes it.

    Raises SettingError as below.
    """
    platform, settings, state = connections.platform, connections.settings, connections.state
    if source == WIX:
        check_site(settings, state, source_name)
        if not dry_run:
            state.facts.set_source_origin(WIX, settings.site_id)
        return WixSource(connections.wix, platform.catalog), settings.site_id
    folder = open_folder(platform, settings, state, source, source_name)
    origin = _shown(platform, folder.path)
    if not dry_run:
        state.facts.set_source_origin(folder.label, origin)
        state.facts.set_known_folder(folder.label, origin)
    return folder, origin


def source_parameter(platform: Platform, source: str) -> str:
    """`--source` as a parameter: a folder inside the project relative to it. Raises SettingError."""
    if source == WIX or source.startswith(KNOWN):
        return source
    folder = Path(source).expanduser().resolve()
    if not folder.is_dir():
        raise SettingError(
            f'--source {source}: there is no folder {folder}; expected "wix" or a folder of export files'
        )
    return _shown(platform, folder)


def for_evidence(platform: Platform, settings: Settings, source: str, source_name: str | None) -> str:
    """A source as a notebook gets it: a folder outside the project by its name, which state notes."""
    if source == WIX or source.startswith(KNOWN) or not Path(source).is_absolute():
        return source
    with State(settings.state_url) as state:
        folder = open_folder(platform, settings, state, source, source_name)
        state.facts.set_known_folder(folder.label, _shown(platform, folder.path))
    return f"{KNOWN}{folder.label}"


def check_site(settings: Settings, state: State, source_name: str | None) -> None:
    """Raises SettingError where the site is not the one that its base was filled from."""
    if source_name is not None:
        raise SettingError(f"source_name is {source_name!r}, but the source is the site; a name is for a folder")
    base, known = state.facts.base_of(WIX), state.facts.source_origins().get(WIX)
    if base is not None and known not in (None, settings.site_id):
        raise SettingError(
            f"base {base} was filled from the site {known}, and WIX_SITE_ID is {settings.site_id}; nothing was done. "
            f"Set WIX_SITE_ID={known} to go on with it, or keep the other site's migration apart with a RUNBOOK_HOME "
            "(or RUNBOOK_STATE_URL) of its own"
        )
    _check_base(settings, state, WIX)


def open_folder(
    platform: Platform, settings: Settings, state: State, source: str, source_name: str | None
) -> FolderSource:
    """The folder that a source names. Writes nothing.

    Raises SettingError where there is none, or where the base of its name was filled from another.
    """
    _check_name(source, source_name)
    path = _path(platform, state, source)
    name = source.removeprefix(KNOWN) if source.startswith(KNOWN) else source_name
    folder = FolderSource(path, platform.catalog, name or _known_name(platform, state, path, source))
    here = _shown(platform, path)
    base, known = state.facts.base_of(folder.label), state.facts.source_origins().get(folder.label)
    if base is not None and source_name is None and known not in (None, here):
        raise SettingError(
            f"source {here}: base {base} was filled from another folder of this name, {known}; nothing was done. If "
            f"this is the same export in another place, go on with {_option(folder.label)}; if it is another export, "
            f"give it a name and so a base of its own: {_option('NAME')}"
        )
    _check_base(settings, state, folder.label)
    return folder


def _path(platform: Platform, state: State, source: str) -> Path:
    if not source.startswith(KNOWN):
        return source_folder(platform, source)
    folders, name = state.facts.known_folders(), source.removeprefix(KNOWN)
    if name not in folders:
        known = ", ".join(f"{KNOWN}{label}" for label in sorted(folders)) or "none yet"
        raise SettingError(
            f"source is {source!r}: no folder is known by this name; known: {known}. Give the folder itself"
        )
    return source_folder(platform, folders[name])


def _known_name(platform: Platform, state: State, path: Path, source: str) -> str | None:
    """The name by which a folder is known; None: its own."""
    here, origins = _shown(platform, path), state.facts.source_origins().items()
    names = sorted(label for label, origin in origins if origin == here and state.facts.base_of(label))
    if not names or path.name in names:
        return None
    if len(names) > 1:
        raise SettingError(
            f"source {source}: this folder is known by the names {', '.join(names)}, each with a base of its own; "
            f"nothing was done. Give the name: {_option(names[0])}"
        )
    return names[0]


def _check_name(source: str, name: str | None) -> None:
    if name is None:
        return
    if source.startswith(KNOWN) and source != f"{KNOWN}{name}":
        raise SettingError(f"source is {source!r} and source_name is {name!r}; give the folder, or one of the two")
    valid = 0 < len(name) <= 64 and name == name.strip() and name.isprintable() and not set(name) & set("/\\")
    if not valid or name == WIX or name[0] in "@.":
        raise SettingError(
            f"source_name is {name!r}; it must be 1 to 64 characters without '/' or '\\', not begin with '@' or '.', "
            f"and not be {WIX!r}, which is the site's name"
        )


def _check_base(settings: Settings, state: State, label: str) -> None:
    """Raises SettingError where the configured base was filled from another source."""
    others = [other for other in state.facts.sources_of(settings.base_id) if other != label] if settings.base_id else []
    if others:
        raise SettingError(
            f"AIRTABLE_BASE_ID is {settings.base_id}, which was filled from the source {others[0]!r}; {label!r} would "
            "overwrite it, so nothing was done. Run it from that source, or set AIRTABLE_BASE_ID to another base"
        )


def _shown(platform: Platform, folder: Path) -> str:
    """A folder's path, relative to the project if it is inside it."""
    root = platform.root.resolve()
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)


def _option(name: str) -> str:
    return f"--source-name {name} (source_name in a notebook)"
