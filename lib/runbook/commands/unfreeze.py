"""`runbook unfreeze`: opens what the cut-over closed."""

from __future__ import annotations

from runbook.connections import connect
from runbook.cutover import freeze as closing
from runbook.display import Table
from runbook.platform import Platform


def unfreeze(platform: Platform, environment: str, *, who: str) -> Table:
    """Give the frozen collections their former permissions back."""
    connections = connect(platform, environment)
    former = connections.state.facts.frozen()
    opened = closing.unfreeze(connections.wix, former)
    connections.state.facts.clear_frozen()
    note = f"Opened by {who}." if opened else "No collection is frozen."
    return Table("Unfrozen", ("collection", "verdict"), [(name, "passed") for name in opened], (note,))
