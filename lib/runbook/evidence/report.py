"""The report of a run: one page for the reviewer, made from the manifest and the evidence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from runbook.evidence.changes import COUNTS, read_changes
from runbook.evidence.folder import HELD_BACK, OUTCOMES, RunFolder, read_json, write_bytes
from runbook.evidence.manifest import MANIFEST, write_manifest
from runbook.evidence.page import POLICY
from runbook.evidence.signing import reasons_against

REPORT = "index.html"


def write_report(folder: RunFolder) -> Path:
    """Write index.html, and the manifest again so that it lists the report. Returns the report's path.

    Raises SettingError if the run is signed.
    """
    folder.require_unsealed()
    if not (folder.path / MANIFEST).exists():
        write_manifest(folder)
    path = folder.path / REPORT
    write_bytes(path, render(folder).encode())
    write_manifest(folder)
    return path


def render(folder: RunFolder) -> str:
    """The report as HTML: self-contained, nothing loaded from elsewhere, everything escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # comes with nbconvert

    environment = Environment(
        loader=PackageLoader("runbook.evidence", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=_count, size=_size, when=_when)
    manifest = read_json(folder.path / MANIFEST)
    return environment.get_template("report.html.j2").render(policy=POLICY, **_view(folder, manifest))


def _view(folder: RunFolder, manifest: dict[str, Any]) -> dict[str, Any]:
    common = _common(manifest["phases"].values())
    phases = [_phase(folder, slug, phase, common) for slug, phase in manifest["phases"].items()]
    collections = [
        {"phase": slug, "name": name, "balanced": _balanced(facts), **facts}
        for slug, phase in manifest["phases"].items()
        for name, facts in phase["collections"].items()
    ]
    gates = {slug: folder.read_evidence(slug, "gate") or {} for slug in manifest["phases"]}
    against = reasons_against(manifest)
    states = {phase["state"] for phase in phases}
    if manifest.get("dry_run"):
        verdict = ("note", "Dry run", "Nothing was written to Airtable, so nothing was verified.")
    elif "failed" in states:
        red = ", ".join(phase["slug"] for phase in phases if phase["state"] == "failed")
        verdict = (
            "failed",
            "Not passed",
            f"Red: {red}. What was written is kept; run the same command again to continue.",
        )
    elif states == {"note"}:
        verdict = ("note", "Nothing to do", "The source has no row of what was asked for, so nothing was verified.")
    elif against:
        verdict = ("warning", "Not complete", "Nothing is red, but the run cannot be signed off yet.")
    else:
        verdict = (
            "passed",
            "Passed",
            "Every gate is green"
            + (", or had nothing to do" if "note" in states else "")
            + ". Review the sections below, then sign off.",
        )
    files = [
        {"name": name, **entry, "held_back": bool(entry.get("held_back"))}
        for name, entry in manifest["files"].items()
        if name != REPORT
    ]
    return {
        "m": manifest,
        "verdict": dict(zip(("kind", "label", "details"), verdict, strict=True)),
        "against": against,
        "parameters": _as_text(common),
        "phases": phases,
        "collections": collections,
        "totals": {
            k: sum(c[k] or 0 for c in collections)
            for k in ("exported", "loaded", "quarantined", "verified", "unexplained")
        },
        "changes": [
            {"phase": slug, "name": name, **{key: counts.get(key) for key in COUNTS}}
            for slug in manifest["phases"]
            for name, counts in read_changes(folder, slug).items()
        ],
        "quarantine": _quarantine(folder),
        "warnings": [(slug, warning) for slug, gate in gates.items() for warning in gate.get("warnings", ())],
        "manual_steps": _manual_steps(folder, manifest["phases"], gates),
        "requests": _requests(folder, manifest["phases"]),
        "files": files,
        "held_back": " and ".join(HELD_BACK),
    }


def _common(phases: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The parameters that are the same for every executed notebook, without the run id, which the page shows."""
    given = [phase["parameters"] for phase in phases if phase["parameters"]]
    first = given[0] if given else {}
    return {k: v for k, v in first.items() if k != "run_id" and all(k in g and g[k] == v for g in given)}


def _as_text(parameters: dict[str, Any]) -> list[str]:
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in sorted(parameters.items())]


def _phase(folder: RunFolder, slug: str, phase: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    page = phase["notebook"].removesuffix(".ipynb") + ".html" if phase["notebook"] else None
    earlier = sorted(
        p.name for status in OUTCOMES for p in folder.path.glob(f"{slug}.{status}.*.ipynb")
    )  # fmt: skip
    state = {"passed": "passed", "failed": "failed", "nothing to do": "note"}.get(phase["status"], "warning")
    if phase["gate"] and phase["gate"]["reasons"]:
        state = "failed"
    return {
        **phase,
        "slug": slug,
        "kernel": phase.get("kernel"),
        "state": state,
        "page": page if page and (folder.path / page).exists() else None,
        "seconds": _seconds(phase["started"], phase["finished"]),
        "reasons": (phase["gate"] or {}).get("reasons", []),
        "earlier": earlier,
        "other_parameters": _as_text(
            {k: v for k, v in (phase["parameters"] or {}).items() if k not in common and k != "run_id"}
        ),
    }


def _balanced(facts: dict[str, Any]) -> bool | None:
    """Whether exported = loaded + quarantined; None if a number is missing."""
    exported, loaded, quarantined = (facts.get(key) for key in ("exported", "loaded", "quarantined"))
    if exported is None or loaded is None or quarantined is None:
        return None
    return bool(exported == loaded + quarantined)


def _quarantine(folder: RunFolder) -> list[dict[str, Any]]:
    """Entries by collection, field and reason: count and sample ids. They contain no personal values."""
    found: list[dict[str, Any]] = []
    for path in sorted((folder.path / "quarantine").glob("*.jsonl")):
        tally: Counter[tuple[str, str]] = Counter()
        ids: dict[tuple[str, str], list[str]] = {}
        for entry in _lines(path):
            key = (str(entry.get("field") or "–"), str(entry.get("reason")))
            tally[key] += 1
            ids.setdefault(key, [])
            if len(ids[key]) < 3 and entry.get("id") is not None:
                ids[key].append(str(entry["id"]))
        found += [
            {
                "collection": path.stem,
                "field": f,
                "reason": r,
                "count": n,
                "ids": ids[f, r],
                "file": f"quarantine/{path.name}",
            }
            for (f, r), n in tally.items()
        ]
    return sorted(found, key=lambda line: (-line["count"], line["collection"], line["field"], line["reason"]))


def _manual_steps(folder: RunFolder, phases: Iterable[str], gates: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """What is left to do by hand: of each table, what the phase that compared it last found; not what is done."""
    found = {slug: folder.read_evidence(slug, "provision") or gates[slug] for slug in phases}
    last: dict[str, str] = {}  # table -> the phase that compared it last
    for slug in sorted(found, key=lambda slug: str(found[slug].get("at", ""))):
        last.update(dict.fromkeys(found[slug].get("covers", ()), slug))
    steps = [
        (slug, item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
        for slug, facts in found.items()
        for item in facts.get("manual_steps", ())
    ]
    return [
        (slug, step)
        for slug, step in dict.fromkeys(steps)
        # As `runbook.schema.manual_steps` words them.
        if not any(later != slug and step.startswith(f"In table '{table}',") for table, later in last.items())
    ]


def _requests(folder: RunFolder, phases: Iterable[str]) -> list[dict[str, Any]]:
    keys = ("count", "limited", "p50", "p95", "p99")
    summaries = {slug: folder.read_evidence(slug, "requests") for slug in phases}
    return [{"slug": slug, **{key: facts.get(key) for key in keys}} for slug, facts in summaries.items() if facts]


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry


def _count(value: Any) -> str:
    match value:
        case None:
            return "–"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}"
        case _:
            return str(value)


def _size(value: int) -> str:
    return f"{value:,} B" if value < 10_000 else f"{value / 1000:,.0f} kB"


def _when(value: str | None) -> str:
    try:
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return "–"


def _seconds(started: str | None, finished: str | None) -> float | None:
    try:
        return (datetime.fromisoformat(str(finished)) - datetime.fromisoformat(str(started))).total_seconds()
    except ValueError:
        return None
