"""Seeded draws: what is generated depends on ids and the seed, never on how Spark works.

Every draw is a hash of the seed, a salt that names the question, and the ids it is about. So
one seed gives one world, whatever the number of partitions, and the same draw can be made again
in another place instead of being carried there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

MANTISSA = float(2**53)


@dataclass(frozen=True)
class Dice:
    """The world's dice: one seed, and a throw for every salt and id."""

    seed: int

    def number(self, salt: str, *ids: Column) -> Column:
        """A whole number that nobody can guess from the ids alone."""
        return F.xxhash64(F.lit(self.seed), F.lit(salt), *ids)

    def share(self, salt: str, *ids: Column) -> Column:
        """A number from 0 up to, but without, 1, evenly spread."""
        return F.shiftrightunsigned(self.number(salt, *ids), 11) / F.lit(MANTISSA)

    def chance(self, probability: float, salt: str, *ids: Column) -> Column:
        """True for about this share of the ids."""
        return self.share(salt, *ids) < F.lit(probability)

    def below(self, limit: int | Column, salt: str, *ids: Column) -> Column:
        """A whole number from 0 up to, but without, the limit."""
        return F.floor(self.share(salt, *ids) * limit).cast("int")

    def pick(self, options: Sequence[object], salt: str, *ids: Column) -> Column:
        """One of the options, each as likely as it is often named."""
        choices = F.array(*(F.lit(option) for option in options))
        return F.element_at(choices, self.below(len(options), salt, *ids) + 1)

    def moment(self, start: datetime, end: datetime, salt: str, *ids: Column) -> Column:
        """A time between the two, mostly by day: shops sleep from 23 to 7 o'clock."""
        days = max((end - start).days, 1)
        second = self.share(salt + " second", *ids) * (16 * 3600) + 7 * 3600
        day = self.below(days, salt + " day", *ids)
        return later(F.lit(start), day * 86400 + second)

    def token(self, length: int, salt: str, *ids: Column) -> Column:
        """Hexadecimal digits that look like a machine's id."""
        return F.substring(F.md5(F.concat_ws("|", F.lit(str(self.seed)), F.lit(salt), *ids)), 1, length)


def later(moment: Column, seconds: Column | float) -> Column:
    """The moment so many seconds afterwards, to the millisecond."""
    step = seconds if isinstance(seconds, Column) else F.lit(float(seconds))
    return F.timestamp_millis(F.unix_millis(moment) + F.floor(step * 1000).cast("long"))


def identifiers(**values: Column) -> Column:
    """The event's identifiers in the canonical form; those without a value are left out."""
    nobody = F.array().cast("array<struct<type:string,value:string>>")
    return F.concat(
        *(
            F.when(
                value.isNotNull(),
                F.array(F.struct(F.lit(kind).alias("type"), value.cast("string").alias("value"))),
            ).otherwise(nobody)
            for kind, value in values.items()
        )
    )


def put_together(kind: str, *parts: Column | tuple[Column, Column]) -> Column:
    """A list of structs put together from parts; a part may be (condition, items).

    `kind` is the struct's DDL. Concatenation, because Spark compiles it and filters it does not.
    """
    nothing = F.array().cast(f"array<{kind}>")
    lists = [
        F.when(part[0], part[1]).otherwise(nothing) if isinstance(part, tuple) else part
        for part in parts
    ]
    return F.concat(*(one.cast(f"array<{kind}>") for one in lists))
