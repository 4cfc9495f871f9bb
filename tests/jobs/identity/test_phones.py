"""Phone numbers become E.164 or nothing; a country is never guessed."""

from __future__ import annotations

import pytest

from tactful.jobs.identity.phones import normalise, normalise_all


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("1 800 555 0100", "US", "+18005550100"),
        ("+1 (800) 555-1234", None, "+18005551234"),
        ("0044 207 123 4567", None, "+442071234567"),
        ("0044 207 123 4567", "US", "+442071234567"),  # 00 is no prefix there, and still read
        ("020 7123 4567", "GB", "+442071234567"),
        ("020 7123 4567", None, None),
        ("1 (234) 567-8901", None, None),
        ("+656512435678", "SG", None),  # possible, but not valid
        (" +A BCD EFG ", None, None),
        ("00", "GB", None),
        ("", "GB", None),
        (None, "GB", None),
        ("+" * 300, "GB", None),
        ("509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a", "GB", None),
    ],
)
def test_a_phone_number_has_one_form_or_none(value, region, expected):
    assert normalise(value, region) == expected


def test_every_distinct_value_gets_its_form():
    values = ["020 7123 4567", "+442071234567", "020 7123 4567", "not a phone"]
    assert normalise_all(values, region="GB") == {
        "020 7123 4567": "+442071234567",
        "+442071234567": "+442071234567",
        "not a phone": None,
    }
