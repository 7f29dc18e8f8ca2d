"""What the Wix side refuses, in the two bodies the service has for it.

    Refusal
      WixError      {"message", "details": {"applicationError": {"code", "description", "data"}}}
      Violation     {"message", "details": {"validationError": {"fieldViolations": [...]}}}

Statuses and codes are those of the service's public list; clients match on the code, never on the text.
"""

from __future__ import annotations

from typing import Any

_STATUS = {
    "WDE0014": 429,
    "WDE0025": 404,
    "WDE0026": 404,
    "WDE0027": 403,
    "WDE0028": 504,
    "WDE0029": 409,
    "WDE0053": 500,
    "WDE0073": 404,
    "WDE0074": 409,
    "WDE0104": 409,
    "WDE0109": 413,
    "WDE0123": 409,
    "WDE0153": 404,
    "WDE0178": 409,
}


class Refusal(Exception):
    """An answer other than 200."""

    status: int = 400

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        raise NotImplementedError


class WixError(Refusal):
    """A refusal with a WDE code; its status follows from the code (400 where none is documented)."""

    def __init__(self, code: str, text: str, data: dict[str, Any] | None = None, status: int | None = None) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.data = data or {}
        self.status = status or _STATUS.get(code, 400)

    def application_error(self) -> dict[str, Any]:
        """`{code, description, data}`, also what a failed entry of a bulk answer carries."""
        return {"code": self.code, "description": str(self), "data": self.data}

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {"message": str(self), "details": {"applicationError": self.application_error()}}


class Violation(Refusal):
    """A request whose form is wrong; `field` is the path of the part that is (`query.paging.limit`)."""

    def __init__(self, field: str, description: str, rule: str = "FORMAT", **data: Any) -> None:
        super().__init__(f"{field}: {description}")
        self._violation = {
            "field": field,
            "description": description,
            "violatedRule": rule,
            "ruleName": rule,
            "data": data,
        }

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {
            "message": "Validation failed",
            "details": {"validationError": {"fieldViolations": [self._violation]}},
        }


def no_such_item(item_id: str, collection: str) -> WixError:
    """404 WDE0073; the official client turns it into null."""
    return WixError("WDE0073", f"Item [{item_id}] does not exist in collection [{collection}].")


def no_such_collection(collection: str) -> WixError:
    """404 WDE0025."""
    text = f"The {collection} collection does not exist. You can create this collection in the Wix Editor."
    return WixError("WDE0025", text, {"dataCollectionId": collection})


def bad_argument(text: str) -> WixError:
    """400 WDE0080, the service's general refusal of an argument."""
    return WixError("WDE0080", text)


def too_slow() -> WixError:
    """504 WDE0028."""
    return WixError("WDE0028", "Operation time limit exceeded.")


def too_large() -> WixError:
    """413 WDE0109."""
    return WixError("WDE0109", "Payload is too large.")
