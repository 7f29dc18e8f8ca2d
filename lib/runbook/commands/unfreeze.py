"""`runbook unfreeze`: undo the freeze of the cut-over."""

from __future__ import annotations

from runbook.connections import connect
from runbook.cutover import freeze as freezing
from runbook.cutover.going_back import open_going_back
from runbook.cutover.turning import tell
from runbook.display import Table
from runbook.platform import Platform


def unfreeze(platform: Platform, environment: str, *, who: str) -> Table:
    """Give frozen collections their former permissions back."""
    connections = connect(platform, environment)
    hold = open_going_back(connections)  # a state that was lost learns from the base what was frozen
    former = connections.state.facts.frozen()
    restored = freezing.unfreeze(connections.wix, former)
    connections.state.facts.clear_frozen()
    tell(hold)
    hold.release()
    note = f"Unfrozen by {who}." if restored else "No collection is frozen."
    return Table("Unfrozen", ("collection", "verdict"), [(name, "passed") for name in restored], (note,))
