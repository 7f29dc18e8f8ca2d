"""That these tests run every method pyairtable has for those who are no enterprise."""

from __future__ import annotations

import re
from pathlib import Path
from types import FunctionType

import pytest
from pyairtable import Api, Base, Table, Workspace
from pyairtable.models import Comment, Webhook
from pyairtable.orm import Model

# Workspace.collaborators: "Everything below here requires .info() and is therefore Enterprise-only" (pyairtable).
# The rest makes no request that the others do not make.
LEFT_OUT = {
    "Api": {"chunked"},
    "Workspace": {"collaborators"},
    "Comment": {"from_api", "model_post_init"},
    "Webhook": {"from_api", "model_post_init"},
}


def for_everyone(owner: type) -> set[str]:
    """The public methods of pyairtable's own classes that are not marked `enterprise_only`."""
    found = {}
    for one in reversed(owner.__mro__):
        if one.__module__.startswith("pyairtable"):
            found |= {name: getattr(member, "__func__", member) for name, member in vars(one).items()}
    return {
        name
        for name, member in found.items()
        if isinstance(member, FunctionType) and not name.startswith("_") and member.__code__.co_name != "_decorated"
    }


@pytest.mark.parametrize("owner", [Api, Base, Table, Workspace, Model, Comment, Webhook])
def test_every_method_for_everyone_is_called_in_these_tests(owner: type) -> None:
    source = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_pyairtable_*.py"))
    called = set(re.findall(r"\.(\w+)\b", source))
    names = for_everyone(owner)
    assert len(names) > 1
    assert names - called - LEFT_OUT.get(owner.__name__, set()) == set()
