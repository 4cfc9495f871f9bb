"""Shopify's words of consent in trimmed bodies: one that closes a channel is never a purchase."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tactful.transforms.sources.shopify import parse_rows

NO = '{"state":"unsubscribed","consent_updated_at":"2026-11-14T10:00:00Z"}'
WHEN = '"sms_marketing_consent":' + NO
CLOSES = {
    f'{{"id":1,"phone":"+14155550123",{WHEN}}}': ("sms", 14, ["customer_id", "phone"]),
    f'{{"phone":"+14155550123",{WHEN}}}': ("sms", 14, ["phone"]),
    '{"id":2,"email":"a@x.io","phone":null,"accepts_marketing":false}':
        ("email", 27, ["customer_id", "email"]),
    '{"customer_id":3,"email_marketing_consent":{"state":"UNSUBSCRIBED","consent_updated_at":null}}':
        ("email", 27, ["customer_id"]),
}  # fmt: skip
SAYS_NOTHING = (
    '{"id":4,"accepts_marketing":true}',
    '{"id":5,"email_marketing_consent":{"state":"not_subscribed","consent_updated_at":null}}',
)


def test_a_trimmed_body_that_closes_a_channel_closes_it(spark):
    rows = [(text, "f", datetime(2026, 11, 27, tzinfo=UTC)) for text in (*CLOSES, *SAYS_NOTHING)]
    landed = spark.createDataFrame(rows, "value string, file string, modified_at timestamp")
    read = parse_rows(landed, stream=None, source_name="s", max_row_bytes=10**6,
                      max_skew=timedelta(days=1)).collect()  # fmt: skip
    closed = {
        (row.channel, row.occurred_at.day, tuple(one.type for one in row.identifiers))
        for row in read if row.type == "consent_withdrawn" and not row.reasons
    }  # fmt: skip
    assert closed == {(channel, day, tuple(who)) for channel, day, who in CLOSES.values()}
    assert len(read) == len(rows)
    others = [row for row in read if row.type != "consent_withdrawn"]
    assert all(row.stream == "profiles" and "not_of_use" in row.reasons for row in others)
