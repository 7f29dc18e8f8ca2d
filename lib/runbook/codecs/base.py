"""What a codec is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from runbook.catalog import Field
from runbook.codecs.values import Refused, shown
from runbook.display import mask
from runbook.json_types import MISSING, Json, Missing


class Codec(ABC):
    """Turns a field's values into its column's cells and back.

    `default`: what an empty cell says. `another_way`: in what a value that does not come back as it went differs, for
    those who read a report.
    """

    default: Json | Missing = MISSING
    another_way = "written another way than the cell"

    def __init__(self, field: Field) -> None:
        self.field = field

    @abstractmethod
    def encode(self, value: Json) -> Json:
        """The cell for a value, None for an empty one. Raises Refused where no cell is its equivalent."""

    @abstractmethod
    def decode(self, cell: Json) -> Json | Missing:
        """What a cell says in Wix's words; `default` for None. A cell of another type than the column's is let be."""

    def refuse(self, why: str, value: Json) -> Refused:
        """A Refused that shows the value, or of a personal one its kind and size."""
        return Refused(why, mask(value) if self.field.personal else shown(value))
