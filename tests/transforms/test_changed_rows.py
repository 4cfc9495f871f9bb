"""What a reference table says otherwise than it did."""

from __future__ import annotations

from tactful.transforms.changed_rows import changed_keys

SHAPE = (
    "content_id string, locale string, topic string, skus array<string>, more map<string,string>"
)


def test_what_is_said_otherwise_is_new_or_gone_or_says_something_else(spark):
    before = [
        ("same", "en", "a", ["x"], {"k": "1"}), ("same", None, "a", None, None),
        ("topic", None, "a", None, None), ("list", None, None, ["x"], None),
        ("attribute", None, None, None, {"k": "1"}), ("gone", None, None, None, None),
        ("one locale more", "en", "a", None, None), ("what matters not", None, "a", None, None),
    ]  # fmt: skip
    now = [
        ("same", None, "a", None, None), ("same", "en", "a", ["x"], {"k": "1"}),
        ("topic", None, "b", None, None), ("list", None, None, ["x", "y"], None),
        ("attribute", None, None, None, {"k": "2"}), ("new", None, None, None, None),
        ("one locale more", "en", "a", None, None), ("one locale more", "de", "a", None, None),
        ("what matters not", "fr", "a", None, None),
    ]  # fmt: skip
    frames = [spark.createDataFrame(rows, SHAPE) for rows in (now, before)]
    found = changed_keys(*frames, key="content_id", columns=("topic", "skus", "more"))
    told = [r.content_id for r in found.collect()]
    assert sorted(told) == ["attribute", "gone", "list", "new", "one locale more", "topic"]
