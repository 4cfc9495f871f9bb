"""Triggers: what is worth saying next to whom, a module each."""

from __future__ import annotations

from tactful.transforms.triggers import cart_abandoned, win_back
from tactful.transforms.triggers.trigger import PROPOSALS, Facts, Policy, Trigger

TRIGGERS: dict[str, Trigger] = {
    trigger.when: trigger for trigger in (cart_abandoned.TRIGGER, win_back.TRIGGER)
}

__all__ = ["PROPOSALS", "TRIGGERS", "Facts", "Policy", "Trigger"]
