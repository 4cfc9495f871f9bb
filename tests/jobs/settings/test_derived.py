"""What settings and the main job make of what rules say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tactful.jobs.decide import Lookback, lookback
from tactful.jobs.settings.checks import _misplaced
from tactful.jobs.settings.derived import with_options
from tactful.jobs.settings.models import READ_AS, Section
from tactful.transforms.options import option, options_of


@dataclass(frozen=True, kw_only=True)
class Rests:
    rest: timedelta = option("How long.", default=timedelta(days=14))
    lasts: str = option("Another word.", default="x", allowed=("x", "y"))
    most: int | None = option("How many.", default=None, at_least=0, at_most=9)


@dataclass(frozen=True, kw_only=True)
class Lasts:
    rest: timedelta = option("How long.", default=timedelta(days=7))
    lasts: str = option("Another word.", default="x", allowed=("x", "z"))


class Entry(Section):
    name: str


def test_options_of_one_name_become_one_key():
    model = with_options(Entry, [Rests, Lasts], READ_AS)
    assert list(model.model_fields) == ["name", "rest", "lasts", "most"]
    read = model(name="a", rest="2d", lasts="z", most=0)
    assert (read.rest, read.lasts, read.most) == (timedelta(days=2), "z", 0)
    # What they differ in, each says when asked.
    assert (model(name="a").rest, model(name="a").lasts) == (None, "x")
    with pytest.raises(ValueError, match="less than or equal to 9"):
        model(name="a", most=10)


def test_options_of_one_name_and_two_types_are_refused():
    @dataclass(frozen=True, kw_only=True)
    class Odd:
        rest: int = option("How many.", default=1)

    with pytest.raises(TypeError, match="Option rest has several types"):
        with_options(Entry, [Rests, Odd], READ_AS)


def test_a_value_that_only_another_rule_has_is_refused():
    declared = {"rests": options_of(Rests), "lasts": options_of(Lasts)}
    entry = {"lasts": "y", "most": 3}
    assert list(_misplaced((), entry, "lasts", declared, kind_of="when")) == [
        (("lasts",), '"y"', "x or z", ""),
        (("most",), "3", 'no such key unless when = "rests"', ""),
    ]


BOUGHT = "[[suppress]]\nname = 'b'\nwhen = 'purchased'\nmatch = 'sku'\n"
FILE = "[[destinations]]\nname = 'f'\nkind = 'file'\npolicy = 'b'\n"
DAY = timedelta(days=1)


def of_orders(span: timedelta | None) -> dict[str, timedelta | None]:
    return {"order": span, "reversal": span}


LOOKBACKS = {
    "nothing is named": ("lasts = '9d'\n", "", {}),
    "by the clock": ("lasts = '9d'\n", FILE, of_orders(9 * DAY)),
    "by the slowest product": ("lasts = '9d'\nlasts_share = 0.5\n", FILE, of_orders(11 * DAY)),
    "paid later": (
        "lasts = '9d'\nat = 'order_paid'\npaid_within = '2d'\n",
        FILE,
        {**of_orders(11 * DAY), "fulfilment": 11 * DAY},
    ),
    "for ever": ("lasts_share = 0.5\n", FILE, of_orders(None)),
}


class Products:
    """Stands for the products, of which only the slowest is asked."""

    def agg(self, *_: Any) -> Products:
        return self

    def first(self) -> tuple[float]:
        return (21.0,)


@pytest.mark.parametrize(("lasts", "named", "orders"), LOOKBACKS.values(), ids=LOOKBACKS)
def test_how_far_back_the_rules_look(spark, read, lasts, named, orders):
    found = lookback(read(BOUGHT + lasts + named), Products())
    assert found == Lookback({"consent": None, "message": timedelta(), **orders})


def test_what_bad_experiences_are_made_of_is_read_as_far_back_as_they_count(spark, read):
    tired = (
        "[[suppress]]\nname = 'worn'\nwhen = 'fatigued'\nbad_limit = 2\nwindow = '5d'\n"
        "rest = '3d'\n" + FILE.replace("'b'", "'worn'")
    )
    found = lookback(read(BOUGHT + "lasts = '9d'\n" + tired), Products())
    assert found.of == {
        "consent": None, "message": 11 * DAY, **of_orders(17 * DAY), "service": 38 * DAY,
    }  # fmt: skip
