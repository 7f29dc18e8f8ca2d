"""Writes a sample site: a folder of `<Collection>.jsonl` and `collections.json`, which a sandbox loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmdr import catalog as lmdr_catalog
from lmdr.sample import admin, billing, companies, content, core, matching
from lmdr.sample.anomalies import ANOMALIES, QUARANTINED, anomalies_of
from lmdr.sample.generator import Generator, Item, fixed_id
from lmdr.sample.people import Pool
from runbook.catalog import Catalog, Collection
from runbook.display import Shown, Table

Rows = Callable[[Generator, int], Iterator[Item]]

SIZES = {"SystemLogs": 5_000}
"""Rows at scale 1 where they differ from the catalog; the total stays below a base's limit of 50,000 rows."""

_MIN_VALID, _MIN_VALID_TARGETS = 3, 15
"""Valid rows of a collection, at least; and of one that others refer to."""
_DAMAGE_RATE = 0.03

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
_UNCATALOGUED: dict[str, tuple[Rows, int]] = {
    "SystemAlerts": (admin.system_alerts, 12),
    "SystemErrors": (admin.system_errors, 40),
}
"""Collections that services read and the catalog does not name."""
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
    """The site that was written.

    `counts`: rows by migrated collection; `staying`: by collection that stays in Wix; `uncatalogued`: by collection
    that the catalog does not name. `quarantined`: by collection, ids of rows that no column can hold. `dangling`: by
    "Collection.Link", migrated rows whose keys match no row. `damage`: by kind, values replaced by null, "", nothing or
    text.
    """

    folder: Path
    seed: int
    scale: float
    counts: dict[str, int]
    staying: dict[str, int]
    uncatalogued: dict[str, int]
    quarantined: dict[str, tuple[str, ...]]
    dangling: dict[str, int]
    damage: dict[str, int]

    def table(self) -> Table:
        """Rows, rows to be quarantined and dangling references by collection."""
        rows: list[tuple[Any, ...]] = [
            (name, count, len(self.quarantined.get(name, ())), self._dangling_of(name))
            for name, count in self.counts.items()
        ]
        rows.append(("all", *(sum(row[column] for row in rows) for column in (1, 2, 3))))
        title = f"Sample site of {len(self.counts)} collections, and {len(self.staying)} that stay"
        damage = ", ".join(f"{count:,} {kind}" for kind, count in self.damage.items())
        notes = (f"seed {self.seed}, scale {self.scale:g}", f"damaged values: {damage}")
        return Table(title, ("collection", "rows", "to be quarantined", "dangling references"), rows, notes)

    def _dangling_of(self, collection: str) -> int:
        return sum(count for link, count in self.dangling.items() if link.startswith(f"{collection}."))


# As the site's pages need them: members insert rows, and change their own.
_PERMISSIONS = {
    "insert": "SITE_MEMBER",
    "update": "SITE_MEMBER_AUTHOR",
    "remove": "SITE_MEMBER_AUTHOR",
    "read": "ANYONE",
}


def write_site(folder: Path, *, seed: int = 7, scale: float = 1.0) -> SampleSite:
    """Write a site into `folder`: the same bytes for the same seed and scale, on every day.

    `scale` multiplies the sizes; at any scale every collection has some rows, and all anomalies.
    """
    catalog = lmdr_catalog.load()
    gen = Generator(seed, Pool(seed))
    gen.recruiters = [fixed_id("member", "recruiter", number) for number in range(max(5, round(60 * scale)))]
    gen.admins = [fixed_id("member", "admin", number) for number in range(5)]
    folder.mkdir(parents=True, exist_ok=True)
    damage: dict[str, int] = {}
    items: dict[str, list[Item]] = {}
    for name, rows in _MOVING.items():
        collection = catalog.collection(name)
        gen.start(name)
        items[name] = _with_anomalies(gen, collection, list(rows(gen, _size(collection, scale))), damage)
    staying, uncatalogued = (
        {name: _write(folder, name, _few(gen, name, *rows, scale)) for name, rows in group.items()}
        for group in (_STAYING, _UNCATALOGUED)
    )
    quarantined: dict[str, tuple[str, ...]] = {}
    for anomaly in QUARANTINED:
        quarantined[anomaly.collection] = (*quarantined.get(anomaly.collection, ()), anomaly.id)
    counts = {name: _write(folder, name, items[name]) for name in catalog.collections}
    described = [_described(collection) for collection in catalog.collections.values()]
    described += [{"id": name, "displayName": name} for name in (*_STAYING, *_UNCATALOGUED)]
    (folder / "collections.json").write_bytes(json.dumps({"collections": described}, indent=1).encode())
    return SampleSite(
        folder, seed, scale, counts, staying, uncatalogued, quarantined, _dangling(catalog, items), damage
    )


def _size(collection: Collection, scale: float) -> int:
    """The number of rows of a collection."""
    is_target = collection.wix in ("Carriers", "DriverProfiles", "DriverCarrierInterests")
    valid = _MIN_VALID_TARGETS if is_target else _MIN_VALID
    scaled = round(SIZES.get(collection.wix, collection.expected or 0) * scale)
    return max(scaled, len(anomalies_of(collection.wix)) + valid)


def _few(gen: Generator, name: str, rows: Rows, size: int, scale: float) -> list[Item]:
    """Rows of a collection that is not migrated, at most `size`."""
    gen.start(name)
    return list(rows(gen, max(_MIN_VALID, round(size * min(scale, 1)))))


def _with_anomalies(gen: Generator, collection: Collection, rows: list[Item], damage: dict[str, int]) -> list[Item]:
    """The rows, the last ones turned into anomalies, which no other row refers to, and the others slightly damaged."""
    anomalies = anomalies_of(collection.wix)
    valid = len(rows) - len(anomalies)
    for anomaly, row in zip(anomalies, rows[valid:], strict=True):
        anomaly.apply(row)
    targets: dict[str, list[Any]] = {
        "Carriers": gen.carriers,
        "DriverProfiles": gen.drivers,
        "DriverCarrierInterests": gen.interests,
    }
    if collection.wix in targets:
        del targets[collection.wix][valid:]
    _damage(gen, collection, rows[:valid], damage)
    return sorted(rows, key=lambda row: (row["_createdDate"]["$date"], row["_id"]))


def _damage(gen: Generator, collection: Collection, rows: list[Item], damage: dict[str, int]) -> None:
    """Replace a value in one row of 33 by null, "", nothing or a number's text; never keys and closed selects."""
    protected = {*collection.natural_key, *(key for link in collection.links for key in link.on), "_publishStatus"}
    protected |= {f.wix for f in collection.fields if f.required or f.unique or (f.choices and not f.open)}
    for row in rows:
        if not gen.chance(_DAMAGE_RATE):
            continue
        keys = [key for key in row if key not in protected and not key.startswith("_") and key in collection.by_key]
        if not keys:
            continue
        key = gen.rng.choice(keys)
        kind = gen.rng.choice(("null", "empty", "absent", "text of a number"))
        if kind == "text of a number" and (
            collection.field(key).codec_name != "number" or not isinstance(row[key], int | float)
        ):
            kind = "absent"
        if kind == "absent":
            del row[key]
        else:
            row[key] = {"null": None, "empty": "", "text of a number": str(row[key])}[kind]
        damage[kind] = damage.get(kind, 0) + 1


def _dangling(catalog: Catalog, items: dict[str, list[Item]]) -> dict[str, int]:
    """By link: migrated rows that have a key and match no migrated row."""
    quarantined = {anomaly.id for anomaly in QUARANTINED}
    keys: dict[tuple[str, str], set[str]] = {}
    counts: dict[str, int] = {}
    for name, collection in catalog.collections.items():
        for link in collection.links:
            for target_key in link.on.values():
                if (link.to, target_key) not in keys:
                    migrated = (row for row in items[link.to] if row["_id"] not in quarantined)
                    keys[link.to, target_key] = {_key(row.get(target_key)) for row in migrated} - {""}
            for row in items[name]:
                pairs = [(link.to, target_key, _key(row.get(key))) for key, target_key in link.on.items()]
                given = [pair for pair in pairs if pair[2]]
                matched = any(key in keys[to, target_key] for to, target_key, key in given)
                if given and not matched and row["_id"] not in quarantined:
                    counts[f"{name}.{link.name}"] = counts.get(f"{name}.{link.name}", 0) + 1
    return counts


def _key(value: Any) -> str:
    """A key for comparison: 123, "123" and " 0123 " are equal."""
    if value is None or isinstance(value, bool | list | dict):
        return ""
    text = str(value).strip()
    return str(int(text)) if text.isascii() and text.isdigit() else text


def _write(folder: Path, name: str, rows: Iterable[Item]) -> int:
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    (folder / f"{name}.jsonl").write_bytes("".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def _described(collection: Collection) -> Item:
    """A collection in the format of the Collections API."""
    fields = []
    for field in collection.fields:
        if field.wix.startswith("_"):
            continue
        kind = _FIELD_TYPES.get(field.wix_type, field.wix_type.upper())
        entry: Item = {"key": field.wix, "displayName": field.wix.replace("_", " ").title(), "type": kind}
        if kind == "REFERENCE":
            target = _REFERENCES[collection.wix, field.wix]
            entry["typeMetadata"] = {"reference": {"referencedCollectionId": target}}
        fields.append(entry)
    described: Item = {
        "id": collection.wix,
        "displayName": collection.table,
        "permissions": _PERMISSIONS,
        "fields": fields,
    }
    if collection.wix == "BlogPosts":
        described["plugins"] = [{"type": "PUBLISH", "publishOptions": {"defaultStatus": "PUBLISHED"}}]
    return described


assert {anomaly.collection for anomaly in ANOMALIES} <= set(_MOVING)
