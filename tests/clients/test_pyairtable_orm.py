"""pyairtable.orm: models with every kind of field, saved, fetched, linked and deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pyairtable
import pytest
import requests
from pyairtable.exceptions import MissingValueError, MultipleValuesError, UnsavedRecordError
from pyairtable.formulas import match
from pyairtable.orm import Model
from pyairtable.orm import fields as F  # noqa: N812 - the name pyairtable's own documents use


@pytest.fixture
def models(base: pyairtable.Base) -> SimpleNamespace:
    """Carrier and Driver, models of a fresh base."""

    def meta(table: str) -> dict[str, Any]:
        return {"base_id": base.id, "table_name": table, "api_key": base.api.api_key}

    class Driver(Model):
        Meta = meta("Drivers")
        name = F.TextField("Name")
        miles = F.IntegerField("Miles")
        mentor: Any = F.SingleLinkField("Mentor", F.LinkSelf)

    class Carrier(Model):
        Meta = meta("Carriers")
        name = F.SingleLineTextField("Name")
        notes = F.MultilineTextField("Notes")
        story = F.RichTextField("Story")
        email = F.EmailField("Email")
        website = F.UrlField("Website")
        phone = F.PhoneNumberField("Phone")
        fleet = F.IntegerField("Fleet")
        score = F.FloatField("Score")
        rate = F.CurrencyField("Rate")
        share = F.PercentField("Share")
        stars = F.RatingField("Stars")
        wait = F.DurationField("Wait")
        active = F.CheckboxField("Active")
        founded = F.DateField("Founded")
        audited = F.DatetimeField("Audited")
        status = F.SelectField("Status")
        tags = F.MultipleSelectField("Tags")
        drivers = F.LinkField[Driver]("Drivers", Driver)
        papers = F.AttachmentsField("Papers")
        manager = F.CollaboratorField("Manager")
        team = F.MultipleCollaboratorsField("Team")
        badge = F.BarcodeField("Badge")
        shout = F.TextField("Shout", readonly=True)
        driver_names = F.LookupField[str]("Driver names")
        miles = F.NumberField("Miles", readonly=True)
        driver_count = F.CountField("Driver count")
        number = F.AutoNumberField("Number")
        created = F.CreatedTimeField("Created")
        created_by = F.CreatedByField("Created by")
        changed = F.LastModifiedTimeField("Changed")
        changed_by = F.LastModifiedByField("Changed by")
        call = F.ButtonField("Call")
        summary = F.AITextField("Summary")
        source = F.ExternalSyncSourceField("Source")

    class Strict(Model):
        Meta = meta("Carriers")
        name = F.RequiredSingleLineTextField("Name")
        stars = F.RequiredRatingField("Stars")
        founded = F.RequiredDateField("Founded")

    class Assigned(Model):
        Meta = meta("Drivers")
        name = F.TextField("Name")
        carrier = F.SingleLinkField[Carrier]("Carrier", Carrier, lazy=True)
        only_carrier = F.SingleLinkField[Carrier]("Carrier", Carrier, raise_if_many=True)

    for model in (Driver, Carrier, Strict, Assigned):
        # A model has no say in the address its requests go to. `meta.api` is a cached property: what is put there
        # before its first use is what the model uses, and nothing of pyairtable has to be patched.
        model.meta.api = base.api
    return SimpleNamespace(Driver=Driver, Carrier=Carrier, Strict=Strict, Assigned=Assigned)


def test_first_reads_a_field_of_every_kind(models: SimpleNamespace) -> None:
    acme = models.Carrier.first(formula=match({"Name": "Acme Freight"}))
    assert acme.id.startswith("rec")
    assert acme.exists()
    assert (acme.name, acme.notes, acme.story) == ("Acme Freight", "Pays on time", "**Since** 1931\n")
    assert (acme.email, acme.website, acme.phone) == ("desk@acme.example", "https://acme.example", "+1 555 0100")
    assert (acme.fleet, acme.score, acme.rate, acme.share, acme.stars) == (120, 4.25, 2.5, 0.125, 4)
    assert acme.wait == timedelta(hours=1, minutes=30)
    assert acme.active is True
    assert acme.founded == date(1931, 4, 1)
    assert acme.audited == datetime(2026, 3, 5, 12, 30, tzinfo=UTC)
    assert (acme.status, acme.tags) == ("Trusted", ["reefer", "flatbed"])
    assert [driver.name for driver in acme.drivers] == ["Dana", "Eli"]
    assert acme.drivers[1].mentor.name == "Dana"
    assert acme.drivers[0].mentor is None
    assert acme.manager["email"] == "ada@example.com"
    assert [person["name"] for person in acme.team] == ["Ada Byron", "Bob Kahn"]
    assert acme.badge == {"text": "0012345"}
    assert acme.papers == []
    assert acme.shout == "ACME FREIGHT"
    assert (acme.driver_names, acme.miles, acme.driver_count) == (["Dana", "Eli"], 1500, 2)
    assert acme.number == 1
    assert acme.created == acme.created_time
    assert acme.changed >= acme.created
    assert acme.created_by["email"] == acme.changed_by["email"] == "owner@example.com"
    assert acme.call == {"label": "Call", "url": "https://example.com/call"}
    assert acme.summary == {"state": "generated", "isStale": False, "value": "A good one"}
    assert acme.source == "Depot"


def test_empty_cells_read_as_the_field_s_own_nothing(models: SimpleNamespace) -> None:
    birch = models.Carrier.first(formula=match({"Name": "Birch Lines"}))
    assert (birch.notes, birch.email, birch.active, birch.papers, birch.team) == ("", "", False, [], [])
    assert (birch.rate, birch.stars, birch.wait, birch.manager, birch.badge) == (None, None, None, None, None)


def test_save_creates_then_updates_only_what_changed(
    base: pyairtable.Base, models: SimpleNamespace, requests_of: Callable[..., Any]
) -> None:
    made = models.Carrier(
        name="Delta",
        notes="a\nb",
        story="*hi*\n",
        email="d@example.com",
        website="https://d.example",
        phone="1",
        fleet=3,
        score=1.5,
        rate=9.99,
        share=0.5,
        stars=2,
        wait=timedelta(minutes=2),
        active=True,
        founded=date(2020, 2, 29),
        audited=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        status="New",
        tags=["flatbed"],
        drivers=models.Driver.all(formula=match({"Name": "Finn"})),
        manager={"email": "bob@example.com"},
        team=[{"email": "ada@example.com"}],
        badge={"text": "77"},
    )
    assert not made.exists()
    told = made.save()
    assert (told.created, told.record_id) == (True, made.id)
    read = models.Carrier.from_id(made.id)
    written = ("name", "notes", "story", "email", "website", "phone", "fleet", "score", "rate", "share", "stars")
    written += ("wait", "active", "founded", "audited", "status", "tags", "badge")
    assert {one: getattr(read, one) for one in written} == {one: getattr(made, one) for one in written}
    assert [driver.name for driver in read.drivers] == ["Finn"]
    assert (read.manager["name"], read.team[0]["name"]) == ("Bob Kahn", "Ada Byron")
    with requests_of(base.id) as counted:
        assert not made.save().saved
    assert counted == {}
    made.fleet = 4
    made.tags.append("reefer")
    changed = made.save()
    assert (changed.updated, changed.field_names) == (True, {"Fleet", "Tags"})
    read.fetch()
    assert (read.fleet, read.tags) == (4, ["flatbed", "reefer"])


def test_save_casts_unless_the_model_says_otherwise_and_force_writes_everything(models: SimpleNamespace) -> None:
    birch = models.Carrier.first(formula=match({"Name": "Birch Lines"}))
    birch.status = "On hold"
    birch.save()
    assert models.Carrier.from_id(birch.id).status == "On hold"
    told = birch.save(force=True)
    assert told.forced
    assert {"Name", "Fleet", "Status"} <= told.field_names
    assert "Shout" not in told.field_names
    models.Carrier.Meta["typecast"] = False
    birch.status = "Unheard of"
    with pytest.raises(requests.HTTPError, match="INVALID_MULTIPLE_CHOICE_OPTIONS"):
        birch.save()


def test_a_cleared_field_is_gone_after_saving(models: SimpleNamespace) -> None:
    acme = models.Carrier.first()
    acme.notes, acme.stars, acme.founded, acme.active, acme.tags, acme.manager = None, None, None, False, [], None
    acme.drivers.pop(0)
    acme.save()
    read = models.Carrier.from_id(acme.id)
    assert (read.notes, read.stars, read.founded, read.active, read.tags) == ("", None, None, False, [])
    assert read.manager is None
    assert [driver.name for driver in read.drivers] == ["Eli"]
    assert read.miles == 500


def test_a_record_becomes_a_model_and_a_record_again(models: SimpleNamespace, drivers: pyairtable.Table) -> None:
    listed = drivers.all(fields=["Name", "Miles", "Mentor"])
    assert [models.Driver.from_record(record).to_record() for record in listed] == listed


def test_fetch_brings_what_others_changed(models: SimpleNamespace, carriers: pyairtable.Table) -> None:
    acme = models.Carrier.first()
    carriers.update(acme.id, {"Fleet": 1})
    assert acme.fleet == 120
    acme.fetch()
    assert acme.fleet == 1


def test_computed_fields_cannot_be_set(models: SimpleNamespace) -> None:
    with pytest.raises(AttributeError, match="read-only"):
        models.Carrier(shout="x")
    with pytest.raises(AttributeError, match="read-only"):
        models.Carrier.first().number = 2


def test_all_takes_the_options_of_a_table(models: SimpleNamespace) -> None:
    assert [one.name for one in models.Driver.all(sort=["-Miles"], max_records=2)] == ["Dana", "Eli"]
    assert [one.name for one in models.Driver.all(formula=models.Driver.miles.lt(1000), fields=["Name"])] == [
        "Eli",
        "Finn",
    ]
    assert models.Driver.first(formula="FALSE()") is None


def test_from_ids_keeps_the_order_and_raises_for_what_is_missing(
    base: pyairtable.Base, models: SimpleNamespace, requests_of: Callable[..., Any]
) -> None:
    ids = [one.id for one in models.Driver.all()]
    with requests_of(base.id) as counted:
        read = models.Driver.from_ids(reversed(ids))
    assert [one.name for one in read] == ["Finn", "Eli", "Dana"]
    assert counted == {"GET /v0/{base}/{table}": 1}
    assert [one.id for one in models.Driver.from_ids(ids, fetch=False)] == ids
    with pytest.raises(KeyError, match="rec00000000000000"):
        models.Driver.from_ids([*ids, "rec00000000000000"])


def test_from_ids_of_hundreds_goes_out_as_a_post(
    base: pyairtable.Base, models: SimpleNamespace, drivers: pyairtable.Table, requests_of: Callable[..., Any]
) -> None:
    ids = [record["id"] for record in drivers.batch_create([{"Name": str(n)} for n in range(600)])]
    with requests_of(base.id) as counted:
        read = models.Driver.from_ids(ids)
    assert [one.name for one in read] == [str(number) for number in range(600)]
    assert counted == {"POST /v0/{base}/{table}/listRecords": 6}


def test_batch_save_creates_and_updates_and_batch_delete_removes(
    base: pyairtable.Base, models: SimpleNamespace, requests_of: Callable[..., Any]
) -> None:
    dana = models.Driver.first(formula=match({"Name": "Dana"}))
    dana.miles = 1001
    new = [models.Driver(name=f"D{number}", miles=number, mentor=dana) for number in range(12)]
    with requests_of(base.id) as counted:
        models.Driver.batch_save([dana, *new])
    assert counted == {"PATCH /v0/{base}/{table}": 1, "POST /v0/{base}/{table}": 2}
    assert all(one.exists() for one in new)
    read = {one.name: one for one in models.Driver.all()}
    assert read["Dana"].miles == 1001
    assert [read[f"D{number}"].miles for number in range(12)] == list(range(12))
    assert read["D7"].mentor.id == dana.id
    models.Driver.batch_delete(new)
    assert sorted(one.name for one in models.Driver.all()) == ["Dana", "Eli", "Finn"]


def test_delete_removes_the_record_and_the_model_knows(models: SimpleNamespace) -> None:
    finn = models.Driver.first(formula=match({"Name": "Finn"}))
    assert finn.delete() is True
    assert models.Driver.first(formula=match({"Name": "Finn"})) is None
    with pytest.raises(RuntimeError, match="was deleted"):
        finn.save()
    with pytest.raises(ValueError, match="does not have id"):
        models.Driver(name="x").delete()


def test_links_to_unsaved_models_are_refused_by_the_client(models: SimpleNamespace) -> None:
    with pytest.raises(UnsavedRecordError):
        models.Carrier(name="x", drivers=[models.Driver(name="y")]).save()


def test_a_single_link_reads_the_first_lazily_or_raises_for_many(
    models: SimpleNamespace, carriers: pyairtable.Table
) -> None:
    finn = models.Assigned.first(formula=match({"Name": "Finn"}))
    assert finn.carrier.name == ""
    finn.carrier.fetch()
    assert finn.carrier.name == "Birch Lines"
    acme = carriers.first()
    carriers.update(acme["id"], {"Drivers": [*acme["fields"]["Drivers"], finn.id]})
    finn.fetch()
    with pytest.raises(MultipleValuesError):
        _ = finn.only_carrier
    finn.carrier = models.Carrier.from_id(acme["id"])
    finn.save()
    finn.fetch()
    assert finn.only_carrier.name == "Acme Freight"


def test_required_fields_raise_where_the_server_has_nothing(models: SimpleNamespace) -> None:
    acme, birch, _ = models.Strict.all()
    assert (acme.name, acme.stars, acme.founded) == ("Acme Freight", 4, date(1931, 4, 1))
    with pytest.raises(MissingValueError):
        _ = birch.stars


def test_every_required_field_reads_what_the_plain_one_reads(models: SimpleNamespace) -> None:
    acme = models.Carrier.first()
    plain = {type(field): field for field in models.Carrier._attribute_descriptor_map().values()}
    # Three kinds of number, one column each; SelectField and the like have the one column of their type.
    plain |= {F.NumberField: models.Carrier.fleet, F.DatetimeField: models.Carrier.audited}
    required = [one for name, one in vars(F).items() if name.startswith("Required")]
    assert len(required) >= 20
    for kind in required:
        like = plain[kind.__mro__[1]]
        model = type("One", (Model,), {"Meta": models.Carrier.Meta, "value": kind(like.field_name)})
        model.meta.api = models.Carrier.meta.api
        assert model.from_id(acme.id).value == getattr(acme, like._attribute_name), kind


def test_a_model_may_use_field_ids_and_memoize(
    base: pyairtable.Base, carriers: pyairtable.Table, requests_of: Callable[..., Any]
) -> None:
    ids = {field.name: field.id for field in carriers.schema().fields}

    class ById(Model):
        class Meta:
            base_id, table_name, api_key = base.id, carriers.id, base.api.api_key
            use_field_ids = True
            memoize = True

        name = F.TextField(ids["Name"])
        fleet = F.NumberField(ids["Fleet"])

    ById.meta.api = base.api
    acme = ById.first()
    assert (acme.name, acme.fleet) == ("Acme Freight", 120)
    acme.fleet = 5
    acme.save()
    assert carriers.get(acme.id)["fields"]["Fleet"] == 5
    with requests_of(base.id) as counted:
        assert ById.from_id(acme.id) is acme
    assert counted == {}


def test_a_field_of_a_model_knows_its_schema(models: SimpleNamespace) -> None:
    shown = {
        name: type(field.field_schema()).__name__ for name, field in models.Carrier._attribute_descriptor_map().items()
    }
    assert shown["fleet"] == "NumberFieldSchema"
    assert shown["summary"] == "AITextFieldSchema"
    assert "UnknownFieldSchema" not in shown.values()
    assert models.Carrier.status.field_schema().options.choices[0].name == "New"


def test_a_model_reads_and_writes_comments(models: SimpleNamespace) -> None:
    acme = models.Carrier.first()
    made = acme.add_comment("Looks good")
    assert [(one.id, one.text) for one in acme.comments()] == [(made.id, "Looks good")]
    assert models.Carrier.first(count_comments=True).comment_count == 1
