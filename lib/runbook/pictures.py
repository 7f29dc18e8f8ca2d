"""The pictures of a run: small PNGs with a text summary, as cell outputs or parts of a Page.

    pictures.counts([("Carriers", 1200, 1198, 2)])
    pictures.requests_over_time(log.rows(), limit=5)

matplotlib is imported where a picture is drawn (0.3 s), without pyplot: nothing global is touched, no figure stays
open. Colours differ in lightness as well as in hue, so they hold in grey and for the colour-blind; signs say it too.
"""

from __future__ import annotations

import base64
import io
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from runbook.display import plural
from runbook.settings import CRITICAL_SHARE, WARN_SHARE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, GRID = "#1f2430", "#5d6675", "#dfe3e8"
SOURCE, TARGET, BAD, WARN, GOOD = "#a9bdd2", "#24527a", "#c8452f", "#e8a838", "#4c956c"
WIDTH = 8.6  # inches: what a notebook page holds
DPI = 96
MAX_REASONS = 15  # reasons per picture; the rest is summed up

_drawing = threading.Lock()  # matplotlib's fonts and text layout are not thread-safe


@dataclass(frozen=True, repr=False)
class Picture:
    """A PNG and its summary. A notebook shows the picture, a log shows the summary."""

    title: str
    summary: str
    png: bytes = field(repr=False)

    def __repr__(self) -> str:
        return f"[picture] {self.title}: {self.summary}"

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        return self.png, {"alt": f"{self.title}: {self.summary}"}

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        encoded = base64.b64encode(self.png).decode()
        return {"image/png": encoded, "text/plain": repr(self)}, {"image/png": {"alt": f"{self.title}: {self.summary}"}}

    def html(self) -> str:
        """An `<img>` that contains the picture, for a page of several parts."""
        encoded = base64.b64encode(self.png).decode()
        alt = escape(f"{self.title}: {self.summary}")
        return f'<img alt="{alt}" style="max-width:100%;border-radius:4px" src="data:image/png;base64,{encoded}">'


@dataclass(frozen=True, repr=False)
class NoPicture:
    """Shown instead of a picture if there is nothing to draw."""

    title: str
    summary: str

    def __repr__(self) -> str:
        return f"{self.title}: {self.summary}"

    def _repr_html_(self) -> str:
        return f'<div style="font-family:system-ui,sans-serif;font-size:13px">{escape(repr(self))}</div>'

    def html(self) -> str:
        """The same text."""
        return self._repr_html_()


def counts(rows: Iterable[tuple[str, int, int, int]]) -> Picture | NoPicture:
    """Rows at the source and in Airtable. `rows`: (collection, exported, loaded, quarantined)."""
    lines, title = list(rows), "Rows at the source and in Airtable"
    if not lines:
        return NoPicture(title, "no collection has been loaded and validated yet")
    names = [name for name, *_ in lines]
    most = max(max(line[1], line[2]) for line in lines)
    least = min((int(line[1]) for line in lines if line[1] > 0), default=0)
    log = least > 0 and most / least > 50
    with _drawing:
        figure, axes = _figure(_height(len(lines), 0.34))
        y = range(len(lines))
        _bars(axes, [i - 0.19 for i in y], [line[1] for line in lines], SOURCE, "at the source", height=0.36)
        _bars(axes, [i + 0.19 for i in y], [line[2] for line in lines], TARGET, "in Airtable", height=0.36)
        held = [(i + 0.19, line[2], line[3]) for i, line in enumerate(lines) if line[3]]
        if held:
            axes.barh(
                [h[0] for h in held], [h[2] for h in held], 0.36, [h[1] for h in held],
                color="white", edgecolor=BAD, hatch="////", linewidth=0.8, label="in quarantine", zorder=3,
            )  # fmt: skip
        # The share of the width that the labels beside the longest bars need.
        room = 0.42 if any(e != n or q > 0 for _, e, n, q in lines) else 0.12
        if log:
            axes.set_xscale("log")
            axes.set_xlim(max(0.5, least * 0.5), most * (most / least) ** (room / (1 - room)))
        else:
            axes.set_xlim(0, max(1, most) / (1 - room))
        for i, (_, exported, loaded, quarantined) in enumerate(lines):
            label = f"{exported:,}" if exported == loaded else f"{exported:,} → {loaded:,}"
            label += f"  ({quarantined:,} quarantined)" if quarantined else ""
            lost = exported != loaded + quarantined
            missing = exported - loaded - quarantined
            label += f"  ✗ {abs(missing):,} {'missing' if missing > 0 else 'too many'}" if lost else ""
            end = max(exported, loaded + quarantined, (least or 1) * 0.55)
            axes.annotate(
                label, (end, i), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8,
                color=BAD if lost or quarantined else INK, fontweight="bold" if lost else "normal",
            )  # fmt: skip
        _categories(axes, names)
        _axes(axes, "rows (logarithmic scale)" if log else "rows")
        _legend(figure, axes)
        exported, loaded, quarantined = (sum(int(line[k]) for line in lines) for k in (1, 2, 3))
        summary = f"{exported:,} rows exported = {loaded:,} loaded + {quarantined:,} in quarantine"
        if exported != loaded + quarantined:
            summary = f"✗ {exported:,} rows exported, but {loaded:,} loaded and {quarantined:,} in quarantine"
        return _picture(figure, title, f"{summary}, {plural(len(lines), 'collection')}")


def requests_over_time(requests: Iterable[Mapping[str, Any]], limit: float) -> Picture | NoPicture:
    """Requests per second and the rate limit; 429s are marked. `requests`: rows with `at` (epoch, s) and `status`."""
    rows, title = [r for r in requests if r.get("at") is not None], "Requests to Airtable"
    if not rows:
        return NoPicture(title, "none was made")
    begin = min(float(r["at"]) for r in rows)
    last = max(float(r["at"]) for r in rows) - begin
    every = max(1, math.ceil(last / 600))  # at most 600 steps: a picture has no more columns
    size = int(last // every) + 1
    sent, limited = [0] * size, [0] * size
    by_second: dict[int, int] = {}
    for row in rows:
        since = float(row["at"]) - begin
        sent[int(since // every)] += 1
        by_second[int(since)] = by_second.get(int(since), 0) + 1
        if row.get("status") == 429:
            limited[int(since // every)] += 1
    rates = [n / every for n in sent]
    peak, refused = max(by_second.values()), sum(limited)
    unit, scale = ("minutes", 60) if last > 300 else ("seconds", 1)
    with _drawing:
        figure, axes = _figure(2.9)
        edges = [i * every / scale for i in range(size + 1)]
        axes.stairs(rates, edges, fill=True, color=SOURCE, zorder=2)
        axes.stairs(rates, edges, color=TARGET, linewidth=1.1, label="requests a second", zorder=3)
        axes.axhline(limit, color=INK, linestyle="--", linewidth=1.2, label=f"limit: {limit:g} a second", zorder=4)
        if refused:
            x = [(i + 0.5) * every / scale for i, n in enumerate(limited) if n]
            axes.scatter(
                x, [rates[i] for i, n in enumerate(limited) if n], marker="X", s=48, color=BAD, edgecolor="white",
                linewidth=0.7, label=f"429 Too Many Requests: {refused:,}", zorder=5,
            )  # fmt: skip
        axes.set_xlim(0, edges[-1])
        axes.set_ylim(0, max(limit, *rates) * 1.18)
        _axes(
            axes,
            f"{unit} since the first request",
            "requests a second" + (f" (mean of {every} s)" if every > 1 else ""),
        )
        _legend(figure, axes)
        summary = (
            f"{plural(len(rows), 'request')} in {_time(last)}, at most {peak:,} in one second of the "
            f"{limit:g} allowed, {'no' if not refused else f'{refused:,}'} answered 429"
        )
        return _picture(figure, title, summary)


OUTCOMES = (
    ("pass", "✓", GOOD, "white"),
    ("warn", "!", WARN, INK),
    ("fail", "✗", BAD, "white"),
    ("error", "?", INK, "white"),
)
_SPELLED = {"passed": "pass", "ok": "pass", "warning": "warn", "warned": "warn", "failed": "fail", "errored": "error"}


def outcomes(matrix: Mapping[str, Mapping[str, Any]]) -> Picture | NoPicture:
    """Checks by collection and kind. `matrix`: collection -> kind -> "pass", "warn", "fail", "error" or None."""
    title = "Validation, by collection and kind of check"
    kinds = list(dict.fromkeys(kind for row in matrix.values() for kind in row))
    if not matrix or not kinds:
        return NoPicture(title, "nothing has been validated yet")
    looks = {name: (sign, color, ink) for name, sign, color, ink in OUTCOMES}
    tally = dict.fromkeys(looks, 0)
    with _drawing:
        figure, axes = _figure(_height(len(matrix), 0.27, around=1.45))
        for y, row in enumerate(matrix.values()):
            for x, kind in enumerate(kinds):
                value = row.get(kind)
                if value is None:
                    axes.text(x, y, "–", ha="center", va="center", color=SOFT, fontsize=9)
                    continue
                name = str(value).lower()
                name = _SPELLED.get(name, name)
                name = name if name in looks else "error"  # an unknown outcome is never a pass
                tally[name] += 1
                sign, color, ink = looks[name]
                axes.fill(
                    [x - 0.47, x + 0.47, x + 0.47, x - 0.47], [y - 0.44, y - 0.44, y + 0.44, y + 0.44], color=color
                )
                axes.text(x, y, sign, ha="center", va="center", color=ink, fontsize=9, fontweight="bold")
        _categories(axes, list(matrix))
        axes.set_xlim(-0.5, max(len(kinds), 4) - 0.5)
        axes.xaxis.tick_top()
        slant = len(kinds) > 6 or max(len(kind) for kind in kinds) > 44 // len(kinds) + 4
        axes.set_xticks(
            range(len(kinds)), kinds, rotation=30 if slant else 0, ha="left" if slant else "center", fontsize=8.5
        )
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        from matplotlib.patches import Patch

        marks = [Patch(color=color, label=f"{sign} {name}: {tally[name]:,}") for name, sign, color, _ in OUTCOMES]
        figure.legend(handles=marks, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
        summary = ", ".join(f"{tally[name]:,} {name}" for name, *_ in OUTCOMES if tally[name] or name == "pass")
        red = [
            c for c, row in matrix.items() if any(str(v).lower() not in _GOOD for v in row.values() if v is not None)
        ]
        summary += (
            f"; not green: {', '.join(red[:6])}{f' and {len(red) - 6} more' if len(red) > 6 else ''}" if red else ""
        )
        return _picture(figure, title, summary)


_GOOD = {"pass", "passed", "ok", "warn", "warning", "warned"}


def quarantine(by_reason: Mapping[str, int]) -> Picture | NoPicture:
    """Rows in quarantine by reason, the most frequent first; above `MAX_REASONS` reasons the rest is summed up."""
    title = "Quarantine, by reason"
    ranked = sorted(((n, reason) for reason, n in by_reason.items() if n), key=lambda pair: (-pair[0], pair[1]))
    if not ranked:
        return NoPicture(title, "no row is in quarantine")
    total = sum(n for n, _ in ranked)
    shown = ranked if len(ranked) <= MAX_REASONS else ranked[: MAX_REASONS - 1]
    bars = [(reason, n) for n, reason in shown]
    if rest := ranked[len(shown) :]:
        bars.append((f"{len(rest):,} further reasons", sum(n for n, _ in rest)))
    with _drawing:
        figure, axes = _figure(_height(len(bars), 0.46, around=0.9))
        _bars(axes, list(range(len(bars))), [n for _, n in bars], BAD, "", height=0.3, offset=0.14)
        most = max(n for _, n in bars)
        for i, (reason, n) in enumerate(bars):
            axes.annotate(
                _clip(reason, 105), (0, i - 0.2), xytext=(2, 0), textcoords="offset points", va="center", fontsize=8.5
            )
            axes.annotate(
                f"{n:,}", (n, i + 0.14), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8, color=SOFT
            )
        axes.set_yticks([])
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_xlim(0, most * 1.08)
        axes.locator_params(axis="x", integer=True)
        _axes(axes, "entries")
        summary = (
            f"{total:,} {'entry' if total == 1 else 'entries'}; most often {_clip(ranked[0][1], 90)} ({ranked[0][0]:,})"
        )
        return _picture(figure, title, summary)


def latency(requests: Iterable[Mapping[str, Any]]) -> Picture | NoPicture:
    """Airtable's response times in ms, with P50, P95 and P99. `requests`: rows with `ms`."""
    title = "Response times of Airtable"
    times = sorted(float(r["ms"]) for r in requests if r.get("ms") is not None)
    if not times:
        return NoPicture(title, "no request was made")
    marks = {p: times[min(len(times) - 1, math.ceil(len(times) * p / 100) - 1)] for p in (50, 95, 99)}
    low, high = max(times[0], 0.1), max(times[-1], 0.1)
    log = high / low > 20
    with _drawing:
        figure, axes = _figure(2.8)
        steps = min(60, max(8, int(len(times) ** 0.5) * 2))
        if high <= low:
            low, high = low * 0.9, high * 1.1 + 0.1
        edges = [low * (high / low) ** (i / steps) if log else low + (high - low) * i / steps for i in range(steps + 1)]
        axes.hist([min(max(t, low), high) for t in times], bins=edges, color=SOURCE, edgecolor="white", linewidth=0.4)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.3)
        for (p, value), style, level in zip(marks.items(), ("-", "--", ":"), (0.95, 0.86, 0.77), strict=True):
            axes.axvline(value, color=TARGET, linestyle=style, linewidth=1.4, ymax=level)
            axes.annotate(
                f"P{p} {value:,.0f} ms", (value, level), xycoords=("data", "axes fraction"), xytext=(4, -1),
                textcoords="offset points", fontsize=8.5, va="center", color=INK, annotation_clip=False,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
            )  # fmt: skip
        if log:
            axes.set_xscale("log")
        _axes(axes, f"milliseconds{' (logarithmic scale)' if log else ''}", "requests")
        summary = f"{plural(len(times), 'request')}: " + ", ".join(f"P{p} {v:,.0f} ms" for p, v in marks.items())
        return _picture(figure, title, f"{summary}, the longest {times[-1]:,.0f} ms")


def record_limit(rows: Mapping[str, int], limit: int) -> Picture | NoPicture:
    """Share of the plan's record limit by table, and the whole against 80 and 95 % of it. `rows`: table -> records."""
    title = "Share of the plan's record limit"
    ranked = sorted(((n, table) for table, n in rows.items() if n), key=lambda pair: (-pair[0], pair[1]))
    total = sum(n for n, _ in ranked)
    if not ranked or limit <= 0:
        return NoPicture(title, f"the base has no records; its limit is {limit:,}")
    share = total / limit
    verdict, color = (
        ("✗ full", BAD)
        if share >= CRITICAL_SHARE
        else ("! close to the limit", WARN)
        if share >= WARN_SHARE
        else ("✓ room left", GOOD)
    )
    with _drawing:
        from matplotlib.gridspec import GridSpec

        height = _height(len(ranked), 0.22, around=2.0)
        figure, _ = _figure(height, axes=False)
        grid = GridSpec(2, 1, figure=figure, height_ratios=[0.75, max(0.6, height - 1.7)])
        whole, parts = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        for at, label, style in ((WARN_SHARE, "80 %", "--"), (CRITICAL_SHARE, "95 %", "-"), (1.0, "", "-")):
            whole.axvline(at * 100, color=INK, linestyle=style, linewidth=1.3 if label else 2, zorder=3)
            if label:
                whole.annotate(label, (at * 100, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                               textcoords="offset points", ha="center", fontsize=8.5)  # fmt: skip
        whole.barh(
            [0],
            [share * 100],
            0.6,
            color=color,
            hatch="//" if share >= WARN_SHARE else None,
            edgecolor="white",
            zorder=2,
        )
        label = f"{total:,} of {limit:,} records: {share:.1%}, {verdict}"
        whole.annotate(
            label, (1.5, 0), va="center", fontsize=9, fontweight="bold", color=INK, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2, "alpha": 0.9},
        )  # fmt: skip
        whole.set_xlim(0, max(103.0, share * 104))
        whole.set_yticks([])
        _axes(whole, "% of the limit, whole base")
        _bars(parts, list(range(len(ranked))), [n / limit * 100 for n, _ in ranked], TARGET, "", height=0.66)
        for i, (n, _) in enumerate(ranked):
            parts.annotate(f"{n:,}", (n / limit * 100, i), xytext=(4, 0), textcoords="offset points", va="center",
                           fontsize=8, color=SOFT)  # fmt: skip
        _categories(parts, [table for _, table in ranked])
        parts.set_xlim(0, ranked[0][0] / limit * 100 * 1.15)
        _axes(parts, "% of the limit, by table")
        return _picture(figure, title, f"{label}; the largest table is {ranked[0][1]} with {ranked[0][0]:,}")


def _figure(height: float, *, axes: bool = True) -> tuple[Figure, Axes]:
    """A figure outside pyplot: it is freed when nothing refers to it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot() if axes else None  # type: ignore[return-value]


def _height(lines: int, each: float, around: float = 1.15) -> float:
    return around + max(1, lines) * each


def _bars(
    axes: Axes, y: Sequence[float], values: Sequence[float], color: str, label: str, *, height: float, offset: float = 0
) -> None:
    axes.barh([at + offset for at in y], values, height, color=color, label=label or None, zorder=2)


def _categories(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_literal(_clip(name, 34)) for name in names], fontsize=8.5, color=INK)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    _axes(axes)


def _axes(axes: Axes, x: str = "", y: str = "") -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(axis="x", labelsize=8, labelcolor=SOFT, color=SOFT)
    if y:
        axes.tick_params(axis="y", labelsize=8, labelcolor=SOFT, length=0)
        axes.set_ylabel(y, fontsize=8.5, color=SOFT)
    axes.grid(visible=True, axis="y" if y else "x", color=GRID, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    if x:
        axes.set_xlabel(x, fontsize=8.5, color=SOFT)
    if axes.get_xscale() == "linear" and not y:
        from matplotlib.ticker import FuncFormatter

        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    elif axes.get_xscale() == "log":
        _plain_numbers(axes)


def _plain_numbers(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 200 else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)


def _picture(figure: Figure, title: str, summary: str) -> Picture:
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    figure.clear()
    return Picture(title, summary, _small(out.getvalue()))


def _small(png: bytes) -> bytes:
    """The same picture in 64 colours: a third of the size, without a visible difference."""
    from PIL import Image  # comes with matplotlib

    with Image.open(io.BytesIO(png)) as image:
        out = io.BytesIO()
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return min(png, out.getvalue(), key=len)


def _literal(text: str) -> str:
    return text.replace("$", r"\$")  # else matplotlib reads it as mathematics


def _clip(text: str, size: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else text[: size - 1] + "…"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 300 else f"{seconds / 60:.0f} min"
