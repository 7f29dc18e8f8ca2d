"""Everything that can go wrong, as one tree.

    RunbookError
    ├── SettingError         a parameter, an environment variable or a path is wrong; nothing was done    (ValueError)
    ├── CatalogError         a catalog file is wrong: file, collection, field, what would be right        (ValueError)
    ├── SourceError          the Wix side, or a folder of export files, cannot be read
    │   └── WixError         Wix Data refused: HTTP status and WDE code
    ├── TargetError          the Airtable side cannot be used as asked
    │   ├── AirtableError    Airtable refused: HTTP status, type, message
    │   ├── BudgetSpent      the month's API calls are used up; trying again does not help
    │   ├── SchemaDrift      a table or field is not what the catalog says, and the API cannot mend it
    │   └── AmbiguousKey     several records carry one legacy id
    ├── StepError            a step of a run cannot go on; says what stands and what goes on from there
    ├── CheckFailed          a gate is red                                                              (AssertionError)
    │   └── CheckNotRun      a check could not be run, which is never a pass
    ├── FlagRefused          a flag may not turn: the evidence is not complete, green and current
    ├── RecordsError         a read or write of the data layer cannot be done; `collection`, `field`, `id` say where
    │   ├── WrongType        a value is not of the kind that a field, an operator or JSON takes        (TypeError)
    │   ├── UnknownField     the collection has no such field                                          (LookupError)
    │   ├── NoSuchItem       there is no item of that `_id`, or none was given                         (LookupError)
    │   ├── ItemExists       there is an item of that `_id` already
    │   └── SourceDown       the side that the data lies on cannot be reached; says whether a write was done
    └── TamperedRun          a run folder is not what its manifest says

A message names what was being done, the collection, the legacy id and the field, the state things are left in and
the command that goes on from there. It never holds a secret or the value of a personal field.
"""

from __future__ import annotations


class RunbookError(Exception):
    """Anything this package raises on purpose."""


class SettingError(RunbookError, ValueError):
    """A parameter, an environment variable or a path is wrong; nothing was done."""


class CatalogError(RunbookError, ValueError):
    """A catalog file is wrong."""


class SourceError(RunbookError):
    """The Wix side, or a folder of export files, cannot be read."""


class WixError(SourceError):
    """Wix Data refused a request."""

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class TargetError(RunbookError):
    """The Airtable side cannot be used as asked."""


class AirtableError(TargetError):
    """Airtable refused a request. `status` None: no answer came."""

    def __init__(self, message: str, *, status: int | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class BudgetSpent(TargetError):
    """The month's API calls are used up (429 PUBLIC_API_BILLING_LIMIT_EXCEEDED)."""


class SchemaDrift(TargetError):
    """A table or field is not what the catalog says, and the API cannot mend it."""


class AmbiguousKey(TargetError):
    """Several records carry one legacy id."""


class StepError(RunbookError):
    """A step of a run cannot go on."""


class CheckFailed(RunbookError, AssertionError):
    """A gate is red."""


class CheckNotRun(CheckFailed):
    """A check could not be run, which is never a pass."""


class FlagRefused(RunbookError):
    """A flag may not turn."""


class TamperedRun(RunbookError):
    """A run folder is not what its manifest says."""


class RecordsError(RunbookError):
    """A read or write of the data layer cannot be done."""

    def __init__(
        self,
        message: str,
        *,
        collection: str | None = None,
        field: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(message)
        self.collection = collection
        self.field = field
        self.id = id


class WrongType(RecordsError, TypeError):
    """A value is not of the kind that a field, an operator or JSON takes."""


class UnknownField(RecordsError, LookupError):
    """The collection has no such field."""


class NoSuchItem(RecordsError, LookupError):
    """There is no item of that `_id`, or none was given."""


class ItemExists(RecordsError):
    """There is an item of that `_id` already."""


class SourceDown(RecordsError):
    """The side that the data lies on cannot be reached.

    `done`: of a write, False where it was surely not done, None where that is not known.
    """

    def __init__(self, message: str, *, collection: str | None = None, done: bool | None = False) -> None:
        super().__init__(message, collection=collection)
        self.done = done
