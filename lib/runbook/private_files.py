"""Files that hold people's data are for their owner alone from the first byte on."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_making = threading.Lock()


def create_private(path: Path) -> None:
    """Make an empty file of mode 600 where there is none. Raises OSError.

    One that is there is not opened: a process that closes any descriptor of a file loses the locks that SQLite holds on
    it through others, and the database may be corrupted (sqlite.org/howtocorrupt.html, section 2.2).
    """
    with _making:  # no one in this process opens it before it is closed here
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return
