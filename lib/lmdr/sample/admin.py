"""Logs, prompts and moderation: phase 6; the five collections that stay in Wix; two that the catalog does not name."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmdr.sample.generator import DAY, NOW, Generator, Item, date, day

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


def admin_audit_log(gen: Generator, n: int) -> Iterator[Item]:
    """Actions of admins; a tenth by the service that writes other keys."""
    for _ in range(n):
        ms, admin = gen.timestamp(), gen.rng.choice(gen.admins)
        mail = f"admin{gen.admins.index(admin)}@example.com"
        if gen.chance(0.1):
            details = json.dumps({"status": "approved", "reason": gen.sentence()})
            yield gen.item(
                ms, admin, timestamp=date(ms), admin_email=mail, action="updateReview", target_type="review",
                target_id=gen.guid(), details=details, ip_address="0.0.0.0",  # noqa: S104 - the service's constant
            )  # fmt: skip
            continue
        kind, manual = gen.rng.choice(_TARGETS), gen.chance(0.9)
        yield gen.item(
            ms, admin, action=gen.rng.choice(_ACTIONS), targetType=kind, timestamp=date(ms),
            targetId=gen.guid() if kind in ("driver", "carrier", "prompt") else None,
            details={"reason": gen.sentence(), "count": gen.rng.randrange(40), "at": date(ms)},
            adminId=admin if manual else "system", adminEmail=mail if manual else "system",
        )  # fmt: skip


def ai_usage_log(gen: Generator, n: int) -> Iterator[Item]:
    """Calls of language models."""
    for _ in range(n):
        ms, provider = gen.timestamp(), gen.rng.choice(tuple(_MODELS))
        failed = gen.chance(0.04)
        yield gen.item(
            ms, functionId=gen.rng.choice(("carrier_enrichment", "cdl_ocr", "support_chat", "social_scan")),
            provider=provider, model=_MODELS[provider], tokensUsed=0 if failed else gen.rng.randrange(100, 9000),
            latencyMs=gen.rng.randrange(80, 30_000), error="timeout after 30000 ms" if failed else None,
            usedFallback=gen.chance(0.05), timestamp=date(ms),
        )  # fmt: skip


def system_logs(gen: Generator, n: int) -> Iterator[Item]:
    """The services' log; DEBUG has level 1, as the service writes it."""
    rng = gen.rng
    for _ in range(n):
        ms, level = gen.timestamp(NOW - 90 * DAY), rng.choice((*_LEVELS, "DEBUG", "INFO", "INFO"))
        row = gen.item(
            ms, timestamp=date(ms), level=level, levelNum=max(1, _LEVELS.index(level)), source=rng.choice(_SOURCES),
            message=gen.sentence(), traceId=f"tr_{rng.getrandbits(40):x}", spanId=f"sp_{rng.getrandbits(32):x}",
            tags=gen.subset(("ai", "db", "external_api", "slow"), 3), duration=rng.randrange(4000),
        )  # fmt: skip
        if gen.chance(0.5):
            rows = rng.randrange(50)
            row["details"] = {"operation": "query", "collection": "Carriers", "ok": level != "ERROR", "rows": rows}
        if gen.chance(0.3):
            row |= {"userId": rng.choice(gen.recruiters), "sessionId": f"{rng.getrandbits(32):x}", "parentSpanId": None}
        yield row


def job_postings(gen: Generator, n: int) -> Iterator[Item]:
    """Job postings for moderation."""
    for _ in range(n):
        carrier, ms = gen.rng.choice(gen.carriers), gen.timestamp()
        status = gen.rng.choice(("pending", "approved"))
        row = gen.item(ms, title=gen.sentence(), carrier_name=carrier.name, carrier_dot=str(carrier.dot), status=status,
                         description=gen.paragraph(), submitted_date=date(ms))  # fmt: skip
        if status != "pending":
            row["moderated_at"] = date(min(NOW, ms + DAY))
        yield row


def prompt_library(gen: Generator, n: int) -> Iterator[Item]:
    """Prompts with their versions."""
    for number in range(n):
        ms, admin = gen.timestamp(), gen.rng.choice(gen.admins)
        row = gen.item(
            ms, promptId=f"prompt_{number:03d}", name=f"Prompt {number}", category=_PROMPTS[number % len(_PROMPTS)],
            description=gen.sentence(), systemPrompt=f"You are an assistant.\n\n{gen.paragraph()}",
            provider="anthropic",
            userPromptTemplate="Carrier {{name}}, DOT {{dot}}:\n{{notes}}", variables=["name", "dot", "notes"],
            model="claude-sonnet", isActive=not gen.chance(0.2), version=gen.rng.randint(1, 9), createdAt=date(ms),
            createdBy=admin, updatedAt=date(min(NOW, ms + DAY)), updatedBy=admin,
        )  # fmt: skip
        if not row["isActive"]:
            row |= {"deletedAt": date(min(NOW, ms + 9 * DAY)), "deletedBy": admin}
        yield row


def carrier_reviews(gen: Generator, n: int) -> Iterator[Item]:
    """Drivers' reviews of carriers."""
    for _ in range(n):
        carrier, ms = gen.rng.choice(gen.carriers), gen.timestamp()
        status = gen.rng.choice(("pending", "approved", "rejected"))
        row = gen.item(
            ms, carrier_dot=str(carrier.dot), carrier_name=carrier.name, driver_id=gen.rng.choice(gen.drivers).id,
            reviewer_name=gen.pool.person(gen.rng).name, rating=gen.rng.randint(1, 5), title=gen.sentence(),
            content=gen.paragraph(), status=status, submitted_date=date(ms),
        )  # fmt: skip
        if status != "pending":
            row |= {"moderation_reason": gen.sentence(), "moderated_at": date(min(NOW, ms + DAY))}
        yield row


def admin_users(gen: Generator, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for number in range(n):
        yield gen.item(gen.timestamp(), email=f"admin{number}@example.com", status="active", role="ops_admin",
                         name=gen.pool.person(gen.rng).name, permissions=["content"])  # fmt: skip


def member_notifications(gen: Generator, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        driver, ms = gen.rng.choice(gen.drivers), gen.timestamp()
        yield gen.item(ms, driver.member, member_id=driver.member, type="message", title="New message",
                         message=gen.sentence(), is_read=gen.chance(0.5), action_url="/inbox",
                         created_date=date(ms))  # fmt: skip


def system_metrics(gen: Generator, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        ms = gen.timestamp(NOW - DAY)
        yield gen.item(
            ms, timestamp=date(ms)["$date"], metricName="requests", value=gen.rng.randrange(900), source="site"
        )


def system_traces(gen: Generator, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        ms = gen.timestamp(NOW - DAY)
        yield gen.item(ms, traceId=f"tr_{gen.rng.getrandbits(40):x}", name="findMatchingCarriers",
        startTime=date(ms),
                         endTime=date(ms + 250), status="completed", spans=[], duration=250)  # fmt: skip


def feature_adoption_log(gen: Generator, n: int) -> Iterator[Item]:
    """Stays in Wix."""
    for _ in range(n):
        ms = gen.timestamp(NOW - 30 * DAY)
        yield gen.item(ms, featureId="driver_search", userId=gen.rng.choice(gen.recruiters), action="click",
                         timestamp=date(ms), date=day(ms), hour=ms // 3_600_000 % 24)  # fmt: skip


def system_alerts(gen: Generator, n: int) -> Iterator[Item]:
    """The dashboard's alerts."""
    for number in range(n):
        ms = gen.timestamp(NOW - 30 * DAY)
        row = gen.item(ms, type=("critical", "warning", "info")[number % 3], message=gen.sentence(), createdAt=date(ms),
                         resolved=number % 4 == 3)  # fmt: skip
        if row["resolved"]:
            row |= {"resolvedAt": date(min(NOW, ms + DAY)), "resolvedBy": gen.rng.choice(gen.admins)}
        yield row


def system_errors(gen: Generator, n: int) -> Iterator[Item]:
    """Serious lines of the log."""
    for _ in range(n):
        ms, level = gen.timestamp(NOW - 30 * DAY), gen.rng.choice(_LEVELS[3:])
        yield gen.item(ms, timestamp=date(ms), level=level, levelNum=_LEVELS.index(level), message=gen.sentence(),
                         source=gen.rng.choice(_SOURCES), traceId=f"tr_{gen.rng.getrandbits(40):x}",
                         resolved=False)  # fmt: skip
