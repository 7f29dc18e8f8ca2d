"""Sign off a run: who reviewed which state of it, and when. Several reviewers can sign."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.display import Shown, Table
from runbook.errors import CheckFailed, SettingError
from runbook.evidence.folder import SIGN_OFF, RunFolder, read_json, write_json
from runbook.evidence.manifest import MANIFEST, verify


@dataclass(frozen=True)
class Signature(Shown):
    """One signature, of the manifest with this hash, and so of every file that it lists."""

    who: str
    at: str
    note: str
    manifest_sha256: str
    phases: dict[str, str]

    def table(self) -> Table:
        """What was signed."""
        rows: list[tuple[Any, ...]] = [(slug, status) for slug, status in self.phases.items()]
        notes = (*((self.note,) if self.note else ()), f"manifest sha256 {self.manifest_sha256}")
        return Table(f"Signed by {self.who} at {self.at}", ("phase", "verdict"), rows, notes)


def sign_off(folder: Path | RunFolder, who: str, note: str = "") -> Signature:
    """Sign a run, which seals it: it cannot go on.

    Raises TamperedRun if it does not verify, CheckFailed if a phase has not passed or `who` has signed. Every phase
    must have been executed headless: JupyterLab leaves no executed notebook in the run folder.
    """
    root = folder.path if isinstance(folder, RunFolder) else Path(folder).absolute()
    who, note = " ".join(who.split()), note.strip()
    if not who:
        raise SettingError("a sign-off needs a name: --who 'Your Name'")
    checked = verify(root).require()
    manifest = read_json(root / MANIFEST)
    phases = {slug: phase["status"] for slug, phase in manifest["phases"].items()}
    against = reasons_against(manifest)
    if who.casefold() in (name.casefold() for name in checked.signed_by):
        against.append(f"{who} has signed it already; a second signature must be from another person")
    if against:
        raise CheckFailed(f"run {root.name} cannot be signed off; nothing was written:\n  " + "\n  ".join(against))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    signature = Signature(who, at, note, checked.manifest_sha256, phases)
    path = root / SIGN_OFF
    signed = read_json(path)["signatures"] if path.exists() else []
    write_json(path, {"signatures": [*signed, asdict(signature)]})
    return signature


def reasons_against(manifest: dict[str, Any]) -> list[str]:
    """Why a run with this manifest cannot be signed off; empty if it can."""
    reasons = []
    if not manifest["phases"]:
        reasons.append("it has no phases")
    if manifest.get("dry_run"):
        reasons.append("it is a dry run: nothing was written, so nothing was verified")
    for slug, phase in manifest["phases"].items():
        match phase["status"]:
            case "passed" if phase["gate"] is None:
                reasons.append(f"{slug} has no gate verdict")
            case "passed" if not phase["gate"]["passed"]:
                reasons.append(f"{slug}: its gate is not green")
            case "passed":
                bad = [name for name, facts in phase["collections"].items() if facts["green"] is not True]
                reasons += [f"{slug}: {name} is not green" for name in bad]
            case "nothing to do":
                pass
            case "failed":
                reasons.append(f"{slug} failed: {phase['error'] or 'its gate is red'}")
            case _:
                reasons.append(
                    f"{slug} has no executed notebook: run it with `runbook run`; what is already done is not repeated"
                )
    if manifest["phases"] and all(phase["status"] == "nothing to do" for phase in manifest["phases"].values()):
        reasons.append("no phase found anything to do, so nothing was verified")
    return reasons
