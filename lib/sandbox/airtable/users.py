"""The people of the sandbox: the token's owner, and the collaborators a seed names."""

from __future__ import annotations

from typing import Any

from sandbox import ids
from sandbox.store import Store


class Users:
    """Users by id and e-mail. All of them are collaborators of every base."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.script(
            "CREATE TABLE IF NOT EXISTS user (id TEXT PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL) STRICT"
        )
        store.on_rollback(self._load)
        self._load()
        if not self._all:
            self.add("owner@example.com", "Sandbox Owner")

    def _load(self) -> None:
        self._all: dict[str, dict[str, Any]] = {
            row[0]: {"id": row[0], "email": row[1], "name": row[2]}
            for row in self._store.rows("SELECT id, email, name FROM user ORDER BY rowid")
        }

    @property
    def owner(self) -> dict[str, Any]:
        """Who the token belongs to."""
        return next(iter(self._all.values()))

    def get(self, user_id: str | None) -> dict[str, Any]:
        """A user by id; None is the owner."""
        return self._all[user_id] if user_id else self.owner

    def with_id(self, user_id: Any) -> dict[str, Any] | None:
        """A user by id; None for anything that is none."""
        return self._all.get(user_id) if isinstance(user_id, str) else None

    def with_email(self, email: Any) -> dict[str, Any] | None:
        """A user by e-mail, in any case; None for anything that is none."""
        if not isinstance(email, str):
            return None
        folded = email.casefold()
        return next((user for user in self._all.values() if user["email"].casefold() == folded), None)

    def find(self, key: str) -> dict[str, Any] | None:
        """A user by id, e-mail or name."""
        folded = key.casefold()
        named = (user for user in self._all.values() if user["name"].casefold() == folded)
        return self.with_id(key) or self.with_email(key) or next(named, None)

    def everyone(self) -> list[dict[str, Any]]:
        """Every user, the owner first."""
        return list(self._all.values())

    def add(self, email: str, name: str | None = None, user_id: str | None = None) -> dict[str, Any]:
        """A new user."""
        made = {"id": user_id or ids.airtable_id("usr"), "email": email, "name": name or email.split("@")[0]}
        self._store.execute("INSERT INTO user VALUES (?, ?, ?)", tuple(made.values()))
        self._all[made["id"]] = made
        return made
