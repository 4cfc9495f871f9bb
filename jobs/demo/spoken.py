"""Customers to whom something is said next, generated with the truth of what that is.

They live in New York and have nothing to do with the households of the data. What the shop has to
say to them begins when the data has ended, so no figure about the data's own months knows of it;
what happens then, and what the mail service tells of what it was handed, lies in the same files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.people import AREAS
from tactful.jobs.demo.web import GENERATED
from tactful.schemas.events import wide_columns

HOME = ZoneInfo("America/New_York")
# When what is said is decided; until when the mail service and the shop tell what came of it.
DECIDED_AT = datetime(2018, 1, 2, 19, tzinfo=UTC)
TOLD_UNTIL = datetime(2018, 1, 3, 14, 30, tzinfo=UTC)
CART, BELT, MUFFIN = "cart_reminder", "belt_with_shoes", "muffin_with_coffee"
CONTENTS = ("cart-left", "belt-with-shoes", "muffin-with-coffee")
# The day: shoes at half past eight, carts from nine on; in the afternoon it is decided.
DAY, NEXT_DAY = date(2018, 1, 2), date(2018, 1, 3)
JOINED_ON, LETTERS_FROM, LETTERS = date(2017, 10, 2), date(2017, 10, 4), 10
VALUED_ORDER = "450.00"
# The newest of what fills a cap of three a week; the first of them is over a day too late.
PROMOTED_ON = (date(2017, 12, 27), date(2017, 12, 29), date(2017, 12, 30))


@dataclass(frozen=True)
class Role:
    """Some customers who do the same, and what is to be said to them.

    hour: at which they read, where they live. answers: how many of them buy what they are told of.
    reads: whether they open mails, or only a machine does, or nobody, and they click texts. buys:
    what they buy in the store that day. has_cart: whether they leave a mat in the cart; buys_it_at:
    from when on they buy that in the store. said, on, told_at: the policy and channel by which they
    hear of something, on which day at which hour and minute. is_full: whether a cap is full of what
    they were sent last week.
    """

    name: str
    count: int
    hour: int
    reads: str = "opens"
    buys: tuple[str, ...] = ()
    has_cart: bool = True
    buys_it_at: tuple[int, int] | None = None
    said: str | None = CART
    on: str = "email"
    told_at: tuple[date, int, int] = (DAY, 18, 0)
    answers: int = 0
    is_full: bool = False


ROLES = (
    Role("bought in the store", 12, 18, buys_it_at=(13, 30), said=None),
    Role("left a cart", 14, 18, answers=6),
    Role("silent", 10, 18, reads="nothing", on="sms", answers=5),
    Role("seems silent", 8, 18, reads="machine"),
    Role("bought shoes", 12, 18, buys=("SHOES-RUN",), has_cart=False, said=BELT, answers=4),
    Role("shoes and a cart", 8, 18, buys=("SHOES-RUN",)),
    Role("coffee at nine", 10, 9, has_cart=False, buys=("COFFEE",), said=MUFFIN,
         told_at=(NEXT_DAY, 8, 10), answers=6),
    Role("heard enough", 9, 18, said=None, is_full=True),
)  # fmt: skip
SOLD = {
    "SHOES-RUN": ("Running shoes", "120.00"), "MAT-YOGA": ("Yoga mats", "34.00"),
    "COFFEE": ("Coffee", "4.00"), "MUFFIN": ("Bakery", "3.00"), "BELT-RUN": ("Belts", "29.00"),
    "COAT-WOOL": ("Coats", VALUED_ORDER),
}  # fmt: skip
ANSWERED = {CART: "MAT-YOGA", BELT: "BELT-RUN", MUFFIN: "MUFFIN"}


@dataclass(frozen=True)
class Spoken:
    """What should come out: of each kind, how many customers."""

    bought_in_store: int
    reminded: int
    by_text: int
    seem_silent: int
    belts: int
    lost: int
    muffins: int
    moved: int
    answered: int


@dataclass(frozen=True)
class Person:
    """One of them."""

    number: int
    role: Role
    answers: bool

    @property
    def household(self) -> str:
        return f"said-{self.number:03d}"

    @property
    def customer_id(self) -> str:
        return f"NY{self.number:05d}"

    @property
    def email(self) -> str:
        return f"reader.{self.number:03d}@example.com"

    @property
    def phone(self) -> str:
        """Of an exchange that the households' phones never reach."""
        return f"+1{AREAS[0]}954{1000 + self.number:04d}"


def persons() -> list[Person]:
    """All of them, role by role; the first of each answer."""
    found: list[Person] = []
    for role in ROLES:
        for nth in range(role.count):
            found.append(Person(len(found) + 1, role, nth < role.answers))
    return found


def planted() -> Spoken:
    """How many customers each thing is to come out for."""
    told = {role.name: role for role in ROLES}
    carts = [role for role in ROLES if role.said == CART]
    return Spoken(
        bought_in_store=told["bought in the store"].count,
        reminded=sum(role.count for role in carts),
        by_text=told["silent"].count,
        seem_silent=told["seems silent"].count,
        belts=told["bought shoes"].count,
        lost=told["shoes and a cart"].count,
        muffins=told["coffee at nine"].count,
        moved=told["heard enough"].count,
        answered=sum(role.answers for role in ROLES),
    )


def product_rows() -> Iterator[dict[str, object]]:
    """Return what a café sells, as reference rows: a muffin goes with a coffee."""
    for sku in ("COFFEE", "MUFFIN"):
        category, price = SOLD[sku]
        goes_with = ["MUFFIN"] if sku == "COFFEE" else None
        yield {
            "sku": sku, "category": category, "price": price, "complements": goes_with,
            "attributes": {"source": GENERATED},
        }  # fmt: skip


def content_rows() -> Iterable[dict[str, object]]:
    """Return what is said, as reference rows."""
    return ({"content_id": name} for name in CONTENTS)


def identifier_rows() -> list[tuple[str, str, str, str, str | None]]:
    """Return whose each identifier is, in the columns of `people.truth`."""
    return [
        (kind, value, "owned", one.household, _sha(value) if kind == "email" else None)
        for one in persons()
        for kind, value in known_by(one).items()
    ]


def events(spark: SparkSession) -> dict[str, DataFrame]:
    """Return what happens to them, by feed."""
    by_feed: dict[str, list[tuple[str]]] = {}
    for person in persons():
        for feed, event in _life(person):
            by_feed.setdefault(feed, []).append((json.dumps(event),))
    fields = ", ".join(f"`{column.name}` {column.type}" for column in wide_columns())
    return {
        feed: spark.createDataFrame(rows, "row string")
        .select(F.from_json("row", fields).alias("e"))
        .select("e.*")
        for feed, rows in by_feed.items()
    }


def known_by(person: Person) -> dict[str, str]:
    """Every identifier of one of them, by its type."""
    return {"customer_id": person.customer_id, "email": person.email, "phone": person.phone}


def _sha(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _at(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A moment where they live."""
    moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=HOME)
    return moment.astimezone(UTC)


def _life(person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that happens to one of them, each with the feed that tells it."""
    role = person.role
    spread = person.number % 20
    joined = _at(JOINED_ON, 12, spread)
    place = {"country": "US", "region": "NY", "time_zone": HOME.key}
    yield "web", _event(person, "signup", joined, ("customer_id", "email"), geo=place)
    for channel in ("email", "sms"):
        yield "crm", _event(
            person, "consent_granted", joined + timedelta(minutes=1),
            ("customer_id", "email" if channel == "email" else "phone"), about=channel,
            channel=channel, purpose="marketing", jurisdiction="US", provenance="zero",
        )  # fmt: skip
    if role.reads != "opens":
        yield _order(person, _at(JOINED_ON, 15, spread), ["COAT-WOOL"], "online")
    yield from _heard(person)
    yield from _buys(person)
    yield from _day(person)


def _heard(person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """Weekly letters, and what came of them; texts that are clicked by who opens none."""
    role = person.role
    for week in range(LETTERS):
        day = LETTERS_FROM + timedelta(weeks=week)
        letter = f"letter-{week}-{person.number}"
        read_at = _at(day, role.hour, 20) if role.reads == "opens" else None
        opened_at = _at(day, 8, 1, 30) if role.reads == "machine" else read_at
        yield from _message(
            person, letter, "club-letters", "email", _at(day, 8), opened_at=opened_at,
            is_machine=role.reads == "machine",
        )  # fmt: skip
        if role.reads != "opens" and week % 2 == 0:
            text = f"text-{week}-{person.number}"
            at = _at(day + timedelta(days=1), role.hour)
            yield from _message(
                person, text, "club-texts", "sms", at, clicked_at=at + timedelta(minutes=10)
            )
    if role.is_full:
        for day in PROMOTED_ON:
            yield from _message(
                person, f"promotion-{day:%d}-{person.number}", "promotions", "email", _at(day, 11)
            )


def _buys(person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """What they buy: shoes in the morning, a coffee every day at nine."""
    spread = person.number % 20
    for sku in person.role.buys:
        if sku != "COFFEE":
            yield _order(person, _at(DAY, 8, 30 + spread), [sku], "store")
            continue
        for before in range(14):
            yield _order(person, _at(DAY - timedelta(days=before), 9, spread), [sku], "store")


def _day(person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cart of that day, what the mail service was handed, and what they make of it."""
    role, spread = person.role, person.number % 20
    sku = ANSWERED[role.said or CART]
    if role.has_cart:
        yield "web", _event(
            person, "add_to_cart", _at(DAY, 9, spread), ("customer_id",), sku="MAT-YOGA",
            category=SOLD["MAT-YOGA"][0], place="online",
        )  # fmt: skip
    if role.buys_it_at is not None:
        hour, minute = role.buys_it_at
        yield _order(person, _at(DAY, hour, minute + spread), [sku], "store")
    if role.said is None:
        return
    told_at = _at(*role.told_at, second=30)
    clicked_at = told_at + timedelta(minutes=20) if person.answers else None
    is_machine = role.reads == "machine"
    opened_at = told_at + timedelta(seconds=90) if is_machine else None
    yield from _message(
        person, f"said-{person.number}", role.said, role.on, told_at, opened_at=opened_at,
        is_machine=is_machine, clicked_at=clicked_at,
    )  # fmt: skip
    if person.answers:
        place = "store" if role.said == MUFFIN else "online"
        with_it = ["COFFEE", sku] if role.said == MUFFIN else [sku]
        yield _order(person, told_at + timedelta(minutes=50), with_it, place)


def _event(
    person: Person, kind: str, at: datetime, names: tuple[str, ...], about: str = "", **told: Any
) -> dict[str, Any]:
    known = known_by(person)
    return {
        "event_id": "-".join(
            part for part in (person.household, kind, about, f"{at:%m%d%H%M%S}") if part
        ),
        "type": kind,
        "occurred_at": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        "source": GENERATED,
        "identifiers": [{"type": name, "value": known[name]} for name in names],
        **told,
    }


def _order(person: Person, at: datetime, skus: list[str], place: str) -> tuple[str, dict[str, Any]]:
    lines = [
        {"line_id": str(n), "sku": sku, "category": SOLD[sku][0], "quantity": 1,
         "unit_price": float(SOLD[sku][1])}
        for n, sku in enumerate(skus, start=1)
    ]  # fmt: skip
    return "shop", _event(
        person, "order_placed", at, ("customer_id", "email"), place=place, currency="USD",
        order_id=f"{person.household}-{at:%m%d%H%M}", lines=lines,
    )  # fmt: skip


def _message(
    person: Person,
    message_id: str,
    campaign_id: str,
    channel: str,
    at: datetime,
    *,
    opened_at: datetime | None = None,
    is_machine: bool = False,
    clicked_at: datetime | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """That a message was sent and delivered, and what became of it."""
    moments = {
        "sent": at, "delivered": at + timedelta(seconds=6), "opened": opened_at,
        "clicked": clicked_at,
    }  # fmt: skip
    for kind, moment in moments.items():
        if moment is not None:
            yield "esp", _event(
                person, kind, moment, ("phone" if channel == "sms" else "email",), message_id,
                message_id=message_id, channel=channel, purpose="marketing",
                campaign_id=campaign_id,
                machine_open=True if kind == "opened" and is_machine else None,
            )  # fmt: skip
