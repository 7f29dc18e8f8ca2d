"""A run folder as phases leave it, without executing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat

from runbook.evidence.folder import RunFolder

SLUG = "03_core_business"


def made(
    path: Path, *, status: str = "passed", green: bool = True, name: str = "Carriers", reason: str = "not a number"
) -> RunFolder:
    folder = RunFolder(path)
    folder.write_evidence("run", "run", {"environment": "sandbox", "source": "wix", "dry_run": False})
    phase(folder, SLUG, status=status, green=green, name=name)
    entries = [{"step": "transform", "id": f"id-{n}", "field": "dot_number", "reason": reason} for n in range(2)]
    (folder.path / "quarantine" / "Carriers.jsonl").write_text("".join(json.dumps(e) + "\n" for e in entries))
    (folder.path / "snapshots" / "Carriers.jsonl.gz").write_bytes(b"rows")
    (folder.path / "requests" / f"{SLUG}.jsonl").write_text("{}\n")
    return folder


def phase(
    folder: RunFolder,
    slug: str,
    *,
    status: str = "passed",
    green: bool = True,
    name: str = "Carriers",
    **parameters: Any,
) -> None:
    numbers = {"exported": 12, "loaded": 10, "quarantined": 2, "verified": 10, "unexplained": 0, "green": green}
    folder.write_evidence(slug, "collections", {name: numbers})
    gate: dict[str, Any] = {
        "passed": status == "passed",
        "reasons": [] if status == "passed" else [f"{name}: 3 rows differ"],
    }
    folder.write_evidence(slug, "gate", {**gate, "warnings": [f"{name} has 2 drafts"]})
    folder.write_evidence(slug, "provision", {"manual_steps": [f"Make the table {name} by hand"]})
    folder.write_evidence(slug, "requests", {"count": 1234, "limited": 1, "p50": 120.4, "p95": 300, "p99": 410})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("run.gate()", id="gate")])
    notebook.metadata["papermill"] = {"parameters": {"environment": "sandbox", **parameters}}
    notebook.metadata["runbook"] = {
        "status": status,
        "error": None if status == "passed" else "run.gate(): CheckFailed: red",
        "started": "2026-11-24T20:00:00+00:00",
        "finished": "2026-11-24T20:01:05+00:00",
        "commit": "c" * 40,
        "dirty": False,
    }
    nbformat.write(notebook, folder.path / f"{slug}.{status}.ipynb")
    (folder.path / f"{slug}.{status}.html").write_text("<html></html>")
