"""What `check` tells of entries that speak against each other, or of what nobody has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tactful.jobs.commands.contradictions import contradictions
from tactful.jobs.settings.config import load

SHOP = """
[reference.products]
path = "products.json"
[reference.campaigns]
path = "campaigns.json"
[reference.contents]
path = "contents.json"
"""
SAID = "[[suppress]]\nname = '{}'\nwhen = '{}'\n{}\n"
PRODUCTS = [
    {"sku": "a", "category": "cars", "Drive ": "electric", "attributes": {"seats": 5}},
    {"sku": "b", "price": 5, "doors": None},
]
CAMPAIGNS = [
    {"campaign_id": "spring", "skus": ["a"]}, {"campaign_id": "mute", "goal": "sales"},
    {"campaign_id": "mended"}, {"campaign_id": "mended", "offers_discount": False},
]  # fmt: skip


@pytest.fixture
def told(tmp_path: Path):
    def read(text: str, *, with_files: bool = False) -> list[str]:
        if with_files:
            rows = {"products": PRODUCTS, "campaigns": CAMPAIGNS, "contents": [{"topic": "x"}]}
            for name, those in rows.items():
                lines = "\n".join(map(json.dumps, those))
                (tmp_path / f"{name}.json").write_text(lines)
        (tmp_path / "my.toml").write_text(text)
        return list(contradictions(load(tmp_path / "my.toml", needs_secret=False)))

    return read


def test_of_what_is_said_twice_one_adds_nothing(told):
    bought = "match = 'sku'\nlasts = '30d'\n"
    text = SAID.format("one", "purchased", bought + "channels = ['ad', 'email']")
    text += SAID.format("other", "purchased", bought + "channels = ['email']")
    text += SAID.format("elsewhere", "purchased", bought + "channels = ['sms']")
    text += SAID.format("longer", "purchased", bought.replace("30", "60"))
    assert told(text) == [
        "suppress.one and suppress.other say the same: whatever one holds the other holds, too."
    ]


def test_an_own_list_of_blocked_values_says_what_it_leaves_out(told):
    shipped = load(needs_secret=False).identity.blocked
    assert told("[identity]\nblocked = " + json.dumps([*shipped, "SDK"])) == []
    (line,) = told("[identity]\nblocked = ['SDK', 'Null']")
    assert "noreply@example.com" in line
    assert "null" not in line


def test_checks_that_can_never_both_be_met_are_told(told):
    asks = "seasons = false\nregions = false\n"

    def check(name: str, more: str) -> str:
        return SAID.format(name, "out_of_context", asks + more)

    text = check("mornings", "hours = '7-10'\nchannels = ['email']")
    text += check("evenings", "hours = '18-22'") + check("long", "hours = '6-23'")
    text += check("warm", "temperature_from = 20\nchannels = ['sms']")
    text += check("cool", "temperature_to = 10\nchannels = ['sms', 'push']")
    text += check("mild", "temperature_to = 25")
    text += check("wet", "rain = true\nchannels = ['web']")
    text += check("dry", "rain = false\nchannels = ['web']")
    found = [line.partition(", so nothing")[0] for line in told(text)]
    assert found == [
        "suppress.mornings and suppress.evenings can never both be met: no hour suits both",
        "suppress.warm and suppress.cool can never both be met: no temperature suits both",
        "suppress.wet and suppress.dry can never both be met: no weather suits both",
    ]


def test_the_larger_of_two_caps_of_the_same_is_in_vain(told):
    cap = "[[caps]]\nname = '{}'\nchannels = {}\nlimit = {}\nwindow = '{}'\n"
    text = cap.format("three", "['email', 'sms']", 3, "7d")
    text += cap.format("five", "['sms', 'email']", 5, "7d")
    text += cap.format("mails", "['email']", 5, "7d")
    text += cap.format("month", "['email', 'sms']", 5, "30d")
    assert told(text) == [
        "caps.five never holds anything that caps.three does not: both count the same, and allow "
        "5 and 3 in 7 days."
    ]


def test_a_cap_of_what_no_table_knows_is_told(told):
    text = SHOP + (
        "[[caps]]\nname = 'sales'\nlimit = 3\nwindow = '7d'\n"
        "campaigns = ['spring', 'sprng']\ntopics = ['X', 'news']\nexempt_topics = ['y']\n"
    )
    assert told(text) == []
    of_none = [line for line in told(text, with_files=True) if line.startswith("caps.")]
    own = "; only messages that say so themselves are of it."
    assert of_none == [
        f"caps.sales: reference.campaigns knows no campaign sprng (did you mean spring?){own}",
        f"caps.sales: the reference tables know no topic news{own}",
        f"caps.sales: the reference tables know no topic y{own}",
    ]


def test_what_no_product_has_and_what_is_about_nothing(told):
    text = SHOP + SAID.format(
        "asked", "declared_preference",
        "attributes = ['drive', 'SEATS', 'brand', 'category', 'doors', 'price', 'colour']",
    )  # fmt: skip
    text += SAID.format("any", "declared_preference", "lasts = '90d'")
    none = "suppress.asked: no product of reference.products has an attribute {}."
    assert told(text) == []  # without files nobody knows
    assert told(text, with_files=True) == [
        *(none.format(name) for name in ("brand", "colour", "doors", "price")),
        "reference.campaigns: 1 say neither products nor categories, brands, a topic or a discount "
        "(mute): no rule about these holds what is sent with them, unless its message says so "
        "itself.",
    ]


def test_two_policies_of_one_name_are_refused(tmp_path):
    from tactful.jobs.errors import ConfigError

    text = SAID.format("twice", "service_open", "lasts_at_most = '3d'")
    text += "[[caps]]\nname = 'twice'\nlimit = 3\nwindow = '7d'\n"
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(ConfigError, match="a name of its own"):
        load(tmp_path / "my.toml", needs_secret=False)
