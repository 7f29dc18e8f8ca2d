"""Check parameters, whether they come from a notebook, papermill or a command."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runbook.catalog import Phase
from runbook.errors import SettingError
from runbook.platform import Platform


def check_types(needed: Mapping[str, tuple[Any, type]], optional: Mapping[str, tuple[Any, type]]) -> None:
    """Check the types of parameters: papermill's -p passes `false` as text, which is truthy. Raises SettingError."""
    for name, (value, wanted) in {**needed, **optional}.items():
        if value is None and name in optional:
            continue
        if type(value) is not wanted:
            hint = ""
            if isinstance(value, str):
                example = {"bool": "false", "list": "[Carriers]", "int": "3"}.get(wanted.__name__, "…")
                hint = f"; papermill's -p passes text, -y '{name}: {example}' does not, and neither does `runbook run`"
            raise SettingError(f"{name} is {value!r}, a {type(value).__name__}; it must be a {wanted.__name__}{hint}")


def known_phase(platform: Platform, number: int) -> Phase:
    """A phase by number. Raises SettingError."""
    for phase in platform.catalog.phases:
        if phase.number == number:
            return phase
    known = ", ".join(str(phase.number) for phase in platform.catalog.phases)
    raise SettingError(f"there is no phase {number}; the phases are {known}")


def known_flag(platform: Platform, flag: str) -> str:
    """The flag itself. Raises SettingError, with the nearest name, if there is no such flag."""
    if flag not in platform.catalog.flags:
        near = difflib.get_close_matches(flag, platform.catalog.flags, n=1)
        raise SettingError(
            f"there is no flag {flag!r}{f'; did you mean {near[0]!r}?' if near else ''}; "
            f"the flags are {', '.join(platform.catalog.flags)}"
        )
    return flag


def source_folder(platform: Platform, source: str) -> Path:
    """The folder that `source` names. Raises SettingError if there is none."""
    folder = (platform.root / Path(source).expanduser()).resolve()
    if not folder.is_dir():
        raise SettingError(
            f'source is {source!r}: there is no folder {folder}; expected "wix" or a folder of export files'
        )
    return folder
