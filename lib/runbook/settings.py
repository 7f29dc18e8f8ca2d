"""Settings from environment variables: URLs, credentials and limits. Everything else is a parameter.

AIRTABLE_API_KEY        live: a personal access token with data.records:read, data.records:write,
                        schema.bases:read and schema.bases:write
AIRTABLE_BASE_ID        live: the base to fill (app…); or
AIRTABLE_WORKSPACE_ID   live: the workspace (wsp…) to create the base in
WIX_API_KEY             live: an API key with Manage Data Items, Manage Data Collections and Manage Secrets
WIX_SITE_ID             live: the site's id, from its dashboard's URL
AIRTABLE_ENDPOINT_URL   another URL than https://api.airtable.com
WIX_ENDPOINT_URL        another URL than https://www.wixapis.com
RUNBOOK_PLAN            the Airtable plan, which no API reports: free, team (live), business (sandbox), enterprise
RUNBOOK_HOME            the folder of the state, `.runbook` in the project by default
RUNBOOK_RUNS            the folder of runs, `runs` in the project by default
RUNBOOK_STATE_URL       sqlite:///… (a file per environment in RUNBOOK_HOME by default) or postgresql://…
RUNBOOK_REMOVE_MANY     collections (Wix names, separated by commas) of which many rows, or all, were deleted at the
                        source on purpose: for others, all rows, or more than three and a tenth of them, stop the load;
                        the same of rows deleted by hand in Airtable, which are not carried back to Wix
RUNBOOK_EMPTY_COLUMNS   columns (`Collection.key`, separated by commas) that an export file no longer shows and that are
                        to be emptied: others keep their cells
RUNBOOK_TAKE_OVER       "yes": take the base over from another state that holds it (`--take-over`)
RUNBOOK_ALERT_URL       where `runbook monitor` posts alerts
RUNBOOK_SANDBOX_RATE    sandbox: allowed requests a second per base, 500 by default (Airtable's own limit is 5)
RUNBOOK_SANDBOX_SCALE   sandbox: size of the sample site, 1 by default
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runbook.errors import SettingError
from runbook.platform import Platform

ENVIRONMENTS = ("sandbox", "live")
AIRTABLE_URL = "https://api.airtable.com"
WIX_URL = "https://www.wixapis.com"
WARN_SHARE, CRITICAL_SHARE = 0.80, 0.95  # of a limit: warn at, alert at
CLAIM_WAIT = 2.0  # seconds from a claim on a base to reading all claims: reads may be older than writes
AIRTABLE_RATE = 5.0  # requests a second per base, on every plan

PLANS: dict[str, tuple[int, int | None]] = {
    # records per base, API calls a month (None: unlimited): airtable.com/pricing
    "free": (1_000, 1_000),
    "team": (50_000, 100_000),
    "business": (125_000, None),
    "enterprise": (500_000, None),
}


@dataclass(frozen=True)
class Settings:
    """One environment. `rate`: requests a second per base; `penalty`: seconds to wait after a 429.

    `claim_wait`: seconds until a claim on a base can be judged. `base_id` or `workspace_id` is set.
    Keys are not in its repr.
    """

    environment: str
    home: Path
    runs: Path
    state_url: str = field(repr=False)
    plan: str
    airtable_url: str = AIRTABLE_URL
    airtable_key: str = field(default="", repr=False)
    base_id: str | None = None
    workspace_id: str | None = None
    wix_url: str = WIX_URL
    wix_key: str = field(default="", repr=False)
    site_id: str = ""
    rate: float = AIRTABLE_RATE
    penalty: float = 30.0
    alert_url: str | None = field(default=None, repr=False)
    sample_scale: float = 1.0
    remove_many: frozenset[str] = frozenset()
    empty_columns: frozenset[tuple[str, str]] = frozenset()  # collection, key
    take_over: bool = False
    claim_wait: float = CLAIM_WAIT

    @property
    def folder(self) -> Path:
        """The folder of this environment's files."""
        return self.home / self.environment

    @property
    def records_limit(self) -> int:
        """Records that the plan allows in a base."""
        return PLANS[self.plan][0]

    @property
    def calls_limit(self) -> int | None:
        """API calls that the plan allows a month; None: unlimited."""
        return PLANS[self.plan][1]


def read_home(environment: str, platform: Platform, env: Mapping[str, str] | None = None) -> tuple[Path, str]:
    """The folder of files and the state's URL: enough where no service is used. Raises SettingError."""
    env = os.environ if env is None else env
    if environment not in ENVIRONMENTS:
        raise SettingError(f"environment is {environment!r}; valid are {' and '.join(map(repr, ENVIRONMENTS))}")
    home = Path(env.get("RUNBOOK_HOME") or platform.root / ".runbook").absolute()
    return home, env.get("RUNBOOK_STATE_URL") or f"sqlite:///{home / environment / 'state.db'}"


def read_runs(platform: Platform, env: Mapping[str, str] | None = None) -> Path:
    """The folder of runs."""
    env = os.environ if env is None else env
    return Path(env.get("RUNBOOK_RUNS") or platform.root / "runs").absolute()


def read_settings(environment: str, platform: Platform, env: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment. For `live`, raises SettingError naming every variable that is missing or wrong.

    For `sandbox`, URLs and credentials are empty until a local server is found or started (`runbook.local`).
    """
    env = os.environ if env is None else env
    home, state_url = read_home(environment, platform, env)
    plan = env.get("RUNBOOK_PLAN") or ("team" if environment == "live" else "business")
    problems = []
    if plan not in PLANS:
        problems.append(f"RUNBOOK_PLAN is {plan!r}; valid are {', '.join(PLANS)}")
    common = {
        "environment": environment,
        "home": home,
        "runs": read_runs(platform, env),
        "state_url": state_url,
        "plan": plan,
        "alert_url": env.get("RUNBOOK_ALERT_URL") or None,
        "remove_many": _collections(env, "RUNBOOK_REMOVE_MANY", platform, problems),
        "empty_columns": _columns(env, "RUNBOOK_EMPTY_COLUMNS", platform, problems),
        "take_over": _yes(env, "RUNBOOK_TAKE_OVER", problems),
    }
    if environment == "sandbox":
        rate = _number(env, "RUNBOOK_SANDBOX_RATE", 500, 1, problems)
        scale = _number(env, "RUNBOOK_SANDBOX_SCALE", 1, 0.001, problems)
        _raise(problems)
        return Settings(**common, rate=rate, sample_scale=scale, claim_wait=0.0)  # type: ignore[arg-type]
    values = {name: (env.get(name) or "").strip() for name in _LIVE}
    for name, (expected, pattern) in _LIVE.items():
        if values[name] and not re.fullmatch(pattern, values[name]):
            problems.append(f"{name} is not valid; expected {expected}")
        elif not values[name] and name not in _ONE_OF:
            problems.append(f"{name} is not set: {expected}")
    problems += [
        f"{name} is not a URL; expected https://host, or leave it out for the service's own"
        for name in ("AIRTABLE_ENDPOINT_URL", "WIX_ENDPOINT_URL")
        if env.get(name) and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", env[name])
    ]
    if not any(values[name] for name in _ONE_OF):
        problems.append(
            "AIRTABLE_BASE_ID is not set: the base to fill (app…), or set AIRTABLE_WORKSPACE_ID (wsp…) to create one"
        )
    _raise(problems)
    return Settings(
        **common,  # type: ignore[arg-type]
        airtable_url=env.get("AIRTABLE_ENDPOINT_URL") or AIRTABLE_URL,
        airtable_key=values["AIRTABLE_API_KEY"],
        base_id=values["AIRTABLE_BASE_ID"] or None,
        workspace_id=values["AIRTABLE_WORKSPACE_ID"] or None,
        wix_url=env.get("WIX_ENDPOINT_URL") or WIX_URL,
        wix_key=values["WIX_API_KEY"],
        site_id=values["WIX_SITE_ID"],
    )


_ONE_OF = ("AIRTABLE_BASE_ID", "AIRTABLE_WORKSPACE_ID")
_LIVE = {
    "AIRTABLE_API_KEY": ("a personal access token, pat…", r"pat\w{14}\.[0-9a-f]{64}|\S{20,}"),
    "AIRTABLE_BASE_ID": ("17 characters that begin with app, from the base's URL", r"app\w{14}"),
    "AIRTABLE_WORKSPACE_ID": ("17 characters that begin with wsp, from the workspace's URL", r"wsp\w{14}"),
    "WIX_API_KEY": ("an API key of the Wix account, IST.…", r"\S{8,}"),
    "WIX_SITE_ID": (
        "a GUID, the part after /dashboard/ in the URL of the site's dashboard",
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    ),
}


def _number(env: Mapping[str, str], name: str, default: float, least: float, problems: list[str]) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value < float("inf"):
        problems.append(f"{name} is {text!r}; expected a number from {least:g}")
    return value


def _yes(env: Mapping[str, str], name: str, problems: list[str]) -> bool:
    text = (env.get(name) or "").strip().lower()
    if text not in ("", "0", "1", "no", "yes", "false", "true"):
        problems.append(f"{name} is {text!r}; expected yes or no")
    return text in ("1", "yes", "true")


def _collections(env: Mapping[str, str], variable: str, platform: Platform, problems: list[str]) -> frozenset[str]:
    named = [part.strip() for part in (env.get(variable) or "").split(",") if part.strip()]
    unknown = [name for name in named if name not in platform.catalog.collections]
    if unknown:
        problems.append(
            f"{variable} names {', '.join(unknown)}; expected collections of the catalog, separated by commas"
        )
    return frozenset(named)


def _columns(
    env: Mapping[str, str], variable: str, platform: Platform, problems: list[str]
) -> frozenset[tuple[str, str]]:
    """Collections and keys; a column's name in Airtable means its key.

    A key that the catalog does not know is valid: an export may have had it once.
    """
    known = platform.catalog.collections
    parts = [part.strip().rpartition(".") for part in (env.get(variable) or "").split(",") if part.strip()]
    wrong = [f"{name}.{key}" if name else key for name, _, key in parts if name not in known]
    if wrong:
        problems.append(
            f"{variable} names {', '.join(wrong)}; expected Collection.key, separated by commas, such as FAQs.answer"
        )
        return frozenset()
    by_name = {name: known[name].by_name for name, _, _ in parts}
    return frozenset((name, by_name[name][key].wix if key in by_name[name] else key) for name, _, key in parts)


def _raise(problems: list[str]) -> None:
    if problems:
        raise SettingError("the environment is not set up; nothing was done:\n  " + "\n  ".join(problems))
