"""Seeded draws: what is generated depends on ids and the seed, never on how Spark works.

Every draw is a hash of the seed, a salt that names the question, and the ids it is about. So
one seed gives one world, whatever the number of partitions, and the same draw can be made again
in another place instead of being carried there. They are SQL text: a draw is one call to Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

MANTISSA = f"{2**53}D"


@dataclass(frozen=True)
class Dice:
    """The world's dice: one seed, and a throw for every salt and id."""

    seed: int

    def number(self, salt: str, *ids: str) -> Column:
        """A whole number that nobody can guess from the ids alone; `ids` are column names."""
        return F.expr(self._number(salt, *ids))

    def share(self, salt: str, *ids: str) -> Column:
        """A number from 0 up to, but without, 1, evenly spread."""
        return F.expr(self._share(salt, *ids))

    def chance(self, probability: float, salt: str, *ids: str) -> Column:
        """True for about this share of the ids."""
        return F.expr(f"{self._share(salt, *ids)} < {probability!r}D")

    def below(self, limit: int | str, salt: str, *ids: str) -> Column:
        """A whole number from 0 up to, but without, the limit (a number or SQL)."""
        return F.expr(f"cast(floor({self._share(salt, *ids)} * ({limit})) as int)")

    def pick(self, options: Sequence[object], salt: str, *ids: str) -> Column:
        """One of the options, each as likely as it is often named."""
        choices = ", ".join(repr(option) for option in options)
        at = f"cast(floor({self._share(salt, *ids)} * {len(options)}) as int)"
        return F.expr(f"element_at(array({choices}), {at} + 1)")

    def moment(self, start: datetime, end: datetime, salt: str, *ids: str) -> Column:
        """A time between the two, mostly by day: shops sleep from 23 to 7 o'clock."""
        days = max((end - start).days, 1)
        day = f"floor({self._share(salt + ' day', *ids)} * {days})"
        second = f"{self._share(salt + ' second', *ids)} * {16 * 3600} + {7 * 3600}"
        millis = f"{int(start.timestamp())}000 + floor(({day} * 86400 + {second}) * 1000)"
        return F.expr(f"timestamp_millis({millis})")

    def token(self, length: int, salt: str, *ids: str) -> Column:
        """Hexadecimal digits that look like a machine's id."""
        return F.expr(
            f"substring(md5(concat_ws('|', {self.seed}, '{salt}', {_names(ids)})), 1, {length})"
        )

    def _number(self, salt: str, *ids: str) -> str:
        return f"xxhash64({self.seed}, '{salt}', {_names(ids)})"

    def _share(self, salt: str, *ids: str) -> str:
        return f"(shiftrightunsigned({self._number(salt, *ids)}, 11) / {MANTISSA})"


def _names(ids: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in ids)


def later(moment: Column, seconds: Column | float) -> Column:
    """The moment so many seconds afterwards, to the millisecond."""
    step = seconds if isinstance(seconds, Column) else F.lit(float(seconds))
    return F.timestamp_millis(F.unix_millis(moment) + F.floor(step * 1000).cast("long"))


def identifiers(**values: Column | str) -> Column:
    """The event's identifiers in the canonical form; those without a value are left out."""
    columns = {kind: F.col(v) if isinstance(v, str) else v for kind, v in values.items()}
    nobody = F.array().cast("array<struct<type:string,value:string>>")
    return F.concat(
        *(
            F.when(
                value.isNotNull(),
                F.array(F.struct(F.lit(kind).alias("type"), value.cast("string").alias("value"))),
            ).otherwise(nobody)
            for kind, value in columns.items()
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
