"""Comments: newest first, paged, mentioned people, and gone with their record."""

from __future__ import annotations

import pytest

MISSING = (404, "MODEL_ID_NOT_FOUND")
INVALID = (422, "INVALID_REQUEST_UNKNOWN")


@pytest.fixture
def record(base):
    return base.make(Name="x")["id"]


def add(base, record, text="hello", **more):
    return base.ok("POST", f"Every/{record}/comments", {"text": text, **more})


def listed(base, record, **params):
    return base.ok("GET", f"Every/{record}/comments", params=params)


def test_a_comment_has_an_author_a_text_and_times(base, record):
    made = add(base, record)
    assert set(made) == {"id", "author", "text", "createdTime", "lastUpdatedTime"}
    assert made["id"].startswith("com")
    assert set(made["author"]) == {"id", "email", "name"}
    assert made["author"]["id"] == base.ok("GET", "/v0/meta/whoami")["id"]
    assert made["lastUpdatedTime"] is None
    assert listed(base, record) == {"comments": [made], "offset": None}


def test_comments_are_listed_newest_first_in_pages(base, record):
    made = [add(base, record, str(number))["id"] for number in range(7)][::-1]
    seen, offset = [], None
    for _ in range(10):
        page = listed(base, record, pageSize=3, **({"offset": offset} if offset else {}))
        seen.append([comment["id"] for comment in page["comments"]])
        offset = page["offset"]
        if offset is None:
            break
    assert seen == [made[:3], made[3:6], made[6:]]


@pytest.mark.parametrize("size", [0, -1, 101])
def test_a_page_holds_one_to_a_hundred_comments(base, record, size):
    assert base.refused("GET", f"Every/{record}/comments?pageSize={size}")[:2] == (422, "INVALID_PAGE_SIZE_ARGUMENT")


@pytest.mark.parametrize("offset", ["x", "com00000000000000", "%00", "%ff"])
def test_an_unknown_offset_is_refused(base, record, offset):
    assert base.refused("GET", f"Every/{record}/comments?offset={offset}")[:2] == (422, "INVALID_OFFSET_VALUE")


def test_a_changed_comment_says_when(base, record):
    made = add(base, record)
    base.box.clock(advance=10)
    changed = base.ok("PATCH", f"Every/{record}/comments/{made['id']}", {"text": "new"})
    assert changed["text"] == "new"
    assert changed["lastUpdatedTime"] > changed["createdTime"] == made["createdTime"]


def test_a_deleted_comment_is_gone(base, record):
    made = add(base, record)["id"]
    assert base.ok("DELETE", f"Every/{record}/comments/{made}") == {"id": made, "deleted": True}
    assert listed(base, record)["comments"] == []
    assert base.refused("DELETE", f"Every/{record}/comments/{made}")[:2] == MISSING
    assert base.refused("PATCH", f"Every/{record}/comments/{made}", {"text": "x"})[:2] == MISSING


def test_a_reply_names_its_parent(base, record):
    parent = add(base, record)["id"]
    assert add(base, record, parentCommentId=parent)["parentCommentId"] == parent
    other = base.make(Name="y")["id"]
    for wrong in ("com00000000000000", ""):
        body = {"text": "x", "parentCommentId": wrong}
        assert base.refused("POST", f"Every/{record}/comments", body)[:2] == MISSING
    assert base.refused("POST", f"Every/{other}/comments", {"text": "x", "parentCommentId": parent})[:2] == MISSING
    assert base.refused("POST", f"Every/{record}/comments", {"text": "x", "parentCommentId": 1})[:2] == INVALID


def test_people_in_the_text_are_mentioned(base, record):
    made = add(base, record, "hi @[usrAnnAnnAnnAnnAn] and @[usrNobodyNobody00] @[usrAnnAnnAnnAnnAn]")
    assert made["mentioned"] == {
        "usrAnnAnnAnnAnnAn": {
            "type": "user",
            "id": "usrAnnAnnAnnAnnAn",
            "displayName": "Ann",
            "email": "ann@example.com",
        }
    }


@pytest.mark.parametrize(
    "body", [{}, {"text": None}, {"text": ""}, {"text": 1}, {"text": []}, {"comment": "x"}], ids=repr
)
def test_a_comment_needs_a_text(base, record, body):
    made = add(base, record)["id"]
    assert base.refused("POST", f"Every/{record}/comments", body)[:2] == INVALID
    assert base.refused("PATCH", f"Every/{record}/comments/{made}", body)[:2] == INVALID


def test_comments_of_a_missing_record_are_403(base, record):
    for path in ("Every/rec00000000000000/comments", f"NoTable/{record}/comments"):
        assert base.refused("GET", path)[0] == 403
        assert base.refused("POST", path, {"text": "x"})[0] == 403


def test_a_comment_is_found_on_its_own_record_only(base, record):
    made = add(base, record)["id"]
    other = base.make(Name="y")["id"]
    assert base.refused("DELETE", f"Every/{other}/comments/{made}")[:2] == MISSING


def test_comments_go_with_their_record(base, record):
    add(base, record)
    base.ok("DELETE", f"Every/{record}")
    assert base.refused("GET", f"Every/{record}/comments")[0] == 403
