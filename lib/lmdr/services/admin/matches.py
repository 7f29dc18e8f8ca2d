"""Matches and interests for admins: lists, details, statistics, trends, export as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lmdr import js
from lmdr.services.admin.access import admins, admitted, super_admins
from lmdr.services.admin.changes import log_action, require_item
from lmdr.services.admin.lists import EXPORTED, Paging, dated, equal, filters_of, first_rows, to_csv
from lmdr.services.admin.periods import DAY, WEEK, chart_days, daily_counts, day_of, percent
from lmdr.services.context import Caller, Context, service
from lmdr.services.dot_numbers import dot_number, dot_text
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

MATCHES, INTERESTS = "MatchEvents", "DriverCarrierInterests"
ACTIONS = {
    "view_details": "Viewed details", "viewed": "Viewed", "saved": "Saved", "interested": "Interested",
    "applied": "Applied", "contacted": "Contacted", "search": "Searched",
}  # fmt: skip
"""Labels of actions; any other action is its own label."""
STATUSES = {
    "interested": "Interested", "applied": "Applied", "in_review": "In Review", "contacted": "Contacted",
    "offer": "Offer Extended", "accepted": "Accepted", "hired": "Hired", "rejected": "Rejected",
    "withdrawn": "Withdrawn",
}  # fmt: skip

_SAMPLE = 1000


def score_category(score: Any) -> dict[str, str]:
    """The category of a score: {label, color}; from 90 Excellent, from 75 Good, from 60 Fair, else Low."""
    number = js.to_number(score)
    for minimum, label, color in ((90, "Excellent", "green"), (75, "Good", "blue"), (60, "Fair", "yellow")):
        if number >= minimum:
            return {"label": label, "color": color}
    return {"label": "Low", "color": "gray"}


@service
@admitted(admins, "Failed to get the matches")
def get_matches_list(context: Context, caller: Caller, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A page of matches.

    `options`: filters {carrierDOT, carrierName, driverName, minScore, maxScore, action, dateFrom, dateTo}, page 1,
    pageSize 50, sortField 'timestamp', sortDirection 'desc'. Gives matches, totalCount, page, pageSize, totalPages.
    As on the platform, totalCount applies only the filters carrierDOT and action. Raises AdminError.
    """
    filters = filters_of(options)
    paging = Paging.of(options, size=50, sort="timestamp")
    rows = context.records.query(MATCHES, paging.apply(_filtered(filters)))
    total = context.records.count(MATCHES, _counted(filters))
    return {"matches": [_view(match) for match in rows], **paging.summary(total)}


@service
@admitted(admins, "Failed to get the match")
def get_match_detail(context: Context, caller: Caller, match_id: str) -> dict[str, Any]:
    """A match, its `carrier` (None where there is none), and the carrier's 10 newest other matches.

    Raises AdminError where there is no such match.
    """
    records = context.records
    match = require_item(context, MATCHES, match_id, "Match not found")
    dot = match.get("carrier_dot")
    others = Query().eq("carrier_dot", dot).ne("_id", match["_id"]).descending("timestamp").limit(10)
    return {
        "match": _view(match),
        "carrier": _carriers(records, [dot]).get(dot_number(dot)),
        "relatedMatches": [_view(other) for other in records.query(MATCHES, others)] if js.truthy(dot) else [],
    }


@service
@admitted(admins, "Failed to get the interests")
def get_interests_list(context: Context, caller: Caller, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A page of interests, each with its `statusLabel` and `carrier`.

    `options`: filters {status, carrierDOT, driverId, dateFrom, dateTo}, page 1, pageSize 50, sortField '_createdDate',
    sortDirection 'desc'. As on the platform, totalCount counts the whole collection. Raises AdminError.
    """
    records, filters = context.records, filters_of(options)
    paging = Paging.of(options, size=50, sort="_createdDate")
    query = equal(Query(), filters, {"status": "status", "driverId": "driver_id"})
    if js.truthy(filters.get("carrierDOT")):
        query = query.eq("carrier_dot", dot_text(filters["carrierDOT"]))
    rows = records.query(INTERESTS, paging.apply(dated(query, "_createdDate", filters))).items
    carriers = _carriers(records, (row.get("carrier_dot") for row in rows))
    interests = [
        {
            **row,
            "statusLabel": _label(STATUSES, js.or_(row.get("status"), row.get("action"))),
            "carrier": carriers.get(dot_number(row.get("carrier_dot"))),
        }
        for row in rows
    ]
    return {"interests": interests, **paging.summary(records.count(INTERESTS))}


@service
@admitted(admins, "Failed to get the match statistics")
def get_match_stats(context: Context, caller: Caller) -> dict[str, Any]:
    """Totals (totalMatches, totalInterests, conversionRate in %), and statistics of the newest 1000 matches.

    The latter are distribution {excellent, good, fair, low}, averageScore, actions {action: count} and the five
    carriers with the most matches, topCarriers [{dot, name, count}].
    """
    records = context.records
    matches, interests = records.count(MATCHES), records.count(INTERESTS)
    rows = records.query(MATCHES, Query().descending("timestamp").limit(_SAMPLE)).items
    names = {dot_text(row.get("carrier_dot")): row.get("carrier_name") for row in reversed(rows)}
    by_carrier = Counter(dot for row in rows if (dot := dot_text(row.get("carrier_dot"))))
    return {
        "totalMatches": matches,
        "totalInterests": interests,
        "conversionRate": percent(interests, matches),
        "distribution": _distribution(rows),
        "averageScore": _average(rows),
        "topCarriers": [{"dot": dot, "name": names[dot], "count": count} for dot, count in by_carrier.most_common(5)],
        "actions": dict(Counter(js.to_string(js.or_(row.get("action"), "unknown")) for row in rows)),
    }


@service
@admitted(admins, "Failed to get the match trends")
def get_match_trends(context: Context, caller: Caller, period: str = "week") -> dict[str, Any]:
    """Daily figures: labels (the days), counts of matches and interests, averageScores (0 on a day without a match).

    `period`: 'week', 7 days, or 'month', 30. The first day starts at this time of day; today is left out.
    """
    records, now = context.records, context.now()
    days = chart_days(now, period)
    by_day: dict[str, list[Item]] = {day: [] for day in days}
    for match in records.get_all(MATCHES, Query().ge("timestamp", now - len(days) * DAY)):
        by_day.setdefault(day_of(match["timestamp"]), []).append(match)
    return {
        "labels": days,
        "matches": [len(by_day[day]) for day in days],
        "interests": daily_counts(records, INTERESTS, "_createdDate", now, days),
        "averageScores": [_average(by_day[day]) for day in days],
    }


@service
@admitted(admins, "Failed to get the top matches")
def get_top_matches(context: Context, caller: Caller, limit: int = 10) -> list[dict[str, Any]]:
    """The best matches of the last 7 days, the highest score first."""
    paging = Paging.of({"pageSize": limit}, size=10, sort="match_score")
    query = Query().ge("timestamp", context.now() - WEEK)
    return [_view(match) for match in context.records.query(MATCHES, paging.apply(query))]


@service
@admitted(admins, "Failed to get the carrier's matches")
def get_carrier_match_summary(context: Context, caller: Caller, dot: str | int) -> dict[str, Any]:
    """A carrier's matches: carrier (None where there is none), totalMatches, totalInterests, conversionRate (%).

    For its newest 1000: averageScore, distribution, and the 10 newest as recentMatches.
    """
    records, text = context.records, dot_text(dot)
    of_carrier = Query().eq("carrier_dot", text)
    matches, interests = records.count(MATCHES, of_carrier), records.count(INTERESTS, of_carrier)
    rows = records.query(MATCHES, of_carrier.descending("timestamp").limit(_SAMPLE)).items
    return {
        "carrier": _carriers(records, [dot]).get(dot_number(dot)),
        "totalMatches": matches,
        "totalInterests": interests,
        "conversionRate": percent(interests, matches),
        "averageScore": _average(rows),
        "distribution": _distribution(rows),
        "recentMatches": [_view(match) for match in rows[:10]],
    }


@service
@admitted(super_admins, "Failed to export the matches")
def export_matches_csv(context: Context, caller: Caller, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The newest 5000 matches that pass the filters: csv, count, fileName. For super admins; audited."""
    text, count = matches_as_csv(context, filters)
    log_action(context, caller, "exportData", "matches", details={"count": count, "filters": {**(filters or {})}})
    return {"csv": text, "count": count, "fileName": f"matches-{context.now():%Y-%m-%d}.csv"}


def matches_as_csv(context: Context, filters: Mapping[str, Any] | None = None) -> tuple[str, int]:
    """The CSV of `export_matches_csv` and its number of rows; not audited."""
    query = _filtered(filters or {}).descending("timestamp")
    rows = first_rows(context.records, MATCHES, query, EXPORTED)
    columns = {
        "Date": "timestamp", "Carrier Name": "carrier_name", "Carrier DOT": "carrier_dot", "Driver Name": "driver_name",
        "Driver ZIP": "driver_zip", "Match Score": "match_score", "Category": "category", "Action": "action",
    }  # fmt: skip
    views = ({**row, "category": score_category(row.get("match_score"))["label"]} for row in rows)
    return to_csv(columns, ([row.get(key) for key in columns.values()] for row in views)), len(rows)


@service
@admitted(admins, "Failed to get the list of actions")
def get_action_list(context: Context, caller: Caller) -> list[dict[str, str]]:
    """The actions of the newest 1000 matches: [{value, label}], by label."""
    rows = context.records.query(MATCHES, Query().descending("timestamp").limit(_SAMPLE))
    actions = {action for row in rows if isinstance(action := row.get("action"), str) and action}
    return sorted(
        ({"value": action, "label": _label(ACTIONS, action)} for action in actions), key=lambda entry: entry["label"]
    )


def _filtered(filters: Mapping[str, Any]) -> Query:
    query = _counted(filters)
    for name, key in (("carrierName", "carrier_name"), ("driverName", "driver_name")):
        if js.truthy(filters.get(name)):
            query = query.contains(key, js.to_string(filters[name]))
    # A form sends texts, and a score is a number; a bound that is not a number (NaN) is ignored.
    minimum, maximum = js.parse_float(filters.get("minScore")), js.parse_float(filters.get("maxScore"))
    if minimum == minimum:
        query = query.ge("match_score", minimum)
    if maximum == maximum:
        query = query.le("match_score", maximum)
    return dated(query, "timestamp", filters)


def _counted(filters: Mapping[str, Any]) -> Query:
    query = equal(Query(), filters, {"action": "action"})
    if js.truthy(filters.get("carrierDOT")):
        query = query.eq("carrier_dot", dot_text(filters["carrierDOT"]))
    return query


def _carriers(records: Records, dots: Iterable[Any]) -> dict[int | None, dict[str, Any]]:
    """Carriers by DOT number, as lists show them.

    They are looked up by number; the platform queries by text and finds none.
    """
    numbers = sorted({number for dot in dots if (number := dot_number(dot)) is not None})
    carriers = records.get_all("Carriers", Query().in_("dot_number", numbers)) if numbers else []
    return {
        dot_number(carrier["dot_number"]): {
            "id": carrier["_id"],
            "dotNumber": carrier["dot_number"],
            "legalName": carrier.get("legal_name"),
            "city": carrier.get("phy_city"),
            "state": carrier.get("phy_state"),
            "status": carrier.get("status"),
        }
        for carrier in carriers
    }


def _view(match: Item) -> dict[str, Any]:
    return {
        **match,
        "scoreCategory": score_category(match.get("match_score")),
        "actionLabel": _label(ACTIONS, match.get("action")),
    }


def _label(labels: Mapping[str, str], value: Any) -> str:
    return labels.get(value, value) if isinstance(value, str) and value else "Unknown"


def _distribution(rows: Iterable[Item]) -> dict[str, int]:
    counts = {"excellent": 0, "good": 0, "fair": 0, "low": 0}
    for row in rows:
        counts[score_category(row.get("match_score"))["label"].lower()] += 1
    return counts


def _average(rows: list[Item]) -> js.Number:
    """The mean score, rounded; a match without a score counts as 0."""
    scores: list[js.Number] = [row["match_score"] if js.is_number(row.get("match_score")) else 0 for row in rows]
    return js.round_half_up(sum(scores) / len(scores)) if scores else 0
