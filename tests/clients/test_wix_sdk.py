"""The official Wix client (@wix/sdk 1.21.16, @wix/data 1.0.521): each check of `node/wix_sdk.mjs` is a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nodejs import check_names, run_checks

from sandbox.in_process import Sandbox

pytestmark = pytest.mark.slow

SCRIPT = "wix_sdk.mjs"


@pytest.fixture(scope="module")
def problems(box: Sandbox) -> Iterator[dict[str, str]]:
    with Sandbox(wix_reads_per_minute=20) as quota, Sandbox(stale_reads=60_000) as stale:
        yield run_checks(SCRIPT, box, QUOTA_URL=quota.wix_url, STALE_URL=stale.wix_url)


@pytest.mark.parametrize("check", check_names(SCRIPT))
def test_wix_sdk(problems: dict[str, str], check: str) -> None:
    assert problems.get(check, "the script did not come to this check") == ""
