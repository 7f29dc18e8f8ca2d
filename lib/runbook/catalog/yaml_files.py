"""YAML files: `on`, `off`, `yes`, `no` and dates are text, duplicate keys are an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from runbook.errors import RunbookError


class _Loader(yaml.SafeLoader):
    """SafeLoader with the booleans of YAML 1.2, without dates; duplicate keys are an error."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in PyYAML
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", key_node.start_mark)
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_mapping(path: Path, error: type[RunbookError], wanted: str) -> dict[str, Any]:
    """A YAML file's mapping. Raises `error` with the file, and the line where it is not YAML.

    `wanted`: what the mapping should contain, for the message.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as problem:
        raise error(f"{path.name}: not YAML: {problem}") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path.name}: not UTF-8: {problem.reason} at byte {problem.start}") from None
    if not isinstance(content, dict):
        raise error(f"{path.name}: must be a mapping with {wanted}; it is {_kind(content)}")
    return content


def _kind(content: Any) -> str:
    if content is None:
        return "empty"
    return "a list" if isinstance(content, list) else f"only {content!r:.40}"
