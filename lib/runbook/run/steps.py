"""The progress of a step over several collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runbook.display import Progress


class Steps:
    """One progress for all collections of a step: it takes one line in the saved notebook."""

    def __init__(self, label: str, rows: Mapping[str, int]) -> None:
        self._progress = Progress(label)
        self._rows = dict(rows)
        self._done = dict.fromkeys(rows, 0)

    def __enter__(self) -> Steps:
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)

    def of(self, name: str) -> Callable[[int, int], None]:
        """Returns the callback that reports the progress of one collection: (rows done, rows in total)."""

        def report(done: int, total: int) -> None:
            self._done[name], self._rows[name] = done, total
            self._progress(sum(self._done.values()), sum(self._rows.values()))

        return report
