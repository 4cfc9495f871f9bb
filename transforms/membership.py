"""Memberships: who an audience should hold now, and the least that must be said to get there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.words import AD
from tactful.transforms.closings import is_address
from tactful.transforms.consents import PROOF, consents, newest_word, proof, proven
from tactful.transforms.identity.keys import hmac_sha256
from tactful.transforms.jurisdictions import Silence, jurisdictions
from tactful.transforms.rules import RULES
from tactful.transforms.rules.suppressions import holds_for, is_about

ADD, REMOVE = "add", "remove"
YES, NO = "granted", "withdrawn"
AUDIENCE = ("destination", "audience")
MEMBER = (*AUDIENCE, "identifier_key", "member_key")
# The reasons of suppressions that say no to ads where they are about ads or about every channel.
NO_TO_ADS = tuple(when for when, rule in RULES.items() if rule.is_no_to_ads)
# What a network is told of a member with, kept for when it is told again of who has not changed.
TOLD_WITH = ("identifier_type", "person_id", "decision_id", "answer", "proof")


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

    Keeps: person_id, answer (granted or withdrawn), proof (of a yes). Grain: person.
    timeline: what they said of consent, among other things. suppressions: active rows.
    """
    for_ads = (F.col("channel").isNull() | (F.col("channel") == AD)) & (
        F.col("purpose") == "marketing"
    )
    said = consents(timeline).where(for_ads & F.col("person_id").isNotNull())
    words = said.groupBy("person_id").agg(newest_word().alias("_granted"), proof().alias("_proof"))
    refused = suppressions.where(
        F.col("reason").isin(*NO_TO_ADS) & holds_for(AD) & is_about("purpose", "marketing")
    ).select("person_id", F.lit(False).alias("_granted"), F.lit(None).cast(PROOF).alias("_proof"))
    answers = (
        words.unionByName(refused)
        .groupBy("person_id")
        .agg(F.bool_and("_granted").alias("_granted"), F.max("_proof").alias("_proof"))
    )
    return answers.select(
        "person_id",
        F.when(F.col("_granted"), YES).otherwise(NO).alias("answer"),
        F.when(F.col("_granted"), F.col("_proof")).alias("proof"),
    )


def with_jurisdiction(answers: DataFrame, timeline: DataFrame, *, silence: Silence) -> DataFrame:
    """Say where everybody lives, as far as it matters to what their silence means.

    Keeps: person_id, answer (null where nothing was said), proof. Adds: jurisdiction (null where
    no country is known, or none matters). Grain: person of whom either is known.
    answers: see `ad_consent`. timeline: see `jurisdictions`.
    """
    if not silence.varies:
        return answers.withColumn("jurisdiction", F.lit(None).cast("string"))
    return answers.join(jurisdictions(timeline), "person_id", "full")


def may_be_uploaded(members: DataFrame, answers: DataFrame, *, silence: Silence) -> DataFrame:
    """Keep the persons whose identifiers may go to an ad network at all.

    Without ad consent nobody is uploaded, neither to target nor to exclude. Whether silence is
    consent is a matter of where somebody lives.

    Keeps: the members it lets through. Adds: answer (granted; null where nobody was asked), proof.
    answers: see `with_jurisdiction`.
    """
    asked = members.join(answers, "person_id", "left")
    may_be = (F.col("answer") == YES) | (F.col("answer").isNull() & ~silence.is_no())
    return asked.where(may_be).drop("jurisdiction")


def left_out(wanted: DataFrame, answers: DataFrame, *, silence: Silence) -> DataFrame:
    """Count who is left out of each ad network's audience for want of consent.

    Keeps: destination, wanted_persons, not_asked_persons, withdrawn_persons. Grain: destination
    that wants anybody. wanted: destination, person_id. answers: see `with_jurisdiction`.
    """
    silent = F.col("answer").isNull() & silence.is_no()
    asked = wanted.join(answers, "person_id", "left")
    return asked.groupBy("destination").agg(
        F.count("*").alias("wanted_persons"),
        F.count_if(silent).alias("not_asked_persons"),
        F.count_if(F.col("answer") == NO).alias("withdrawn_persons"),
    )


def member_key() -> Column:
    """The key of a value at a destination: what it is there, hashed with the lake's own secret.

    Of rows with destination, field, wire, and the pads inner and outer.
    """
    message = F.concat_ws(":", "destination", "field", "wire")
    return F.substring(hmac_sha256(message, inner=F.col("inner"), outer=F.col("outer")), 1, 32)


def changed_members(
    forms: DataFrame, held: DataFrame, members: DataFrame, refusers: DataFrame, pads: DataFrame
) -> DataFrame:
    """Find the identifiers that enter or leave an audience, or are withheld from it or no more.

    An email of which first only the hash was known has two forms; only the better one belongs
    into the audience, and the other leaves it. Where both read alike on the wire they are one.
    An address that is dead leaves, too. What was a person's and is nobody's own now stays where
    it is to stay as such. Who stays is not told again when they answer the question
    of consent later: of a member that was sent as not asked, a network knows no more than that. The
    answer is kept all the same, for when the value is told of again.

    An ad network is to be told of nobody by what belongs to somebody who said no, nor by what is
    nobody's own, in whatever spelling: a mailbox that two customers share is theirs in all of them.

    Keeps: one row an audience × identifier × form whose membership or answer changed. Adds:
    member_key, is_member, is_withheld.
    forms: destination, audience, identifier_key, identifier_type, person_id, state, field, wire,
    is_best, is_dead, is_for_ads (whether an ad network would see it).
    held: newest membership per destination, audience, identifier_key and member_key, with answer.
    members: destination, audience, person_id, decision_id, answer and proof of everybody who should
    be in it.
    refusers: destination, audience, person_id of everybody who said no to it, whether or not any
    audience ever wanted them.
    """
    keyed = (
        forms.where(F.col("wire").isNotNull())
        .crossJoin(F.broadcast(pads))
        .withColumn("member_key", member_key())
        .drop("inner", "outer")
    )
    is_good = F.col("is_best") & ~F.col("is_dead")
    belongs = (F.col("state") == "linked") & F.col("decision_id").isNotNull() & is_good
    no = F.lit(False)
    withheld = (F.col("state") != "linked") | is_address() | F.col("_refuses")
    before = held.select(
        *MEMBER,
        F.col("is_member").alias("_was"),
        F.col("is_withheld").alias("_was_withheld"),
        F.col("answer").alias("_answered"),
    )
    refuses = refusers.select(*AUDIENCE, "person_id", F.lit(True).alias("_refuses")).distinct()
    told = (
        keyed.join(members, [*AUDIENCE, "person_id"], "left")
        .join(refuses, [*AUDIENCE, "person_id"], "left")
        .withColumn("is_member", F.coalesce(belongs, no))
        .withColumn("is_withheld", F.col("is_for_ads") & F.coalesce(withheld, no))
        .drop("_refuses", "is_for_ads")
    )
    rest = F.struct(*(name for name in told.columns if name not in (*MEMBER, "is_withheld")))
    is_answered_anew = F.col("is_member") & ~F.col("answer").eqNullSafe(F.col("_answered"))
    is_other = (
        (F.col("is_member") != F.coalesce("_was", no))
        | (F.col("is_withheld") != F.coalesce("_was_withheld", no))
        | is_answered_anew
    )
    return (
        told.groupBy(*MEMBER)
        .agg(
            F.max_by(rest, F.struct("is_best", "is_member")).alias("_best"),
            F.bool_or("is_withheld").alias("is_withheld"),
        )
        .select(*MEMBER, "_best.*", "is_withheld")
        .join(before, [*MEMBER], "left")
        .where(is_other)
        .withColumn("person_id", F.when(~is_address(), F.col("person_id")))
        .drop("_was", "_was_withheld", "_answered")
    )


def is_held(member: str = "is_member", withheld: str = "is_withheld") -> Column:
    """Whether a destination holds a value: some member has it, and nothing withholds it.

    Of all identifiers that are this value there.
    """
    is_withheld = F.coalesce(F.bool_or(withheld), F.lit(False))
    return F.coalesce(F.bool_or(member), F.lit(False)) & ~is_withheld


def before_and_after(changed: DataFrame, held: DataFrame, *, opt_in: bool) -> DataFrame:
    """All identifiers that are one value at a destination with those that changed.

    Two of a retailer's identifiers can be one at the destination: a Gmail address with and without
    dots. What is told depends on all of them.

    Keeps: one row an audience × identifier × form of which the value's membership changed. Adds:
    was_member and was_withheld beside is_member and is_withheld, is_changed.
    changed: see `changed_members`. held: newest memberships by member_key. opt_in: whether silence
    is no.
    """
    value = [*AUDIENCE, "member_key"]
    # A lake that was made before this was kept does not say it; then members had granted.
    granted = F.when(F.col("is_withheld").isNull() & F.lit(opt_in), F.lit(YES))
    held = held.withColumn("answer", F.coalesce("answer", granted))
    earlier = held.join(changed.select(*value).distinct(), value, "left_semi").select(
        *MEMBER,
        F.col("is_member").alias("was_member"),
        F.col("is_withheld").alias("was_withheld"),
        *(F.col(name).alias(f"_{name}") for name in TOLD_WITH),
    )
    # What did not change stands as it did.
    stands = {"is_member": "was_member", "is_withheld": "was_withheld"}
    stands |= {name: f"_{name}" for name in TOLD_WITH}
    is_changed = F.col("wire").isNotNull()
    now = {n: F.when(is_changed, F.col(n)).otherwise(F.col(was)) for n, was in stands.items()}
    return (
        changed.select(*MEMBER, "field", "wire", *stands)
        .join(earlier, [*MEMBER], "full")
        .withColumns({**now, "is_changed": is_changed})
        .drop(*(f"_{name}" for name in TOLD_WITH))
    )


def differences(standing: DataFrame) -> DataFrame:
    """Turn changed memberships into what the destinations must be told.

    A person may leave while another one stays: what the destination holds is removed only when
    nobody in the audience has it any more, or it is withheld, and added only once. Whoever's the
    refusal was, all who still belong there come back when it is lifted.

    Keeps: one row an audience × value to add or remove. Adds: operation.
    standing: see `before_and_after`.
    """
    before, after = is_held("was_member", "was_withheld"), is_held()
    operation = F.when(~before & after, ADD).when(before & ~after, REMOVE)
    # Why somebody was a member is no reason to remove them.
    reason = F.when(F.col("is_changed"), F.col("decision_id")).alias("decision_id")
    no_proof = F.lit(None).cast(PROOF).alias("proof")
    leaving = F.struct("identifier_key", "person_id", reason, "answer", no_proof)
    coming = F.struct("identifier_key", "person_id", "decision_id", "answer", "proof")

    def first(one: Column, which: str) -> Column:
        return F.min_by(one, F.when(F.col(which), F.col("identifier_key")))

    told = standing.groupBy(*AUDIENCE, "member_key").agg(
        operation.alias("operation"),
        F.max("field").alias("field"),
        F.max("wire").alias("wire"),
        first(coming, "is_member").alias("_coming"),
        first(leaving, "was_member").alias("_leaving"),
    )
    one = F.when(F.col("operation") == ADD, F.col("_coming")).otherwise(F.col("_leaving"))
    return (
        told.where("operation IS NOT NULL")
        .withColumn("_one", one)
        .select(*AUDIENCE, "member_key", "operation", "field", "wire", "_one.*")
    )


def kept_back(standing: DataFrame) -> DataFrame:
    """List the members' identifiers that are withheld since they are somebody else's, too.

    Keeps: destination, identifier_key, identifier_type. standing: see `before_and_after`.
    """
    value = Window.partitionBy(*AUDIENCE, "member_key")
    told = standing.withColumn("_is_withheld", F.bool_or("is_withheld").over(value))
    return told.where("is_member AND _is_withheld").select(
        "destination", "identifier_key", "identifier_type"
    )


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
    payload, consent_event and policy_text (of the proof). Grain: record.
    told: of one destination. split, row, schema: that destination's own (see `sinks`). opt_in:
    whether silence is no.
    """
    whose = F.coalesce("person_id", "identifier_key")
    member = F.struct("field", "wire", "identifier_key")
    gathered = told.groupBy(*AUDIENCE, "operation", whose.alias("_whose")).agg(
        F.any_value("person_id").alias("person_id"),
        F.any_value("decision_id").alias("decision_id"),
        F.any_value("answer").alias("_answer"),
        F.max("proof").alias("_proof"),
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
        *proven(F.col("_proof")),
    )
