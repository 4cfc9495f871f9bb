"""Memberships: who an audience should hold now, and the least that must be said to get there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.closings import is_address
from tactful.transforms.consents import consents
from tactful.transforms.identity.keys import hmac_sha256
from tactful.transforms.rules import RULES
from tactful.transforms.rules.suppressions import holds_for, is_about

ADD, REMOVE = "add", "remove"
# Ad networks ask for consent to ads, whatever else an audience is about.
AD = "ad"
YES, NO = "granted", "withdrawn"
AUDIENCE = ("destination", "audience")
MEMBER = (*AUDIENCE, "identifier_key", "member_key")
# The reasons of suppressions that say no to ads where they are about ads or about every channel.
NO_TO_ADS = tuple(when for when, rule in RULES.items() if rule.is_no_to_ads)


def active(suppressions: DataFrame, *, as_of: datetime) -> DataFrame:
    """Keep the suppressions that hold now. Start inclusive, end exclusive."""
    now = F.lit(as_of)
    return suppressions.where(
        (F.col("starts_at") <= now) & (F.col("ends_at").isNull() | (F.col("ends_at") > now))
    )


def protected_persons(suppressions: DataFrame, *, policy: str, channel: str | None) -> DataFrame:
    """List the persons a rule protects on a channel now.

    Keeps: person_id, decision_id (one suppression that says so). Grain: person.
    suppressions: active rows.
    """
    ours = suppressions.where(F.col("policy") == policy)
    if channel is not None:
        ours = ours.where(holds_for(channel))
    return ours.groupBy("person_id").agg(F.min("suppression_id").alias("decision_id"))


def ad_consent(timeline: DataFrame, suppressions: DataFrame) -> DataFrame:
    """Say what everybody answered who was ever asked for consent to ads.

    The newest word counts; at the same moment a withdrawal, and one that still holds always does.
    Who unsubscribed from ads, or from every channel, has said no to ads in other words. Who is
    missing here has said nothing.

    Keeps: person_id, answer (granted or withdrawn). Grain: person.
    timeline: what they said of consent, among other things. suppressions: active rows.
    """
    for_ads = (F.col("channel").isNull() | (F.col("channel") == AD)) & (
        F.col("purpose") == "marketing"
    )
    newest = F.max_by("is_granted", F.struct("occurred_at", ~F.col("is_granted"), "event_id"))
    said = consents(timeline).where(for_ads & F.col("person_id").isNotNull())
    words = said.groupBy("person_id").agg(newest.alias("_granted"))
    refused = suppressions.where(
        F.col("reason").isin(*NO_TO_ADS) & holds_for(AD) & is_about("purpose", "marketing")
    ).select("person_id", F.lit(False).alias("_granted"))
    granted = F.bool_and("_granted")
    answers = words.unionByName(refused).groupBy("person_id").agg(granted.alias("_granted"))
    return answers.select("person_id", F.when(F.col("_granted"), YES).otherwise(NO).alias("answer"))


def may_be_uploaded(members: DataFrame, answers: DataFrame, *, opt_in: bool) -> DataFrame:
    """Keep the persons whose identifiers may go to an ad network at all.

    Without ad consent nobody is uploaded, neither to target nor to exclude. Where consent must be
    given (`opt_in`), silence is no.

    Keeps: the members it lets through. Adds: answer (granted; null where nobody was asked).
    answers: see `ad_consent`.
    """
    asked = members.join(answers, "person_id", "left")
    silence = F.col("answer").isNull()
    return asked.where((F.col("answer") == YES) | (silence if not opt_in else F.lit(False)))


def left_out(wanted: DataFrame, answers: DataFrame, *, opt_in: bool) -> DataFrame:
    """Count who is left out of each ad network's audience for want of consent.

    Keeps: destination, wanted_persons, not_asked_persons, withdrawn_persons. Grain: destination
    that wants anybody. wanted: destination, person_id. answers: see `ad_consent`.
    """
    silent = F.col("answer").isNull() if opt_in else F.lit(False)
    asked = wanted.join(answers, "person_id", "left")
    return asked.groupBy("destination").agg(
        F.count("*").alias("wanted_persons"),
        F.count_if(silent).alias("not_asked_persons"),
        F.count_if(F.col("answer") == NO).alias("withdrawn_persons"),
    )


def changed_members(
    forms: DataFrame, held: DataFrame, members: DataFrame, pads: DataFrame
) -> DataFrame:
    """Find the identifiers that enter or leave an audience.

    An email of which first only the hash was known has two forms; only the better one belongs
    into the audience, and the other leaves it. Where both read alike on the wire they are one.
    An address that is dead leaves, too. What was a person's and is nobody's own now stays where
    it is to stay as such. Who stays is not told again when they answer the question
    of consent later: of a member that was sent as not asked, a network knows no more than that.

    Keeps: one row an audience × identifier × form whose membership changed. Adds: member_key,
    is_member.
    forms: destination, audience, identifier_key, identifier_type, person_id, state, field, wire,
    is_best, is_dead.
    held: newest membership per destination, audience, identifier_key and member_key.
    members: destination, audience, person_id, decision_id, answer of everybody who should be in it.
    """
    message = F.concat_ws(":", "destination", "field", "wire")
    keyed = (
        forms.where(F.col("wire").isNotNull())
        .crossJoin(F.broadcast(pads))
        .withColumn(
            "member_key",
            F.substring(hmac_sha256(message, inner=F.col("inner"), outer=F.col("outer")), 1, 32),
        )
        .drop("inner", "outer")
    )
    is_good = F.col("is_best") & ~F.col("is_dead")
    belongs = (F.col("state") == "linked") & F.col("decision_id").isNotNull() & is_good
    before = held.select(*MEMBER, F.col("is_member").alias("_was"))
    told = keyed.join(members, [*AUDIENCE, "person_id"], "left").withColumn(
        "is_member", F.coalesce(belongs, F.lit(False))
    )
    rest = F.struct(*(name for name in told.columns if name not in MEMBER))
    return (
        told.groupBy(*MEMBER)
        .agg(F.max_by(rest, F.struct("is_best", "is_member")).alias("_best"))
        .select(*MEMBER, "_best.*")
        .join(before, [*MEMBER], "left")
        .where(F.col("is_member") != F.coalesce("_was", F.lit(False)))
        .withColumn("person_id", F.when(~is_address(), F.col("person_id")))
        .drop("_was")
    )


def differences(changed: DataFrame, held: DataFrame) -> DataFrame:
    """Turn changed memberships into what the destinations must be told.

    Two of a retailer's identifiers can be one at the destination (a Gmail address with and
    without dots), and a person may leave while another one stays: what the destination holds is
    removed only when nobody in the audience has it any more, and added only once.

    Keeps: one row an audience × value to add or remove. Adds: operation.
    """
    value = [*AUDIENCE, "member_key"]
    before = (
        held.join(changed.select(*value).distinct(), value, "left_semi")
        .groupBy(*value)
        .agg(F.count_if("is_member").alias("_before"))
    )
    step = F.sum(F.when(F.col("is_member"), 1).otherwise(-1)).alias("_step")
    counts = (
        changed.groupBy(*value)
        .agg(step)
        .join(before, value, "left")
        .withColumn("_before", F.coalesce("_before", F.lit(0)))
        .withColumn("_after", F.col("_before") + F.col("_step"))
    )
    operation = F.when((F.col("_before") == 0) & (F.col("_after") > 0), ADD).when(
        (F.col("_before") > 0) & (F.col("_after") == 0), REMOVE
    )
    told = counts.select(*value, operation.alias("operation")).where("operation IS NOT NULL")
    joined = changed.join(told, value).where(F.col("is_member") == (F.col("operation") == ADD))
    first = F.min_by(F.struct(*(n for n in joined.columns if n not in value)), "identifier_key")
    return joined.groupBy(*value).agg(first.alias("_one")).select(*value, "_one.*")


def to_records(
    told: DataFrame,
    *,
    batch_id: int,
    split: object,
    row: object,
    schema: Sequence[str],
    opt_in: bool,
) -> DataFrame:
    """Write one record a person: the identifiers that are added or removed, in one row.

    Keeps: record_id, identifier_keys, destination, audience, operation, person_id, decision_id,
    payload. Grain: record.
    told: of one destination. split, row, schema: that destination's own (see `sinks`). opt_in:
    whether silence is no.
    """
    whose = F.coalesce("person_id", "identifier_key")
    member = F.struct("field", "wire", "identifier_key")
    gathered = told.groupBy(*AUDIENCE, "operation", whose.alias("_whose")).agg(
        F.any_value("person_id").alias("person_id"),
        F.any_value("decision_id").alias("decision_id"),
        F.any_value("answer").alias("_answer"),
        F.array_sort(F.collect_list(member)).alias("_members"),
    )
    cut = gathered.withColumn("_members", F.explode(split(F.col("_members"))))  # type: ignore[operator]
    keys = F.array_sort(F.array_distinct(F.transform("_members", lambda m: m["identifier_key"])))
    payload: Column = row(  # type: ignore[operator]
        F.col("_members"),
        operation=F.col("operation"),
        schema=schema,
        granted=F.coalesce(F.col("_answer") == YES, F.lit(False)),
        opt_in=opt_in,
    )
    parts = (
        *AUDIENCE, "operation", F.array_join(keys, ","),
        F.coalesce("decision_id", F.lit("")), F.lit(str(batch_id)),
        F.array_join(F.transform("_members", lambda m: m["field"]), ","),
    )  # fmt: skip
    return cut.select(
        F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, 32).alias("record_id"),
        keys.alias("identifier_keys"),
        *AUDIENCE,
        "operation",
        "person_id",
        "decision_id",
        payload.alias("payload"),
    )
