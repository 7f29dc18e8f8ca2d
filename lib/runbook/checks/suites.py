"""The suites, derived from the catalog: one per collection and side, in JSON that is reviewed like code.

    write_suites(catalog, Path("expectations"))     # carriers_wix.json, carriers_airtable.json, …
    drifted(catalog, Path("expectations"))          # what it would change: a list of messages, empty if nothing

A derived expectation carries `"meta": {"from": "catalog"}`. One without it was added by hand, and stays.

Wix enforces no schema, so what its rows are like is a warning; only what transform lets through alone is critical
there. On the Airtable side everything that the load decides is critical; what the data decides (ranges, patterns, open
vocabularies, keys that point nowhere) stays a warning, because the rows that break it came over as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection, Field, Link
from runbook.codecs import TEXT_LIMIT
from runbook.display import Shown, Table
from runbook.errors import CheckNotRun

Side = Literal["wix", "airtable"]
SIDES: tuple[Side, ...] = ("wix", "airtable")
EXPECTED_ROWS = "expected_rows"

_DERIVED = {"from": "catalog"}
_LISTS = {"gallery", "tags", "array", "multireference"}
_OBJECTS = {"object", "address", "richcontent"}


@dataclass(frozen=True, repr=False)
class Written(Shown):
    """What writing the suites changed. `by_hand`: file name -> expectations kept; `strays`: files of no collection."""

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    by_hand: dict[str, int]
    strays: tuple[str, ...]

    def table(self) -> Table:
        """The files that changed, and what was kept."""
        rows: list[tuple[Any, ...]] = [(name, "changed", self.by_hand.get(name, 0)) for name in self.changed]
        rows += [(name, "of no collection: delete it, or name its collection", None) for name in self.strays]
        notes = (f"{len(self.unchanged)} unchanged; {sum(self.by_hand.values())} expectations added by hand were kept",)
        return Table("Suites", ("File", "State", "Added by hand"), rows, notes)

    def facts(self) -> dict[str, Any]:
        """For evidence."""
        return {
            "changed": list(self.changed),
            "unchanged": len(self.unchanged),
            "by_hand": self.by_hand,
            "strays": list(self.strays),
        }


def write_suites(catalog: Catalog, folder: Path) -> Written:
    """Write every suite anew; what was added by hand is kept, strays are named and left.

    Raises CheckNotRun where a file cannot be read; nothing is written then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts, by_hand = _texts(catalog, folder)
    changed, unchanged = [], []
    for name, text in texts.items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            unchanged.append(name)
            continue
        part = path.with_name(f"{name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
        changed.append(name)
    return Written(tuple(changed), tuple(unchanged), by_hand, _strays(texts, folder))


def drifted(catalog: Catalog, folder: Path) -> list[str]:
    """Which files differ from what the catalog gives; empty if none."""
    texts, _ = _texts(catalog, folder)
    found = []
    for name, text in texts.items():
        path = folder / name
        if not path.exists():
            found.append(f"{name}: is missing")
        elif path.read_text(encoding="utf-8") != text:
            found.append(f"{name}: differs from the catalog")
    return found + [f"{name}: the catalog has no such collection" for name in _strays(texts, folder)]


def suite_path(catalog: Catalog, collection: Collection, side: Side, folder: Path) -> Path:
    """The path of a collection's suite for one side."""
    return folder / f"{_stems(catalog)[collection.wix]}_{side}.json"


def derive(collection: Collection, side: Side) -> list[dict[str, Any]]:
    """The expectations that follow from the catalog, the table's first, then column by column."""
    source = side == "wix"
    key = "_id" if source else LEGACY_ID
    found = [
        _expectation("expect_table_row_count_to_equal", value={"$PARAMETER": EXPECTED_ROWS}),
        _columns_in_wix(collection) if source else _columns_in_airtable(collection),
        _expectation("expect_column_values_to_not_be_null", column=key),
        _expectation("expect_column_values_to_be_unique", column=key),
    ]
    for field in collection.fields if source else collection.columns:
        found += _of_field(field, source=source)
    if not source:
        found += _of_originals()
        for link in collection.links:
            found += _of_link(link)
    return found


def _expectation(name: str, severity: str = "critical", /, **kwargs: Any) -> dict[str, Any]:
    return {"type": name, "kwargs": kwargs, "severity": severity, "meta": dict(_DERIVED)}


def _described(expectation: dict[str, Any], sentence: str, **meta: str) -> dict[str, Any]:
    """The expectation with its own sentence: that of Great Expectations would be about a helper column."""
    return {**expectation, "description": sentence, "meta": {**expectation["meta"], **meta}}


def _columns_in_wix(collection: Collection) -> dict[str, Any]:
    keys = [f.wix for f in collection.fields] + [helper for f in collection.fields for helper in helpers(f, "wix")]
    found = _expectation("expect_table_columns_to_match_set", "warning", column_set=keys, exact_match=True)
    return _described(found, "No item has a key that the catalog does not know.")


def _columns_in_airtable(collection: Collection) -> dict[str, Any]:
    names = [*(f.name for f in collection.columns), *(link.name for link in collection.links), ORIGINAL]
    found = _expectation("expect_table_columns_to_match_set", column_set=names, exact_match=False)
    return _described(found, "The table has every column and link of the catalog.")


def helpers(field: Field, side: Side) -> list[str]:
    """Columns that a frame has besides a field's own, for checks that pandas cannot do on the values themselves."""
    column = field.wix if side == "wix" else field.name
    found = []
    if side == "wix" and (field.minimum is not None or field.maximum is not None):
        found.append(as_number(column))
    kind = field.column_kind
    if kind.is_select if side == "wix" else kind.holds == "choices" and not field.open:
        found.append(allowed(column))
    return found


def wix_columns(collection: Collection, keys: Iterable[str]) -> frozenset[str]:
    """The columns of a frame of Wix items that hold some keys, helper columns too."""
    known = collection.by_key
    own = list(keys)
    return frozenset([*own, *(helper for key in own if key in known for helper in helpers(known[key], "wix"))])


def as_number(column: str) -> str:
    """The helper column that holds a value as a number where it is one: Wix columns mix numbers and text."""
    return f"{column} (as number)"


def allowed(column: str) -> str:
    """The helper column that says whether a value, as its codec reads it, is a choice; of a list, whether all are."""
    return f"{column} (allowed)"


def link_state(link: Link) -> str:
    """The helper column that says where a link's key leads: resolved, dangling or ambiguous; empty without a key."""
    return f"{link.name} (leads to)"


def link_holds(link: Link) -> str:
    """The helper column that says whether a link cell holds exactly the record that its key means."""
    return f"{link.name} (holds it)"


def _of_field(field: Field, *, source: bool) -> Iterator[dict[str, Any]]:
    column = field.wix if source else field.name
    kind = type_in_wix(field) if source else type_in_airtable(field)
    if kind is not None:
        yield _expectation(
            "expect_column_values_to_be_of_type", "warning" if source else "critical", column=column, type_=kind
        )
    if field.name != LEGACY_ID:
        if field.required and (source or field.column_kind.holds != "boolean"):  # an unticked box is no lack
            # Transform lets no row without it through; but an empty list, or blanks, make an empty cell all the same.
            sure = source or (field.codec_name == "text" and not field.loose)
            severity = "critical" if sure else "warning"
            yield _expectation("expect_column_values_to_not_be_null", severity, column=column)
        if field.unique:
            yield _expectation("expect_column_values_to_be_unique", "warning", column=column)
    yield from _of_values(field, column, source=source)
    if field.minimum is not None or field.maximum is not None:
        bounds = {"min_value": field.minimum, "max_value": field.maximum}
        yield _expectation(
            "expect_column_values_to_be_between",
            "warning",
            column=as_number(column) if source else column,
            **{name: value for name, value in bounds.items() if value is not None},
        )
    if field.pattern is not None:
        yield _expectation("expect_column_values_to_match_regex", "warning", column=column, regex=_whole(field.pattern))
    if field.column_kind.multiline and (not source or kind == "str"):
        severity = "warning" if source and field.loose else "critical"
        yield _expectation("expect_column_value_lengths_to_be_between", severity, column=column, max_value=TEXT_LIMIT)


def _of_values(field: Field, column: str, *, source: bool) -> Iterator[dict[str, Any]]:
    # Transform refuses what a closed select cannot hold, unless the field is loose; an open one grows while loading.
    severity = "warning" if field.open or (source and field.loose) else "critical"
    in_set = "expect_column_values_to_be_in_set"
    if allowed(column) in helpers(field, "wix" if source else "airtable"):
        found = _expectation(in_set, severity, column=allowed(column), value_set=[True])
        yield _described(found, f"{column} holds choices of the catalog alone.")
    elif field.column_kind.holds == "choice" and not field.open:
        yield _expectation(in_set, severity, column=column, value_set=list(field.choices))
    elif field.values and not field.column_kind.is_select and field.column_kind.holds != "boolean":
        numeric = field.column_kind.holds == "number"
        values: list[Any] = [float(v) if numeric else v for v in field.values]
        yield _expectation(in_set, "warning", column=column, value_set=values)


def _of_originals() -> Iterator[dict[str, Any]]:
    yield _expectation("expect_column_values_to_be_json_parseable", column=ORIGINAL)
    yield _expectation("expect_column_value_lengths_to_be_between", column=ORIGINAL, max_value=TEXT_LIMIT)


def _of_link(link: Link) -> Iterator[dict[str, Any]]:
    in_set = "expect_column_values_to_be_in_set"
    holds = _expectation(in_set, column=link_holds(link), value_set=[True])
    yield _described(holds, f"{link.name} links exactly the rows that its keys lead to.", kind="links")
    # A key that leads to no row is a matter of the data.
    leads = _expectation(in_set, "warning", column=link_state(link), value_set=["resolved"])
    yield _described(leads, f"Every key of {link.name} leads to one row of {link.to}.", kind="links")


def type_in_airtable(field: Field) -> str:
    """The type of a column of `frames.airtable_frame`, in the only spelling that holds on pandas."""
    # A column that shows no decimals holds 2.5 all the same, as Wix did; made from text it is whole or refused.
    return "int" if field.codec_name == "text_int" else field.column_kind.frame_type


def type_in_wix(field: Field) -> str | None:
    """The type of a column of `frames.wix_frame`; None where a key may hold anything."""
    match field.wix_type:
        case "number":
            return "float"
        case "boolean":
            return "bool"
        case "datetime":
            return "Timestamp"
        case "any" | "date":  # a date is text or {"$date"}, as the field was made
            return None
        case kind if kind in _LISTS:
            return "list"
        case kind if kind in _OBJECTS:
            return "dict"
        case _:
            return "str"


def _whole(pattern: str) -> str:
    # A regex is searched for, and a `$` lets a line feed pass behind it.
    return rf"\A(?:{pattern})\Z"


def _texts(catalog: Catalog, folder: Path) -> tuple[dict[str, str], dict[str, int]]:
    texts, by_hand = {}, {}
    stems = _stems(catalog)
    for collection in catalog.collections.values():
        for side in SIDES:
            name = f"{stems[collection.wix]}_{side}.json"
            added, description = _added(folder / name)
            if added:
                by_hand[name] = len(added)
            where = "in Wix" if side == "wix" else f"in Airtable, table {collection.table}"
            texts[name] = _text(description or f"{collection.wix} {where}", [*derive(collection, side), *added])
    return texts, by_hand


def _added(path: Path) -> tuple[list[dict[str, Any]], str | None]:
    """What was added to a suite by hand, and its description."""
    if not path.exists():
        return [], None
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
        description = payload.get("description")
        return [e for e in payload["expectations"] if (e.get("meta") or {}).get("from") != "catalog"], description
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckNotRun(
            f"{path}: is not a suite, so manual additions to it cannot be kept ({type(error).__name__}); "
            "correct it, or delete it to have it written again"
        ) from None


def _text(description: str, expectations: list[dict[str, Any]]) -> str:
    """One expectation per line, so that a diff shows the one that changed."""
    lines = ",\n".join(f"  {json.dumps(e, ensure_ascii=False)}" for e in expectations)
    return f'{{\n "description": {json.dumps(description, ensure_ascii=False)},\n "expectations": [\n{lines}\n ]\n}}\n'


def _strays(texts: dict[str, str], folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.glob("*.json") if path.name not in texts))


def _stems(catalog: Catalog) -> dict[str, str]:
    """A file name for each collection, different even where only case or a slash tells two apart."""
    stems: dict[str, str] = {}
    for name in catalog.collections:
        stem = snake(name)
        while stem in stems.values():
            stem += "_"
        stems[name] = stem
    return stems


def snake(name: str) -> str:
    """`AIUsageLog` -> `ai_usage_log`, `FAQs` -> `faqs`, `recruiterCarriers` -> `recruiter_carriers`."""
    words = re.findall(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return "_".join(words).lower() or "collection"
