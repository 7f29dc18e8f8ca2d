"""Drivers as admins keep them, and the carriers' second status and flag: every change checked and audited."""

from __future__ import annotations

import pytest

from admin_kit import ADMIN, audited, refuse_all
from lmdr.services.admin import drivers as admin
from lmdr.services.admin.access import AdminError
from platform_kit import NOON, Platform


def test_only_admins_change_drivers_and_carriers(platform: Platform) -> None:
    driver = platform.put("DriverProfiles", status="pending")
    carrier = platform.put("Carriers", dot_number=7)
    refuse_all(
        platform,
        (
            lambda context, caller: admin.verify_driver(context, caller, driver["_id"]),
            lambda context, caller: admin.suspend_driver(context, caller, driver["_id"]),
            lambda context, caller: admin.update_driver_status(context, caller, driver["_id"], "active"),
            lambda context, caller: admin.update_carrier_status(context, caller, carrier["_id"], "active"),
            lambda context, caller: admin.flag_carrier(context, caller, carrier["_id"]),
            lambda context, caller: admin.unflag_carrier(context, caller, carrier["_id"]),
        ),
    )
    assert platform.row("DriverProfiles", driver["_id"]) == driver
    assert platform.row("Carriers", carrier["_id"]) == carrier
    assert audited(platform) == []


def test_a_verified_driver_is_active(platform: Platform) -> None:
    driver = platform.put("DriverProfiles", status="pending", verificationStatus="in_review")["_id"]
    admin.verify_driver(platform.context(), ADMIN, driver)
    row = platform.row("DriverProfiles", driver)
    assert (row["verificationStatus"], row["verifiedAt"], row["status"]) == ("verified", NOON, "active")
    assert audited(platform) == [("verifyDriver", "driver", driver, "admin-1", "ann@example.com")]


def test_a_driver_s_status(platform: Platform) -> None:
    driver = platform.put("DriverProfiles", status="pending")["_id"]
    admin.update_driver_status(platform.context(), ADMIN, driver, "active")
    admin.suspend_driver(platform.context(), ADMIN, driver, "expired card")
    row = platform.row("DriverProfiles", driver)
    assert row["status"] == "suspended"
    assert [(entry["from"], entry["to"], entry["reason"]) for entry in row["statusHistory"]] == [
        ("pending", "active", ""),
        ("active", "suspended", "expired card"),
    ]
    assert [entry[0] for entry in audited(platform)] == ["suspendDriver", "updateDriverStatus"]
    with pytest.raises(AdminError, match="Invalid status"):
        admin.update_driver_status(platform.context(), ADMIN, driver, "inactive")
    with pytest.raises(AdminError, match="Driver not found"):
        admin.suspend_driver(platform.context(), ADMIN, "no such")
    assert platform.row("DriverProfiles", driver) == row
    assert len(audited(platform)) == 2


def test_the_second_status_and_flag_of_a_carrier(platform: Platform) -> None:
    carrier = platform.put("Carriers", dot_number=7, status="active", isFlagged=False)["_id"]
    admin.update_carrier_status(platform.context(), ADMIN, carrier, "suspended", "late")
    admin.flag_carrier(platform.context(), ADMIN, carrier, "late")
    row = platform.row("Carriers", carrier)
    assert (row["admin_status"], row["is_flagged"], row["status"], row["isFlagged"]) == (
        "suspended",
        True,
        "active",
        False,
    )
    admin.unflag_carrier(platform.context(), ADMIN, carrier)
    assert platform.row("Carriers", carrier)["is_flagged"] is False
    assert [entry[:3] for entry in audited(platform)] == [
        (action, "carrier", carrier) for action in ("flagCarrier", "unflagCarrier", "updateCarrierStatus")
    ]
    with pytest.raises(AdminError, match="Invalid status"):
        admin.update_carrier_status(platform.context(), ADMIN, carrier, "incomplete")
    with pytest.raises(AdminError, match="Carrier not found"):
        admin.flag_carrier(platform.context(), ADMIN, "no such")
    assert len(audited(platform)) == 3
