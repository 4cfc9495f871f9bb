"""What triggers ask for: which classes of events, and whose arrival they are to hear of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tactful.jobs import propose
from tactful.jobs.fitting import needed
from tactful.schemas.events import CLASSES
from tactful.schemas.models import COMPLEMENT

ACTIVATE = "[[activate]]\nname = 'one'\nwhen = '{}'\nchannels = ['email']\n{}"


def test_a_campaign_hears_of_whoever_comes_in_by_whatever(read):
    reference = "[reference.campaigns]\nformat = 'json'\npath = 'campaigns'\n"
    config = read(reference + ACTIVATE.format("campaign", "campaign_id = 'sale'\n"))
    told = propose.reads(config.activate, None)
    assert told == dict.fromkeys(CLASSES, timedelta()), "and of nothing that was before"
    of_carts = propose.reads(read(ACTIVATE.format("cart_abandoned", "")).activate, None)
    assert "browse" not in of_carts and of_carts["intent"] > timedelta()


def test_what_acts_from_later_on_reads_nothing_yet(read):
    """What has happened by then is no occasion; the calendar's is planned ahead."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    later = "mode = 'shadow'\nstarts_at = 2026-03-01T00:00:01Z\n"
    carts = read(ACTIVATE.format("cart_abandoned", later))
    assert propose.acting(carts, as_of=at) == ()
    assert propose.acting(carts, as_of=at + timedelta(seconds=1)) == carts.activate
    assert propose.acting(read(ACTIVATE.format("cart_abandoned", "")), as_of=at)
    reference = "[reference.campaigns]\nformat = 'json'\npath = 'campaigns'\n"
    sale = read(reference + ACTIVATE.format("campaign", f"campaign_id = 'sale'\n{later}"))
    assert propose.acting(sale, as_of=at) == sale.activate
    quiet = propose.lookback(carts, None, as_of=at)
    assert quiet.of == propose.of_decisions(carts, None).of and not quiet.asks_personalisation
    assert propose.lookback(carts, None, as_of=at + timedelta(days=1)).of["intent"] > timedelta()
    pairs = read(ACTIVATE.format("complement", later))
    assert needed(pairs, as_of=at) == [], "nor is anything learned for it"
    assert needed(pairs, as_of=at + timedelta(days=1)) == [COMPLEMENT]
