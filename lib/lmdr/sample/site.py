"""Writing a sample site: a folder of `<Collection>.jsonl` and `collections.json`, as a sandbox loads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmdr import catalog as lmdr_catalog
from lmdr.sample import admin, billing, companies, content, core, matching
from lmdr.sample.mess import MESS, QUARANTINED, mess_of
from lmdr.sample.people import Pool
from lmdr.sample.world import Item, World, fixed_id
from runbook.catalog import Catalog, Collection
from runbook.display import Shown, Table

Rows = Callable[[World, int], Iterator[Item]]

SIZES = {"SystemLogs": 5_000}
"""Rows at scale 1 where that is not the catalog's figure; all sizes together stay under the 50,000 rows of a base."""

_SPARE = 15
_MINIMUM = 3
_SPREAD = 0.03

_MOVING: dict[str, Rows] = {
    "Carriers": core.carriers,
    "DriverProfiles": core.driver_profiles,
    "DriverJobs": core.driver_jobs,
    "CarrierHiringPreferences": core.carrier_hiring_preferences,
    "DriverInterests": core.driver_interests,
    "DriverCarrierInterests": matching.driver_carrier_interests,
    "MatchEvents": matching.match_events,
    "CarrierDriverViews": matching.carrier_driver_views,
    "ProfileViews": matching.profile_views,
    "Messages": billing.messages,
    "MemberActivity": billing.member_activity,
    "CarrierSubscriptions": billing.carrier_subscriptions,
    "BillingHistory": billing.billing_history,
    "StripeEvents": billing.stripe_events,
    "CheckoutAbandonment": billing.checkout_abandonment,
    "CarrierEnrichments": companies.carrier_enrichments,
    "CarrierSafetyData": companies.carrier_safety_data,
    "PartnerOnboarding": companies.partner_onboarding,
    "CarrierOnboarding": companies.carrier_onboarding,
    "recruiterCarriers": companies.recruiter_carriers,
    "carrierStaffingRequests": companies.carrier_staffing_requests,
    "BlogPosts": content.blog_posts,
    "BlogCategories": content.blog_categories,
    "FAQs": content.faqs,
    "ComplianceGuides": content.compliance_guides,
    "BestPracticesGuides": content.best_practices_guides,
    "PricingTiers": content.pricing_tiers,
    "ServiceFeatures": content.service_features,
    "CaseStudies": content.case_studies,
    "IndustryComparisons": content.industry_comparisons,
    "AdminAuditLog": admin.admin_audit_log,
    "AIUsageLog": admin.ai_usage_log,
    "SystemLogs": admin.system_logs,
    "JobPostings": admin.job_postings,
    "PromptLibrary": admin.prompt_library,
    "TeamMembers": content.team_members,
    "CompanyMilestones": content.company_milestones,
    "CarrierReviews": admin.carrier_reviews,
    "CarrierTestimonials": content.carrier_testimonials,
    "DriverTestimonials": content.driver_testimonials,
}
_STAYING: dict[str, tuple[Rows, int]] = {
    "AdminUsers": (admin.admin_users, 5),
    "MemberNotifications": (admin.member_notifications, 60),
    "SystemMetrics": (admin.system_metrics, 40),
    "SystemTraces": (admin.system_traces, 40),
    "FeatureAdoptionLog": (admin.feature_adoption_log, 50),
}
_BESIDE: dict[str, tuple[Rows, int]] = {
    "SystemAlerts": (admin.system_alerts, 12),
    "SystemErrors": (admin.system_errors, 40),
}
"""Collections that services read and no catalog names."""
_FIELD_TYPES = {
    "phone": "TEXT", "richtext": "RICH_TEXT", "richcontent": "RICH_CONTENT", "gallery": "MEDIA_GALLERY",
    "tags": "ARRAY_STRING", "multireference": "MULTI_REFERENCE",
}  # fmt: skip
_REFERENCES = {
    ("carrierStaffingRequests", "linked_carrier_id"): "Carriers",
    ("CarrierEnrichments", "carrier_ref"): "Carriers",
    ("DriverInterests", "linked_driver"): "DriverProfiles",
}


@dataclass(frozen=True, repr=False)
class SampleSite(Shown):
    """What was written.

    `counts`: rows by collection that moves; `staying`: by one that stays; `beside`: by one that no catalog names.
    `quarantined`: ids by collection that no column can hold. `dangling`: by "Collection.Link", rows that do move whose
    keys point nowhere. `spread`: by kind, values made null, empty, absent or text all over the site.
    """

    folder: Path
    seed: int
    scale: float
    counts: dict[str, int]
    staying: dict[str, int]
    beside: dict[str, int]
    quarantined: dict[str, tuple[str, ...]]
    dangling: dict[str, int]
    spread: dict[str, int]

    def table(self) -> Table:
        """Rows, rows to be quarantined and dangling references by collection."""
        rows: list[tuple[Any, ...]] = [
            (name, count, len(self.quarantined.get(name, ())), self._dangling_of(name))
            for name, count in self.counts.items()
        ]
        rows.append(("all", *(sum(row[column] for row in rows) for column in (1, 2, 3))))
        title = f"Sample site of {len(self.counts)} collections, and {len(self.staying)} that stay"
        spread = ", ".join(f"{count:,} {kind}" for kind, count in self.spread.items())
        notes = (f"seed {self.seed}, scale {self.scale:g}", f"all over the site: {spread}")
        return Table(title, ("collection", "rows", "to be quarantined", "dangling references"), rows, notes)

    def _dangling_of(self, collection: str) -> int:
        return sum(count for link, count in self.dangling.items() if link.startswith(f"{collection}."))


# As the site's pages need them: members write, and change what is their own.
_PERMISSIONS = {
    "insert": "SITE_MEMBER",
    "update": "SITE_MEMBER_AUTHOR",
    "remove": "SITE_MEMBER_AUTHOR",
    "read": "ANYONE",
}


def write_site(folder: Path, *, seed: int = 7, scale: float = 1.0) -> SampleSite:
    """Write a site into `folder`: the same bytes for the same seed and scale, whatever the day.

    `scale` multiplies the sizes; every collection keeps some rows, and all spoilt rows, at any scale.
    """
    catalog = lmdr_catalog.load()
    world = World(seed, Pool(seed))
    world.recruiters = [fixed_id("member", "recruiter", number) for number in range(max(5, round(60 * scale)))]
    world.admins = [fixed_id("member", "admin", number) for number in range(5)]
    folder.mkdir(parents=True, exist_ok=True)
    spread: dict[str, int] = {}
    found: dict[str, list[Item]] = {}
    for name, rows in _MOVING.items():
        collection = catalog.collection(name)
        world.enter(name)
        found[name] = _with_mess(world, collection, list(rows(world, _size(collection, scale))), spread)
    staying, beside = (
        {name: _write(folder, name, _few(world, name, *rows, scale)) for name, rows in some.items()}
        for some in (_STAYING, _BESIDE)
    )
    quarantined: dict[str, tuple[str, ...]] = {}
    for mess in QUARANTINED:
        quarantined[mess.collection] = (*quarantined.get(mess.collection, ()), mess.id)
    counts = {name: _write(folder, name, found[name]) for name in catalog.collections}
    described = [_described(collection) for collection in catalog.collections.values()]
    text = json.dumps(
        {"collections": [*described, *({"id": name, "displayName": name} for name in (*_STAYING, *_BESIDE))]}, indent=1
    )
    (folder / "collections.json").write_bytes(text.encode())
    return SampleSite(folder, seed, scale, counts, staying, beside, quarantined, _dangling(catalog, found), spread)


def _size(collection: Collection, scale: float) -> int:
    """Rows of a collection; those that others refer to keep enough sound ones beside the spoilt."""
    spare = _SPARE if collection.wix in ("Carriers", "DriverProfiles", "DriverCarrierInterests") else _MINIMUM
    wanted = round(SIZES.get(collection.wix, collection.expected or 0) * scale)
    return max(wanted, len(mess_of(collection.wix)) + spare)


def _few(world: World, name: str, rows: Rows, size: int, scale: float) -> list[Item]:
    """Rows of a collection that does not move: never more than its size."""
    world.enter(name)
    return list(rows(world, max(_MINIMUM, round(size * min(scale, 1)))))


def _with_mess(world: World, collection: Collection, rows: list[Item], spread: dict[str, int]) -> list[Item]:
    """The last rows spoilt as MESS says, and taken out of what others refer to; small damage over the rest."""
    spoilt = mess_of(collection.wix)
    sound = len(rows) - len(spoilt)
    for mess, row in zip(spoilt, rows[sound:], strict=True):
        mess.spoil(row)
    pools: dict[str, list[Any]] = {
        "Carriers": world.carriers,
        "DriverProfiles": world.drivers,
        "DriverCarrierInterests": world.interests,
    }
    if collection.wix in pools:
        del pools[collection.wix][sound:]
    _damage(world, collection, rows[:sound], spread)
    return sorted(rows, key=lambda row: (row["_createdDate"]["$date"], row["_id"]))


def _damage(world: World, collection: Collection, rows: list[Item], spread: dict[str, int]) -> None:
    """In one row of 33 a value is null, empty, gone, or the text of a number: never in keys and closed selects."""
    safe = {*collection.natural_key, *(key for link in collection.links for key in link.on), "_publishStatus"}
    safe |= {f.wix for f in collection.fields if f.required or f.unique or (f.choices and not f.open)}
    for row in rows:
        if not world.chance(_SPREAD):
            continue
        keys = [key for key in row if key not in safe and not key.startswith("_") and key in collection.by_key]
        if not keys:
            continue
        key = world.rng.choice(keys)
        kind = world.rng.choice(("null", "empty", "absent", "text of a number"))
        if kind == "text of a number" and (
            collection.field(key).codec_name != "number" or not isinstance(row[key], int | float)
        ):
            kind = "absent"
        if kind == "absent":
            del row[key]
        else:
            row[key] = {"null": None, "empty": "", "text of a number": str(row[key])}[kind]
        spread[kind] = spread.get(kind, 0) + 1


def _dangling(catalog: Catalog, found: dict[str, list[Item]]) -> dict[str, int]:
    """By link: rows that move, have a key, and point at no row that moves."""
    refused = {mess.id for mess in QUARANTINED}
    keys: dict[tuple[str, str], set[str]] = {}
    counts: dict[str, int] = {}
    for name, collection in catalog.collections.items():
        for link in collection.links:
            for there in link.on.values():
                if (link.to, there) not in keys:
                    moving = (row for row in found[link.to] if row["_id"] not in refused)
                    keys[link.to, there] = {_key(row.get(there)) for row in moving} - {""}
            for row in found[name]:
                pairs = [(link.to, there, _key(row.get(here))) for here, there in link.on.items()]
                given = [pair for pair in pairs if pair[2]]
                if row["_id"] in refused or not given or any(key in keys[to, there] for to, there, key in given):
                    continue
                counts[f"{name}.{link.name}"] = counts.get(f"{name}.{link.name}", 0) + 1
    return counts


def _key(value: Any) -> str:
    """A key as it is compared: 123, "123" and " 0123 " are one."""
    if value is None or isinstance(value, bool | list | dict):
        return ""
    text = str(value).strip()
    return str(int(text)) if text.isascii() and text.isdigit() else text


def _write(folder: Path, name: str, rows: Iterable[Item]) -> int:
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    (folder / f"{name}.jsonl").write_bytes("".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def _described(collection: Collection) -> Item:
    """A collection as the Collections API gives it."""
    fields = []
    for field in collection.fields:
        if field.wix.startswith("_"):
            continue
        kind = _FIELD_TYPES.get(field.wix_type, field.wix_type.upper())
        shown: Item = {"key": field.wix, "displayName": field.wix.replace("_", " ").title(), "type": kind}
        if kind == "REFERENCE":
            target = _REFERENCES[collection.wix, field.wix]
            shown["typeMetadata"] = {"reference": {"referencedCollectionId": target}}
        fields.append(shown)
    described: Item = {
        "id": collection.wix,
        "displayName": collection.table,
        "permissions": _PERMISSIONS,
        "fields": fields,
    }
    if collection.wix == "BlogPosts":
        described["plugins"] = [{"type": "PUBLISH", "publishOptions": {"defaultStatus": "PUBLISHED"}}]
    return described


assert {mess.collection for mess in MESS} <= set(_MOVING)
