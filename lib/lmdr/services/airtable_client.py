"""Carriers, drivers and the interest between them, under the names that the migration's plan gives their look-ups.

    carrier = get_carrier_by_dot(context, "1234567")
    drivers = query_drivers(context, Query().eq("cdl_class", "A").limit(20))
    create_interest(context, drivers[0]["_id"], carrier["_id"], {"match_score": 81})

Nothing here is bound to Airtable: rows are plain items with their Wix keys and `_id`s, from whichever side the flag
names. A row that is not there is None; everything else that cannot be done raises a `RecordsError`, so that no error
can be taken for a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_number, dot_text
from runbook.errors import ItemExists, NoSuchItem, WrongType
from runbook.json_types import Item
from runbook.query import Query
from runbook.query.query import EVERY

INTERESTS = "DriverCarrierInterests"


@service
def get_carrier_by_dot(context: Context, dot: int | str) -> Item | None:
    """The carrier with a DOT number, given as a number or as its text."""
    number = dot_number(dot)
    return None if number is None else context.records.first("Carriers", Query().eq("dot_number", number))


@service
def query_carriers(context: Context, query: Query = EVERY) -> list[Item]:
    """Carriers that a query keeps: 50 where it names no limit. Raises UnknownField."""
    return context.records.query("Carriers", query).items


@service
def insert_carrier(context: Context, data: Mapping[str, Any]) -> Item:
    """Add a carrier, its DOT number given as a number or as its text.

    Raises WrongType without a DOT number, ItemExists for one that another carrier has, UnknownField.
    """
    return context.records.insert("Carriers", _with_dot(context, data))


@service
def update_carrier(context: Context, carrier_id: str, changes: Mapping[str, Any]) -> Item:
    """Change keys of a carrier; all others stay. Raises as `insert_carrier`, and NoSuchItem."""
    if "dot_number" in changes:
        changes = _with_dot(context, changes, carrier_id)
    return context.records.patch("Carriers", carrier_id, changes)


@service
def get_driver_by_id(context: Context, driver_id: str) -> Item | None:
    """The driver's profile of that `_id`."""
    return context.records.get("DriverProfiles", driver_id)


@service
def get_driver_by_wix_member_id(context: Context, member_id: str) -> Item | None:
    """The profile of the member who signs in, whose `_owner` it names."""
    return context.records.first("DriverProfiles", Query().eq("_owner", member_id)) if member_id else None


@service
def query_drivers(context: Context, query: Query = EVERY) -> list[Item]:
    """Drivers' profiles that a query keeps: 50 where it names no limit. Raises UnknownField."""
    return context.records.query("DriverProfiles", query).items


@service
def insert_driver(context: Context, data: Mapping[str, Any]) -> Item:
    """Add a driver's profile. Raises ItemExists where its `_owner` has one already, UnknownField, WrongType."""
    if data.get("_owner"):
        _refuse_second(context, "DriverProfiles", "_owner", data["_owner"])
    return context.records.insert("DriverProfiles", dict(data))


@service
def update_driver(context: Context, driver_id: str, changes: Mapping[str, Any]) -> Item:
    """Change keys of a driver's profile; all others stay. Raises NoSuchItem, UnknownField, WrongType."""
    return context.records.patch("DriverProfiles", driver_id, changes)


@service
def create_interest(context: Context, driver_id: str, carrier_id: str, data: Mapping[str, Any] | None = None) -> Item:
    """Tie a driver to a carrier, both by `_id`; `data`: further keys of the row.

    Without other word the status is "interested", as of now. Raises NoSuchItem where the driver or the carrier is
    not there, ItemExists where the two are tied already, UnknownField, WrongType.
    """
    driver = context.records.get("DriverProfiles", driver_id)
    carrier = context.records.get("Carriers", carrier_id)
    for found, collection, missing in ((driver, "DriverProfiles", driver_id), (carrier, "Carriers", carrier_id)):
        if found is None:
            raise NoSuchItem(
                f"{collection} has no item {missing}; no interest was created", collection=collection, id=missing
            )
    assert carrier is not None
    tied = context.records.first(INTERESTS, _of_carrier(carrier_id, carrier).and_(Query().eq("driver_id", driver_id)))
    if tied is not None:
        raise ItemExists(
            f"{INTERESTS}: this driver and this carrier are tied by {tied['_id']} already; nothing was written",
            collection=INTERESTS,
            id=tied["_id"],
        )
    told = {"status": "interested", "action_timestamp": context.now(), "carrier_name": carrier.get("legal_name")}
    ids = {"driver_id": driver_id, "carrier_id": carrier_id, "carrier_dot": dot_text(carrier.get("dot_number"))}
    return context.records.insert(INTERESTS, {**told, **(data or {}), **ids})


@service
def get_interests_by_driver(context: Context, driver_id: str) -> list[Item]:
    """Every interest of a driver, the newest first."""
    return context.records.get_all(INTERESTS, Query().eq("driver_id", driver_id)) if driver_id else []


@service
def get_interests_by_carrier(context: Context, carrier_id: str) -> list[Item]:
    """Every interest in a carrier, by its `_id`, the newest first; [] for a carrier that is not there."""
    carrier = context.records.get("Carriers", carrier_id)
    return [] if carrier is None else context.records.get_all(INTERESTS, _of_carrier(carrier_id, carrier))


@service
def update_interest_status(context: Context, interest_id: str, status: str) -> Item:
    """Set an interest's status, as of today; any text is one. Raises NoSuchItem."""
    today = context.now().astimezone(UTC).date().isoformat()
    return context.records.patch(INTERESTS, interest_id, {"status": status, "status_updated": today})


def _with_dot(context: Context, data: Mapping[str, Any], carrier_id: str | None = None) -> dict[str, Any]:
    number = dot_number(data.get("dot_number"))
    if number is None:
        raise WrongType(
            "Carriers, dot_number: a number, or a text of digits, is right; nothing was written",
            collection="Carriers",
            field="dot_number",
            id=carrier_id,
        )
    _refuse_second(context, "Carriers", "dot_number", number, carrier_id)
    return {**data, "dot_number": number}


def _refuse_second(context: Context, collection: str, key: str, value: Any, item_id: str | None = None) -> None:
    """A key by which rows are looked up leads to one of them; neither side sees to that by itself."""
    taken = Query().eq(key, value)
    row = context.records.first(collection, taken if item_id is None else taken.ne("_id", item_id))
    if row is not None:
        raise ItemExists(
            f"{collection}, {key}: {row['_id']} has this one already; nothing was written",
            collection=collection,
            field=key,
            id=row["_id"],
        )


def _of_carrier(carrier_id: str, carrier: Item) -> Query:
    """Rows of a carrier: some name its `_id`, most its DOT number alone."""
    theirs = Query().eq("carrier_id", carrier_id)
    dot = dot_text(carrier.get("dot_number"))
    return theirs.or_(Query().eq("carrier_dot", dot)) if dot else theirs
