"""Small random worlds: few customers, few products and few hours, so that every rule meets others.

A world is a pure function of its seed. `tests/landing.py` writes it to disk.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from tests.landing import World, land, split, to_toml, write, write_conf
from tests.oracle.fields import EVENT_TYPES as TYPES
from tests.worlds_caps import more_caps, topics
from tests.worlds_closings import shared_addresses, silence
from tests.worlds_contacts import contacts
from tests.worlds_context import checks, elsewhere, seasonal, world_context
from tests.worlds_customers import business, furnish, habits
from tests.worlds_deliveries import deliveries
from tests.worlds_dialects import dialects
from tests.worlds_manual import MANUAL, manual_links
from tests.worlds_money import in_pounds, world_rates
from tests.worlds_offers import offers, world_campaigns, world_contents
from tests.worlds_preferences import preferences
from tests.worlds_products import world_products
from tests.worlds_rows import (
    CATEGORIES,
    SKUS,
    awkward_rows,
    broken_rows,
    order_lines,
    reused_ids,
    said_again,
    spelled_oddly,
    till_lines,
    undone,
    world_config,
)
from tests.worlds_signals import signals
from tests.worlds_spellings import JUNK, named_sources, spellings
from tests.worlds_touches import touches
from tests.worlds_words import channelless, dead_addresses, new_address, spelled

__all__ = [
    "World", "awkward_rows", "land", "make", "reused_ids", "split", "to_toml", "worlds", "write",
    "write_conf",
]  # fmt: skip

START = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF, END = START + timedelta(days=18), START + timedelta(days=22)
LANDED_AT = START + timedelta(days=60)
STEP = 3  # hours between the moments of a world: coarse, so that events tie and windows just close

SOURCES = {
    "web": "clicks", "app": "clicks", "shop": "purchases", "till": "purchases",
    "mail": "messages", "crm": "profiles", "desk": "service",
}  # fmt: skip
CAMPAIGNS = ("spring", "sale", None)
LAWS = ("US", "us-ca", " DE", "EU", "", None, None)
CHANNELS = ("email", "email", "email", "sms", "push", "ad", "call")


def worlds() -> st.SearchStrategy[World]:
    """Any small world, for property tests."""
    return st.integers(0, 2**32 - 1).map(make)


def make(seed: int) -> World:
    """The world of a seed: about 70 to 250 rows."""
    return _Maker(random.Random(seed)).world(seed)


@dataclass
class _Person:
    customer_id: str
    emails: list[str]
    phone: str
    loyalty_id: str
    devices: list[str]
    cookies: list[str]


@dataclass
class _Maker:
    dice: random.Random
    rows: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SOURCES})
    used: Counter[str] = field(default_factory=Counter)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def world(self, seed: int) -> World:
        self.people = [self._person(n) for n in range(self.dice.randint(6, 9))]
        self._desk_address()
        stories = (
            (self.browse, 4), (self.order, 5), (self.message, 5), (self.campaign, 3),
            (self.consent, 2), (partial(new_address, self), 1), (partial(dead_addresses, self), 2),
            (self.contact, 1), (partial(silence, self), 1), (self.attribute, 1),
            (self.till_return, 2),
        )  # fmt: skip
        told, weights = zip(*stories, strict=True)
        often = [8, 6, 4] + [1] * (len(self.people) - 3)  # rules meet where few do much
        for _ in range(self.dice.randint(10, 50)):
            person = self.dice.choices(self.people, often)[0]
            self.dice.choices(told, weights)[0](person)
        self._every_type()
        furnish(self.rows, seed)
        offers(self.rows, seed)
        elsewhere(self.rows, seed)
        self._repeat_some()
        spelled_oddly(self.rows, seed)
        for source, row in broken_rows(self.dice, LANDED_AT):
            self.rows[source].append(row)
        config, products = world_config(self.dice, SOURCES), world_products(self.dice)
        for told_last in (
            shared_addresses, spellings, channelless, contacts, manual_links, touches, habits,
            named_sources, topics, preferences, deliveries,
        ):  # fmt: skip
            told_last(self, seed)
        config["sources"] |= dialects(self, seed)
        config["caps"] += more_caps(seed)
        config["suppress"] += checks(seed)
        seasonal(products, seed)
        for section, values in business(seed).items():
            config[section] = {**config.get(section, {}), **values}
        signals(self, config, seed)
        return World(
            self.rows, config, products, AS_OF, LANDED_AT, seed,
            world_rates(seed), world_contents(seed), world_campaigns(seed), world_context(seed),
        )  # fmt: skip

    # --- who -------------------------------------------------------------------------------

    def _person(self, n: int) -> _Person:
        own = [f"{kind}{n}" for kind in ("d", "k")]
        return _Person(
            customer_id=f"c{n}",
            emails=[f"ann{n}@mail.example", f"ann.{n}@work.example"][: self.dice.randint(1, 2)],
            phone=f"41555526{n:02d}",
            loyalty_id=f"L{n}",
            devices=[own[0], "tablet", "kiosk"][: self.dice.choice((1, 1, 2, 3))],
            cookies=[own[1], f"{own[1]}b", "library"][: self.dice.choice((1, 2, 2, 3))],
        )

    def who(self, person: _Person) -> list[dict[str, Any]]:
        """The identifiers of one event: from nobody's to two customers' at once."""
        pick, chance = self.dice.choice, self.dice.random
        known = self.dice.choices(("guest", "device", "address", "customer"), (1, 4, 4, 7))[0]
        if known == "guest":
            return []
        ids: list[tuple[str, str | None]] = []
        if known == "customer":
            ids.append(("customer_id", person.customer_id))
        if known == "address" or chance() < 0.4:
            email = pick(person.emails) if chance() < 0.9 else "desk@shop.example"
            ids.append(self._spelled(email))
        if chance() < 0.2:
            ids.append(("phone", self._dialled(person.phone)))
        if chance() < 0.15:
            ids.append(("loyalty_id", person.loyalty_id))
        if known == "device" or chance() < 0.35:
            ids.append(("device_id", pick(person.devices)))
        if chance() < 0.3:
            ids.append(("anonymous_id", pick(person.cookies)))
        if known == "customer" and chance() < 0.04:
            ids.append(("customer_id", pick(self.people).customer_id))
        if chance() < 0.1:
            ids.append(pick(JUNK))
        if chance() < 0.04:
            ids.append(ids[0])
        self.dice.shuffle(ids)
        return [{"type": kind, "value": value} for kind, value in ids]

    def _spelled(self, email: str) -> tuple[str, str]:
        hashed = hashlib.sha256(email.encode()).hexdigest()
        forms = (
            ("email", email), ("email", f" {email.upper()} "),
            ("email_sha256", hashed), ("email_sha256", hashed.upper()),
        )  # fmt: skip
        return self.dice.choices(forms, (5, 2, 3, 1))[0]

    def _dialled(self, phone: str) -> str:
        area, near, end = phone[:3], phone[3:6], phone[6:]
        return self.dice.choice((phone, f"+1{phone}", f"({area}) {near}-{end}", f"1.{phone} "))

    def _desk_address(self) -> None:
        """One address that every customer was seen with: a hub, where bounds are as shipped."""
        for person in self.people:
            ids = [("customer_id", person.customer_id), self._spelled("desk@shop.example")]
            named = [{"type": kind, "value": value} for kind, value in ids]
            self.add("clicks", "login", self.when(), named)

    # --- when ------------------------------------------------------------------------------

    def when(self) -> datetime:
        return START + timedelta(hours=STEP * self.dice.randrange(22 * 24 // STEP))

    def later(self, time: datetime) -> datetime:
        """Mostly soon after, at times at the very same moment or before, always in the world."""
        steps = self.dice.choice((0, 1, 1, 2, 3, 8, 16, 24, 40, 56, -1, -8))
        moved = time + timedelta(hours=STEP * steps)
        if self.dice.random() < 0.1:
            moved += timedelta(microseconds=self.dice.choice((-1, 1, 500_000)))
        return min(max(moved, START), END)

    def stamp(self, time: datetime) -> str:
        zone = self.dice.choices((0, 2, -5.5), (8, 1, 1))[0]
        if zone:
            local = time + timedelta(hours=zone)
            sign, minutes = "+" if zone > 0 else "-", int(abs(zone) * 60)
            return f"{local:%Y-%m-%dT%H:%M:%S.%f}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
        return f"{time:%Y-%m-%dT%H:%M:%S}{f'.{time:%f}' if time.microsecond else ''}Z"

    # --- what ------------------------------------------------------------------------------

    def add(
        self, stream: str, type_: str, time: datetime, ids: list[dict[str, Any]], **told: Any
    ) -> None:
        """One event; streams number theirs alike, so ids repeat from stream to stream."""
        self.used[stream] += 1
        self.seen.add((stream, type_))
        row = {
            "event_id": f"e{self.used[stream]}",
            "type": spelled(self.dice, type_, odd=False),
            "occurred_at": self.stamp(time),
            "identifiers": ids,
            **{name: value for name, value in told.items() if value is not None},
        }
        closed = ("channel", "purpose", "bounce") if stream in ("messages", "profiles") else ()
        told = {name: spelled(self.dice, row.get(name)) for name in closed}
        row |= {name: word for name, word in told.items() if word is not None}
        if self.dice.random() < 0.1:
            row["received_at"] = self.stamp(time + timedelta(seconds=9))
        if self.dice.random() < 0.1:
            row |= {"properties": {"screen": "wide"}, "never_heard_of": {"deep": [1, None]}}
        self._put(stream, row)

    def _put(self, stream: str, row: Any) -> None:
        source = self.dice.choice([name for name, feeds in SOURCES.items() if feeds == stream])
        self.rows[source].append(row)

    def browse(self, person: _Person, type_: str | None = None) -> None:
        pick = self.dice.choice
        self.add(
            "clicks", type_ or pick(TYPES["clicks"]), self.when(), self.who(person),
            sku=pick((*SKUS, None)), category=pick((*CATEGORIES, None)),
            message_id=pick((None, None, "m1")), campaign_id=pick(CAMPAIGNS), place="online",
            device=pick((None, {"type": "phone", "os": "android"})),
        )  # fmt: skip

    def order(
        self,
        person: _Person,
        time: datetime | None = None,
        ids: list[dict[str, Any]] | None = None,
        sku: str | None = None,
    ) -> None:
        """An order, what followed, and what was undone: by line, by product, or all of it."""
        self.used["order"] += 1
        told = {"order_id": f"o{self.used['order']}"}
        told["currency"] = in_pounds(self.dice.choice(("USD", "EUR", None)), told["order_id"])
        time, ids = time or self.when(), self.who(person) if ids is None else ids
        lines = order_lines(self.dice, sku)
        times = self.dice.choice((1, 1, 1, 1, 1, 1, 2))
        # At times the till does not know yet whose it is, and the shop does.
        is_unnamed = times > 1 and random.Random(told["order_id"]).random() < 0.5
        sent = [] if is_unnamed else ids
        for _ in range(times):
            self.add(
                "purchases", "order_placed", time, sent, lines=lines, **told,
                campaign_id=self.dice.choice(CAMPAIGNS), place="online",
            )  # fmt: skip
            time, sent = self.later(time), self.who(self.dice.choice((person, *self.people)))
        for type_ in ("order_paid", "order_shipped", "order_delivered"):
            if self.dice.random() < 0.15:
                self.add("purchases", type_, self.later(time), ids, **told)
        for _ in range(self.dice.choice((0, 0, 0, 1, 1, 2))):
            type_ = self.dice.choice(("order_cancelled", "order_returned", "order_refunded"))
            by = ids if self.dice.random() < 0.7 else self.who(self.dice.choice(self.people))
            what = undone(self.dice, lines or [])
            in_what = {} if self.dice.random() < 0.8 else {"currency": "EUR"}
            self.add("purchases", type_, self.later(time), by, **told | in_what, **what)

    def till_return(self, person: _Person) -> None:
        """A product is bought once or twice and comes back under a number of the till's own.

        At times its refund has the same number, and at times an order arrives under it after all.
        """
        self.used["till"] += 1
        time, ids = self.when(), [{"type": "customer_id", "value": person.customer_id}]
        sku, number = self.dice.choice(SKUS), f"t{self.used['till']}"
        for _ in range(self.dice.randint(1, 2)):
            self.order(person, time, ids, sku)
            time = self.later(time)
        for type_ in ("order_returned", "order_refunded", "order_returned"):
            if self.dice.random() < 0.5:
                what, by = till_lines(self.dice, sku), self.dice.choice((ids, self.who(person)))
                self.add("purchases", type_, time, by, order_id=number, lines=what)
                time = self.later(time)
        if self.dice.random() < 0.2:
            lines = order_lines(self.dice, sku)
            self.add("purchases", "order_placed", time, ids, order_id=number, lines=lines)

    def message(
        self,
        person: _Person,
        time: datetime | None = None,
        ids: list[dict[str, Any]] | None = None,
        skus: list[str] | None = None,
        **said: Any,
    ) -> None:
        """A message from its sending to what the person, their mailbox or a machine made of it."""
        pick, chance = self.dice.choice, self.dice.random
        time, ids = time or self.when(), self.who(person) if ids is None else ids
        told = {
            "message_id": self._message_id(),
            "channel": pick(CHANNELS),
            "purpose": pick(("marketing", "marketing", None, "transactional")),
            "campaign_id": pick(CAMPAIGNS),
            "variant": pick(("a", "b", None)),
            **said,
        }
        offer = {
            "skus": skus or self.dice.sample(SKUS, self.dice.randint(0, 4)) or None,
            "categories": pick((None, None, [pick(CATEGORIES)])),
            "cost": pick((None, 0.0125, 1)),
        }
        if chance() < 0.95:
            self.add("messages", "sent", time, ids, **told, **offer)
        if chance() < 0.1:
            again = self.who(person if chance() < 0.7 else pick(self.people))
            said = said_again(self.dice, told)
            self.add("messages", "sent", self.later(time), again, **said, **offer)
        after = (
            ("delivered", 0.6, {}), ("opened", 0.2, {"machine_open": True}),
            ("opened", 0.4, {"machine_open": pick((None, False))}), ("clicked", 0.4, {}),
            ("bounced", 0.1, {"bounce": pick(("hard", "hard", "soft", None))}),
            ("failed", 0.03, {}), ("complained", 0.04, {}), ("unsubscribed", 0.06, {}),
            ("subscribed", 0.02, {}),
        )  # fmt: skip
        for type_, likely, more in after:
            if chance() < likely:
                # Clocks disagree: what follows is at times dated just before the sending.
                skewed = time - timedelta(seconds=5)
                at = skewed if chance() < 0.1 and skewed > START else self.later(time)
                by = pick((ids, ids, [], [], self.who(pick(self.people))))
                self.add("messages", type_, at, by, **said_again(self.dice, told), **more)

    def campaign(self, person: _Person) -> None:
        """One product again and again to one customer, who buys it somewhere in between."""
        time, sku = self.when(), self.dice.choice(SKUS)
        ids = [{"type": "customer_id", "value": person.customer_id}]
        buys = self.dice.randrange(4)
        for n in range(self.dice.randint(2, 4)):
            self.message(person, time, ids, [sku], campaign_id="spring", purpose="marketing")
            time = self.later(time)
            if n == buys:
                self.order(person, time, ids, sku)

    def _message_id(self) -> str:
        self.used["message"] += 1
        return f"m{self.used['message']}"

    def _of_no_message(self, told: dict[str, Any]) -> dict[str, Any]:
        """What is told on a page, by a feed or in a list: at times neither message nor channel."""
        own = random.Random(told["message_id"])
        gone = own.choice(((), (), ("message_id",), ("message_id", "channel")))
        return {name: None if name in gone else value for name, value in told.items()}

    def consent(self, person: _Person, type_: str | None = None) -> None:
        time, ids = self.when(), self.who(person)
        told = {
            "channel": self.dice.choice((None, "email", "sms", "ad")),
            "purpose": self.dice.choice((None, "marketing", "marketing", "transactional")),
        }
        laws = random.Random(f"law {self.used['profiles']}")
        for _ in range(self.dice.choice((1, 2, 3))):
            said = type_ or self.dice.choice(("consent_granted", "consent_withdrawn"))
            self.add("profiles", said, time, ids, **told, jurisdiction=laws.choice(LAWS))
            time = self.later(time)

    def attribute(self, person: _Person, type_: str = "preference_set") -> None:
        told = {"attribute": "colour", "value": "blue", "provenance": "zero"}
        self.add("profiles", type_, self.when(), self.who(person), **told)

    def contact(self, person: _Person) -> None:
        self.used["contact"] += 1
        told = {"contact_id": f"t{self.used['contact']}", "channel": "chat", "topic": "return"}
        time, ids = self.when(), self.who(person)
        self.add("service", "contact_opened", time, ids, **told, order_id="o1")
        self.add("service", "contact_closed", self.later(time), ids, **told, satisfaction=2)

    # --- and the rest ----------------------------------------------------------------------

    def _every_type(self) -> None:
        """One event of each type that no story has told yet."""
        required: dict[str, Callable[[], dict[str, Any]]] = {
            "purchases": lambda: {"order_id": "o1"},
            "messages": lambda: {"message_id": "m1", "channel": "email"},
        }
        for stream, type_ in ((s, t) for s, of in TYPES.items() for t in of if t not in MANUAL):
            if (stream, type_) not in self.seen:
                when, who = self.when(), self.who(self.dice.choice(self.people))
                self.add(stream, type_, when, who, **required.get(stream, dict)())

    def _repeat_some(self) -> None:
        """Exact repeats, delivered again later or by another source of the stream."""
        everything = [(SOURCES[name], row) for name, rows in self.rows.items() for row in rows]
        for stream, row in self.dice.sample(everything, len(everything) // 15):
            again = {**row, "received_at": self.stamp(END), "source": "retry"}
            self._put(stream, again if self.dice.random() < 0.7 else row)
