"""The folder of a run: its name, its parts, and the JSON files with the results of its steps.

runs/<run id>/
  03_core_business.passed.ipynb, .html   executed notebooks
  evidence/<phase slug>/<name>.json      the result of each step
  quarantine/  requests/
  snapshots/  staged/                    the rows: mode 700, never committed
  .readings/                             what a phase reads from Airtable: mode 700, deleted at its gate
"""

from __future__ import annotations

import json
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.errors import SettingError, TamperedRun
from runbook.evidence.redaction import without_home

HELD_BACK = ("snapshots", "staged")
SIGN_OFF = "sign-off.json"
READINGS = ".readings"  # what a phase has read of the base; deleted at its end
_PARTS = ("evidence", "quarantine", "requests")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def new_run_id(now: datetime | None = None) -> str:
    """`20261124-201500-ab12`: UTC, so that names sort by time; the suffix tells runs of the same second apart."""
    now = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def check_name(name: str, what: str = "run_id") -> str:
    """The name itself. Raises SettingError unless it is a valid file name on every system."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.endswith("."):
        raise SettingError(
            f"{what} is {name!r}; it must be 1 to 64 letters, digits, '.', '_' or '-', "
            "not begin with '.' or '-', and not end with '.'"
        )
    return name


class RunFolder:
    """The folder of one run; created, with its parts, if it does not exist. Raises SettingError for an invalid name."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))
        check_name(self.path.name)
        if self.path.is_symlink():
            raise SettingError(f"run folder {self.path.name} is a symbolic link; a run has a folder of its own")
        try:
            for part in _PARTS:
                (self.path / part).mkdir(parents=True, exist_ok=True)
            for part in HELD_BACK:
                (self.path / part).mkdir(mode=0o700, exist_ok=True)
                (self.path / part).chmod(0o700)
        except OSError as error:
            raise SettingError(f"run folder {self.path} cannot be made: {error.strerror}") from None

    @classmethod
    def at(cls, path: Path) -> RunFolder:
        """A folder as it is: nothing is created in it."""
        folder = cls.__new__(cls)
        folder.path = path
        return folder

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def sealed(self) -> bool:
        """Whether the run is signed: nothing is written into it any more."""
        return (self.path / SIGN_OFF).exists()

    def require_unsealed(self) -> None:
        """Raises SettingError if the run is signed."""
        if self.sealed:
            raise SettingError(
                f"run {self.run_id} is signed, so it is sealed: nothing was done. Without a run_id a new run begins; "
                f"`runbook verify {self.run_id}` shows who signed"
            )

    def write_evidence(self, phase_slug: str, name: str, facts: dict[str, Any]) -> Path:
        """Write the result of a step, atomically. Returns the file. Raises SettingError if the run is signed."""
        self.require_unsealed()
        folder = self.path / "evidence" / check_name(phase_slug, "phase")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{check_name(name, 'evidence')}.json"
        write_bytes(path, without_home(_json(facts), str(Path.home())).encode("utf-8", "backslashreplace"))
        return path

    def read_evidence(self, phase_slug: str, name: str) -> dict[str, Any] | None:
        """The result of a step; None if there is none. Raises TamperedRun if the file is not a JSON object."""
        path = self.path / "evidence" / check_name(phase_slug, "phase") / f"{check_name(name, 'evidence')}.json"
        return read_json(path) if path.exists() else None

    def phases(self) -> list[str]:
        """The slugs of the notebooks with evidence or an executed notebook, sorted."""
        slugs = {path.name for path in (self.path / "evidence").iterdir() if path.is_dir()} - {"run"}
        for path in self.path.glob("*.ipynb"):
            if (match := EXECUTED.fullmatch(path.name)) is not None:
                slugs.add(match["slug"])
        return sorted(slugs)

    def __repr__(self) -> str:
        return f"RunFolder({self.run_id})"


# An executed notebook: `<slug>.passed.ipynb`; `<slug>.failed.1.ipynb` is an earlier one.
OUTCOMES = ("passed", "failed", "nothing-to-do")
EXECUTED = re.compile(
    r"(?P<slug>[A-Za-z0-9_-]+)\.(?P<status>passed|failed|running|nothing-to-do)(\.(?P<number>\d+))?\.ipynb"
)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    # Keys of items may contain a lone surrogate, which only an escape can represent.
    write_bytes(path, _json(content).encode("utf-8", "backslashreplace"))


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: to a temporary name beside it, which is then renamed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises TamperedRun if it is not one: files are written atomically, so it was changed later."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TamperedRun(f"{path.parent.name}/{path.name} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise TamperedRun(f"{path.parent.name}/{path.name} contains a {type(content).__name__}; expected a JSON object")
    return content


def _plain(value: Any) -> Any:
    """Values that JSON does not have: numpy's numbers as numbers, paths and times as text."""
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return value.name
    if isinstance(value, set | frozenset | tuple):
        return sorted(value, key=str)
    raise TypeError(f"{type(value).__name__} cannot be written as evidence; facts() must return JSON")
