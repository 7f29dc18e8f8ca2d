"""Tables of a base as they were read: each in full, once, and kept on disk for whoever looks at its rows.

    with Readings(airtable, base, tables, run / ".readings") as readings:
        for record in readings.records("Carriers"): ...     # Airtable is asked at the first call only

The files hold personal data: mode 600, in a folder of mode 700 that is deleted at the end.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID, ORIGINAL, Collection
from runbook.grid_rows import GridRows, assign_ids
from runbook.json_types import Fields, Json
from runbook.schema import Tables
from runbook.schema.identity import require_tables
from runbook.snapshot import dump_line
from runbook.state import State

_PAGE = 100  # records


class Reading(NamedTuple):
    """One table. `began`: when the first page was requested, in seconds since 1970.

    `written`: by record, cells that were written since then. `assigned`: whether its rows have ids.
    """

    path: Path
    began: float
    written: Mapping[str, Fields] = MappingProxyType({})
    assigned: bool = False

    def records(self) -> Iterator[dict[str, Json]]:
        """Its records, as `Airtable.records` gives them."""
        with gzip.open(self.path, "rb") as lines:
            for record in map(json.loads, lines):
                record["fields"].update(self.written.get(record["id"], {}))
                yield record

    def pages(self) -> Iterator[list[dict[str, Json]]]:
        """Its records in lists of 100."""
        records = self.records()
        while page := list(islice(records, _PAGE)):
            yield page


class Readings:
    """Of each table the catalog's columns and links, and the inverses of the links of `linking`."""

    def __init__(
        self, airtable: Airtable, base: str, tables: Tables, folder: Path, *, linking: Iterable[Collection] = ()
    ) -> None:
        self.base, self.tables = base, tables
        self._airtable, self._folder, self._linking = airtable, folder, tuple(linking)
        self._readings: dict[str, Reading] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.discard()

    def get(self, name: str) -> Reading | None:
        """The reading of a collection's table; None where it was not read."""
        return self._readings.get(name)

    def records(self, name: str, on_progress: Callable[[int], None] | None = None) -> Iterator[dict[str, Json]]:
        """The records of a collection's table. `on_progress` is called with the number of records read from Airtable.

        Raises SchemaDrift where the base has no such table, AirtableError.
        """
        if name not in self._readings:
            self._readings[name] = self._read(name, on_progress)
        return self._readings[name].records()

    def assign_ids(self, name: str, state: State, on_progress: Callable[[int], None] | None = None) -> GridRows:
        """Give the rows that were typed or copied in the grid an id, and write ids again that someone has changed.

        The reading holds these ids from then on, and is not looked at again. Raises as `records`, and SchemaDrift where
        a person has changed the table.
        """
        catalog = self.tables.catalog
        require_tables(state, self.base, catalog, name, self.tables.all)
        read = self._readings.get(name)
        if read is not None and read.assigned:
            return GridRows(name, {})
        found = assign_ids(
            catalog.collection(name),
            self.records(name, on_progress),
            catalog=catalog,
            airtable=self._airtable,
            base=self.base,
            state=state,
        )
        read = self._readings[name]
        self._readings[name] = read._replace(written={**read.written, **found.written}, assigned=True)
        if found.copied:  # which has changed the links of these
            for c in catalog.collections.values():
                if c.wix != name and any(link.to == name for link in c.links):
                    self._readings.pop(c.wix, None)
        return found

    def forget(self, name: str) -> None:
        """A table was written: it is read again when its records are asked for."""
        self._readings.pop(name, None)

    def discard(self) -> None:
        """Delete the files; a table is read again when its records are asked for."""
        self._readings.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, name: str, on_progress: Callable[[int], None] | None) -> Reading:
        reading = Reading(self._folder / f"{name.replace('/', '%2F')}.jsonl.gz", time.time())
        records = self._airtable.records(self.base, self.tables.id(name), fields=self._columns(name))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reading.path.unlink(missing_ok=True)  # of a process that was killed
        file = os.open(reading.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as lines:
            for n, record in enumerate(records, 1):
                lines.write(dump_line(record))
                if on_progress is not None and n % _PAGE == 0:
                    on_progress(n)
        return reading

    def _columns(self, name: str) -> list[str]:
        collection, present = self.tables.catalog.collection(name), self.tables.columns(name)
        links = [link for c in self._linking if c in self.tables for link in self.tables.links(c).values()]
        inverse = [link.inverse_name for link in links if link.to == name and link.inverse_ok and link.inverse_name]
        names = [LEGACY_ID, *(column.name for column in collection.columns), ORIGINAL]
        names += [*(link.name for link in collection.links), *inverse]
        return [column for column in dict.fromkeys(names) if column in present]
