"""Occasions to speak: the exact line for everything that can be wrong with one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tactful.jobs.commands.checking import notes
from tactful.jobs.errors import ConfigError
from tactful.jobs.settings.config import idle, load

CART = "name = 'cart'\nwhen = 'cart_abandoned'\nchannels = ['email']\n"
TABLES = "[reference.contents]\npath = 'contents'\n[reference.campaigns]\npath = 'campaigns'\n"
AT = "my.toml: activate.cart."

WRONG = {
    "trigger": (
        "name = 'cart'\nwhen = 'browse_abandoned'\nchannels = ['email']",
        f'{AT}when: found "browse_abandoned"; allowed: cart_abandoned, form_abandoned, '
        "review_request, complement, replenishment, welcome, win_back, service_call, campaign "
        "(browse_abandoned is not supported yet)",
    ),
    "unknown key": (f"{CART}afer = '4h'", f"{AT}afer: found an unknown key; allowed: name, when, "),
    "no channel": (
        "name = 'cart'\nwhen = 'cart_abandoned'",
        f"{AT}channels: found nothing; allowed: a list of channels, at least one",
    ),
    "channel": (
        "name = 'cart'\nwhen = 'cart_abandoned'\nchannels = ['pigeon']",
        f'{AT}channels[0]: found "pigeon"; allowed: email, sms, push, ad',
    ),
    "option of another": (
        f"{CART}forms = ['x']",
        f'{AT}forms: found ["x"]; allowed: no such key unless when = "form_abandoned"',
    ),
    "nothing to count from": (
        "name = 'cart'\nwhen = 'win_back'\nchannels = ['email']",
        f"{AT}after: found nothing; allowed: a duration such as 30d (counted from the last order)",
    ),
    "live from when": (
        f"{CART}mode = 'live'",
        f"{AT}starts_at: found nothing; allowed: a moment with its zone (live, it acts on what "
        "happens from then on, and not on all that ever happened)",
    ),
    "moment without zone": (
        f"{CART}starts_at = 2026-01-01T00:00:00",
        f"{AT}starts_at: found 2026-01-01 00:00:00; allowed: a moment with its zone, such as "
        "2026-01-31T08:00:00Z",
    ),
    "priority": (
        f"{CART}priority = 101", f"{AT}priority: found 101; allowed: a whole number from 1 to 100",
    ),
    "what cancels nothing of it": (
        f"{CART}cancel_on = ['form_submit']",
        f'{AT}cancel_on[0]: found "form_submit"; allowed: order_placed, checkout_start, '
        "add_to_cart, contact_opened",
    ),
    "column": (
        f"{CART}where = 'orderz > 2'",
        f'{AT}where: found "orderz > 2"; allowed: a condition; this names orderz, which is no '
        "column of customers or customer_scores; did you mean orders?",
    ),
    "function": (
        f'{CART}where = "reflect(\'x\') = \'y\'"', "a condition; this has the function reflect",
    ),
    "content of a step": (
        f"{CART}[[activate.steps]]\nafter = '1d'\ncontent = [{{content_id = 'a', where = 'x'}}]",
        "activate.cart.steps[0].content[0].where: found \"x\"; allowed: a condition; this names x",
    ),
    "content behind one for everybody": (
        f"{CART}content = [{{content_id = 'a'}}, {{content_id = 'b'}}]",
        f"{AT}content[0].where: found nothing; allowed: a condition, but in the last (what stands "
        "below it is never said)",
    ),
    "two ways to say it": (
        f"{CART}content_id = 'a'\ncontent = [{{content_id = 'b'}}]",
        f'{AT}content_id: found "a"; allowed: no such key beside content',
    ),
    "campaign of none": (
        "name = 'cart'\nwhen = 'campaign'\nchannels = ['email']",
        f"{AT}campaign_id: found nothing; allowed: the campaign that it says (it starts and ends "
        "with it)",
    ),
    "content of no table": (
        f"{CART}content_id = 'a'",
        f'{AT}content_id: found "a"; allowed: no such key without contents (what it is, is told '
        "by [reference.contents])",
    ),
    "name of a rule": (
        "name = 'bounced'\nwhen = 'cart_abandoned'\nchannels = ['email']",
        "found \"bounced\"; allowed: a name of its own; an entry of [[suppress]] has it",
    ),
}  # fmt: skip


def wrong(tmp_path, text, **more) -> list[str]:
    conf = tmp_path / "my.toml"
    conf.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(conf, environ={}, **more)
    return [str(one).replace(f"{tmp_path}/", "") for one in caught.value.problems]


@pytest.mark.parametrize("case", WRONG)
def test_everything_wrong_has_its_line(tmp_path, case):
    text, expected = WRONG[case]
    found = wrong(tmp_path, f"[[activate]]\n{text}")
    assert any(expected in line for line in found), found


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    text = f"[[activate]]\n{CART}where = 'a = 1'\npriority = 0\ncancel_on = ['sent']\nexpires = 3\n"
    assert len(wrong(tmp_path, text)) == 4


def test_contents_and_campaigns_are_looked_up_where_they_are(tmp_path):
    for name, key, ids in (
        ("contents", "content_id", "ab"),
        ("campaigns", "campaign_id", ["sale"]),
    ):
        (tmp_path / name).mkdir()
        rows = "".join(json.dumps({key: one}) + "\n" for one in ids)
        (tmp_path / name / "all.json").write_text(rows, encoding="utf-8")
    text = (
        f"{TABLES}[[activate]]\n{CART}campaign_id = 'sales'\ncontent = [{{content_id = 'a', "
        "where = 'orders > 1'}, {content_id = 'c'}]\n[[activate.steps]]\nafter = '1d'\n"
        "content_id = 'd'"
    )
    assert wrong(tmp_path, text, looks_at_disk=True) == [
        f'{AT}campaign_id: found "sales"; allowed: one of reference.campaigns: sale '
        "(did you mean sale?)",
        f'{AT}content[1].content_id: found "c"; allowed: one of reference.contents: a, b',
        f'{AT}steps[0].content_id: found "d"; allowed: one of reference.contents: a, b',
    ]
    (tmp_path / "contents" / "all.json").write_text("no json", encoding="utf-8")
    assert len(wrong(tmp_path, text, looks_at_disk=True)) == 1


def test_an_entry_says_what_its_trigger_is_to_do(tmp_path):
    conf = tmp_path / "my.toml"
    conf.write_text(
        f"{TABLES}[[activate]]\n{CART}where = 'valued'\ncontent_id = 'a'\nmode = 'live'\n"
        "starts_at = 2026-01-01T01:00:00+01:00\n"
        "[[activate.steps]]\nafter = '1d'\n[[activate.steps]]\nafter = '2d'\n"
        "content = [{content_id = 'b', where = 'orders > 1'}, {content_id = 'c'}]\n"
        f"[[activate]]\n{CART.replace('cart', 'other', 1)}after = '0s'\nexpires = '1h'\n"
        "cancel_on = []\n"
        "[[destinations]]\nname = 'mailer'\nkind = 'file'\npolicy = 'cart'\n",
        encoding="utf-8",
    )
    config = load(conf, environ={})
    cart, other = config.activate
    day = timedelta(days=1)
    assert cart.policy.waits == (timedelta(hours=4), day, 2 * day)
    assert (cart.policy.expires, cart.policy.cancel_on) == (7 * day, ("order_placed",))
    assert cart.policy.reach == 10 * day + timedelta(hours=4)
    assert cart.chosen.where == "valued" and cart.chosen.columns == {"valued", "orders"}
    assert cart.chosen.contents == (
        ((None, "a"),), ((None, "a"),), (("orders > 1", "b"), (None, "c")),
    )  # fmt: skip
    assert cart.content_ids == {"a", "b", "c"} and cart.starts_at == datetime(
        2026, 1, 1, tzinfo=UTC
    )
    assert (cart.about, cart.is_for, cart.is_live) == ("cart", "marketing", True)
    assert (other.policy.waits, other.policy.cancel_on) == ((timedelta(),), ())
    assert other.chosen.contents == ((),) and not other.is_live


def test_what_can_never_speak_is_idle_and_equals_are_told(tmp_path):
    conf = tmp_path / "my.toml"
    conf.write_text(
        f"[sources.web]\nstream = 'clicks'\npath = 'x'\n[[activate]]\n{CART}"
        "[[activate]]\nname = 'review'\nwhen = 'review_request'\nchannels = ['email']\n"
        "[[activate]]\nname = 'refill'\nwhen = 'welcome'\non = ['order_placed']\n"
        "channels = ['ad']\npriority = 9\n",
        encoding="utf-8",
    )
    config = load(conf, environ={})
    told = [line for line in idle(config) if line.startswith("activate")]
    assert told == [
        "activate.review is idle: no source feeds the stream purchases.",
        "activate.refill is idle: no source feeds the stream purchases.",
    ]
    assert [line for line in notes(config) if "one priority" in line] == [
        "activate.cart and activate.review have one priority, 50: of what falls together the "
        "larger expected value is said first."
    ]


def test_what_is_said_needs_somebody_who_says_it(errors):
    live = "mode = 'live'\nstarts_at = 2026-01-01T00:00:00Z\n"
    meta = "[[destinations]]\nname = 'ads'\nkind = 'meta_custom_audience'\naudience_id = '1'\n"
    told = errors(f"{TABLES}[[activate]]\n{CART}{live}per_day = 5\n{meta}policy = 'cart'\n")
    assert told == [
        'my.toml: activate.cart.channels[0]: found "email"; allowed: a channel that a destination '
        "takes (add one of [[destinations]] with this policy, or leave the channel out)",
        'my.toml: destinations.ads.channel: found "ad"; allowed: a channel of activate.cart: email',
    ]


def test_ads_end_days_are_for_speech_and_who_is_told_late_is_said(errors, read):
    live = "mode = 'live'\nstarts_at = 2026-01-01T00:00:00Z\n"
    back = "name = 'back'\nwhen = 'campaign'\ncampaign_id = 'x'\nchannels = ['ad', 'call']\n"
    sale = "[reference.campaigns]\npath = 'campaigns'\n"
    ads = "[[destinations]]\nname = 'ads'\nkind = 'meta_custom_audience'\naudience_id = '1'\n"
    calls = "[[destinations]]\nname = 'calls'\nkind = 'call_list'\nidentifiers = ['phone']\n"
    no = "[[destinations]]\nname = 'no'\nkind = 'file'\npolicy = 'unsubscribed'\nper_day = 5\n"
    no += "seed_list = ['qa@x.io']\n"
    both = f"{ads}policy = 'back'\n{calls}policy = 'back'\nper_day = 50\n"
    both += "seed_list = ['+442071234567', ' QA@x.io']\n"
    assert errors(f"{sale}[[activate]]\n{back}{live}{both}{no}") == [
        "my.toml: activate.back.expires: found nothing; allowed: a duration such as 14d (so long "
        "somebody is shown its ads; without it that would be for ever)",
        "my.toml: destinations.no.per_day: found 5; allowed: no such key unless its policy is one "
        "of [[activate]] (what must not be said is never held back)",
        'my.toml: destinations.no.seed_list: found ["qa@x.io"]; allowed: no such key unless its '
        "policy is one of [[activate]] (test recipients get copies of what is said)",
    ]
    config = read(f"{sale}[[activate]]\n{back}expires = '14d'\nper_day = 9\n{live}{both}")
    assert config.destinations[1].seed_list == ("+442071234567", "qa@x.io")
    told = errors(f"{sale}[[activate]]\n{back}expires = '14d'\n{both}".replace("+442", "442"))
    assert "a list of email addresses and numbers such as +442071234567" in told[0]
    assert [line for line in notes(config) if "take back" in line] == [
        "destinations.calls: call_list cannot take back what it was told, so what falls due "
        "between two runs is told with the run behind it, rather late than early."
    ]
    assert (config.plans.max_lag, config.plans.emit_ahead) == (timedelta(hours=1), None)


def test_another_channel_is_tried_with_who_is_seen_not_to_answer(errors):
    switch = f"{CART}switch_to = ['email', 'sms']\n"
    assert errors(f"[[activate]]\n{switch}") == [
        f'{AT}switch_to[0]: found "email"; allowed: a channel that is not its own',
        f'{AT}switch_to: found ["email", "sms"]; allowed: no such key without [value] valued_from '
        "(nobody is valued without it)",
    ]
    live = "mode = 'live'\nstarts_at = 2026-01-01T00:00:00Z\n"
    web = "name = 'cart'\nwhen = 'cart_abandoned'\nchannels = ['email', 'web']\n"
    mail = "[[destinations]]\nname = 'mail'\nkind = 'file'\npolicy = 'cart'\nchannel = 'email'\n"
    valued = "[value]\nvalued_from = 100\n"
    told = errors(f"{valued}[[activate]]\n{web}{live}switch_to = ['sms']\n{mail}")
    assert told == [
        f'{AT}channels[1]: found "web"; allowed: a channel that a destination takes (add one of '
        "[[destinations]] with this policy, or leave the channel out)",
        f'{AT}switch_to[0]: found "sms"; allowed: a channel that a destination takes (add one of '
        "[[destinations]] with this policy, or leave the channel out)",
        f'{AT}switch_to: found ["sms"]; allowed: no such key where channels holds web (only on '
        "email and push it is seen whether somebody answers)",
    ]
