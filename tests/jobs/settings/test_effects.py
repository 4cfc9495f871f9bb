"""Nothing that is configured is without effect, or out of the vendor's reach."""

from __future__ import annotations

import pytest

from tactful.jobs.settings.config import Suppress

META = "[[destinations]]\nname = 'm'\nkind = 'meta_custom_audience'\npolicy = 'bounced'\n"
GOOGLE = "[[destinations]]\nname = 'g'\nkind = 'google_data_manager'\npolicy = 'bounced'\n"
DIGITS = "the audience's number there, digits alone"
NUMBER = "a number such as 1234567890 or 123-456-7890"
UNFIT = {
    "Meta's audience": (META + "audience_id = 'shoes'", "m.audience_id", '"shoes"', DIGITS),
    "below zero": (META + "audience_id = -1", "m.audience_id", "-1", DIGITS),
    "Google's audience": (
        GOOGLE + "audience_id = 'a b'\naccount = { account_id = 1 }",
        "g.audience_id", '"a b"', DIGITS,
    ),
    "Google's account": (
        GOOGLE + "audience_id = '1'\naccount = { account_id = 'my account' }",
        "g.account.account_id", '"my account"', NUMBER,
    ),
}  # fmt: skip
CAP = (
    "name, channels, purposes, topics, campaigns, limit, window, calendar, week_starts, zone, "
    "counts, ad_contact_every, exempt_topics, exempt_campaigns, exempt_counts, on_cap, relaxed"
)
UNREAD = {
    "suppress.s.scope": (
        "[[suppress]]\nname = 's'\nwhen = 'purchased'\nmatch = 'sku'\nlasts = '1d'\n"
        "scope = 'household'",
        ", ".join(Suppress.model_fields),
    ),
    "caps.c.scope": ("[[caps]]\nname = 'c'\nlimit = 1\nwindow = '1d'\nscope = 'household'", CAP),
}


@pytest.mark.parametrize(("text", "key", "found", "allowed"), UNFIT.values(), ids=UNFIT)
def test_what_a_vendor_cannot_take_is_refused(errors, text, key, found, allowed):
    assert errors(text) == [f"my.toml: destinations.{key}: found {found}; allowed: {allowed}"]


def test_what_a_vendor_takes_is_read(read):
    account = "account = { account_id = '123-456-7890' }"
    google, meta = read(
        f"{GOOGLE}audience_id = 99\n{account}\n{META}audience_id = '0012'"
    ).destinations
    assert google.options["account"]["account_id"] == "123-456-7890"
    assert (google.audience_id, meta.audience_id) == ("99", "0012")


def test_a_file_calls_its_audience_what_it_likes(read):
    text = "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'bounced'\naudience_id = 'a b'"
    assert read(text).destinations[0].audience_id == "a b"


@pytest.mark.parametrize(("key", "text", "known"), [(k, *v) for k, v in UNREAD.items()], ids=UNREAD)
def test_what_nobody_reads_is_refused(errors, key, text, known):
    assert errors(text) == [
        f"my.toml: {key}: found a key that is not supported yet; allowed: {known}"
    ]


def test_a_byte_order_mark_is_no_part_of_a_file(read, tmp_path):
    assert read("\ufeff[consent]\ndefault = 'opt_out'").consent.default == "opt_out"
