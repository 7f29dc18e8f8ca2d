"""The official airtable.js 0.12.2: each check of `node/airtable_js.mjs` is a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nodejs import check_names, run_checks

from sandbox.in_process import Sandbox

pytestmark = pytest.mark.slow

SCRIPT = "airtable_js.mjs"


@pytest.fixture(scope="module")
def problems(box: Sandbox) -> Iterator[dict[str, str]]:
    with Sandbox(penalty=1) as limited:
        yield run_checks(SCRIPT, box, LIMITED_URL=limited.airtable_url)


@pytest.mark.parametrize("check", check_names(SCRIPT))
def test_airtable_js(problems: dict[str, str], check: str) -> None:
    assert problems.get(check, "the script did not come to this check") == ""
