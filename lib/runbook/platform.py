"""A platform that is migrated: its catalog, notebooks, suites and sample site. LMDR is the first."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from runbook.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runbook.catalog import Catalog

ENTRY_POINTS = "runbook.platforms"


class WriteSample(Protocol):
    """Writes a site of `<Collection>.jsonl` files into a folder; the same bytes for the same seed and scale."""

    def __call__(self, folder: Path, *, seed: int, scale: float) -> object:
        """Write into `folder`, which exists and is empty."""


@dataclass(frozen=True)
class Lookup:
    """A look-up that services depend on: a phase verifies that Airtable returns the same rows as Wix."""

    phase: int
    collection: str
    key: str


class MakeApp(Protocol):
    """Makes the platform's HTTP endpoints; `env`: the environment variables with its secrets."""

    def __call__(self, records: Any, env: Mapping[str, str]) -> Any:
        """An ASGI application over the routed data layer, a `runbook.records.Records`."""


@dataclass(frozen=True)
class Platform:
    """What the engine needs to know about a platform.

    `root`: the project folder, with notebooks/, expectations/ and runs/; a relative `source` is relative to it.
    `app`: its HTTP endpoints for `runbook serve`; None if it has none. `parallel_tests`: the
    `runbook.cutover.ParallelTest`s that a phase makes of its services on both sides.
    """

    name: str
    root: Path
    catalog: Catalog
    write_sample: WriteSample
    lookups: tuple[Lookup, ...] = ()
    app: MakeApp | None = None
    parallel_tests: Callable[[], Sequence[Any]] = tuple

    @property
    def notebooks(self) -> Path:
        """The folder of the phase notebooks."""
        return self.root / "notebooks"

    @property
    def expectations(self) -> Path:
        """The folder of the suites."""
        return self.root / "expectations"

    def notebook(self, phase: int) -> Path:
        """The notebook of a phase. Raises CatalogError if there is no such phase."""
        return self.notebooks / f"{self.catalog.phase(phase).slug}.ipynb"


def find_platform(name: str | None = None) -> Platform:
    """The installed platform, or the named one if there are several. Raises SettingError."""
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if not found:
        raise SettingError(f"no platform is installed: there is no entry point in the group {ENTRY_POINTS!r}")
    if name is None and len(found) == 1:
        (name,) = found
    if name not in found:
        raise SettingError(f"platform {name!r}: name one of {', '.join(sorted(found))}")
    platform = found[name].load()
    assert isinstance(platform, Platform)
    return platform
