"""Destinations in the configuration: what a kind implies, and what it refuses."""

from __future__ import annotations

import pytest

from tactful.jobs.errors import ConfigError
from tactful.jobs.settings.config import load

RULES = "no_consent, unsubscribed, bounced, complained"


def test_a_destination_takes_what_its_kind_implies(read):
    config = read(
        "[[destinations]]\nname = 'm'\nkind = 'meta_custom_audience'\npolicy = 'bounced'\n"
        "audience_id = 123\n"
        "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'bounced'\n"
        "identifiers = ['loyalty_id']\nchannel = 'email'"
    )
    meta, file = config.destinations
    assert (meta.channel, meta.minimum_audience, meta.batch_size) == ("ad", 100, 10_000)
    assert (meta.audience_id, meta.identifiers) == ("123", ("email", "phone"))
    assert (file.channel, file.minimum_audience) == ("email", 0)


def test_a_destination_of_a_rule_that_is_off_is_refused(errors):
    text = (
        "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'bounced'\n"
        "[[suppress]]\nname = 'bounced'\nwhen = 'bounced'\nenabled = false"
    )
    assert errors(text) == [
        'my.toml: destinations.f.policy: found "bounced", which is switched off; '
        f"allowed: a rule of [[suppress]] or [[caps]]: {RULES}"
    ]


def test_what_a_rule_filled_that_is_gone_can_be_emptied(read):
    config = read(
        "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'of_last_year'\nretired = true"
    )
    assert [(d.policy, d.retired) for d in config.destinations] == [("of_last_year", True)]


def test_one_list_is_filled_by_one_destination(read, errors):
    meta = "[[destinations]]\nname = '{}'\nkind = 'meta_custom_audience'\npolicy = 'bounced'\n"
    text = f"{meta.format('a')}audience_id = 12\n{meta.format('b')}audience_id = '12'\n"
    assert errors(text) == [
        'my.toml: destinations.b.audience_id: found "12"; '
        "allowed: a list of its own; destinations.a fills that one"
    ]
    file = "[[destinations]]\nname = '{}'\nkind = 'file'\npolicy = 'bounced'\n"
    assert len(read(file.format("a") + file.format("b")).destinations) == 2, "each has its folder"


def test_google_keeps_mobile_ids_apart(tmp_path):
    """One request and one list hold either contacts or mobile ids, so one destination does too."""
    conf = tmp_path / "mixed.toml"
    conf.write_text(
        '[[destinations]]\nname = "g"\nkind = "google_data_manager"\npolicy = "unsubscribed"\n'
        'audience_id = "1"\naccount = { account_id = "1" }\nidentifiers = ["email", "device_id"]\n'
    )
    with pytest.raises(ConfigError, match="device_id alone"):
        load(conf)
