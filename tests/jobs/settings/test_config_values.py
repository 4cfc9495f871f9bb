"""The configuration: what it means, which layer wins, and what of it stands in the hash."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tactful.jobs.settings.config import idle, load
from tactful.jobs.settings.durations import parse_duration

RULES = ["no_consent", "unsubscribed", "bounced", "complained", "service_open"]


def test_the_defaults_alone_are_a_configuration():
    config = load(environ={})
    assert config.attribution.window == timedelta(days=7)
    assert config.attribution.half_life == timedelta(days=7)
    assert [rule.name for rule in config.rules] == RULES
    assert config.identity.max_links_of("email") == 5
    assert config.identity.types["customer_id"].unique


def test_later_layers_win(read):
    text = "[attribution]\nwindow = '2d'"
    environ = {"TACTFUL__ATTRIBUTION__WINDOW": "3d", "TACTFUL_SECRET": "not a setting"}
    assert read(text).attribution.window == timedelta(days=2)
    assert read(text, environ=environ).attribution.window == timedelta(days=3)
    settings = ["attribution.window=4d"]
    assert read(text, environ=environ, settings=settings).attribution.window == timedelta(days=4)
    last = {"attribution": {"window": "5d"}}
    config = read(text, environ=environ, settings=settings, overrides=last)
    assert config.attribution.window == timedelta(days=5)


def test_settings_take_the_type_of_their_key_and_reach_into_named_lists(read):
    config = read(
        "[[caps]]\nname = 'weekly'\nlimit = 3\nwindow = '7d'",
        settings=[
            "caps.weekly.limit=5",
            "identity.types.customer_id.unique=false",
            'identity.blocked=["x", " Y "]',
            "suppress.bounced.enabled=false",
            "sources.web.stream=clicks",
            "sources.web.path=2026-01-01",
        ],
    )
    assert config.caps[0].limit == 5
    assert not config.identity.types["customer_id"].unique
    assert config.identity.blocked == ("x", "y")
    assert "bounced" not in [rule.name for rule in config.rules]
    assert config.sources["web"].path == "2026-01-01"


def test_an_entry_replaces_the_default_of_its_name_whole(read):
    config = read(
        "[[suppress]]\nname = 'bounced'\nwhen = 'bounced'\nenabled = false\n"
        "[[suppress]]\nname = 'bought'\nwhen = 'purchased'\nmatch = 'sku'\nlasts = '30d'"
    )
    names = [rule.name for rule in config.suppress]
    assert names == [*RULES, "bought"]
    assert not config.suppress[2].enabled


def test_the_hash_is_what_the_configuration_decides(read, monkeypatch, tmp_path):
    base = read()
    assert read("[attribution]\nwindow = '168h'").hash == base.hash
    assert read(settings=["lake.location=elsewhere"]).hash == base.hash
    assert read(settings=["lake.driver_identifiers=9"]).hash == base.hash
    assert read(settings=["lake.driver_records=9"]).hash == base.hash
    named = read("[lake]\nsecret = 'env:KEY'", environ={"KEY": "s3cret of some length"})
    assert named.hash == base.hash
    monkeypatch.chdir(tmp_path)
    assert read().hash == base.hash
    assert read("[attribution]\nwindow = '8d'").hash != base.hash
    assert read("[consent]\ndefault = 'opt_out'").identity_hash == base.identity_hash
    changed = read("[identity]\nmax_links = 6")
    assert changed.identity_hash != base.identity_hash
    assert changed.hash != base.hash


def test_the_hash_does_not_depend_on_how_the_same_is_written(read):
    one = read("[identity]\nblocked = ['A', 'b']\nphone_region = 'us'")
    two = read("[identity]\nphone_region = 'US'\nblocked = ['b', 'a ', 'B']")
    assert one.identity_hash == two.identity_hash


def test_idle_rules_are_those_that_nothing_can_feed(read):
    rules = (
        "[[suppress]]\nname = 'bought'\nwhen = 'purchased'\nmatch = 'brand'\nlasts = '30d'\n"
        "[[caps]]\nname = 'weekly'\nlimit = 3\nwindow = '7d'\n"
        "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'weekly'\n"
    )
    source = "[sources.{0}]\nstream = '{0}'\npath = '{0}'\n"
    assert idle(read(rules)) == ["No source is configured: nothing lands, and every rule is idle."]
    assert idle(read(rules + source.format("purchases"))) == [
        "caps.weekly is idle: no source feeds the stream messages.",
        "suppress.unsubscribed is idle: no source feeds the stream messages.",
        "suppress.bounced is idle: no source feeds the stream messages.",
        "suppress.complained is idle: no source feeds the stream messages.",
        "suppress.service_open is idle: no source feeds the stream service.",
        "suppress.bought is idle: brands come from [reference.products].",
        "destinations.f is idle: its policy weekly is idle.",
    ]
    meta = (
        "[[destinations]]\nname = 'm'\nkind = 'meta_custom_audience'\npolicy = 'bounced'\n"
        "audience_id = '1'\n"
    )
    unheard = (
        "destinations.m is idle: it asks for consent to ads, [consent] default is opt_in, and no "
        "source feeds the stream profiles that would tell of any."
    )
    silent = meta + source.format("messages")
    assert unheard in idle(read(silent))
    assert unheard not in idle(read(silent + source.format("profiles")))
    assert unheard not in idle(read(silent + "[consent]\ndefault = 'opt_out'"))
    assert unheard not in idle(read(silent + "[consent]\ntcf_vendors = [755]"))
    every = "".join(map(source.format, ("purchases", "messages", "profiles", "service")))
    assert idle(read(f"{rules}{every}[reference.products]\npath = 'x'")) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("2w", 1_209_600), ("1d12h", 129_600)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-1d", "1.5d", "7 d", "36501d", "999999999w", 7, None]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize(
    "told",
    ("2024-01-31", "'2024-01-31'", "2024-01-31T18:00:00Z", "2024-01-31T18:00:00", "'20240131'",
     "2024-02-01T01:00:00+05:00"),
)  # fmt: skip
def test_history_begins_with_a_day_or_a_moment_of_it(read, told):
    config = read(f"[business]\nhistory_from = {told}")
    assert config.business.history_from == date(2024, 1, 31)


def test_a_currency_is_read_in_any_case(read):
    assert read("[business]\ncurrency = ' eur'").business.currency == "EUR"
