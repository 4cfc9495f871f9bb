"""Who the households are online: accounts, addresses, phones, cookies and devices, generated.

A household of the Complete Journey data counts as one person. Nothing here is known to the
stitcher; it is written to the truth table alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.draws import Dice, put_together
from tactful.jobs.demo.journey import household_name

FIRST = (
    "ada", "alan", "amara", "bela", "carlos", "chidi", "dana", "elif", "emma", "fatima", "george",
    "hana", "ines", "ivan", "jonas", "june", "kofi", "lena", "liam", "maya", "nina", "omar",
    "priya", "rosa", "sven", "tara", "uma", "victor", "wei", "yara", "zoe",
)  # fmt: skip
LAST = (
    "abara", "baker", "castro", "diaz", "evans", "fischer", "garcia", "haddad", "ito", "jensen",
    "kim", "lopez", "meyer", "nguyen", "okafor", "patel", "quinn", "rossi", "silva", "tanaka",
    "usman", "vega", "walsh", "young", "zhang",
)  # fmt: skip
DOMAINS = ("example.com", "example.com", "example.org", "example.net")
# 555-0100 to 555-0199 is kept for fiction in every area; further numbers only in larger worlds.
AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 224, 225, 228,
    229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301,
    302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323,
    325, 330, 334,
)  # fmt: skip
LEAVES = ("unsubscribed",) * 9 + ("bounced",) * 5 + ("withdrawn",) * 4 + ("complained",) * 2
# In how many further weeks the mailing list still holds an address that has left it.
KEEPS_WRITING = (0, 0, 0, 0, 1, 1, 2, 99)
# Since the landed time began.
ACCOUNTS_WITHIN = timedelta(days=45)
BOT_COOKIE = "ck-bot-7f3a"
TILL_EMAIL = "till330@shop.example"


def households(spark: SparkSession, ids: list[int], *, wanted: int | None) -> DataFrame:
    """Return the world's households: household_id, household, copy, number, partner_number.

    Fewer than the data has are drawn by hash; more are copies of the same households.
    """
    everybody = spark.createDataFrame([(one,) for one in ids], "household_id bigint")
    size = len(ids)
    if wanted is not None and wanted < size:
        # The same few whatever the seed, so that worlds of one size hold the same purchases.
        order = F.xxhash64(F.lit("few"), F.col("household_id"))
        chosen = everybody.orderBy(order).limit(wanted).collect()
        ids = sorted(row.household_id for row in chosen)
        size = len(ids)
    copies = 1 if wanted is None else max(-(-wanted // size), 1)
    rows = [
        (one, household_name(one, copy), copy, copy * size + rank, copy * size + (rank + 1) % size)
        for copy in range(copies)
        for rank, one in enumerate(ids)
    ]
    if wanted is not None:
        rows = rows[:wanted]
    columns = "household_id bigint, household string, copy int, number bigint, partner bigint"
    return spark.createDataFrame(rows, columns)


def people(chosen: DataFrame, *, dice: Dice, weeks: int) -> DataFrame:
    """Give every household an online life, and the neighbour whose device it may borrow."""
    drawn = chosen.transform(_accounts, dice).transform(_habits, dice, weeks)
    neighbour = drawn.select(
        F.col("number").alias("partner"),
        F.col("email").alias("partner_email"),
        F.when(F.col("online"), F.col("cookies")[0]).alias("partner_cookie"),
    )
    joined = drawn.join(neighbour, "partner", "left")
    borrows = dice.chance(0.03, "borrows", "household") & F.col("online")
    return joined.select(
        "*",
        F.when(borrows, F.col("partner_cookie")).alias("borrowed_cookie"),
        _wrong_email(dice).alias("wrong_email"),
    ).drop("partner_cookie", "partner_email")


def _accounts(chosen: DataFrame, dice: Dice) -> DataFrame:
    who, number = "household", F.col("number")
    account = dice.chance(0.7, "account", who)
    address = F.concat_ws(
        ".", dice.pick(FIRST, "first", who), dice.pick(LAST, "last", who), number.cast("string")
    )
    email = F.concat(address, F.lit("@"), dice.pick(DOMAINS, "domain", who))
    second = F.concat(F.lit("home."), address, F.lit("@example.net"))
    has_email = account | dice.chance(0.35, "email", who)
    has_phone = dice.chance(0.6, "phone", who) & has_email
    return chosen.select(
        "*",
        F.when(account, F.concat(F.lit("C"), (number * 7 + 500021).cast("string"))).alias(
            "customer_id"
        ),
        F.when(has_email, email).alias("email"),
        F.when(account & dice.chance(0.12, "second email", who), second).alias("second_email"),
        F.when(has_phone, _phone(number)).alias("phone"),
        (account | dice.chance(0.5, "online", who)).alias("online"),
        (account & dice.chance(0.75, "card linked", who)).alias("card_linked"),
    )


def _habits(people: DataFrame, dice: Dice, weeks: int) -> DataFrame:
    who = "household"
    size = dice.below(3, "devices", who) + 1
    cookies = F.array(*(_cookie(dice, n) for n in range(2)))
    left = dice.chance(0.1, "leaves", who) & F.col("email").isNotNull()
    week = dice.below(max(weeks - 4, 1), "leaves in", who) + 3
    keeps = dice.pick(KEEPS_WRITING, "keeps writing", who)
    return people.select(
        "*",
        F.slice(cookies, 1, F.least(size, F.lit(2))).alias("cookies"),
        F.when(size > 1, _device(dice)).alias("device_id"),
        dice.chance(0.12, "heavy", who).alias("heavy"),
        dice.chance(0.3, "machine opens", who).alias("opened_by_machine"),
        F.when(left, dice.pick(LEAVES, "leaves how", who)).alias("leaves"),
        F.when(left, week).alias("leaves_in"),
        F.when(left, week + keeps).otherwise(F.lit(10_000)).alias("written_until"),
    )


def _wrong_email(dice: Dice) -> Column:
    """An address typed wrongly once: nobody's, or now and then the neighbour's."""
    who, email = "household", F.col("email")
    typo = F.regexp_replace(email, "example", "exmaple")
    usable = F.col("customer_id").isNotNull()
    return (
        F.when(usable & dice.chance(0.008, "email of the neighbour", who), F.col("partner_email"))
        .when(usable & dice.chance(0.02, "typo", who), typo)
    )  # fmt: skip


def _cookie(dice: Dice, n: int) -> Column:
    return F.concat(F.lit("ck-"), dice.token(16, f"cookie {n}", "household"))


def _device(dice: Dice) -> Column:
    """An advertising id in the form phones give it."""
    token = dice.token(32, "device", "household")
    parts = (
        F.substring(token, at, size) for at, size in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    )
    return F.concat_ws("-", *parts)


def _phone(number: Column) -> Column:
    """A valid number of the United States, different for each household, as E.164."""
    areas = F.array(*(F.lit(area) for area in AREAS))
    room = len(AREAS) * 100
    area = F.element_at(areas, (F.floor(F.pmod(number, F.lit(room)) / 100) + 1).cast("int"))
    exchange = 555 + F.floor(number / room) % 400
    return F.format_string(
        "+1%d%03d01%02d", area, exchange.cast("int"), F.pmod(number, F.lit(100)).cast("int")
    )


def lives_south(dice: Dice) -> Column:
    """Whether a household lives where it is summer in December."""
    return dice.chance(0.08, "south", "household")


def account_told_at(dice: Dice, start: datetime) -> Column:
    """When a household's account shows its email, and where it lives."""
    return dice.moment(start, start + ACCOUNTS_WITHIN, "account", "household")


def typed_phone(dice: Dice, phone: Column, *ids: str) -> Column:
    """The phone as people type it."""
    digits = F.substring(phone, 3, 10)
    area, exchange, rest = (F.substring(digits, at, n) for at, n in ((1, 3), (4, 3), (7, 4)))
    forms = F.array(
        phone,
        F.concat(F.lit("("), area, F.lit(") "), exchange, F.lit("-"), rest),
        F.concat_ws("-", area, exchange, rest),
        F.concat(F.lit("1 "), digits),
    )
    return F.element_at(forms, dice.below(4, "phone form", *ids) + 1)


def typed_email(dice: Dice, email: Column, *ids: str) -> Column:
    """The address as people type it: now and then with capitals or a blank behind."""
    form = dice.share("email form", *ids)
    return (
        F.when(form < 0.03, F.translate(email, "aeiou", "AEIOU"))
        .when(form < 0.05, F.concat(email, F.lit(" ")))
        .otherwise(email)
    )


def truth(people: DataFrame) -> DataFrame:
    """The planted truth: every generated or real identifier and whose it is.

    Grain: identifier x household. `kind` is owned, shared (a device two households use),
    mistyped, junk, bot or till (an address that cashiers type in for everybody).
    """

    def row(kind: str, value: Column, how: Column | str = "owned") -> Column:
        status = F.lit(how) if isinstance(how, str) else how
        return F.struct(
            F.lit(kind).alias("identifier_type"), value.alias("value"), status.alias("kind")
        )

    lent = people.where("borrowed_cookie is not null").select(
        F.col("borrowed_cookie").alias("lent")
    )
    first = F.col("cookies")[0]
    shared = F.when(F.col("lent").isNotNull(), F.lit("shared")).otherwise(F.lit("owned"))
    rows = put_together(
        "struct<identifier_type:string,value:string,kind:string>",
        F.array(
            row("loyalty_id", F.col("household")),
            row("customer_id", F.col("customer_id")),
            row("email", F.col("email")),
            row("email", F.col("second_email")),
            row("phone", F.col("phone")),
            row("device_id", F.when(F.col("online"), F.col("device_id"))),
            row("anonymous_id", F.when(F.col("online"), first), shared),
            row("anonymous_id", F.col("borrowed_cookie"), "shared"),
            row("email", F.col("wrong_email"), "mistyped"),
        ),
        (
            F.col("online") & (F.size("cookies") > 1),
            F.array(row("anonymous_id", F.get(F.col("cookies"), F.lit(1)))),
        ),
    )
    known = people.join(F.broadcast(lent), first == F.col("lent"), "left")
    return (
        known.select("household", F.explode(rows).alias("one"))
        .select("one.*", "household")
        .where("value is not null")
        .withColumn("sha256", F.when(F.col("identifier_type") == "email", F.sha2("value", 256)))
    )
