"""Drivers for admins, and a second set of carrier functions, which use other keys.

`admin_status` and `is_flagged` of a carrier are not the `status` and `isFlagged` of `admin.carriers`: the platform has
both, pages read either, and neither follows the other.
"""

from __future__ import annotations

from typing import Any, Final

from lmdr.services.admin.access import admins, admitted
from lmdr.services.admin.carriers import STATUSES as CARRIER_STATUSES
from lmdr.services.admin.changes import change_item, setting, status_change
from lmdr.services.context import Caller, Context, service

DRIVERS, CARRIERS = "DriverProfiles", "Carriers"
DRIVER_STATUSES: Final = ("active", "pending", "suspended", "incomplete")


@service
@admitted(admins, "Failed to verify the driver")
def verify_driver(context: Context, caller: Caller, driver_id: str) -> dict[str, Any]:
    """Mark a driver as verified now, and active; audited. Raises AdminError where there is none."""
    keys = {"verificationStatus": "verified", "verifiedAt": context.now(), "status": "active"}
    change_item(context, caller, DRIVERS, driver_id, setting("verifyDriver", "driver", keys))
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
    change = status_change(
        context, caller, status, reason, target_type="carrier", allowed=CARRIER_STATUSES,
        action="updateCarrierStatus", key="admin_status",
    )  # fmt: skip
    change_item(context, caller, CARRIERS, carrier_id, change)
    return {"success": True, "carrierId": carrier_id, "status": status}


@service
@admitted(admins, "Failed to flag the carrier")
def flag_carrier(context: Context, caller: Caller, carrier_id: str, reason: str = "") -> dict[str, Any]:
    """Set a carrier's is_flagged; audited. Raises AdminError where there is none."""
    return _set_flag(context, caller, carrier_id, True, {"reason": reason})


@service
@admitted(admins, "Failed to unflag the carrier")
def unflag_carrier(context: Context, caller: Caller, carrier_id: str) -> dict[str, Any]:
    """Clear a carrier's is_flagged; audited. Raises AdminError where there is none."""
    return _set_flag(context, caller, carrier_id, False, {})


def _set_driver_status(context: Context, caller: Caller, driver_id: str, status: str, reason: str, action: str) -> None:
    change = status_change(
        context, caller, status, reason, target_type="driver", allowed=DRIVER_STATUSES, action=action
    )
    change_item(context, caller, DRIVERS, driver_id, change)


def _set_flag(
    context: Context, caller: Caller, carrier_id: str, flagged: bool, details: dict[str, Any]
) -> dict[str, Any]:
    action = "flagCarrier" if flagged else "unflagCarrier"
    change_item(context, caller, CARRIERS, carrier_id, setting(action, "carrier", {"is_flagged": flagged}, **details))
    return {"success": True, "carrierId": carrier_id}
