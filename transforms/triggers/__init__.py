"""Triggers: what is worth saying next to whom, a module each."""

from __future__ import annotations

from tactful.transforms.triggers import (
    campaign,
    cart_abandoned,
    complement,
    form_abandoned,
    replenishment,
    review_request,
    service_call,
    welcome,
    win_back,
)
from tactful.transforms.triggers.trigger import PROPOSALS, Facts, Policy, Trigger

TRIGGERS: dict[str, Trigger] = {
    trigger.when: trigger
    for trigger in (
        cart_abandoned.TRIGGER,
        form_abandoned.TRIGGER,
        review_request.TRIGGER,
        complement.TRIGGER,
        replenishment.TRIGGER,
        welcome.TRIGGER,
        win_back.TRIGGER,
        service_call.TRIGGER,
        campaign.TRIGGER,
    )
}

__all__ = ["PROPOSALS", "TRIGGERS", "Facts", "Policy", "Trigger"]
