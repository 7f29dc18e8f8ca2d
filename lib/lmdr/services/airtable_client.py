"""Look-ups and writes of carriers, drivers and interests, under the names in the migration's plan.

    carrier = get_carrier_by_dot(context, "1234567")
    drivers = query_drivers(context, Query().eq("cdl_class", "A").limit(20))
    create_interest(context, drivers[0]["_id"], carrier["_id"], {"match_score": 81})

Nothing here depends on Airtable: rows are plain items with their Wix keys and `_id`s, from the side that the flag
names. A missing row is None; every other failure raises a `RecordsError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_number, dot_text
from lmdr.services.interests import add_interest
from runbook.errors import ItemExists, NoSuchItem, WrongType
from runbook.json_types import Item
from runbook.query import Query
from runbook.query.query import ALL_ITEMS

INTERESTS = "DriverCarrierInterests"


@service
def get_carrier_by_dot(context: Context, dot: int | str) -> Item | None:
    """The carrier with a DOT number, a number or text."""
    number = dot_number(dot)
    return None if number is None else context.records.first("Carriers", Query().eq("dot_number", number))


@service
def query_carriers(context: Context, query: Query = ALL_ITEMS) -> list[Item]:
    """The carriers of a query, 50 without a limit. Raises UnknownField."""
    return context.records.query("Carriers", query).items


@service
def insert_carrier(context: Context, data: Mapping[str, Any]) -> Item:
    """Add a carrier; its DOT number may be a number or text.

    Raises WrongType without a DOT number, ItemExists where another carrier has it, UnknownField.
    """
    data = _with_dot(data)
    return _inserted_once(context, "Carriers", "dot_number", data["dot_number"], data)


@service
def update_carrier(context: Context, carrier_id: str, changes: Mapping[str, Any]) -> Item:
    """Change keys of a carrier. Raises as `insert_carrier`, and NoSuchItem."""
    if "dot_number" not in changes:
        return context.records.patch("Carriers", carrier_id, changes)
    changes = _with_dot(changes, carrier_id)
    key = {"dot_number": changes["dot_number"]}
    with context.records.exclusive_key("Carriers", key) as exact:
        other = exact.first("Carriers", Query().eq("dot_number", key["dot_number"]).ne("_id", carrier_id))
        if other is not None:
            raise _exists_already("Carriers", "dot_number", other)
        return exact.patch("Carriers", carrier_id, changes)


@service
def get_driver_by_id(context: Context, driver_id: str) -> Item | None:
    """The driver profile with an `_id`."""
    return context.records.get("DriverProfiles", driver_id)


@service
def get_driver_by_wix_member_id(context: Context, member_id: str) -> Item | None:
    """The driver profile of a member, its `_owner`."""
    return context.records.first("DriverProfiles", Query().eq("_owner", member_id)) if member_id else None


@service
def query_drivers(context: Context, query: Query = ALL_ITEMS) -> list[Item]:
    """The driver profiles of a query, 50 without a limit. Raises UnknownField."""
    return context.records.query("DriverProfiles", query).items


@service
def insert_driver(context: Context, data: Mapping[str, Any]) -> Item:
    """Add a driver profile. Raises ItemExists where its `_owner` has one already, UnknownField, WrongType."""
    if not data.get("_owner"):
        return context.records.insert("DriverProfiles", dict(data))
    return _inserted_once(context, "DriverProfiles", "_owner", data["_owner"], data)


@service
def update_driver(context: Context, driver_id: str, changes: Mapping[str, Any]) -> Item:
    """Change keys of a driver profile. Raises NoSuchItem, UnknownField, WrongType."""
    return context.records.patch("DriverProfiles", driver_id, changes)


@service
def create_interest(context: Context, driver_id: str, carrier_id: str, data: Mapping[str, Any] | None = None) -> Item:
    """Add the interest between a driver and a carrier, both by `_id`; `data`: further keys of the row.

    The default status is "interested", as of now. Raises NoSuchItem without the driver or the carrier, ItemExists where
    the interest exists, UnknownField, WrongType.
    """
    driver = context.records.get("DriverProfiles", driver_id)
    carrier = context.records.get("Carriers", carrier_id)
    for item, collection, item_id in ((driver, "DriverProfiles", driver_id), (carrier, "Carriers", carrier_id)):
        if item is None:
            raise NoSuchItem(
                f"{collection} has no item {item_id}; no interest was created", collection=collection, id=item_id
            )
    assert carrier is not None
    new = {
        "status": "interested",
        "action_timestamp": context.now(),
        "carrier_name": carrier.get("legal_name"),
        **(data or {}),
        "carrier_id": carrier_id,
    }
    existing = context.records.first(INTERESTS, _of_carrier(carrier_id, carrier).eq("driver_id", driver_id))
    if existing is None:
        once = add_interest(context, driver_id, carrier.get("dot_number"), new)
        if once.inserted:
            return once.item
        existing = once.item
    raise ItemExists(
        f"{INTERESTS}: {existing['_id']} exists already for this driver and this carrier; nothing was written",
        collection=INTERESTS,
        id=existing["_id"],
    )


@service
def get_interests_by_driver(context: Context, driver_id: str) -> list[Item]:
    """Every interest of a driver, the newest first."""
    return context.records.get_all(INTERESTS, Query().eq("driver_id", driver_id)) if driver_id else []


@service
def get_interests_by_carrier(context: Context, carrier_id: str) -> list[Item]:
    """Every interest in a carrier, by its `_id`, the newest first; [] for a missing carrier."""
    carrier = context.records.get("Carriers", carrier_id)
    return [] if carrier is None else context.records.get_all(INTERESTS, _of_carrier(carrier_id, carrier))


@service
def update_interest_status(context: Context, interest_id: str, status: str) -> Item:
    """Set an interest's status, any text, as of today. Raises NoSuchItem."""
    today = context.now().astimezone(UTC).date().isoformat()
    return context.records.patch(INTERESTS, interest_id, {"status": status, "status_updated": today})


def _with_dot(data: Mapping[str, Any], carrier_id: str | None = None) -> dict[str, Any]:
    number = dot_number(data.get("dot_number"))
    if number is None:
        raise WrongType(
            "Carriers, dot_number: must be a number or a text of digits; nothing was written",
            collection="Carriers",
            field="dot_number",
            id=carrier_id,
        )
    return {**data, "dot_number": number}


def _inserted_once(context: Context, collection: str, key: str, value: Any, data: Mapping[str, Any]) -> Item:
    """Insert a row whose key no other has. Raises ItemExists: neither side enforces that a key is unique."""
    once = context.records.insert_once(collection, {key: value}, dict(data))
    if not once.inserted:
        raise _exists_already(collection, key, once.item)
    return once.item


def _exists_already(collection: str, key: str, row: Item) -> ItemExists:
    return ItemExists(
        f"{collection}, {key}: {row['_id']} has this value already; nothing was written",
        collection=collection,
        field=key,
        id=row["_id"],
    )


def _of_carrier(carrier_id: str, carrier: Item) -> Query:
    """The query for rows of a carrier: some have its `_id`, most only its DOT number."""
    by_id = Query().eq("carrier_id", carrier_id)
    dot = dot_text(carrier.get("dot_number"))
    return by_id.or_(Query().eq("carrier_dot", dot)) if dot else by_id
