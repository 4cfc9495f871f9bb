"""What triggers ask for: which classes of events, and whose arrival they are to hear of."""

from __future__ import annotations

from datetime import timedelta

from tactful.jobs import propose
from tactful.schemas.events import CLASSES

ACTIVATE = "[[activate]]\nname = 'one'\nwhen = '{}'\nchannels = ['email']\n{}"


def test_a_campaign_hears_of_whoever_comes_in_by_whatever(read):
    reference = "[reference.campaigns]\nformat = 'json'\npath = 'campaigns'\n"
    config = read(reference + ACTIVATE.format("campaign", "campaign_id = 'sale'\n"))
    told = propose.reads(config, None)
    assert told == dict.fromkeys(CLASSES, timedelta()), "and of nothing that was before"
    of_carts = propose.reads(read(ACTIVATE.format("cart_abandoned", "")), None)
    assert "browse" not in of_carts and of_carts["intent"] > timedelta()
