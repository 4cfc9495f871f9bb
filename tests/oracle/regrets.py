"""Messages that a rule would have stopped, had everything been known in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.oracle.config import rules
from tests.oracle.facts import Event, Facts
from tests.oracle.outcomes import first_sent
from tests.oracle.suppressions import FAR, Suppression


def regrets(facts: Facts, suppressions: Iterable[Suppression]) -> list[dict[str, Any]]:
    """One row a marketing message and policy that speaks against it."""
    against: dict[str, dict[str, list[Suppression]]] = defaultdict(lambda: defaultdict(list))
    for row in suppressions:
        against[row.person_id][row.policy].append(row)
    shares = {rule["name"]: rule["share"] for rule in rules(facts.config)}
    found = []
    for sent in first_sent(facts).values():
        person_id = facts.profile(sent)
        if person_id is None or _purpose(sent) != "marketing":
            continue
        for policy, rows in against[person_id].items():
            active = [row for row in rows if _active(row, sent)]
            matching = _touching(active, sent, shares.get(policy, 0), facts)
            if matching:
                found.append(_row(sent, policy, person_id, matching))
    return found


def _purpose(sent: Event) -> str:
    return sent["purpose"] or "marketing"


def _active(row: Suppression, sent: Event) -> bool:
    begun, over = row.cause < sent.order, sent.occurred_at >= (row.ends_at or FAR)
    return begun and not over and row.channel in (None, sent["channel"])


def _touching(
    rows: list[Suppression], sent: Event, share: float, facts: Facts
) -> list[Suppression]:
    """The rows of one policy that touch the message: by purpose, or by what it offers.

    With a share, all rows of the policy together must touch that share of what it offers.
    """
    by_purpose = [row for row in rows if row.scope == ("purpose", _purpose(sent))]
    by_offer = []
    for kind in ("sku", "category", "brand"):
        offered = _offered(sent, kind, facts)
        touching = [row for row in rows if row.scope[0] == kind and row.scope[1] in offered]
        touched = {row.scope[1] for row in touching}
        if touched and len(touched) >= share * len(offered):
            by_offer += touching
    return by_purpose + by_offer


def _offered(sent: Event, kind: str, facts: Facts) -> set[str]:
    skus = {sku for sku in sent["skus"] or [] if sku is not None}
    if kind == "sku":
        return skus
    values = {(facts.products.get(sku) or {}).get(kind) for sku in skus}
    if kind == "category":
        values |= set(sent["categories"] or [])
    return values - {None}


def _row(sent: Event, policy: str, person_id: str, rows: list[Suppression]) -> dict[str, Any]:
    return {
        "message_id": sent["message_id"],
        "policy": policy,
        "person_id": person_id,
        "channel": sent["channel"],
        "campaign_id": sent["campaign_id"],
        "sent_at": sent.occurred_at,
        "cost": sent["cost"],
        "evidence": sorted({name for row in rows for name in row.evidence}),
    }
