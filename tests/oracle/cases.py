"""The identity cases that products document, as landing files and configuration.

Both oracle and product are run on them. A case's `config` is a user's configuration (the defaults
hold below it); `land` writes its events below a folder, where `config` expects them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases" / "identity.json"
START = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=1)
LANDED_AT = START + timedelta(days=2)
SECRET = b"identity cases"

# What a case says beside its events, as an event.
OPS = {"exclude_edge": "never_link"}
RENAMED = {"hem": "email_sha256", "order_email": "email"}
# Types that the cases use and the defaults do not name, with the priority they get here.
PRIORITIES = {
    "user_id": 1, "order_id": 5, "ios": 6, "android": 6, "idfa": 7, "device": 8,
    "apple_idfv": 8, "anon": 9, "domain_userid": 9, "crmid": 1, "login": 2, "email_key": 2,
    "phone_key": 3, "gaid": 6, "ecid": 9,
}  # fmt: skip
# Whose a shared device is by the product that a case comes from.
SHARED_DEVICES = {"unique_last_wins": "newest", "limit_demote_first_wins": "first"}
DEVICES = {"ios", "android", "idfa", "device", "apple_idfv", "anon", "domain_userid"}


@dataclass(frozen=True)
class Case:
    """One case: what lands, under which rules, and who must come out as whom.

    `words` is what somebody of the business says, beside what happened; such events land apart.
    """

    id: str
    title: str
    policy: str
    events: list[dict[str, Any]]
    words: list[dict[str, Any]]
    config: dict[str, Any]
    clusters: set[frozenset[str]] | None
    hubs: set[str]
    event_to_person: dict[str, str] | None

    def land(self, folder: Path) -> dict[str, list[Path]]:
        """Write the events as one landing file a source and return it by source."""
        landed = {}
        for source, events in (("cases", self.events), ("words", self.words)):
            path = folder / self.config["sources"][source]["path"] / "000.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(event) + "\n" for event in events))
            os.utime(path, (LANDED_AT.timestamp(), LANDED_AT.timestamp()))
            landed[source] = [path]
        return landed


def load_cases() -> list[Case]:
    """Every case that is kept here."""
    return [_case(told) for told in json.loads(CASES.read_text("utf-8"))["scenarios"]]


def named() -> list[str]:
    """The ids of all cases that say who is one person, for `parametrize`."""
    return [case.id for case in load_cases() if case.clusters]


def clusters(identity: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> set[frozenset]:
    """Who is one person, as sets of names; a hub stands alone, blocked values not at all.

    `names` is the oracle's `Answer.names`: keys are the same where the secret is.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for row in identity:
        if row["state"] in ("linked", "neutral"):
            groups[row["person_id"]].add(names[row["identifier_key"]])
        elif row["state"] == "hub":
            groups[row["identifier_key"]].add(names[row["identifier_key"]])
    return {frozenset(group) for group in groups.values()}


def hubs(identity: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> set[str]:
    """The names of all hubs."""
    return {names[row["identifier_key"]] for row in identity if row["state"] == "hub"}


def _case(told: Mapping[str, Any]) -> Case:
    expected = told["expected_clusters"]
    by_event = expected.get("event_to_person") if isinstance(expected, dict) else None
    return Case(
        id=told["id"],
        title=told["title"],
        policy=told["policy"],
        events=[_event(event, "page_view") for event in told["events"] if "op" not in event],
        words=[_event(event, OPS[event["op"]]) for event in told["events"] if "op" in event],
        config=_config(told),
        clusters=None if by_event else {frozenset(group) for group in expected},
        hubs=set(told.get("expected_hubs", ())),
        event_to_person=by_event,
    )


def _event(event: Mapping[str, Any], type_: str) -> dict[str, Any]:
    """Something at second `t`; the same event told twice is one event delivered twice."""
    said = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()[:8]
    at = START + timedelta(seconds=event["t"])
    return {
        "event_id": f"{event['t']}-{said}",
        "type": type_,
        "occurred_at": at.isoformat().replace("+00:00", "Z"),
        "identifiers": [
            {"type": RENAMED.get(kind, kind), "value": value} for kind, value in event["ids"]
        ],
    }


def _config(told: Mapping[str, Any]) -> dict[str, Any]:
    """The blocked values are the defaults'; bounds are wide unless the case names one."""
    own = told["config"]
    types: dict[str, dict[str, Any]] = {
        name: {"priority": priority, "device": name in DEVICES}
        for name, priority in PRIORITIES.items()
    }
    types["customer_id"] = {"unique": "customer_id" in own.get("unique", ())}
    for name in own.get("unique", ()):
        types[name]["unique"] = True
    for name, limit in own.get("max_links", {}).items():
        types.setdefault("email" if name == "hem" else name, {})["max_links"] = limit
    for name, limit in own.get("limits", {}).items():
        bound = {"unique": True} if limit == 1 else {"max_per_person": limit}
        types[name] = {**types.get(name, {}), **bound}
    bounds = {
        "max_links": 1000,
        "max_devices": 1000,
        "shared_devices": SHARED_DEVICES.get(told["policy"], "neutral"),
    }
    return {
        "lake": {"location": "lake", "secret": "env:TACTFUL_SECRET"},
        "sources": {
            "cases": {
                "stream": "clicks",
                "dialect": "canonical",
                "format": "json",
                "path": "landing/cases",
            },
            "words": {"stream": "profiles", "path": "landing/words"},
        },
        "identity": {"phone_region": "US", **bounds, "types": types},
    }
