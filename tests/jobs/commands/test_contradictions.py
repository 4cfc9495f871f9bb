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
SPEAKS = "\n[[activate]]\nname = 'cart'\nwhen = 'cart_abandoned'\nchannels = ['email']"
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
    def read(
        text: str, *, with_files: bool = False, campaigns: list[dict] | None = None
    ) -> list[str]:
        if with_files or campaigns:
            own = campaigns or CAMPAIGNS
            rows = {"products": PRODUCTS, "campaigns": own, "contents": [{"topic": "x"}]}
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
        "5 and 3 in 7 days.",
        "caps.mails never holds anything that caps.three does not: that one counts all that this "
        "one counts, and allows 3 in 7 days, where it allows 5 in 7 days.",
    ]


@pytest.mark.parametrize(
    ("one", "other", "is_in_vain"),
    [
        ("limit = 3\nwindow = '7d'", "limit = 3\nwindow = '30d'", True),
        ("limit = 3\nwindow = '7d'", "limit = 4\nwindow = '30d'", False),
        ("limit = 3\nwindow = '7d'", "limit = 3\nwindow = '6d'", False),
        ("limit = 3\nwindow = '7d'\nchannels = ['sms']", "limit = 3\nwindow = '7d'", True),
        ("limit = 3\nwindow = '7d'", "limit = 3\nwindow = '9d'\nchannels = ['sms']", False),
        ("limit = 3\nwindow = '7d'\ntopics = ['a']",
         "limit = 2\nwindow = '7d'\ntopics = ['A', 'b']", True),
        ("limit = 3\nwindow = '7d'\ntopics = ['a']", "limit = 2\nwindow = '7d'\ncampaigns = ['a']",
         False),
        ("limit = 3\nwindow = '7d'", "limit = 2\nwindow = '7d'\nexempt_topics = ['a']", False),
        ("limit = 3\nwindow = '7d'\nexempt_topics = ['a']", "limit = 2\nwindow = '7d'", True),
        ("limit = 3\nwindow = '7d'\ncounts = 'opened'", "limit = 2\nwindow = '7d'", False),
        ("limit = 3\ncalendar = 'day'", "limit = 2\ncalendar = 'week'", False),
        ("limit = 3\ncalendar = 'day'\nchannels = ['sms']", "limit = 2\ncalendar = 'day'", True),
        ("limit = 3\ncalendar = 'day'\nzone = 'utc'", "limit = 2\ncalendar = 'day'", False),
        ("limit = 3\nwindow = '7d'\npurposes = ['transactional']", "limit = 2\nwindow = '8d'",
         False),
        ("limit = 3\nwindow = '7d'\npurposes = ['marketing']",
         "limit = 2\nwindow = '8d'\npurposes = ['transactional', 'marketing']", True),
        (f"limit = 3\nwindow = '7d'\non_cap = 'drop'{SPEAKS}", "limit = 2\nwindow = '8d'", False),
        ("limit = 3\nwindow = '7d'", f"limit = 2\nwindow = '8d'\non_cap = 'drop'{SPEAKS}", True),
        ("limit = 3\nwindow = '7d'",
         f"limit = 2\nwindow = '8d'\nrelaxed = [{{where = 'valued', limit = 9}}]{SPEAKS}", False),
    ],
)  # fmt: skip
def test_a_cap_that_another_always_comes_before_is_in_vain(told, one, other, is_in_vain):
    text = f"[[caps]]\nname = 'one'\n{one}\n[[caps]]\nname = 'other'\n{other}\n"
    found = [line for line in told(text) if line.startswith("caps.one never")]
    assert [line.split(":")[0] for line in found] == is_in_vain * [
        "caps.one never holds anything that caps.other does not"
    ]


def test_a_cap_of_campaigns_that_are_of_something_else_is_told(told):
    cap = "[[caps]]\nname = '{}'\nlimit = 3\nwindow = '{}'\ncampaigns = ['spring', 'autumn']\n{}\n"
    text = SHOP + cap.format("texts", "1d", "channels = ['sms', 'push']")
    text += cap.format("mails", "2d", "channels = ['sms', 'email']")
    text += cap.format("receipts", "3d", "purposes = ['transactional']")
    text += cap.format("news", "4d", "topics = ['news']")
    spring = {"campaign_id": "spring", "channel": "email", "purpose": "marketing", "topic": "News"}
    autumn = {"campaign_id": "autumn", "channel": "ad", "purpose": "marketing"}
    said = [line for line in told(text, campaigns=[spring, autumn]) if line.startswith("caps.")]
    own = "; only messages that say otherwise themselves are of it."
    by = "by reference.campaigns the campaigns that it names are all of the"
    assert said == [
        f"caps.texts: {by} channel ad or email, and it counts none of it{own}",
        f"caps.receipts: {by} purpose marketing, and it counts none of it{own}",
    ]


def test_what_can_never_be_true_is_told(told):
    never, may_be = "orders > 3 and orders < 2", "orders > 3 or orders < 2"
    text = f"""
[reference.contents]
path = "contents.json"
[[caps]]
name = "weekly"
limit = 3
window = "7d"
relaxed = [{{where = "{may_be}", limit = 4}}, {{where = "1 = 2", limit = 5}}]
[[activate]]
name = "cart"
when = "cart_abandoned"
channels = ["email"]
where = "{never}"
[[activate.steps]]
after = "1d"
content = [{{where = "{never}", content_id = "b"}}, {{content_id = "a"}}]
[[activate]]
name = "other"
when = "cart_abandoned"
channels = ["sms"]
where = "{may_be}"
content = [{{where = "{never}", content_id = "b"}}, {{content_id = "a"}}]
"""
    assert [line for line in told(text) if "can never be true" in line] == [
        "activate.cart.where can never be true: nobody is ever meant.",
        "activate.cart.steps.0.content.0.where can never be true: b is not said here.",
        "activate.other.content.0.where can never be true: b is not said here.",
        "caps.weekly.relaxed.1.where can never be true: nobody gets more.",
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
