"""All errors that this package raises, as one tree.

    RunbookError
    ├── SettingError         a parameter, an environment variable or a path is invalid; nothing was done  (ValueError)
    │   ├── AccessRefused    an account, or the site, is not one that the migration may write with
    │   └── BaseRefused      a base is held by another state, or was filled from another source; nothing was done
    │       └── FlagsUnsettled   base and state differ on a flag, or neither knows where it stands
    ├── CatalogError         a catalog file is invalid: file, collection, field, expected value           (ValueError)
    ├── SourceError          Wix, or a folder of export files, cannot be read
    │   └── WixError         Wix Data refused a request: HTTP status and WDE code
    ├── TargetError          Airtable cannot be used as requested
    │   ├── AirtableError    Airtable refused a request: HTTP status, type, message
    │   ├── BudgetSpent      the month's API calls are used up; retrying does not help
    │   ├── SchemaDrift      a table or field differs from the catalog, and the API cannot change it
    │   ├── AmbiguousKey     several records have the same legacy id
    │   └── HoldLost         another state took the base over, or wrote to it; what was written is kept
    ├── StepError            a step of a run cannot continue; says what is done and how to continue
    ├── CheckFailed          a gate is red                                                              (AssertionError)
    │   └── CheckNotRun      a check could not run; that is never a pass
    ├── FlagRefused          a flag may not turn: the evidence is not complete, green and current
    ├── RecordsError         a read or write of the data layer failed; has `collection`, `field`, `id`
    │   ├── WrongType        a value has the wrong type for a field, an operator or JSON                (TypeError)
    │   ├── UnknownField     the collection has no such field                                          (LookupError)
    │   ├── NoSuchItem       there is no item with this `_id`, or no `_id` was given                    (LookupError)
    │   ├── ItemExists       an item with this `_id` exists already
    │   └── SourceDown       the side that has the data cannot be reached; says whether a write was done
    └── TamperedRun          a run folder differs from its manifest

A message names the operation, the collection, the legacy id, the field, the resulting state, and the command that
continues from there. It never contains a secret or the value of a personal field.
"""

from __future__ import annotations

from collections.abc import Iterable


class RunbookError(Exception):
    """Base of all errors that this package raises."""


class SettingError(RunbookError, ValueError):
    """A parameter, an environment variable or a path is invalid; nothing was done."""


class AccessRefused(SettingError):
    """An account, or the site, is not one that the migration may write with; nothing was done."""


class BaseRefused(SettingError):
    """A base is held by another state, or was filled from another source."""


class FlagsUnsettled(BaseRefused):
    """Base and state differ on flags, or neither knows where they stand. `flags`: their names."""

    def __init__(self, message: str, flags: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.flags = tuple(flags)


class CatalogError(RunbookError, ValueError):
    """A catalog file is invalid."""


class SourceError(RunbookError):
    """Wix, or a folder of export files, cannot be read."""


class WixError(SourceError):
    """Wix Data refused a request."""

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class TargetError(RunbookError):
    """Airtable cannot be used as requested."""


class AirtableError(TargetError):
    """Airtable refused a request. `status` None: there was no response."""

    def __init__(self, message: str, *, status: int | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class BudgetSpent(TargetError):
    """The month's API calls are used up (429 PUBLIC_API_BILLING_LIMIT_EXCEEDED)."""


class SchemaDrift(TargetError):
    """A table or field differs from the catalog, and the API cannot change it."""


class AmbiguousKey(TargetError):
    """Several records have the same legacy id."""


class HoldLost(TargetError):
    """Another state took the base over, or wrote to it."""


class StepError(RunbookError):
    """A step of a run cannot continue."""


class CheckFailed(RunbookError, AssertionError):
    """A gate is red."""


class CheckNotRun(CheckFailed):
    """A check could not run; that is never a pass."""


class FlagRefused(RunbookError):
    """A flag may not turn."""


class TamperedRun(RunbookError):
    """A run folder differs from its manifest."""


class RecordsError(RunbookError):
    """A read or write of the data layer failed."""

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
    """A value has the wrong type for a field, an operator or JSON."""


class UnknownField(RecordsError, LookupError):
    """The collection has no such field."""


class NoSuchItem(RecordsError, LookupError):
    """There is no item with this `_id`, or no `_id` was given."""


class ItemExists(RecordsError):
    """An item with this `_id` exists already."""


class SourceDown(RecordsError):
    """The side that has the data cannot be reached.

    `done`: for a write, False if it was certainly not done, None if that is unknown.
    """

    def __init__(self, message: str, *, collection: str | None = None, done: bool | None = False) -> None:
        super().__init__(message, collection=collection)
        self.done = done
