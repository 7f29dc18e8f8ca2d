"""Drivers as admins keep them, and a second set of carrier functions on keys of its own.

`admin_status` and `is_flagged` of a carrier are not the `status` and `isFlagged` of carrier_admin: the platform has
both, pages read either, and neither follows the other.
"""

from __future__ import annotations

from typing import Any, Final

from lmdr.services.admin.access import AdminError, admins, admitted
from lmdr.services.admin.carriers import STATUSES as CARRIER_STATUSES
from lmdr.services.admin.changes import log_action, status_change
from lmdr.services.context import Caller, Context, service
from runbook.json_types import Item

DRIVERS, CARRIERS = "DriverProfiles", "Carriers"
DRIVER_STATUSES: Final = ("active", "pending", "suspended", "incomplete")


@service
@admitted(admins, "Failed to verify the driver")
def verify_driver(context: Context, caller: Caller, driver_id: str) -> dict[str, Any]:
    """Mark a driver as verified from now on, and active; audited. Raises AdminError where there is none."""
    _item(context, DRIVERS, driver_id)
    changes = {"verificationStatus": "verified", "verifiedAt": context.now(), "status": "active"}
    context.records.patch(DRIVERS, driver_id, changes)
    log_action(context, caller, "verifyDriver", "driver", driver_id)
    return {"success": True, "driverId": driver_id}


@service
@admitted(admins, "Failed to suspend the driver")
def suspend_driver(context: Context, caller: Caller, driver_id: str, reason: str = "") -> dict[str, Any]:
    """Set a driver's status to suspended, with an entry in its statusHistory; audited. Raises AdminError."""
    _set_driver_status(context, caller, driver_id, "suspended", reason, "suspendDriver")
    return {"success": True, "driverId": driver_id}


@service
@admitted(admins, "Failed to update the driver's status")
def update_driver_status(
    context: Context, caller: Caller, driver_id: str, status: str, reason: str = ""
) -> dict[str, Any]:
    """Set a driver's status, with an entry in its statusHistory; audited.

    Raises AdminError for a status other than active, pending, suspended, incomplete, or where there is no driver.
    """
    if status not in DRIVER_STATUSES:
        raise AdminError("Invalid status")
    _set_driver_status(context, caller, driver_id, status, reason, "updateDriverStatus")
    return {"success": True, "driverId": driver_id, "status": status}


@service
@admitted(admins, "Failed to update the carrier's status")
def update_carrier_status(
    context: Context, caller: Caller, carrier_id: str, status: str, reason: str = ""
) -> dict[str, Any]:
    """Set a carrier's admin_status, with an entry in its statusHistory; audited.

    Raises AdminError for a status other than active, inactive, suspended, pending_review, or where there is no carrier.
    """
    if status not in CARRIER_STATUSES:
        raise AdminError("Invalid status")
    carrier = _item(context, CARRIERS, carrier_id)
    changes = status_change(context, caller, carrier, status, reason, key="admin_status")
    context.records.patch(CARRIERS, carrier_id, changes)
    told = {"previousStatus": carrier.get("admin_status"), "newStatus": status, "reason": reason}
    log_action(context, caller, "updateCarrierStatus", "carrier", carrier_id, told)
    return {"success": True, "carrierId": carrier_id, "status": status}


@service
@admitted(admins, "Failed to flag the carrier")
def flag_carrier(context: Context, caller: Caller, carrier_id: str, reason: str = "") -> dict[str, Any]:
    """Set a carrier's is_flagged; audited. Raises AdminError where there is none."""
    return _set_flag(context, caller, carrier_id, True, {"reason": reason})


@service
@admitted(admins, "Failed to unflag the carrier")
def unflag_carrier(context: Context, caller: Caller, carrier_id: str) -> dict[str, Any]:
    """Take a carrier's is_flagged away; audited. Raises AdminError where there is none."""
    return _set_flag(context, caller, carrier_id, False, {})


def _item(context: Context, collection: str, item_id: str) -> Item:
    found = context.records.get(collection, item_id)
    if found is None:
        raise AdminError("Driver not found" if collection == DRIVERS else "Carrier not found")
    return found


def _set_driver_status(context: Context, caller: Caller, driver_id: str, status: str, reason: str, action: str) -> None:
    driver = _item(context, DRIVERS, driver_id)
    context.records.patch(DRIVERS, driver_id, status_change(context, caller, driver, status, reason))
    told = {"previousStatus": driver.get("status"), "newStatus": status, "reason": reason}
    log_action(context, caller, action, "driver", driver_id, told)


def _set_flag(
    context: Context, caller: Caller, carrier_id: str, flagged: bool, details: dict[str, Any]
) -> dict[str, Any]:
    _item(context, CARRIERS, carrier_id)
    context.records.patch(CARRIERS, carrier_id, {"is_flagged": flagged})
    log_action(context, caller, "flagCarrier" if flagged else "unflagCarrier", "carrier", carrier_id, details)
    return {"success": True, "carrierId": carrier_id}
