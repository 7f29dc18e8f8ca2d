"""Rows as other people's sites have them: any JSON under any key, ids of every shape, dates of every spelling."""

from __future__ import annotations

from random import Random
from typing import Any

from runbook.catalog import Collection, Field
from runbook.json_types import Item

LONG = "x" * 99_999
TEXTS = (
    *("", " ", "\n", "\t", "a", " a ", "a\r\nb", "line\nend\n", "\u2028", "a\u2029b", "\u0085", "\ufeffbom", "nul\0"),
    *(
        "\x01\x1f\x7f",
        "half\ud800",
        "\udfffhalf",
        "שלום עולם",
        "\u202eabc\u202c",
        "e\u0301 é",
        "😀👩‍👩‍👧",
        "ﬁ",
        "İıŞ",
        "ẞß",
    ),
    *("'; DROP TABLE x; --", '"quoted"', "back\\slash", "{curly}", "=1+1", "<b>&amp;</b>", "null", "true", "[]", "{}"),
    *('{"a":1}', "[1,2]", "123", "0123", "123.0", " 123 ", "1,234.5", "1e3", "NaN", "Infinity", "-0", "٣", "¼", "0x1F"),
    *("a,b", ",", "a, b ,c", "$5.00", "5 %", "yes", "None", "wix:image://v1/ab_1~mv2.jpg/x.jpg#originWidth=9", "x@y"),
    *("recAAAAAAAAAAAAAA", "https://x.invalid/?q=a b", "N/A", "Active", "active", " ACTIVE ", "9007199254740993"),
)
LONG_TEXTS = (LONG, LONG + "x", LONG + "xx", "😀" * 50_000, "😀" * 50_001, "a,b " * 20_000, "\n" * 100_000)
NUMBERS = (
    *(0, -0.0, 1, -1, 0.1 + 0.2, 1 / 3, 1e308, -1e308, 5e-324, 1e21, 1e-7, 2**53, 2**53 + 1, 10**22, 10**400, 2022.0),
    *(123456789.123456789, 0.00000001, 99999999999999999999, -7),
)
DATES = (
    *(
        "2024-01-31",
        "2024-01-31T00:00:00Z",
        "2024-01-31T12:34:56.789Z",
        "2024-01-31T12:34:56.123456Z",
        "2024-01-31 12:34",
    ),
    *("2024-01-31T14:00:00+02:00", "2024-01-31T14:00:00-0530", "2024-01-31T24:00:00Z", "2024-02-30", "2023-02-29"),
    *("2016-12-31T23:59:60Z", "0000-01-01", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00+14:00", "1582-10-10"),
    *("1677-09-21T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "2262-04-12T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
    *(
        "9999-12-31T23:59:59-01:00",
        "+012024-01-01T00:00:00.000Z",
        "-000001-01-01T00:00:00.000Z",
        "10000-01-01",
        "2024-W05",
    ),
    *(
        "31.1.2024",
        "1/31/2024",
        "Jan 31, 2024",
        "20240131",
        "2024-1-5",
        "Wed, 31 Jan 2024 00:00:00 GMT",
        "now",
        "1706659200",
    ),
    *("2024-01-31T12:34:56.789", "2024-01-31t12:34:56z", "  2024-01-31  ", "2024-01-31T12:34:56.7Z", "12:30:00", ""),
)
KEYS = (
    *(
        "extra",
        "dotted.key",
        "with space",
        "$set",
        "$date",
        "ключ",
        "מפתח",
        "",
        " ",
        "a\nb",
        "nul\0key",
        "half\ud800",
        "😀",
    ),
    *(
        "__proto__",
        "constructor",
        "link-items-all",
        "_publishStatus",
        "Wix Original",
        "Legacy Wix ID",
        "id",
        "data",
        "absent",
    ),
)
IDS = (
    *(
        "",
        " ",
        "  x  ",
        "x",
        "X",
        "x ",
        " x",
        "x\t",
        "ß",
        "SS",
        "ss",
        "İ",
        "i̇",
        "é",
        "e\u0301",
        "rec00000000000001",
        "recABC",
    ),
    *(
        "it's",
        'say "hi"',
        "a/b",
        "a,b",
        "a\\b",
        "{x}",
        "a\nb",
        "a\r\nb",
        "\u2028",
        "\u202eid",
        "nul\0id",
        "half\ud800",
        "😀",
    ),
    *(
        "0123",
        "123",
        "123.0",
        "null",
        "true",
        "=1",
        "%41",
        "a?b&c#d",
        "../../etc",
        "x" * 255,
        "y" * 1000,
        "ÿ" * 3000,
        "\ufeff",
    ),
)


class Odd:
    """Makes rows from one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def any(self, depth: int = 0) -> Any:
        """Any JSON value."""
        pick = self.chance.random()
        if pick < 0.32:
            return self.text()
        if pick < 0.5:
            return self.chance.choice(NUMBERS)
        if pick < 0.58:
            return self.chance.choice((None, None, True, False))
        if pick < 0.72:
            return self.chance.choice((self.date, lambda: {"$date": self.date()}, lambda: {"$date": 1.5}))()
        if pick < 0.74:
            return self.chance.choice(LONG_TEXTS)
        if pick < 0.75 and not depth:
            return _nested(self.chance.choice((5, 49, 51, 300)))
        if depth > 3:
            return []
        if pick < 0.88:
            return [self.any(depth + 1) for _ in range(self.chance.randrange(4))]
        return {self.key(): self.any(depth + 1) for _ in range(self.chance.randrange(4))}

    def text(self) -> str:
        """A text that someone has seen somewhere."""
        return self.chance.choice(TEXTS)

    def date(self) -> str:
        """A date, or what passes for one."""
        return self.chance.choice(DATES)

    def key(self) -> str:
        """A key that no catalog knows."""
        return self.chance.choice(KEYS)

    def likely(self, field: Field) -> Any:
        """A value that the field's own services might have written."""
        chance = self.chance
        match field.wix_type:
            case "number":
                return chance.choice((1, 2.5, 1200, 0, 0.3))
            case "boolean":
                return chance.random() < 0.5
            case "datetime":
                return {"$date": "2024-03-01T10:11:12.345Z"}
            case "date":
                return chance.choice(("2024-03-01", {"$date": "2024-03-01T00:00:00.000Z"}))
            case "array" | "tags":
                return list(field.choices[:2]) or [chance.choice("abc")]
            case "object":
                return {"a": [1, None]}
            case "image":
                return "wix:image://v1/ab_1~mv2.jpg/x.jpg#originWidth=9"
        if field.choices:
            return chance.choice(field.choices)
        if field.type in ("number", "currency"):
            return str(chance.randrange(1, 30))
        return chance.choice(("word", "two words", "", f"{chance.randrange(30)}"))

    def item(self, collection: Collection, item_id: str) -> Item:
        """A row: from all as it should be to all as it should not."""
        chance = self.chance
        wild = chance.choice((0, 0, 0.01, 0.02, 0.05, 0.3, 1))
        item: Item = {}
        for field in collection.fields:
            if chance.random() < wild:
                if chance.random() < 0.8:
                    item[field.wix] = self.any()
            elif field.required or chance.random() < 0.8:
                item[field.wix] = self.likely(field)
        if wild and chance.random() < 0.4:
            item[self.key()] = self.any()
        if wild < 0.9 or chance.random() < 0.5:
            item["_id"] = item_id
        items = list(item.items())
        chance.shuffle(items)
        return dict(items)

    def items(self, collection: Collection, count: int) -> list[Item]:
        """Rows with ids of their own, ids that nearly are another's, and some that are."""
        ids = [f"{collection.wix}-{n}" for n in range(count // 2)]
        ids += self.chance.sample(IDS, min(len(IDS), count - len(ids)))
        ids += self.chance.sample(ids, min(2, len(ids)))
        self.chance.shuffle(ids)
        return [self.item(collection, item_id) for item_id in ids]


def _nested(depth: int) -> Any:
    value: Any = "deep"
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value
