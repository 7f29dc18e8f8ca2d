"""One small sample site a module, with servers, state and runs of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migrated import Site
from runbook.local import stop_local_servers

SMALL = "0.005"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("HOME", path / "home"), ("RUNS", path / "runs"), ("SANDBOX_SCALE", SMALL)):
            patch.setenv(f"RUNBOOK_{name}", str(value))
        site = Site(path)
        yield site
        stop_local_servers(site.connections().settings)
