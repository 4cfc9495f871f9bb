"""What a suppression rule is: everything that code elsewhere may ask of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# How far back events of each class bear on what must not be said now; None means for ever.
Reads = Mapping[str, timedelta | None]


@dataclass(frozen=True)
class Policy:
    """One rule as a business has configured it: its name there, and what was chosen."""

    name: str
    when: str
    options: Any


@dataclass(frozen=True)
class Facts:
    """What rules may read of the persons they decide about.

    timeline: rows with person_id. labels: newest label of the persons' identifiers and of those
    that their refusals carry. lines: see `settled_lines`; None where no rule asks for them.
    currency: the business's own. experiences: see `bad_experiences`; None unless a rule judges.
    """

    timeline: DataFrame
    labels: DataFrame
    products: DataFrame
    lines: DataFrame | None
    currency: str
    experiences: DataFrame | None = None


class Fault(NamedTuple):
    """What is wrong between the options of one entry: the key, what it may be, and what helps."""

    key: str
    allowed: str
    hint: str = ""


def none_wrong(given: Mapping[str, Any]) -> Iterable[Fault]:
    """The options bear each other, whatever they are."""
    return ()


def no_reference(options: Any) -> Mapping[str, str]:
    """The rule asks for no reference table."""
    return {}


def lifted_by_nothing(options: Any) -> str:
    """Nothing ends it before its time."""
    return ""


def names_no_attribute(given: Mapping[str, Any]) -> Sequence[str] | None:
    """It goes by nothing that persons say of themselves."""
    return ()


def judges_nothing(options: Any) -> timedelta | None:
    """It is worked out from events alone."""
    return None


def none_by_itself() -> Column:
    """None of its rows is a bad experience unless a message was sent against it."""
    return F.lit(False)


def nothing_odd(options: Any) -> Iterable[str]:
    """Whatever is chosen, it is what it looks like."""
    return ()


def touched_at_all(options: Any) -> float:
    """A message is touched by one product, however many it offers."""
    return 0.0


@dataclass(frozen=True)
class Rule:
    """One kind of suppression rule, as `when` names it.

    `doc`        a sentence a marketer could read.
    `precedence` its place among the reasons of one message: of several the lowest is told first.
    `options`    a frozen dataclass of `option`s: what may be chosen of it.
    `stream`     the stream whose events cause its rows; without a source of it, it is idle.
    `signals`    further streams whose events may carry what causes some.
    `reads`      options, `slowest` (a function that asks for the longest replenishment time of any
                 product, None without one) → how far back it reads events of each class of the
                 timeline (see `schemas/events.py`); classes it does not name it does not read.
    `rows`       Facts, policies → rows of `suppressions`, and cause. Policies of all rules that
                 share one function are worked out in one pass.
    `says`       options → what it says of a message that it would have stopped.
    `lifts`      options, None where they are not known → what ends a row of it early, in words a
                 marketer reads; empty where nothing does.
    `faults`     an entry as written, types unchecked → what is wrong between its options.
    `oddities`   options → what is allowed and hardly meant, each a sentence without its stop.
    `references` options → reference tables without which it is idle, and why.
    `attributes` an entry as written, types unchecked → what it goes by that persons say of
                 themselves, by name; None where it goes by all of it.
    `share`      options → the share of a message's products from which on it is touched.
    `judges`     options → how long ago bad experiences bear on what must not be said now; None
                 where it is not worked out from them. Such a rule makes none itself.
    `is_experience`        whether a row of it is a bad experience by itself, from its start on.
    `gives_up`             whether a row of it that ended and that nothing lifted was given up.
    `needs_lines`          whether it reads what was bought and taken back.
    `is_no_to_ads`         whether its rows about ads or all channels say no to being uploaded.
    `is_opt_out`           whether its rows may stand on a vendor's list of those who opted out.
    `is_about_addresses`   whether an address that no message reaches is what it is about, so that
                           a destination of it is told of just that address.
    `is_about_attributes`  whether its scopes name attributes of products.
    `is_about_offers`      whether it speaks against offering something, and so against no message
                           that offers nothing, such as asking for a review of what was bought.
    `is_bad_experience`    whether a message that it would have stopped is one (`customer_scores`).
    """

    when: str
    doc: str
    precedence: int
    options: type
    stream: str
    reads: Callable[..., Reads]
    rows: Callable[[Facts, Sequence[Policy]], DataFrame]
    says: Callable[[Any], str]
    lifts: Callable[[Any], str] = lifted_by_nothing
    faults: Callable[[Mapping[str, Any]], Iterable[Fault]] = none_wrong
    oddities: Callable[[Any], Iterable[str]] = nothing_odd
    references: Callable[[Any], Mapping[str, str]] = no_reference
    attributes: Callable[[Mapping[str, Any]], Sequence[str] | None] = names_no_attribute
    share: Callable[[Any], float] = touched_at_all
    judges: Callable[[Any], timedelta | None] = judges_nothing
    is_experience: Callable[[], Column] = none_by_itself
    signals: tuple[str, ...] = ()
    gives_up: bool = False
    needs_lines: bool = False
    is_no_to_ads: bool = False
    is_opt_out: bool = False
    is_about_addresses: bool = False
    is_about_attributes: bool = False
    is_about_offers: bool = False
    is_bad_experience: bool = False


def in_words(span: timedelta) -> str:
    """A span as people say it, in the largest unit that it fills: 90 seconds are 1.5 minutes."""
    units = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
    name, unit = next(
        (pair for pair in units.items() if span >= pair[1]), ("second", timedelta(seconds=1))
    )
    count = f"{span / unit:g}"
    return f"{count} {name}" if count == "1" else f"{count} {name}s"
