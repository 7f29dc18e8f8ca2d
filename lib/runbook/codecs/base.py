"""The base class of codecs."""

from __future__ import annotations

from abc import ABC, abstractmethod

from runbook.catalog import Field
from runbook.codecs.values import Refused, abbreviated
from runbook.display import mask
from runbook.json_types import MISSING, Json, Missing


class Codec(ABC):
    """Converts a field's values to cells of its column and back.

    `default`: the value that an empty cell stands for. `difference`: how a value that does not survive the round trip
    differs from its cell, for reports.
    """

    default: Json | Missing = MISSING
    difference: str

    def __init__(self, field: Field) -> None:
        self.field = field

    @abstractmethod
    def encode(self, value: Json) -> Json:
        """The cell for a value, None for an empty one. Raises Refused where no cell is equivalent."""

    @abstractmethod
    def decode(self, cell: Json) -> Json | Missing:
        """The Wix value of a cell; `default` for None. A cell of another type than the column's stays as it is."""

    def refuse(self, reason: str, value: Json) -> Refused:
        """A Refused that shows the value; of a personal field only its type and size."""
        return Refused(reason, mask(value) if self.field.personal else abbreviated(value))
