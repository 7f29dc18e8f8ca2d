"""The dashboard's CSV, as Wix writes it and as people leave it."""

from __future__ import annotations

import gzip
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbook.errors import SourceError
from runbook.wix.csv_file import CsvFile

ROW = '"ID","Name","Zip","N","Yes","When","Tags","Box"'
TYPES = {
    "name": "text",
    "zip": "text",
    "n": "number",
    "yes": "boolean",
    "when": "datetime",
    "tags": "tags",
    "box": "object",
}


@pytest.fixture
def read(tmp_path, shapes):
    def read(text, **types):
        path = tmp_path / "Carriers.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        file = CsvFile(path, shapes.collection(**(types or TYPES)))
        return list(file.items()), file

    return read


@pytest.mark.parametrize(
    ("cells", "item"),
    [
        ('"a","Ann","00123",12,true,2025-04-23T20:33:09Z,,', {"name": "Ann", "zip": "00123", "n": 12, "yes": True, "when": {"$date": "2025-04-23T20:33:09Z"}}),
        ('"a","",,,,,,', {}),
        ('"a","say ""hi"", ok",,-1.5e3,false,,,', {"name": 'say "hi", ok', "n": -1500.0, "yes": False}),
        ('"a","two\nlines\r\nhere",,,,,,', {"name": "two\nlines\r\nhere"}),
        ('"a",,,"12","true","2025-04-23T20:33:09Z",,', {"n": "12", "yes": "true", "when": "2025-04-23T20:33:09Z"}),
        ('"a",,00123,007,TRUE,23/04/2025,,', {"zip": "00123", "n": "007", "yes": "TRUE", "when": "23/04/2025"}),
        ('"a",,,,,,"[""x"",1]","{""k"":null}"', {"tags": ["x", 1], "box": {"k": None}}),
        ('"a",,,,,,"x, y","{broken"', {"tags": "x, y", "box": "{broken"}),
        ('"a","[1]",,1e999,,,"[NaN]",', {"name": "[1]", "n": "1e999", "tags": "[NaN]"}),
        ('"a",,,,,2025-04-23T20:33Z,,', {"when": {"$date": "2025-04-23T20:33Z"}}),
        ('"a",,,,,2025-04-23T20:33:09.123+02:00,,', {"when": {"$date": "2025-04-23T20:33:09.123+02:00"}}),
        ('"a",,,,,2025-04-23T20:33:09,,', {"when": "2025-04-23T20:33:09"}),
        (f'"a",,,1{"0" * 299},,,,', {"n": 10**299}),
        (f'"a",,,1{"0" * 300},,,,', {"n": f"1{'0' * 300}"}),
        ('"a"," padded ",,2022.0,,,,', {"name": " padded ", "n": 2022.0}),
        ('"a","\u2028é\U0001f69a",,,,,,', {"name": "\u2028é\U0001f69a"}),
    ],
)  # fmt: skip
def test_cells(read, cells, item):
    for text in (f"\ufeff{ROW}\n{cells}\n", f"{ROW}\r\n{cells}", f"{ROW}\n\n{cells}\n\n"):
        items, file = read(text)
        assert items == [{"_id": "a", **item}]
        assert file.as_exported


def test_whole_and_broken_numbers_keep_their_kind(read):
    (item,), _ = read(f'{ROW}\n"a",,,2022.0,,,,\n')
    assert isinstance(item["n"], float)
    (item,), _ = read(f'{ROW}\n"a",,,90071992547409931,,,,\n')
    assert item["n"] == 90071992547409931


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        ('"ID","Created Date","Updated Date","Owner"', ["_id", "_createdDate", "_updatedDate", "_owner"]),
        ('"id","CREATED DATE","updated_date","OWNER"', ["_id", "_createdDate", "_updatedDate", "_owner"]),
        ('"ID","Created date","dotNumber","Dot Number Column "', ["_id", "_createdDate", "dot_number", "dot_number_column"]),
        ('"_id","DOT NUMBER","Dot_number_"', None),
        ('"ID","dot number","Legal Name Column","Nice  to-know!","Carriers (Item)",""', ["_id", "dot_number", "legal_name", "nice_to_know", "carriers_item", "column_6"]),
    ],
)  # fmt: skip
def test_columns(read, header, keys):
    if keys is None:
        with pytest.raises(SourceError, match=r"two columns are the field dot_number: 'DOT NUMBER' and 'Dot_number_'"):
            read(header, dot_number="number", legal_name="text")
        return
    if "dot_number_column" in keys:  # key and table's name of one field, both there
        with pytest.raises(SourceError, match="two columns are the field dot_number"):
            read(header, dot_number="number")
        return
    assert read(header + "\n", dot_number="number", legal_name="text")[1].keys == keys


TWINS = {"created_date": "datetime", "updated_date": "datetime", "name": "text"}


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        (["Name", "Created Date", "ID", "Created Date", "Updated Date", "Owner"], ["name", "created_date", "_id", "_createdDate", "_updatedDate", "_owner"]),
        (["ID", "Created Date", "Name", "Created Date"], ["_id", "_createdDate", "name", "created_date"]),
        (["Created Date", "Updated Date", "ID", "Created Date", "Updated Date", "Owner"], ["created_date", "updated_date", "_id", "_createdDate", "_updatedDate", "_owner"]),
        (["ID", "Name", "created_date", "Created Date"], ["_id", "name", "created_date", "_createdDate"]),
        (["ID", "Created Date Column", "Created Date"], ["_id", "created_date", "_createdDate"]),
        (["ID", "Name", "Created Date"], ["_id", "name", "_createdDate"]),
        (["Created Date", "ID", "Created Date"], None),
    ],
)  # fmt: skip
def test_a_field_that_is_called_as_a_system_column_is(read, header, keys):
    text = ",".join(f'"{name}"' for name in header) + "\n"
    if keys is None:
        with pytest.raises(SourceError, match="two columns are the field _createdDate"):
            read(text, **TWINS)
    else:
        assert read(text, **TWINS)[1].keys == keys


def test_unknown_columns_are_kept_and_told(read):
    items, file = read('"ID","Name","New One","Carriers (Item)"\n"a","x",5,"/carriers/a"\n', name="text")
    assert items == [{"_id": "a", "name": "x", "new_one": 5, "carriers_item": "/carriers/a"}]
    assert file.notes[1] == (
        "columns that the catalog does not know, kept: 'New One' as new_one, "
        "'Carriers (Item)' (a link to its page) as carriers_item"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('"Name","Zip"\n"x","y"\n', "has no column ID; a CSV without the rows' ids cannot be migrated"),
        ("ID\tName\na\tx\n", "its cells are separated by '\\t', Wix writes commas"),
        ("A;B,C\n", "has no column ID; a CSV without"),
        ("ID;Name\na;x\n", "its cells are separated by ';', Wix writes commas"),
        ('"ID","Name","Name"\n', "two columns are the field name: 'Name' and 'Name'"),
        ('"ID","Other","other "\n', "two columns are the field other: 'Other' and 'other '"),
        ('"ID","Name"\n"a","x"\n"b"\n', "Carriers.csv:3: has 1 cells where the header has 2"),
        ('"ID","Name"\n"a","two\nlines"\n"b","x","y"\n', "Carriers.csv:4: has 3 cells where the header has 2"),
        ('"ID","Name"\n"a","x"y"z"\n', "Carriers.csv:2: cell 2 has a quote in its middle"),
        ('"ID","Name"\n"a",x"y"\n', "Carriers.csv:2: cell 2 has a quote in its middle"),
        ('"ID","Name"\n"a","open\n"b","x"\n', "Carriers.csv:2: "),
        ('"ID","Name"\n"a","open\nb,x\n', "Carriers.csv:2: a quote that is opened in this row is never closed"),
        ("ID,Name\ra,x\r", "a carriage return in its middle"),
        (b'"ID","Name"\n"a","caf\xe9"\n', "is not UTF-8 (byte 0xe9)"),
        ('"ID","Name"\n'.encode("utf-16"), "is not UTF-8 (byte 0xff)"),
    ],
)
def test_ugly_files(read, text, said):
    with pytest.raises(SourceError, match=re.escape(said)) as caught:
        read(text)
    assert "Carriers.csv" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "ID,Name,Zip,N,Yes,When,Tags,Created Date\r\na,12,00123,5,TRUE,2025-04-23T20:33:09Z,\"[\"\"x\"\"]\",2025-04-23T20:33:09Z\r\n",
        '"ID","Name","Zip","N","Yes","When","Tags","Created Date"\n"a","12","00123","5","true","2025-04-23T20:33:09Z","[""x""]","2025-04-23T20:33:09Z"\n',
    ],
    ids=["few quotes", "all quotes"],
)  # fmt: skip
def test_a_file_saved_by_another_program_is_typed_by_the_catalog(read, text):
    items, file = read(text)
    date = {"$date": "2025-04-23T20:33:09Z"}
    assert items == [
        {
            "_id": "a",
            "name": "12",
            "zip": "00123",
            "n": 5,
            "yes": True,
            "when": date,
            "tags": ["x"],
            "_createdDate": date,
        }
    ]
    assert not file.as_exported
    assert "another program has saved this CSV" in file.notes[-1]


def test_a_compressed_file_that_is_cut_off_is_an_error(tmp_path, shapes):
    path = tmp_path / "Carriers.csv.gz"
    path.write_bytes(gzip.compress(b'"ID","Name"\n' + b'"a","x"\n' * 5000)[:-20])
    with pytest.raises(SourceError, match=r"Carriers\.csv\.gz: cannot be read to the end"):
        list(CsvFile(path, shapes.collection(name="text")).items())


def wix_cell(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return repr(value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: "\0" not in text),
            st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
        ),
        max_size=5,
    )
)
def test_what_wix_writes_is_what_is_read(read, values):
    lines = [f'"a{n}",{wix_cell(text)},{wix_cell(other)}\n' for n, (text, other) in enumerate(values)]
    items, _ = read('\ufeff"ID","Name","N"\n' + "".join(lines), name="text", n="number")
    assert [(item["name"], item["n"]) for item in items] == values
    assert [type(item["n"]) for item in items] == [type(other) for _, other in values]
