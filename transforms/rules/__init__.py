"""Suppression rules: what must not be said to whom, a module each."""

from __future__ import annotations

from tactful.transforms.rules import (
    bounced,
    complained,
    no_consent,
    purchased,
    service_open,
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
    )
}

__all__ = ["RULES", "Facts", "Policy", "Rule"]
