"""The Secrets Manager of the site: names are read, values only written.

`put_secret` writes to Wix, as its name says. The key needs the permission Manage Secrets.
"""

from __future__ import annotations

import re
from typing import Literal

from runbook.errors import SettingError, WixError
from runbook.wix.client import SECRETS, WixClient

_NAME = re.compile(r"[A-Za-z0-9_+=\-@#$]{1,50}")
_PERMISSION = '"Manage Secrets"'


def secret_names(client: WixClient) -> tuple[str, ...]:
    """The names of the site's secrets, sorted; never a value. Raises WixError."""
    return tuple(sorted(_ids_by_name(client)))


def put_secret(client: WixClient, name: str, value: str, description: str = "") -> Literal["created", "updated"]:
    """Create the secret, or set the value of the existing one. No error holds the value.

    Raises SettingError for an invalid name or value, WixError.
    """
    if not _NAME.fullmatch(name):
        raise SettingError(f"secret {name!r}: a name is 1 to 50 letters, digits and _+=-@#$")
    if not value:
        raise SettingError(f"secret {name}: its value is empty")
    secret = {"name": name, "value": value, **({"description": description} if description else {})}
    known = _ids_by_name(client)
    if name not in known:
        what = f"create the secret {name}"
        try:
            client.request("POST", f"{SECRETS}/secrets", {"secret": secret}, what=what, permission=_PERMISSION)
        except WixError as error:
            if error.status in (400, 401, 403, 429):
                raise
            known = _ids_by_name(client)  # it may have been created, and only the response lost
            if name not in known:
                raise
        else:
            return "created"
    # Setting a value is idempotent.
    what = f"update the secret {name}"
    path = f"{SECRETS}/secrets/{known[name]}"
    client.request(
        "PATCH", path, {"secret": secret}, what=what, idempotent=True, sensitive=True, permission=_PERMISSION
    )
    return "updated"


def _ids_by_name(client: WixClient) -> dict[str, str]:
    response = client.request(
        "GET", f"{SECRETS}/secrets", what="list the names of secrets", idempotent=True, permission=_PERMISSION
    )
    found = response.get("secrets")
    if not isinstance(found, list):
        raise WixError("list the names of secrets: Wix's response has no secrets", status=200)
    return {str(entry["name"]): str(entry["id"]) for entry in found}
