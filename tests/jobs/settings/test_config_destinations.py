"""Destinations in the configuration: what a kind implies, and what it refuses."""

from __future__ import annotations

import pytest

from tactful.jobs.commands.checking import notes
from tactful.jobs.errors import ConfigError
from tactful.jobs.settings.config import load

RULES = "no_consent, unsubscribed, bounced, complained, service_open"


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
        f"allowed: an entry of [[suppress]], [[caps]] or [[activate]]: {RULES}"
    ]


def test_what_a_rule_filled_that_is_gone_can_be_emptied(read):
    config = read(
        "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'of_last_year'\nretired = true"
    )
    assert [(d.policy, d.retired) for d in config.destinations] == [("of_last_year", True)]


def test_a_group_of_a_channel_is_told_of_its_own_addresses_alone(read):
    """Whose email is closed may share a number with somebody whose texts are not."""
    group = "504e09e6-ffa4-4b31-96c3-c05d50d903cf"
    config = read(
        "".join(
            f"[[destinations]]\nname = '{channel}'\nkind = 'braze'\npolicy = 'unsubscribed'\n"
            f"channel = '{channel}'\nsubscription_group_id = '{end}{group[1:]}'\n"
            for channel, end in (("email", "1"), ("sms", "2"))
        )
        + "[[destinations]]\nname = 'all'\nkind = 'braze'\npolicy = 'unsubscribed'\n"
    )
    assert [destination.wanted for destination in config.destinations] == [
        ["email", "email_sha256"],
        ["phone"],
        ["email", "phone", "email_sha256"],
    ]


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


def destination(kind: str, *, policy: str = "unsubscribed", **more: str) -> str:
    rest = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f"[[destinations]]\nname = 'd'\nkind = '{kind}'\npolicy = '{policy}'\n{rest}"


PASSING = "[[suppress]]\nname = 'bought'\nwhen = 'purchased'\nmatch = 'sku'\nlasts = '30d'\n"
GROUP = '"504e09e6-ffa4-4b31-96c3-c05d50d903cf"'


@pytest.mark.parametrize(
    ("kind", "key", "value", "more"),
    [
        ("sendgrid", "group_id", "7", {}),
        ("klaviyo", "suppresses", "true", {"channel": '"email"'}),
        ("braze", "subscription_group_id", GROUP, {"channel": '"email"'}),
    ],
)
def test_what_passes_again_is_refused_as_an_opt_out(read, errors, kind, key, value, more):
    (config,) = read(destination(kind, **{key: value}, **more)).destinations
    assert config.is_opt_out_list
    (error,) = errors(PASSING + destination(kind, policy="bought", **{key: value}, **more))
    assert f"destinations.d.{key}" in error and "must not be kept as an opt-out" in error


def test_an_opt_out_closes_the_channel_it_is_about_alone(errors):
    assert "channel: found nothing" in "".join(errors(destination("klaviyo", suppresses="true")))
    text = destination("braze", subscription_group_id=GROUP, channel='"push"')
    assert 'channel: found "push"; allowed: "email" or "sms"' in "".join(errors(text))


def test_a_destination_is_told_by_what_its_kind_takes(read):
    (sendgrid,) = read(destination("sendgrid", group_id="7")).destinations
    (calls,) = read(destination("call_list")).destinations
    assert (sendgrid.identifiers, calls.identifiers) == (("email",), ("phone",))


KEY = "k" * 24
SENT = {"deliver": '"http"', "credential": '"env:HOOK"'}
HTTPS = {**SENT, "endpoint": '"https://hooks.example.com/in"'}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"deliver": '"http"', "endpoint": HTTPS["endpoint"]}, "credential: found nothing"),
        ({**HTTPS, "credential": '"s3cr3t"'}, "credential: found a value that is not shown"),
        ({**HTTPS, "credential": "17"}, "credential: found a value that is not shown"),
        ({**HTTPS, "credential": '"env:MISSING"'}, "credential: found MISSING unset or empty"),
        (SENT, "endpoint: found nothing; allowed: the URL of your own webhook"),
        ({**SENT, "endpoint": '"ftp://x.io"'}, "endpoint: found"),
        ({**SENT, "endpoint": '"https://u:s3cr3t@x.io"'}, "a URL without a user"),
        ({**SENT, "endpoint": '"http://x.io"'}, "a URL that begins with https://"),
        ({**SENT, "endpoint": '"https://10.1.2.3/x"'}, "a host outside of your own network"),
        ({**SENT, "endpoint": '"https://[::1]/x"'}, "a host outside of your own network"),
        ({**SENT, "endpoint": '"https://hook.internal"'}, "a host outside of your own network"),
        ({"credential": '"env:HOOK"'}, 'no such key unless deliver = "http"'),
    ],
)
def test_how_a_destination_is_sent_to_is_checked_before_anything_is(errors, more, said):
    found = "".join(errors(destination("webhook", **more), environ={"HOOK": KEY}))
    assert said in found and "s3cr3t" not in found


def test_a_file_calls_nobody_and_a_private_endpoint_may_be_meant(read, errors):
    assert 'allowed: "outbox"' in "".join(
        errors(destination("file", **SENT), environ={"HOOK": KEY})
    )
    text = destination("webhook", **SENT, endpoint='"http://127.0.0.1:9/x"', allow_private="true")
    (hook,) = read(text, environ={"HOOK": KEY}).destinations
    assert hook.is_sent
    # Who reads only needs no credential.
    assert read(text, needs_secret=False).destinations[0].credential == "env:HOOK"


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("klaviyo", {}, "sets the property tactful_unsubscribed and no more"),
        ("braze", {"attribute": "'no_mail'"}, "sets the attribute no_mail and no more"),
        ("sendgrid", {"field_id": "'e1_T'"}, "sets the field e1_T and no more"),
        ("sendgrid", {"group_id": "7"}, None),
        ("klaviyo", {"suppresses": "true", "channel": "'email'"}, None),
    ],
)
def test_check_says_what_has_to_look_at_an_attribute(read, kind, more, said):
    told = [note for note in notes(read(destination(kind, **more))) if "and no more" in note]
    assert len(told) == (said is not None) and all(str(said) in note for note in told)


BOUGHT = (
    "[[suppress]]\nname = 'bought_it'\nwhen = 'purchased'\nmatch = 'sku'\nlasts = '9d'\n"
    "[[activate]]\nname = 'hello'\nwhen = 'welcome'\nchannels = ['email']\n"
    "[[destinations]]\nname = 'd'\n"
)
WITH_PRODUCTS = "[reference.products]\nformat = 'json'\npath = 'products'\n"
FILE = "kind = 'file'\npolicy = 'bought_it'\n"


def test_an_audience_is_about_a_part_of_its_policy(read):
    [one] = read(
        WITH_PRODUCTS + BOUGHT + FILE + "audience_by = 'category'\naudience_of = 'jeans'"
    ).destinations
    assert one.audience is not None and one.audience.key == "category:jeans"
    [whole] = read(BOUGHT + FILE).destinations
    assert whole.audience is None


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (FILE + "audience_by = 'sku'", "audience_of",
         "found nothing; allowed: the sku that its audience is about"),
        (FILE + "audience_of = 'jeans'", "audience_by",
         'found "none"; allowed: "campaign" or "category" or "brand" or "sku"'),
        (FILE + "audience_by = 'brand'\naudience_of = 'Loop'", "audience_by",
         'found "brand"; allowed: "none" without [reference.products]'),
        (FILE + "audience_by = 'campaign'\naudience_of = 'sale'", "audience_by",
         'found "campaign"; allowed: "none" without [reference.campaigns]'),
        ("kind = 'file'\npolicy = 'hello'\naudience_by = 'sku'\naudience_of = 'S1'",
         "audience_by",
         'found "sku"; allowed: "none", since its policy speaks'),
        ("kind = 'sendgrid'\npolicy = 'unsubscribed'\ngroup_id = 7\naudience_by = 'sku'\n"
         "audience_of = 'S1'", "audience_by",
         'found "sku"; allowed: "none" for a list of opt-outs'),
    ],
)  # fmt: skip
def test_a_part_that_nothing_tells_is_refused(errors, text, key, said):
    [line] = errors(BOUGHT + text)
    assert line.startswith(f"my.toml: destinations.d.{key}: {said}")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("k" * 23, "HOOK with a secret of 23 bytes; allowed: a secret of 24 bytes or more"),
        (f"whsec_{'k' * 24}", "HOOK with a secret of 18 bytes"),
        ("whsec_not base64 at all!", "HOOK with no base64 behind whsec_"),
        (f"whsec_{'k' * 32}", None),
    ],
)
def test_a_webhook_is_signed_with_a_secret_that_its_receiver_can_read(errors, read, key, said):
    text = destination("webhook", **HTTPS)
    if said is None:
        assert read(text, environ={"HOOK": key}).destinations
        return
    (found,) = errors(text, environ={"HOOK": key})
    assert said in found and key not in found
