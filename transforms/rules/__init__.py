"""Suppression rules: what must not be said to whom, a module each."""

from __future__ import annotations

from tactful.transforms.rules import (
    bounced,
    complained,
    declared_preference,
    fatigued,
    no_consent,
    price_regret,
    purchased,
    service_open,
    unfulfilled,
    unsubscribed,
)
from tactful.transforms.rules.rule import Facts, Policy, Rule

RULES: dict[str, Rule] = {
    rule.when: rule
    for rule in (
        purchased.RULE,
        no_consent.RULE,
        unsubscribed.RULE,
        bounced.RULE,
        complained.RULE,
        service_open.RULE,
        unfulfilled.RULE,
        price_regret.RULE,
        declared_preference.RULE,
        fatigued.RULE,
    )
}

__all__ = ["RULES", "Facts", "Policy", "Rule"]
