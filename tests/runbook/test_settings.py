"""What the environment must say, and how it is told when it does not."""

from __future__ import annotations

import pytest

from lmdr.platform import PLATFORM
from runbook.errors import SettingError
from runbook.settings import read_home, read_settings

LIVE = {
    "AIRTABLE_API_KEY": "patAAAAAAAAAAAAAA." + "0" * 64,
    "AIRTABLE_BASE_ID": "appAAAAAAAAAAAAAA",
    "WIX_API_KEY": "IST.secret-of-the-site",
    "WIX_SITE_ID": "11111111-2222-3333-4444-555555555555",
}


def test_live_needs_every_variable_and_names_all_that_are_missing() -> None:
    with pytest.raises(SettingError) as refused:
        read_settings("live", PLATFORM, {})
    for name in ("AIRTABLE_API_KEY", "AIRTABLE_BASE_ID", "AIRTABLE_WORKSPACE_ID", "WIX_API_KEY", "WIX_SITE_ID"):
        assert name in str(refused.value)
    assert "nothing was done" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("AIRTABLE_BASE_ID", "tblAAAAAAAAAAAAAA", "begin with app"),
        ("AIRTABLE_API_KEY", "key12345", "pat"),
        ("WIX_SITE_ID", "my-site", "GUID"),
        ("WIX_API_KEY", "a b", "IST"),
        ("RUNBOOK_PLAN", "pro", "business"),
        ("AIRTABLE_ENDPOINT_URL", "api.airtable.example", "is not a URL; expected https://host"),
        ("WIX_ENDPOINT_URL", "ftp://wix.example", "is not a URL; expected https://host"),
    ],
)
def test_a_wrong_variable_is_named_with_what_would_be_right_but_not_its_value(
    name: str, value: str, right: str
) -> None:
    with pytest.raises(SettingError, match=name) as refused:
        read_settings("live", PLATFORM, {**LIVE, name: value})
    assert right in str(refused.value)
    if name != "RUNBOOK_PLAN":
        assert value not in str(refused.value)


def test_a_workspace_stands_in_for_a_base() -> None:
    env = {**LIVE, "AIRTABLE_BASE_ID": "", "AIRTABLE_WORKSPACE_ID": "wspAAAAAAAAAAAAAA"}
    settings = read_settings("live", PLATFORM, env)
    assert (settings.base_id, settings.workspace_id) == (None, "wspAAAAAAAAAAAAAA")


def test_keys_are_not_in_the_repr() -> None:
    shown = repr(read_settings("live", PLATFORM, {**LIVE, "RUNBOOK_STATE_URL": "postgresql://u:hunter2@h/x"}))
    assert "IST." not in shown
    assert "patA" not in shown
    assert "hunter2" not in shown


def test_the_real_services_allow_five_requests_a_second_whatever_the_environment_says() -> None:
    settings = read_settings("live", PLATFORM, {**LIVE, "RUNBOOK_SANDBOX_RATE": "900"})
    assert settings.rate == 5
    assert settings.airtable_url == "https://api.airtable.com"
    assert (settings.records_limit, settings.calls_limit) == (50_000, 100_000)


@pytest.mark.parametrize("value", ["fast", "0", "-1", "nan", "inf"])
def test_a_sandbox_rate_must_be_a_number_from_one(value: str) -> None:
    with pytest.raises(SettingError, match="RUNBOOK_SANDBOX_RATE"):
        read_settings("sandbox", PLATFORM, {"RUNBOOK_SANDBOX_RATE": value})


def test_an_environment_is_one_of_two() -> None:
    with pytest.raises(SettingError, match="'sandbox' and 'live'"):
        read_settings("production", PLATFORM, {})
    with pytest.raises(SettingError, match="'sandbox' and 'live'"):
        read_home("production", PLATFORM, {})


def test_each_environment_has_a_state_of_its_own() -> None:
    assert read_home("sandbox", PLATFORM, {})[1] != read_home("live", PLATFORM, {})[1]
