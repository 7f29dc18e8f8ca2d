"""Logs, prompts and moderation: phase 6; the five collections that stay in Wix, and two that no catalog names."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmdr.sample.world import DAY, NOW, Item, World, date, day

_ACTIONS = ("verifyDriver", "suspendDriver", "updateDriverStatus", "bulkVerify", "flagCarrier", "unflagCarrier",
"updateCarrier",
            "refreshEnrichment", "resolveAlert", "exportData", "adminLogin", "adminLogout", "roleChange",
            "updatePrompt")  # fmt: skip
_TARGETS = ("driver", "carrier", "system", "auth", "prompt", "matches")
_MODELS = {"anthropic": "claude-sonnet", "openai": "gpt-4o", "groq": "llama-70b", "perplexity": "sonar",
"google": "gemini-flash",
           "mistral": "mistral-large", "cohere": "command-r"}  # fmt: skip
_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "CRITICAL")
_SOURCES = ("carrierMatching", "driverMatching", "stripeService", "aiEnrichment", "fmcsaService", "http-functions")
_PROMPTS = ("enrichment", "research", "social", "ocr", "chat", "classification", "extraction", "other")


def admin_audit_log(world: World, n: int) -> Iterator[Item]:
    """What admins did; a tenth is of the service that writes other keys."""
    for _ in range(n):
        ms, admin = world.moment(), world.rng.choice(world.admins)
        mail = f"admin{world.admins.index(admin)}@example.com"
        if world.chance(0.1):
            details = json.dumps({"status": "approved", "reason": world.line()})
            yield world.item(
                ms, admin, timestamp=date(ms), admin_email=mail, action="updateReview", target_type="review",
                target_id=world.guid(), details=details, ip_address="0.0.0.0",  # noqa: S104 - the service's constant
            )  # fmt: skip
            continue
        kind, by_hand = world.rng.choice(_TARGETS), world.chance(0.9)
        yield world.item(
            ms, admin, action=world.rng.choice(_ACTIONS), targetType=kind, timestamp=date(ms),
            targetId=world.guid() if kind in ("driver", "carrier", "prompt") else None,
            details={"reason": world.line(), "count": world.rng.randrange(40), "at": date(ms)},
            adminId=admin if by_hand else "system", adminEmail=mail if by_hand else "system",
        )  # fmt: skip


def ai_usage_log(world: World, n: int) -> Iterator[Item]:
    """Calls of language models."""
    for _ in range(n):
        ms, provider = world.moment(), world.rng.choice(tuple(_MODELS))
        failed = world.chance(0.04)
        yield world.item(
            ms, functionId=world.rng.choice(("carrier_enrichment", "cdl_ocr", "support_chat", "social_scan")),
            provider=provider, model=_MODELS[provider], tokensUsed=0 if failed else world.rng.randrange(100, 9000),
            latencyMs=world.rng.randrange(80, 30_000), error="timeout after 30000 ms" if failed else None,
            usedFallback=world.chance(0.05), timestamp=date(ms),
        )  # fmt: skip


def system_logs(world: World, n: int) -> Iterator[Item]:
    """The log of the services; DEBUG stands as level 1, as the service writes it."""
    rng = world.rng
    for _ in range(n):
        ms, level = world.moment(NOW - 90 * DAY), rng.choice((*_LEVELS, "DEBUG", "INFO", "INFO"))
        row = world.item(
            ms, timestamp=date(ms), level=level, levelNum=max(1, _LEVELS.index(level)), source=rng.choice(_SOURCES),
            message=world.line(), traceId=f"tr_{rng.getrandbits(40):x}", spanId=f"sp_{rng.getrandbits(32):x}",
            tags=world.some(("ai", "db", "external_api", "slow"), 3), duration=rng.randrange(4000),
        )  # fmt: skip
        if world.chance(0.5):
            row["details"] = {
                "operation": "query",
                "collection": "Carriers",
                "ok": level != "ERROR",
                "rows": rng.randrange(50),
            }
        if world.chance(0.3):
            row |= {
                "userId": rng.choice(world.recruiters),
                "sessionId": f"{rng.getrandbits(32):x}",
                "parentSpanId": None,
            }
        yield row


def job_postings(world: World, n: int) -> Iterator[Item]:
    """Postings that wait for an admin."""
    for _ in range(n):
        carrier, ms, status = (
            world.rng.choice(world.carriers),
            world.moment(),
            world.rng.choice(("pending", "approved")),
        )
        row = world.item(ms, title=world.line(), carrier_name=carrier.name, carrier_dot=str(carrier.dot), status=status,
                         description=world.text(), submitted_date=date(ms))  # fmt: skip
        if status != "pending":
            row["moderated_at"] = date(min(NOW, ms + DAY))
        yield row


def prompt_library(world: World, n: int) -> Iterator[Item]:
    """Prompts with their versions."""
    for number in range(n):
        ms, admin = world.moment(), world.rng.choice(world.admins)
        row = world.item(
            ms, promptId=f"prompt_{number:03d}", name=f"Prompt {number}", category=_PROMPTS[number % len(_PROMPTS)],
            description=world.line(), systemPrompt=f"You are an assistant.\n\n{world.text()}", provider="anthropic",
            userPromptTemplate="Carrier {{name}}, DOT {{dot}}:\n{{notes}}", variables=["name", "dot", "notes"],
            model="claude-sonnet", isActive=not world.chance(0.2), version=world.rng.randint(1, 9), createdAt=date(ms),
            createdBy=admin, updatedAt=date(min(NOW, ms + DAY)), updatedBy=admin,
        )  # fmt: skip
        if not row["isActive"]:
            row |= {"deletedAt": date(min(NOW, ms + 9 * DAY)), "deletedBy": admin}
        yield row


def carrier_reviews(world: World, n: int) -> Iterator[Item]:
    """Drivers' words about carriers."""
    for _ in range(n):
        carrier, ms, status = (
            world.rng.choice(world.carriers),
            world.moment(),
            world.rng.choice(("pending", "approved", "rejected")),
        )
        row = world.item(
            ms, carrier_dot=str(carrier.dot), carrier_name=carrier.name, driver_id=world.rng.choice(world.drivers).id,
            reviewer_name=world.pool.person(world.rng).name, rating=world.rng.randint(1, 5), title=world.line(),
            content=world.text(), status=status, submitted_date=date(ms),
        )  # fmt: skip
        if status != "pending":
            row |= {"moderation_reason": world.line(), "moderated_at": date(min(NOW, ms + DAY))}
        yield row


def admin_users(world: World, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for number in range(n):
        yield world.item(world.moment(), email=f"admin{number}@example.com", status="active", role="ops_admin",
                         name=world.pool.person(world.rng).name, permissions=["content"])  # fmt: skip


def member_notifications(world: World, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        driver, ms = world.rng.choice(world.drivers), world.moment()
        yield world.item(ms, driver.member, member_id=driver.member, type="message", title="New message",
                         message=world.line(), is_read=world.chance(0.5), action_url="/inbox",
                         created_date=date(ms))  # fmt: skip


def system_metrics(world: World, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        ms = world.moment(NOW - DAY)
        yield world.item(
            ms, timestamp=date(ms)["$date"], metricName="requests", value=world.rng.randrange(900), source="site"
        )


def system_traces(world: World, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        ms = world.moment(NOW - DAY)
        yield world.item(ms, traceId=f"tr_{world.rng.getrandbits(40):x}", name="findMatchingCarriers",
        startTime=date(ms),
                         endTime=date(ms + 250), status="completed", spans=[], duration=250)  # fmt: skip


def feature_adoption_log(world: World, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        ms = world.moment(NOW - 30 * DAY)
        yield world.item(ms, featureId="driver_search", userId=world.rng.choice(world.recruiters), action="click",
                         timestamp=date(ms), date=day(ms), hour=ms // 3_600_000 % 24)  # fmt: skip


def system_alerts(world: World, n: int) -> Iterator[Item]:
    """What the dashboard warns of."""
    for number in range(n):
        ms = world.moment(NOW - 30 * DAY)
        row = world.item(ms, type=("critical", "warning", "info")[number % 3], message=world.line(), createdAt=date(ms),
                         resolved=number % 4 == 3)  # fmt: skip
        if row["resolved"]:
            row |= {"resolvedAt": date(min(NOW, ms + DAY)), "resolvedBy": world.rng.choice(world.admins)}
        yield row


def system_errors(world: World, n: int) -> Iterator[Item]:
    """Lines of the log that were serious."""
    for _ in range(n):
        ms, level = world.moment(NOW - 30 * DAY), world.rng.choice(_LEVELS[3:])
        yield world.item(ms, timestamp=date(ms), level=level, levelNum=_LEVELS.index(level), message=world.line(),
                         source=world.rng.choice(_SOURCES), traceId=f"tr_{world.rng.getrandbits(40):x}",
                         resolved=False)  # fmt: skip
