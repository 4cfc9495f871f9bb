"""Deliver: tell every destination what changed, in its own form, as files in the outbox."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.filing import in_order, write_files
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.records import DELIVERIES, DROPPED, MEMBERSHIPS, RECORDS
from tactful.schemas.reference import CAMPAIGNS, PRODUCTS
from tactful.schemas.table import Table
from tactful.schemas.words import AD
from tactful.transforms.addresses import ADDRESS_TYPES
from tactful.transforms.audiences import with_audiences
from tactful.transforms.closings import is_address
from tactful.transforms.consents import PROOF
from tactful.transforms.identity.links import FEW
from tactful.transforms.membership import (
    ADD,
    AUDIENCE,
    MEMBER,
    NO,
    TOLD_WITH,
    YES,
    active,
    ad_consent,
    before_and_after,
    changed_members,
    differences,
    kept_back,
    may_be_uploaded,
    protected_persons,
    to_records,
    with_jurisdiction,
)
from tactful.transforms.plans.barred import granted
from tactful.transforms.sinks.sink import BOUNCED, CLOSING, WITHHELD


def deliver(
    batch: Batch,
    suppressed: DataFrame,
    timeline: DataFrame,
    identifiers: DataFrame,
    config: Config,
    *,
    spoken: DataFrame | None,
    targeted: DataFrame | None,
    dead: DataFrame | None,
    count: int,
    before_telling: Callable[[DataFrame], None],
) -> dict[Table, DataFrame]:
    """Work out each audience's differences, write the files, and say what was written.

    suppressed, timeline: of the persons this batch touches. identifiers: identifier_key,
    identifier_type, person_id and state of everything that is theirs now or was before; count:
    how many, about. spoken: records of what is said now. targeted: who of them is shown ads now
    (see `targeted`); None where nothing is planned. dead: their addresses that no message reaches
    (see `dead_addresses`).
    before_telling: is shown the records before any file is written, and may raise.
    What is said comes last: withdrawals come before speech. Files come first: they are named after
    the batch and an existing one is kept, so a batch that is repeated finds them and goes on to the
    tables.
    """
    if not config.destinations:
        return {}
    holding = active(suppressed, as_of=batch.as_of)
    products, campaigns = batch.read(PRODUCTS), batch.read(CAMPAIGNS)
    now = batch.keep(by_audience(holding, products, campaigns, config))
    known = batch.keep(_forms_known(batch, identifiers, count=count))
    # One plan for all destinations: a plan each would cost seconds a destination and batch.
    silence = config.consent.silence
    answers = with_jurisdiction(ad_consent(timeline, now), timeline, silence=silence)
    members = batch.keep(_of_each(config, lambda d: _members(d, now, targeted, answers, config)))
    forms = batch.keep(_of_each(config, lambda d: _forms(d, known, dead, config)))
    refusers = _of_each(config, lambda d: _refusers(d, answers))
    held = batch.logs.memberships(forms.select("identifier_key"), count=count)
    changed = batch.keep(changed_members(forms, held, members, refusers, batch.lake.pads(config)))
    sharing = batch.logs.memberships(changed.select("member_key"), count=count)
    standing = batch.keep(before_and_after(changed, sharing, opt_in=silence.opt_in))
    told, opened = batch.keep(differences(standing)), granted(timeline)
    changes = _of_each(config, lambda d: _records(d, told, opened, batch.number, config))
    records = batch.keep(in_order(_and(changes, spoken), batch))
    before_telling(records)
    written = write_files(batch, records, config)
    stamp = F.lit(batch.number)
    return {
        MEMBERSHIPS: _to_log(changed, config).withColumn("batch_id", stamp),
        DROPPED: _dropped(forms, members, standing).withColumn("batch_id", stamp),
        RECORDS: records,
        DELIVERIES: small_frame(batch.lake.spark, written, DELIVERIES.struct()),
    }


def _and(records: DataFrame, spoken: DataFrame | None) -> DataFrame:
    return records if spoken is None else records.unionByName(spoken)


def _of_each(config: Config, made: Callable[[Destination], DataFrame]) -> DataFrame:
    """What every destination gets, each row with its destination and audience."""
    frames = (
        made(destination).withColumns(
            {"destination": F.lit(destination.name), "audience": F.lit(destination.policy)}
        )
        for destination in config.destinations
    )
    return reduce(DataFrame.unionByName, frames)


def _members(
    destination: Destination,
    now: DataFrame,
    targeted: DataFrame | None,
    answers: DataFrame,
    config: Config,
) -> DataFrame:
    """The persons who should be in a destination's audience, and may be.

    Those whom a rule protects, or whom a policy shows ads as long as its plan lasts. What is
    nobody's own stands on lists of opt-outs; an ad network is never shown it. Who was in a retired
    destination's audience should be no more.
    """
    members = wanted_by(destination, now)
    if targeted is not None and destination.channel in (None, AD):
        shown = targeted.where(F.col("audience") == destination.policy)
        members = members.unionByName(shown.drop("audience"))
    members = members.where(F.lit(not destination.retired))
    if not destination.sink.needs_ad_consent:
        return members.withColumns(
            {"answer": F.lit(None).cast("string"), "proof": F.lit(None).cast(PROOF)}
        )
    members = members.where(~is_address())
    return may_be_uploaded(members, answers, silence=config.consent.silence)


def _refusers(destination: Destination, answers: DataFrame) -> DataFrame:
    """Who said no to ads, at an ad network: what they are known by there is nobody's to be told."""
    asks = F.lit(destination.sink.needs_ad_consent)
    return answers.where(asks & (F.col("answer") == NO)).select("person_id")


def _to_log(changed: DataFrame, config: Config) -> DataFrame:
    """The new memberships, those of ad networks with what they are told with.

    Elsewhere nobody's no takes another one's identifier away, so none is told again.
    """
    asking = [d.name for d in config.destinations if d.sink.needs_ad_consent]
    is_kept = F.col("destination").isin(asking) & F.col("is_member")
    told = (F.when(is_kept, F.col(name)).alias(name) for name in TOLD_WITH)
    return changed.select(*MEMBER, "is_member", "is_withheld", *told)


def by_audience(
    now: DataFrame, products: DataFrame, campaigns: DataFrame, config: Config
) -> DataFrame:
    """Say out of which audiences each suppression keeps its person, where any is about a part."""
    told = dict.fromkeys(d.audience for d in config.destinations if d.audience is not None)
    if not told:
        return now
    return with_audiences(now, audiences=[*told], products=products, campaigns=campaigns)


def wanted_by(destination: Destination, now: DataFrame) -> DataFrame:
    """The persons whom a destination's rule protects now from what its audience is about.

    now: see `by_audience`.
    """
    if destination.audience is not None:
        now = now.where(F.array_contains("audiences", destination.audience.key))
    return protected_persons(now, policy=destination.policy, channel=destination.channel)


def _forms(
    destination: Destination, known: DataFrame, dead: DataFrame | None, config: Config
) -> DataFrame:
    """The identifiers in the destination's own form, and which of them no message reaches.

    Where the audience is of those whose mail bounced, the dead address is what it is about. An ad
    network writes to no address and still knows its owner by it, so there it goes on excluding.
    What is nobody's own is told by what was said of it alone.
    """
    wanted = known.where(F.col("identifier_type").isin(destination.wanted))
    forms = destination.sink.forms(wanted)
    is_about = destination.policy in _rules_about_addresses(config)
    forms = forms.withColumn("is_for_ads", F.lit(destination.is_ad_network))
    if dead is None or is_about or destination.is_ad_network:
        return forms.withColumn("is_dead", F.lit(False))
    if destination.channel in ADDRESS_TYPES:
        dead = dead.where(F.col("channel") == destination.channel)
    gone = dead.select("identifier_key", F.lit(True).alias("is_dead")).distinct()
    marked = forms.join(F.broadcast(gone), "identifier_key", "left")
    return marked.withColumn("is_dead", F.coalesce("is_dead", F.lit(False)) & ~is_address())


def _rules_about_addresses(config: Config) -> set[str]:
    return {rule.name for rule in config.rules if rule.kind.is_about_addresses}


def _records(
    destination: Destination,
    told: DataFrame,
    opened: DataFrame,
    batch_number: int,
    config: Config,
) -> DataFrame:
    """What a destination is told. opened: see `granted`; what takes somebody off a list of those
    who opted out is kept as the proof that they came back.
    """
    sink = destination.sink
    mine = told.where(F.col("destination") == destination.name)
    opt_in = config.consent.silence.is_never_consent
    if sink.needs_ad_consent and opt_in:
        # Who comes back may have become a member while silence still was a yes.
        mine = mine.where((F.col("operation") != ADD) | (F.col("answer") == YES))
    if destination.is_opt_out_list:
        closing = (F.when(F.col("operation") == was, now) for was, now in CLOSING.items())
        again = opened.where(
            (F.col("channel") == destination.channel) & (F.col("purpose") == "marketing")
        ).select("person_id", F.col("proof").alias("_proof"))
        mine = (
            mine.withColumn("operation", F.coalesce(*closing))
            .join(again, "person_id", "left")
            .withColumn("proof", F.when(F.col("operation") == "unsuppress", F.col("_proof")))
            .drop("_proof")
        )
    return to_records(
        mine,
        batch_id=batch_number,
        split=sink.split,
        row=sink.row,
        schema=sink.schema(destination.wanted),
        opt_in=opt_in,
    )


def _dropped(forms: DataFrame, members: DataFrame, standing: DataFrame) -> DataFrame:
    """Identifiers of members that their destination does not get, and why."""
    why = F.coalesce("reason", F.when(F.col("is_dead"), BOUNCED))
    refused = forms.withColumn("reason", why).where("reason IS NOT NULL AND is_best")
    return (
        refused.join(members, [*AUDIENCE, "person_id"], "left_semi")
        .select("destination", "identifier_key", "identifier_type", "reason")
        .unionByName(kept_back(standing).withColumn("reason", F.lit(WITHHELD)))
        .distinct()
    )


def _forms_known(batch: Batch, identifiers: DataFrame, *, count: int) -> DataFrame:
    """The raw forms of the identifiers, and which is the best: an address beats its hash."""
    mine = identifiers.drop("identifier_type")
    held = batch.logs.identifiers(mine.select("identifier_key"), count=count)
    raw = held.join(F.broadcast(mine) if count <= FEW else mine, "identifier_key")
    best = raw.groupBy("identifier_key").agg(F.min("identifier_type").alias("_best"))
    return (
        raw.join(best, "identifier_key")
        .withColumn("is_best", F.col("identifier_type") == F.col("_best"))
        .drop("_best")
    )
