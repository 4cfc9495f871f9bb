"""What is known of a person: by events alone, and with the clock."""

from __future__ import annotations

from tactful.schemas.events import TOTAL
from tactful.schemas.table import Column, Table

INTERVAL = (
    "struct<days_count:int,interval_days:double,deviation_days:double,next_purchase_on:date,"
    "confidence:double>"
)
ANSWER = "struct<value:string,provenance:string,said_at:timestamp>"
PRICE_BANDS = ("low", "middle", "high")
LIFECYCLES = ("prospect", "new", "active", "lapsing", "lapsed")
# Birth years. Pew Research Center, "Defining generations" (2019-01-17); of the first and the last,
# which it does not bound, the years that are usual.
GENERATIONS = {
    "greatest": (1901, 1927),
    "silent": (1928, 1945),
    "boomers": (1946, 1964),
    "x": (1965, 1980),
    "millennials": (1981, 1996),
    "z": (1997, 2012),
    "alpha": (2013, 2024),
}

_HABIT = (
    "of the fifty bought last: on how many days (UTC; at most the eleven newest count), the median "
    "interval, how much intervals deviate, when it is due again, and how sure that is (0 to 1)."
)
_YEARS = ", ".join(f"{name} {first}–{last}" for name, (first, last) in GENERATIONS.items())
_ZONE_NOTE = "In `time_zone`, of the newest hundred; null below five."

CUSTOMERS = Table(
    "customers",
    "person",
    ("person_id",),
    (
        Column("person_id", "string", "The person.", nullable=False),
        Column("first_seen_at", "timestamp", "First event.", nullable=False),
        Column("last_seen_at", "timestamp", "Last event.", nullable=False),
        Column(
            "orders",
            "bigint",
            "Orders placed and not wholly cancelled.",
            at_least=0,
            note="One that only has lines of negative amounts is none.",
        ),
        Column("first_order_at", "timestamp", "When the first such order was placed."),
        Column("last_order_at", "timestamp", "When the last such order was placed."),
        Column(
            "revenue",
            f"map<string,{TOTAL}>",
            "Per currency, what was paid and not given back; never below 0.",
            note="A line costs its amount, else quantity × unit_price − discount, without a quantity "
            "that of one, and 0 where neither is told. One of a negative amount, such as a voucher, "
            "lowers what the order's other lines cost, each by its part, and none below 0. An "
            "order without currency is in `business.currency`. What is given back in another "
            "currency takes the part of the goods that came back; money alone takes nothing.",
        ),
        Column(
            "revenue_total",
            TOTAL,
            "The same in the business's currency, by the rate of each order's day.",
            at_least=0,
            note="Orders in a currency without a rate are left out: `unpriced_orders`.",
        ),
        Column("unpriced_orders", "bigint", "Orders in a currency without a rate.", at_least=0),
        Column("average_order", TOTAL, "Mean of the priced orders, in the business's currency."),
        Column(
            "margin_total",
            TOTAL,
            "What was kept of revenue after `products.cost`, of lines whose cost is known.",
            note="Below 0 where more was sold under cost, or money was given back for goods that were "
            "kept: goods come back by a return, a cancellation, or a refund that tells a quantity or "
            "no amount. A line of quantity 0 costs nothing, one without a quantity one unit; a "
            "line whose amount nobody told is left out. Null where no cost is known.",
        ),
        Column("sale_share", "double", "Share of lines bought at a discount, 0 to 1."),
        Column(
            "returns_share",
            "double",
            "Share of lines of which something was returned.",
            note="By order_returned; a refund alone is none.",
        ),
        Column(
            "value_band",
            "string",
            "Whether most lines were cheap or dear among the products of their category; of several "
            "with as many the middle.",
            allowed=PRICE_BANDS,
        ),
        Column("categories", "array<string>", "Of most orders first; at most twenty."),
        Column("brands", "array<string>", "Of most orders first; at most twenty."),
        Column(
            "switched_brand",
            "boolean",
            "Whether the newest purchase was of another brand than the one before in its category.",
        ),
        Column("stores", "array<string>", "store_ids of most orders first; at most twenty."),
        Column(
            "places", "array<string>", "online, app, store: of most orders first, in lower case."
        ),
        Column("device_os", "string", "Of the device last seen."),
        Column(
            "time_zone",
            "string",
            "As told in the attribute time_zone, else of the newest located event, else the "
            "business's.",
            note="Names of the tz database are read, such as Europe/Berlin, in their own case; any "
            "other says nothing.",
        ),
        Column(
            "jurisdiction",
            "string",
            "The country whose law their consent is under: of the newest consent that names one, "
            "else of the newest located event.",
            note="A code of ISO 3166, alone or before a part of the country (US-CA). Null where no "
            "country is known, or the consent names something else.",
            is_later=True,
        ),
        Column("category_intervals", f"map<string,{INTERVAL}>", f"By category, {_HABIT}"),
        Column("product_intervals", f"map<string,{INTERVAL}>", f"By sku, {_HABIT}"),
        Column("sends", "map<string,bigint>", "Messages sent, per channel."),
        Column("deliveries", "map<string,bigint>", "Of those, delivered, per channel."),
        Column("opens", "map<string,bigint>", "Of those, opened by a person, per channel."),
        Column("clicks", "map<string,bigint>", "Of those, clicked, per channel."),
        Column(
            "conversions",
            "map<string,bigint>",
            "Of those, followed by an order that counts by click or campaign, per channel.",
            note="As `outcomes.goal_reached_at` says; an order that was wholly cancelled is none.",
        ),
        Column(
            "unsubscriptions",
            "map<string,bigint>",
            "How often they unsubscribed, per channel; all means every channel.",
        ),
        Column(
            "response_rates",
            "map<string,double>",
            "Share of sent messages that they opened or clicked, per channel.",
        ),
        Column(
            "preferred_channel",
            "string",
            "The channel of the best rate, five more counted as sent in vain.",
        ),
        Column("usual_response_hour", "int", "When most opens and clicks are.", note=_ZONE_NOTE),
        Column("usual_response_weekday", "int", "The same, 1 Monday to 7 Sunday.", note=_ZONE_NOTE),
        Column("usual_purchase_hour", "int", "When most orders are placed.", note=_ZONE_NOTE),
        Column("usual_purchase_weekday", "int", "The same, 1 Monday to 7 Sunday.", note=_ZONE_NOTE),
        Column("service_contacts", "bigint", "Contacts with customer service.", at_least=0),
        Column(
            "satisfaction",
            "double",
            "Mean of what was told of the contacts that they opened first, 1 to 5, to two places.",
        ),
        Column(
            "consents",
            "map<string,boolean>",
            "The newest word per channel:purpose, all means every channel: what was said, not what holds; a word for all may be newer than one for a channel, and `suppressions` says what is closed.",
        ),
        Column(
            "attributes",
            f"map<string,{ANSWER}>",
            "What is known by name: own answers (zero party) beat the shop's (first), these its "
            "partners' (second) and what was bought (third); then the newest.",
            note="Also where the newest tells no value: it takes the older one back.",
        ),
        Column(
            "generation",
            "string",
            "By the attribute birth_year, else birthday, else birth_date, else date_of_birth.",
            allowed=tuple(GENERATIONS),
            note=f"Born {_YEARS}. A birth_year is read as four digits, the others as texts that begin "
            "like 1990-02-28; what is not of that form says nothing.",
        ),
    ),
    "One row a person: what events alone say of them, so that it changes only when one comes. A "
    "shared device (`n_…`) is no person.",
    erased_by="publication",
)

CUSTOMER_SCORES = Table(
    "customer_scores",
    "person",
    ("person_id",),
    (
        Column("person_id", "string", "The person.", nullable=False),
        Column(
            "lifecycle",
            "string",
            "prospect: never ordered; new: first ordered within `scores.new_for`; active: ordered "
            "within `scores.active_for`; lapsing: for `scores.lapsing_for` more; then lapsed.",
            nullable=False,
            allowed=LIFECYCLES,
            note="Nobody is new whose first order lies within new_for of `business.history_from`.",
            clock=True,
        ),
        Column("recency_days", "int", "Whole days since the last order of all time.", clock=True),
        Column("recency_score", "int", "5 (lately) to 1, by `scores.recency_days`.", clock=True),
        Column(
            "frequency_score",
            "int",
            "1 to 5 (often), by `scores.orders`: all orders that ever were.",
            clock=True,
        ),
        Column(
            "money_score",
            "int",
            "1 to 5 (much), by `scores.revenue`: `customers.revenue_total`, of all orders ever.",
            clock=True,
        ),
        Column(
            "revenue_365d",
            TOTAL,
            "Kept of the orders of the last 365 days, in the business's currency.",
            clock=True,
        ),
        Column("valued", "boolean", "Whether that reaches `value.valued_from`.", clock=True),
        Column("contacts_90d", "bigint", "Contacts opened in the last 90 days.", clock=True),
        Column("open_contacts", "bigint", "Of those, closed by nobody.", clock=True),
        Column(
            "bad_experiences_90d",
            "bigint",
            "Complaints, and messages sent although just bought or a contact was open (`regrets`).",
            clock=True,
        ),
        Column(
            "opens_observable",
            "boolean",
            "False where all opens were made by machines: then opens are unknown, not none.",
            clock=True,
        ),
        Column("as_of", "timestamp", "When this was worked out.", clock=True),
    ),
    "One row a person, no shared device: what the clock has a say in; made anew when something comes, "
    "and once a business day.",
    erased_by="publication",
)
