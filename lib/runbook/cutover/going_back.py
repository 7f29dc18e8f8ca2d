"""Going back to Wix: the base opened for it, and one process at a time that carries rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runbook.connections import Connections
from runbook.errors import FlagsUnsettled, RunbookError
from runbook.holding import Hold, open_base
from runbook.holding.hold import SITE
from runbook.holding.opening import identity_of
from runbook.state import State


@contextmanager
def carrying(state: State, base: str) -> Iterator[None]:
    """One process at a time looks at a base's tables to carry rows back, or carries them.

    Whoever holds service calls as well takes this first.
    """
    with state.locks.exclusive(f"carry back {base}"):
        yield


def open_going_back(connections: Connections, *, run_id: str | None = None, dry_run: bool = False) -> Hold:
    """Open the base to go back to Wix, which is always allowed: what would refuse another command is only noted."""
    try:
        with connections.airtable.brief():
            return open_base(connections, SITE, run_id=run_id, dry_run=dry_run)
    except RunbookError as error:
        hold = Hold(connections, SITE, identity_of(connections, SITE), run_id)
        hold.notes.append(str(error))
        hold.unsettled = error.flags if isinstance(error, FlagsUnsettled) else ()
        return hold
