"""The configuration: the exact line for everything that can be wrong with it."""

from __future__ import annotations

import pytest

from tactful.jobs.errors import ConfigError
from tactful.jobs.settings.config import load
from tactful.transforms import checks, rules
from tactful.transforms.sinks import SINKS
from tactful.transforms.sources import DIALECTS

A_DAY = "a day from 1971-01-01 to 2999-12-31 such as 2024-01-31, or a moment of it (UTC)"
DURATION = "a duration above zero such as 90s, 30m, 12h, 7d or 2w, at most 36500d"
CART = "[[activate]]\nname = 'cart'\nwhen = 'cart_abandoned'\nchannels = ['email']\n"
NAME = "a name of lower-case letters, digits and _, starting with a letter"
PARTITIONS = (
    "a list of fields that folders are named after, as day is by day=2026-01-31; not event_id, and "
    "none that holds a list or a table"
)
SECTIONS = (
    "lake, intake, business, sources, reference, identity, consent, attribution, scores, "
    "value, privacy, caps, suppress, activate, plans, destinations, quality, metrics"
)
CAP_WINDOW = "a duration such as 7d, or calendar = day or week or month instead"
RULES = "no_consent, unsubscribed, bounced, complained, service_open"


ONE_LINERS = {
    "unknown section": (
        "[attribtion]\nwindow = '1d'",
        f"my.toml: attribtion: found an unknown key; allowed: {SECTIONS} "
        "(did you mean attribution?)",
    ),
    "unknown key": (
        "[lake]\nloction = 'x'",
        "my.toml: lake.loction: found an unknown key; allowed: location, catalog, schema, secret, "
        "publish_every, first_run_bound, driver_identifiers, driver_records "
        "(did you mean location?)",
    ),
    "duration": (
        "[attribution]\nwindow = '5 parsecs'",
        f'my.toml: attribution.window: found "5 parsecs"; allowed: {DURATION}',
    ),
    "duration of nothing": (
        "[attribution]\nwindow = '0d'",
        f'my.toml: attribution.window: found "0d"; allowed: {DURATION}',
    ),
    "half-life of nothing": (
        "[attribution]\nhalf_life = '0s'",
        f'my.toml: attribution.half_life: found "0s"; allowed: {DURATION}',
    ),
    "stream": (
        "[sources.web]\nstream = 'click'\npath = 'x'",
        'my.toml: sources.web.stream: found "click"; '
        "allowed: clicks, purchases, messages, profiles, service (did you mean clicks?)",
    ),
    "source without path": (
        "[sources.web]\nstream = 'clicks'",
        "my.toml: sources.web.path: found nothing; allowed: a path or a URI",
    ),
    "name that would leave its folder": (
        "[sources.'../web']\nstream = 'clicks'\npath = 'x'",
        f'my.toml: sources.../web: found the name "../web"; allowed: {NAME}',
    ),
    "dialect of later": (
        "[sources.web]\nstream = 'clicks'\npath = 'x'\ndialect = 'ga4'",
        'my.toml: sources.web.dialect: found "ga4"; allowed: canonical, mapped, segment, '
        "sendgrid, shopify (ga4 is not supported yet)",
    ),
    "partition of an id": (
        "[sources.web]\nstream = 'clicks'\npath = 'x'\npartitions = ['day', 'event_id']",
        'my.toml: sources.web.partitions: found ["day", "event_id"]; '
        f"allowed: {PARTITIONS}",
    ),
    "partition of a list": (
        "[sources.web]\nstream = 'clicks'\npath = 'x'\npartitions = ['lines']",
        f'my.toml: sources.web.partitions: found ["lines"]; allowed: {PARTITIONS}',
    ),
    "partition of no name": (
        "[sources.web]\nstream = 'clicks'\npath = 'x'\npartitions = ['day=1']",
        f'my.toml: sources.web.partitions: found ["day=1"]; allowed: {PARTITIONS}',
    ),
    "reference table": (
        "[reference.product]\npath = 'x'",
        'my.toml: reference.product: found the name "product"; '
        "allowed: products, campaigns, contents, rates, context",
    ),
    "window of an identifier": (
        "[identity.types.anonymous_id]\nwindow = '0d'",
        f'my.toml: identity.types.anonymous_id.window: found "0d"; allowed: {DURATION}',
    ),
    "sharing rule": (
        "[identity]\nshared_devices = 'latest'",
        'my.toml: identity.shared_devices: found "latest"; allowed: neutral, newest, first',
    ),
    "bound of a person that no rule keeps": (
        "[identity.types.anonymous_id]\nmax_per_person = 20",
        "my.toml: identity.types.anonymous_id.max_per_person: found 20; "
        "allowed: no such key, or identity.shared_devices = newest or first",
    ),
    "bound of a person beside unique": (
        "[identity]\nshared_devices = 'newest'\n[identity.types.customer_id]\nmax_per_person = 2",
        "my.toml: identity.types.customer_id.max_per_person: found a number beside unique = true; "
        "allowed: unique or max_per_person, not both",
    ),
    "region": (
        "[identity]\nphone_region = 'UK'",
        'my.toml: identity.phone_region: found "UK"; '
        "allowed: an ISO 3166 region of two letters such as US or GB",
    ),
    "currency that is none": (
        "[business]\ncurrency = 'XBT'",
        'my.toml: business.currency: found "XBT"; allowed: an ISO 4217 code such as USD',
    ),
    "history of no time": (
        "[business]\nhistory_from = 9999-12-31",
        f"my.toml: business.history_from: found 9999-12-31; allowed: {A_DAY}",
    ),
    "history before any": (
        "[business]\nhistory_from = 0001-01-01T00:00:00+05:00",
        'my.toml: business.history_from: found 0001-01-01 00:00:00+05:00; '
        f"allowed: {A_DAY}",
    ),
    "history since a number": (
        "[business]\nhistory_from = 2024",
        f"my.toml: business.history_from: found 2024; allowed: {A_DAY}",
    ),
    "number in quotes": (
        "[identity]\nmax_links = '5'",
        'my.toml: identity.max_links: found "5"; allowed: a whole number from 1 to 2147483647',
    ),
    "true is no number": (
        "[identity]\nmax_links = true",
        "my.toml: identity.max_links: found true; allowed: a whole number from 1 to 2147483647",
    ),
    "email_sha256": (
        "[identity.types.email_sha256]\npriority = 5",
        "my.toml: identity.types.email_sha256: found a type of its own; allowed: no entry "
        "(a hashed email is the same identifier as the email; configure email)",
    ),
    "priority taken": (
        "[identity.types.cookie]\npriority = 2",
        "my.toml: identity.types.cookie.priority: found 2; "
        "allowed: a priority of its own; email has 2",
    ),
    "unique device": (
        "[identity.types.device_id]\nunique = true",
        "conf/defaults.toml: identity.types.device_id.device: found true beside unique = true; "
        "allowed: unique or device, not both",
    ),
    "secret": (
        "[lake]\nsecret = 'hunter2'",
        'my.toml: lake.secret: found a value that is not shown; allowed: "auto", "env:NAME" or '
        '"databricks:scope/key"',
    ),
    "secret of an unset variable": (
        "[lake]\nsecret = 'env:NOPE'",
        "my.toml: lake.secret: found NOPE unset or empty; allowed: a variable that is set "
        "(set the environment variable NOPE, or use auto on a laptop)",
    ),
    "time zone": (
        "[business]\ntime_zone = 'Europe/Berln'",
        'my.toml: business.time_zone: found "Europe/Berln"; allowed: a time zone such as '
        "Europe/Berlin",
    ),
    "bounds in no order": (
        "[scores]\norders = [1, 2, 2, 4]",
        "my.toml: scores.orders: found [1, 2, 2, 4]; allowed: a list of four "
        "whole numbers from 1 to 2147483647, each larger than the one before",
    ),
    "value of nothing": (
        "[value]\nvalued_from = 0",
        "my.toml: value.valued_from: found 0; allowed: an amount above 0 and "
        "below 1000000000000, with at most four decimal places",
    ),
    "cap of two windows": (
        "[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\ncalendar = 'week'",
        'my.toml: caps.c.calendar: found "week" beside a window; '
        "allowed: window or calendar, not both",
    ),
    "cap without window": (
        "[[caps]]\nname = 'c'\nlimit = 3",
        f"my.toml: caps.c.window: found nothing; allowed: {CAP_WINDOW}",
    ),
    "cap of an odd calendar": (
        "[[caps]]\nname = 'c'\nlimit = 3\ncalendar = 'fortnight'",
        'my.toml: caps.c.calendar: found "fortnight"; allowed: day, week, month',
    ),
    "rolling cap of a zone": (
        "[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\nzone = 'utc'",
        'my.toml: caps.c.zone: found "utc"; allowed: no such key without a calendar',
    ),
    "cap of somebody's zone": (
        "[[caps]]\nname = 'c'\nlimit = 3\ncalendar = 'day'\nzone = 'Europe/Berlin'",
        'my.toml: caps.c.zone: found "Europe/Berlin"; allowed: customer, business, utc',
    ),
    "first day of a month": (
        "[[caps]]\nname = 'c'\nlimit = 3\ncalendar = 'month'\nweek_starts = 'sunday'",
        'my.toml: caps.c.week_starts: found "sunday"; '
        'allowed: no such key without calendar = "week"',
    ),
    "exempt that are none": (
        "[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\nexempt_counts = true",
        "my.toml: caps.c.exempt_counts: found true; "
        "allowed: no such key without exempt_topics or exempt_campaigns",
    ),
    "cap that holds nothing": (
        "[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\ntopics = ['news']\n"
        "exempt_topics = ['News', 'sale']",
        'my.toml: caps.c.exempt_topics: found ["News", "sale"]; '
        "allowed: not all of its topics: this cap would hold no message",
    ),
    "topic of blanks": (
        "[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\ntopics = [' ']",
        'my.toml: caps.c.topics: found [" "]; allowed: a list of texts that are not empty',
    ),
    "cap without name": (
        "[[caps]]\nlimit = 3\nwindow = '7d'",
        f"my.toml: caps[0].name: found nothing; allowed: {NAME}",
    ),
    "cap of nothing": (
        "[[caps]]\nname = 'c'\nlimit = 0\nwindow = '7d'",
        "my.toml: caps.c.limit: found 0; allowed: a whole number from 1 to 2147483647",
    ),
    "caps as one table": (
        "[caps]\nname = 'c'",
        "my.toml: caps: found a table; allowed: a list of tables, [[caps]]",
    ),
    "cap named as a rule": (
        "[[caps]]\nname = 'bounced'\nlimit = 3\nwindow = '7d'",
        'my.toml: caps.bounced.name: found "bounced"; '
        "allowed: a name of its own; an entry of [[suppress]] has it",
    ),
    "rule twice": (
        "[[suppress]]\nname = 'bounced'\nwhen = 'bounced'\n"
        "[[suppress]]\nname = 'bounced'\nwhen = 'complained'",
        'my.toml: suppress[5].name: found "bounced"; '
        "allowed: a name of its own; an entry of [[suppress]] has it",
    ),
    "rule of later": (
        "[[suppress]]\nname = 'quiet'\nwhen = 'quiet_hours'",
        'my.toml: suppress.quiet.when: found "quiet_hours"; '
        f"allowed: {', '.join([*rules.RULES, *checks.CHECKS])} (it stands in plans.quiet_hours)",
    ),
    "holdout of a rule": (
        "[[suppress]]\nname = 'h'\nwhen = 'holdout'",
        'my.toml: suppress.h.when: found "holdout"; '
        f"allowed: {', '.join([*rules.RULES, *checks.CHECKS])} (a campaign of "
        "[reference.campaigns] says it itself, as holdout_share)",
    ),
    "context of nothing": (
        "[[suppress]]\nname = 'c'\nwhen = 'out_of_context'\nseasons = false\nregions = false",
        "my.toml: suppress.c.seasons: found false; allowed: true, or one of hours, "
        "temperature_from, temperature_to, rain (else it asks for nothing)",
    ),
    "hours of no day": (
        "[[suppress]]\nname = 'c'\nwhen = 'out_of_context'\nhours = '7 to 10'",
        'my.toml: suppress.c.hours: found "7 to 10"; allowed: a span of whole hours such as '
        '"7-10" or "22-2"',
    ),
    "context of what nobody says": (
        "[[suppress]]\nname = 'c'\nwhen = 'out_of_context'\npolicies = ['muffin']",
        'my.toml: suppress.c.policies[0]: found "muffin"; allowed: an entry of [[activate]]: '
        "there is none",
    ),
    "warmer than it may be": (
        "[[suppress]]\nname = 'c'\nwhen = 'out_of_context'\ntemperature_from = 30\n"
        "temperature_to = 10",
        "my.toml: suppress.c.temperature_to: found 10; allowed: at least temperature_from, 30",
    ),
    "audience of a check": (
        "[[suppress]]\nname = 'c'\nwhen = 'out_of_context'\n"
        "[[destinations]]\nname = 'd'\nkind = 'file'\npolicy = 'c'",
        'my.toml: destinations.d.policy: found "c", which is out_of_context; allowed: another '
        "rule or cap: nobody is held by this one, it is asked of each message",
    ),
    "a cap that drops nothing": (
        "[[caps]]\nname = 'c'\nlimit = 1\nwindow = '7d'\non_cap = 'drop'",
        'my.toml: caps.c.on_cap: found "drop"; allowed: no such key without [[activate]] (it holds '
        "for what is said next, and nothing is)",
    ),
    "a cap that is relaxed to less": (
        f"{CART}[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\n"
        "relaxed = [{where = 'orders > 1', limit = 3}]",
        "my.toml: caps.c.relaxed[0].limit: found 3; allowed: more than the cap's own limit, 3",
    ),
    "a cap that asks for its cause": (
        f"{CART}[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\n"
        "relaxed = [{where = \"event.sku = 'x'\", limit = 4}]",
        'my.toml: caps.c.relaxed[0].where: found "event.sku = \'x\'"; allowed: a condition '
        "without event. (a cap counts whatever the cause)",
    ),
    "a cap relaxed by what is sensitive": (
        f"{CART}[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\n"
        "relaxed = [{where = \"attributes['health'] = 'x'\", limit = 4}]\n"
        "[privacy]\nsensitive = ['health']",
        "my.toml: caps.c.relaxed[0].where: found \"attributes['health'] = 'x'\"; allowed: a "
        "condition that asks for no health (or write down on which basis it is used, in "
        "[privacy.sensitive_bases])",
    ),
    "purchased without match": (
        "[[suppress]]\nname = 'bought'\nwhen = 'purchased'\nlasts = '30d'",
        "my.toml: suppress.bought.match: found nothing; allowed: sku, category, brand or all",
    ),
    "purchased without end": (
        "[[suppress]]\nname = 'bought'\nwhen = 'purchased'\nmatch = 'sku'",
        "my.toml: suppress.bought.lasts: found nothing; allowed: a duration such as 30d "
        "(or lasts_share, a share of the product's own replenish_days)",
    ),
    "share of everything": (
        "[[suppress]]\nname = 'b'\nwhen = 'purchased'\nmatch = 'all'\nlasts = '1d'\nshare = 0.5",
        "my.toml: suppress.b.share: found 0.5; "
        'allowed: no share beside match = "all", which every message is touched by',
    ),
    "key of another kind of rule": (
        "[[suppress]]\nname = 'bounced'\nwhen = 'bounced'\nlasts = '30d'",
        'my.toml: suppress.bounced.lasts: found "30d"; '
        'allowed: no such key unless when = "purchased" or "price_regret" or "declared_preference"',
    ),
    "not a number": (
        "[[suppress]]\nname = 'b'\nwhen = 'purchased'\nmatch = 'sku'\nlasts_share = nan",
        "my.toml: suppress.b.lasts_share: found NaN; allowed: a number above 0, at most 10",
    ),
    "channel": (
        "[[caps]]\nname = 'c'\nlimit = 3\nwindow = '7d'\nchannels = ['fax']",
        'my.toml: caps.c.channels[0]: found "fax"; '
        "allowed: email, sms, push, ad, direct_mail, in_app, web, chat, call",
    ),
    "a default's name for another kind of rule": (
        "[[suppress]]\nname = 'unsubscribed'\nwhen = 'purchased'\nmatch = 'sku'\nlasts = '30d'",
        'my.toml: suppress.unsubscribed.when: found "purchased"; '
        'allowed: "unsubscribed" for that name '
        "(unsubscribed is on by default, and this would replace it; choose another name)",
    ),
    "a default's name for a cap": (
        "[[caps]]\nname = 'bounced'\nlimit = 3\nwindow = '7d'",
        'my.toml: caps.bounced.name: found "bounced"; '
        "allowed: a name of its own; an entry of [[suppress]] has it",
    ),
    "a rule about what is sensitive": (
        "[privacy]\nsensitive = ['Health']\n[[suppress]]\nname = 'asked'\n"
        "when = 'declared_preference'\nattributes = ['fuel', ' HEALTH']",
        "my.toml: suppress.asked.attributes: found health; allowed: none that is sensitive "
        "(health) (or write down on which basis it is used, in [privacy.sensitive_bases])",
    ),
    "a rule about everything, of which some is sensitive": (
        "[privacy]\nsensitive = ['health']\n[[suppress]]\nname = 'asked'\n"
        "when = 'declared_preference'",
        "my.toml: suppress.asked.attributes: found none, which means all; allowed: attributes by "
        "name, none of them sensitive (health) (or write down on which basis it is used, in "
        "[privacy.sensitive_bases])",
    ),
    "an audience called after what is sensitive": (
        "[privacy]\nsensitive = ['credit rating']\n[[caps]]\nname = 'bad_credit_rating'\n"
        "limit = 1\nwindow = '7d'",
        'my.toml: caps.bad_credit_rating.name: found "bad_credit_rating", after the sensitive '
        "attribute credit rating; allowed: a name that tells nothing of it (or write down on which "
        "basis it is used, in [privacy.sensitive_bases])",
    ),
    "a condition about what is sensitive": (
        "[privacy]\nsensitive = ['health']\n[[activate]]\nname = 'back'\nwhen = 'win_back'\n"
        "after = '30d'\nchannels = ['email']\nwhere = \"attributes['Health'] = 'poor'\"",
        "my.toml: activate.back.where: found \"attributes['Health'] = 'poor'\"; "
        "allowed: a condition that asks for no health (or write down on which basis it is used, in "
        "[privacy.sensitive_bases])",
    ),
    "a basis of what is not sensitive": (
        "[privacy.sensitive_bases]\nhealth = 'their consent'",
        "my.toml: privacy.sensitive_bases.health: found one that is not sensitive; allowed: an "
        "attribute of privacy.sensitive: there is none",
    ),
    "ads that are counted": (
        "[[caps]]\nname = 'c'\nlimit = 1\nwindow = '7d'\nad_contact_every = '0s'",
        'my.toml: caps.c.ad_contact_every: found "0s"; allowed: a duration above zero such as '
        "90s, 30m, 12h, 7d or 2w, at most 36500d",
    ),
    "payments where nothing is paid": (
        "[[suppress]]\nname = 'r'\nwhen = 'price_regret'\nlasts = '9d'\npaid_within = '3d'",
        'my.toml: suppress.r.paid_within: found "3d"; allowed: no such key without '
        'at = "order_paid"',
    ),
    "tired of nothing": (
        "[[suppress]]\nname = 't'\nwhen = 'fatigued'\nwindow = '9d'\nrest = '3d'",
        "my.toml: suppress.t.limit: found nothing; allowed: a whole number from 1 (or bad_limit, "
        "of bad experiences)",
    ),
    "unanswered where none is counted": (
        "[[suppress]]\nname = 't'\nwhen = 'fatigued'\nwindow = '9d'\nrest = '3d'\n"
        "bad_limit = 1\nunanswered_after = '2d'",
        'my.toml: suppress.t.unanswered_after: found "2d"; allowed: no such key without limit',
    ),
    "a law that is no country's": (
        "[consent.EU]\ndefault = 'opt_in'",
        'my.toml: consent.EU: found the name "EU"; allowed: default, or a table of a country\'s '
        "code (ISO 3166) such as US (each country of a union is named by itself)",
    ),
    "a country told twice": (
        "[consent.us]\ndefault = 'opt_out'\n[consent.US]\ndefault = 'opt_in'",
        "my.toml: consent.US: found US once more; allowed: one table a country",
    ),
    "what silence means nowhere": (
        "[consent]\ndefalt = 'opt_in'",
        "my.toml: consent.defalt: found an unknown key; allowed: default, tcf_vendors, or a table "
        "of a country",
    ),
    "what silence means in a country": (
        "[consent.US]\ndefault = 'maybe'",
        'my.toml: consent.US.default: found "maybe"; allowed: opt_in, opt_out',
    ),
    "a country of other keys": (
        "[consent.US]\ndefault = 'opt_in'\nsince = 3",
        "my.toml: consent.US.since: found an unknown key; allowed: default",
    ),
    "an ad network asked for another consent": (
        "[[destinations]]\nname = 'm'\nkind = 'meta_custom_audience'\npolicy = 'bounced'\n"
        "audience_id = '1'\nchannel = 'email'",
        'my.toml: destinations.m.channel: found "email"; allowed: "ad", or no channel '
        "(meta_custom_audience asks for consent to ads, whatever the audience is about)",
    ),
    "policy": (
        "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'bougt'",
        'my.toml: destinations.f.policy: found "bougt"; '
        f"allowed: an entry of [[suppress]], [[caps]] or [[activate]]: {RULES}",
    ),
    "kind of later": (
        "[[destinations]]\nname = 't'\nkind = 'tiktok'\npolicy = 'bounced'",
        'my.toml: destinations.t.kind: found "tiktok"; '
        f"allowed: {', '.join(SINKS)} (tiktok is not supported yet)",
    ),
    "batch too large": (
        "[[destinations]]\nname = 'm'\nkind = 'meta_custom_audience'\npolicy = 'bounced'\n"
        "audience_id = '1'\nbatch_size = 10001",
        "my.toml: destinations.m.batch_size: found 10001; "
        "allowed: at most 10000, the limit of meta_custom_audience",
    ),
    "identifier that the network does not take": (
        "[[destinations]]\nname = 'm'\nkind = 'meta_custom_audience'\npolicy = 'bounced'\n"
        "audience_id = '1'\nidentifiers = ['email', 'loyalty_id']",
        'my.toml: destinations.m.identifiers[1]: found "loyalty_id"; '
        "allowed: email, phone, device_id",
    ),
    "audience": (
        "[[destinations]]\nname = 'm'\nkind = 'meta_custom_audience'\npolicy = 'bounced'",
        "my.toml: destinations.m.audience_id: found nothing; "
        "allowed: the audience's id at meta_custom_audience",
    ),
    "account": (
        "[[destinations]]\nname = 'g'\nkind = 'google_data_manager'\npolicy = 'bounced'\n"
        "audience_id = '1'",
        "my.toml: destinations.g.account: found nothing; "
        'allowed: the account that owns the audience (account = { account_id = "…" })',
    ),
    "broken TOML": (
        "[lake\n",
        "my.toml: found a fault: expected ']' at the end of a table declaration "
        "(at line 1, column 6); allowed: valid TOML",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line"), ONE_LINERS.values(), ids=ONE_LINERS)
def test_each_error_is_one_clear_line(errors, text, line):
    assert errors(text) == [line]


def test_all_errors_at_once_from_every_layer(errors):
    lines = errors(
        "[lake]\nsecret = 'env:NOPE'\n[attribution]\nwindow = 'x'",
        environ={"TACTFUL__CONSENT__DEFAULT": "maybe"},
        settings=["business.currency=dollars", "nonsense", "caps.none.limit=3", "a..b=1"],
    )
    assert [line.partition(": found")[0] for line in lines] == [
        "--set: nonsense",
        "--set caps.none.limit: caps.none",
        "--set a..b: a..b",
        "--set business.currency: business.currency",
        "environment variable TACTFUL__CONSENT__DEFAULT: consent.default",
        "my.toml: attribution.window",
        "my.toml: lake.secret",
    ]


def test_values_of_the_wrong_shape_hide_nothing_and_never_crash(errors):
    lines = errors(
        "caps = 3\nsources = 5\ndestinations = {}\nidentity = 'x'\nlake = []\n"
        "[[suppress]]\nname = ['a']\nwhen = ['purchased']\nmatch = {a = 1}\nlasts = 2024-01-01"
    )
    places = [line.partition(": found")[0].removeprefix("my.toml: ") for line in lines]
    assert {"caps", "sources", "destinations", "identity", "lake"} <= set(places)
    assert {"suppress[5].name", "suppress[5].when", "suppress[5].match"} <= set(places)


@pytest.mark.parametrize(
    ("path", "found"), [("none.toml", "no such file or directory"), (".", "is a directory")]
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, path, found):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / path, environ={})
    expected = f"{tmp_path / path}: found {found}; allowed: a readable TOML file in UTF-8"
    assert str(caught.value) == expected


def test_a_file_that_is_not_utf8_is_one_line(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="a byte that is not UTF-8 at position 5"):
        load(tmp_path / "latin.toml", environ={})


MAPPED = """
[sources.tills]
stream = "purchases"
dialect = "mapped"
path = "x"
"""


def test_a_house_form_is_told_all_that_is_wrong_with_its_fields(errors):
    fields = "[sources.tills.fields]\nevent_id = 'reflect(a)'\ntype = 'kind'\nline.colour = 'x'\n"
    told = errors(MAPPED + fields)
    assert [line.split(":")[1].strip() for line in told] == [
        "sources.tills.fields.occurred_at",
        "sources.tills.fields.event_id",
        "sources.tills.fields.line.colour",
    ]
    assert "this has the function reflect; allowed: coalesce" in told[1]
    assert errors(MAPPED) == [
        "my.toml: sources.tills.fields: found nothing; "
        "allowed: a table of fields, each a column or an expression"
    ]


def test_a_type_that_every_row_says_is_one_that_its_stream_has(errors):
    fields = "[sources.tills.fields]\nevent_id = 'a'\noccurred_at = 'b'\norder_id = 'c'\ntype = "
    (told,) = errors(MAPPED + fields + """\"'order_plced'\"\n""")
    assert told.startswith('my.toml: sources.tills.fields.type: found "order_plced"; allowed: ')
    assert "did you mean" in told and "order_placed" in told
    assert not [*DIALECTS["mapped"].faults("purchases", {"type": "'Order Placed'"})]


def test_what_only_csv_or_a_house_form_has_is_refused_elsewhere(errors):
    told = errors(
        "[sources.web]\nstream = 'clicks'\npath = 'x'\ndelimiter = ';'\ntime_zone = 'UTC'\n"
        "[sources.web.fields]\ntype = 'x'\n"
    )
    assert [line.partition("; ")[2] for line in told] == [
        'allowed: only with dialect = "mapped"', 'allowed: only with dialect = "mapped"',
        'allowed: only with format = "csv"',
    ]  # fmt: skip
    assert errors(
        "[sources.web]\nstream = 'clicks'\npath = 'x'\nformat = 'csv'\ndelimiter = ';'\nquote = ';'"
    ) == ['my.toml: sources.web.quote: found ";"; allowed: another sign than the delimiter']
