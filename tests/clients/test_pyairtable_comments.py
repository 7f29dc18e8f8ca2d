"""pyairtable's comments: added, answered, mentioned, changed and deleted."""

from __future__ import annotations

import pyairtable
import pytest
import requests

from sandbox.in_process import Sandbox


def test_a_comment_has_its_author_and_time_and_is_listed_newest_first(
    api: pyairtable.Api, carriers: pyairtable.Table
) -> None:
    acme, birch, _ = (record["id"] for record in carriers.all())
    first = carriers.add_comment(acme, "First")
    second = carriers.add_comment(acme, "Second")
    assert first.id.startswith("com")
    assert first.author.id == api.whoami()["id"]
    assert first.author.email == "owner@example.com"
    assert (first.last_updated_time, first.mentioned, first.parent_comment_id) == (None, {}, None)
    assert [(one.id, one.text) for one in carriers.comments(acme)] == [(second.id, "Second"), (first.id, "First")]
    assert carriers.comments(birch) == []


def test_a_mention_is_resolved_to_the_person(carriers: pyairtable.Table) -> None:
    acme = carriers.first()["id"]
    made = carriers.add_comment(acme, "Hello @[usrAda00000000000] and @[usr99999999999999]")
    assert set(made.mentioned) == {"usrAda00000000000"}
    told = made.mentioned["usrAda00000000000"]
    assert (told.display_name, told.email, told.type) == ("Ada Byron", "ada@example.com", "user")
    assert carriers.comments(acme)[0].mentioned == made.mentioned


def test_a_reply_names_its_parent_and_a_missing_parent_is_refused(carriers: pyairtable.Table) -> None:
    acme = carriers.first()["id"]
    parent = carriers.add_comment(acme, "Question")
    assert carriers.add_comment(acme, "Answer", parent_comment_id=parent.id).parent_comment_id == parent.id
    assert carriers.comments(acme)[0].parent_comment_id == parent.id
    with pytest.raises(requests.HTTPError) as caught:
        carriers.add_comment(acme, "Answer", parent_comment_id="com00000000000000")
    assert caught.value.response.status_code == 404


def test_save_changes_the_text_and_tells_when(box: Sandbox, carriers: pyairtable.Table) -> None:
    acme = carriers.first()["id"]
    comment = carriers.add_comment(acme, "Helo")
    box.clock(advance=5)
    comment.text = "Hello"
    comment.save()
    read = carriers.comments(acme)[0]
    assert (read.text, read.created_time) == ("Hello", comment.created_time)
    assert (read.last_updated_time - read.created_time).total_seconds() >= 5
    assert comment.last_updated_time == read.last_updated_time


def test_delete_removes_the_comment_and_a_second_delete_is_refused(carriers: pyairtable.Table) -> None:
    acme = carriers.first()["id"]
    keep, drop = carriers.add_comment(acme, "Keep"), carriers.add_comment(acme, "Drop")
    drop.delete()
    assert drop.deleted
    assert [one.id for one in carriers.comments(acme)] == [keep.id]
    with pytest.raises(requests.HTTPError) as caught:
        drop.delete()
    assert (caught.value.response.status_code, caught.value.response.json()["error"]["type"]) == (
        404,
        "MODEL_ID_NOT_FOUND",
    )


def test_comments_come_in_pages_until_there_are_no_more(carriers: pyairtable.Table) -> None:
    acme = carriers.first()["id"]
    for number in range(103):
        carriers.add_comment(acme, f"No. {number}")
    assert [one.text for one in carriers.comments(acme)] == [f"No. {number}" for number in reversed(range(103))]


def test_comments_go_with_their_record(carriers: pyairtable.Table) -> None:
    made = carriers.create({"Name": "Short-lived"})["id"]
    carriers.add_comment(made, "Gone soon")
    carriers.delete(made)
    with pytest.raises(requests.HTTPError) as caught:
        carriers.comments(made)
    assert caught.value.response.status_code == 403
