"""Plan: what is said next to whom, on which channel and when, and what is said now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs import decide, propose, speak
from tactful.jobs.evidence.checked import against, arms_of, assignments, fitting, zones_of
from tactful.jobs.evidence.orders import settled_of
from tactful.jobs.evidence.profiles import asked_again, profiles_of, switches
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Activate, Config
from tactful.schemas.decisions import DECISIONS
from tactful.schemas.events import ORDER
from tactful.schemas.models import COMPLEMENT, MODELS
from tactful.schemas.plans import EVENT_REF, PLANS
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, PRODUCTS
from tactful.schemas.table import Table
from tactful.schemas.words import AD
from tactful.transforms.addresses import ADDRESS_TYPES
from tactful.transforms.caps import counted_messages
from tactful.transforms.conditions import with_conditions, with_customer
from tactful.transforms.holdout import held_out
from tactful.transforms.identity.links import latest
from tactful.transforms.identity.owners import is_person, named_after
from tactful.transforms.jurisdictions import jurisdictions
from tactful.transforms.learned import with_learned_complements
from tactful.transforms.plans.actions import actions, with_score
from tactful.transforms.plans.barred import addresses, granted, with_address, with_bars
from tactful.transforms.plans.handed import (
    followed,
    is_ahead_of,
    is_called_back,
    is_shown,
    reached_by_ads,
    sent_by_name,
    targeted,
    was_heard,
)
from tactful.transforms.plans.limits import INTERRUPTING, limits_of
from tactful.transforms.plans.moments import with_moment
from tactful.transforms.plans.outcomes import decided, given_up, news
from tactful.transforms.plans.places import (
    places_by_person,
    places_of_messages,
    places_of_plans,
    with_fate,
)
from tactful.transforms.plans.switching import switched
from tactful.transforms.rules import RULES
from tactful.transforms.triggers import Facts


@dataclass(frozen=True)
class Planned:
    """What a batch has planned.

    records: to be handed over now. targeted: who is shown ads (see `targeted`). due: rows of
    `_log/due` (see `asked_again`). outputs: rows of its tables.
    """

    records: DataFrame | None
    targeted: DataFrame | None
    due: DataFrame | None
    outputs: dict[Table, DataFrame]


NOTHING = Planned(None, None, None, {})


def due_plans(batch: Batch, config: Config) -> DataFrame | None:
    """An identifier of everybody for whom something planned is to be looked at again.

    Only a batch that may speak looks: it would change nothing otherwise. Whose moment has come
    while their policy is paused wait without being looked at in every batch.
    """
    if not batch.may_speak or PLANS.id not in batch.pins or not _has_plans(batch):
        return None
    now = F.lit(batch.as_of)
    is_next = (F.col("outcome") == "chosen") & F.col("emitted_at").isNull() & speak.can_wait(config)
    is_ahead = is_next & (F.col("send_at") <= F.lit(batch.as_of + batch.ahead))
    is_back = is_ahead_of(batch.as_of) & speak.is_halted(batch, config)
    is_due = ~F.col("is_final") & ((F.col("look_at") <= now) | is_ahead | is_back)
    # Few are due: only of these the newest row is looked for, and whether it is due still.
    log = batch.read(PLANS)
    asked = log.where(is_due).select("decision_id").distinct()
    due = latest(log.join(asked, "decision_id", "left_semi"), key=["decision_id"]).where(is_due)
    is_paused = F.lit("*" in batch.paused) | F.col("policy").isin(*batch.paused)
    is_over = F.coalesce(F.col("expires_at") <= now, F.lit(False))
    is_unsaid = (F.col("outcome") == "chosen") & F.col("emitted_at").isNull()
    waiting = is_unsaid & is_paused & ~is_over
    return due.where(~waiting).select(F.col("anchor_key").alias("identifier_key")).distinct()


def plan(
    batch: Batch,
    facts: DataFrame,
    suppressed: DataFrame,
    persons: DataFrame,
    labels: DataFrame,
    config: Config,
    *,
    dead: DataFrame | None,
    count: int,
) -> Planned:
    """Decide anew what these persons are told: withdraw, weigh, and say what is due.

    facts: rows with person_id. suppressed: what must not be said now or will not. persons: whom the
    batch touches. labels: of their identifiers; count: how many, about.
    dead: their addresses that no message reaches.
    """
    acting = propose.acting(config, as_of=batch.as_of)
    if PLANS.id not in batch.pins or not (acting or _has_plans(batch)):
        return NOTHING
    theirs = persons.where(is_person())
    if "cause" not in suppressed.columns:
        suppressed = suppressed.withColumn("cause", F.lit(None).cast(EVENT_REF))
    profiles = batch.keep(profiles_of(batch, theirs, facts, config))
    asked, due = _actions(batch, facts, theirs, labels, profiles, config)
    asked = batch.keep(asked) if asked is not None else None
    standing = batch.keep(_standing(batch, asked, labels))
    unsettled = standing.where("NOT is_final").join(theirs, "person_id", "left_semi")
    if asked is None:
        rows = given_up(
            unsettled, unsettled.where(F.lit(False)), as_of=batch.as_of, batch_id=batch.number
        )
        return Planned(None, None, None, _outputs(batch, batch.keep(rows), config))
    keys = labels.where("state = 'linked'").select("identifier_key", "person_id", "state")
    found = batch.logs.identifiers(keys.select("identifier_key"), count=count)
    raw = found.join(keys, "identifier_key").join(
        asked.select("person_id").distinct(), "person_id", "left_semi"
    )
    arms = arms_of(batch, asked, standing, labels, config)
    weighed = batch.keep(
        _weighed(batch, asked, standing, facts, suppressed, raw, profiles, arms, config, dead=dead)
    )
    gone = given_up(unsettled, weighed, as_of=batch.as_of, batch_id=batch.number)
    told = news(weighed, as_of=batch.as_of, batch_id=batch.number)
    rows = batch.keep(told.unionByName(gone))
    said = weighed.where("is_said")
    return Planned(
        speak.records(batch, said, rows, profiles, config),
        targeted(weighed),
        due,
        {**_outputs(batch, rows, config), **assignments(batch, arms)},
    )


def _has_plans(batch: Batch) -> bool:
    """Whether anything was ever planned: a log that was only made is in its first version."""
    return batch.pins[PLANS.id] > 0


def _actions(
    batch: Batch,
    facts: DataFrame,
    persons: DataFrame,
    labels: DataFrame,
    profiles: DataFrame,
    config: Config,
) -> tuple[DataFrame | None, DataFrame | None]:
    """What may be said to these persons, each with an identifier of theirs; None without any.

    And whom to ask again (see `asked_again`).
    """
    acting = propose.acting(config, as_of=batch.as_of)
    if not acting:
        return None, None
    kinds = [one.kind for one in acting]
    lines = settled_of(facts, config) if any(kind.needs_lines for kind in kinds) else None
    known = Facts(
        timeline=facts,
        lines=lines,
        persons=labels.where(is_person())
        .groupBy("person_id")
        .agg(F.min("first_seen_at").alias("first_seen_at")),
        products=_known_products(batch, config),
        campaigns=batch.read(CAMPAIGNS),
    )
    proposed = propose.proposals(known, activate=acting)
    assert proposed is not None
    meant = batch.keep(
        with_conditions(
            proposed.join(persons, "person_id", "left_semi"),
            profiles,
            chosen={one.name: one.chosen for one in config.activate},
        )
    )
    speeches = [one.speech for one in config.activate]
    told = actions(meant, batch.lake.pads(config), speeches=speeches)
    ref = F.struct(*ORDER)
    own = (
        facts.where(F.col("anchor_key").isNotNull())
        .select("person_id", "anchor_key", "occurred_at", ref.alias("cause"))
        .join(
            labels.where("state = 'linked'").select(
                F.col("identifier_key").alias("anchor_key"), "person_id"
            ),
            ["person_id", "anchor_key"],
            "left_semi",
        )
    )
    anchors = own.groupBy("person_id", "cause").agg(F.min("anchor_key").alias("anchor_key"))
    cancels = facts.select(ref.alias("withdrawn_by"), F.col("type").alias("cancelled_by"))
    each = (
        told.join(anchors, ["person_id", "cause"], "left")
        .withColumn("anchor_key", F.coalesce("anchor_key", named_after()))
        .join(cancels.dropDuplicates(["withdrawn_by"]), "withdrawn_by", "left")
    )
    return each, asked_again(batch, meant, own, profiles, config)


def _known_products(batch: Batch, config: Config) -> DataFrame:
    """The products, with what was learned of them where a policy asks for it."""
    products = batch.read(PRODUCTS)
    if any(one.kind.learns == COMPLEMENT for one in config.activate):
        return with_learned_complements(products, batch.read(MODELS))
    return products


def _standing(batch: Batch, asked: DataFrame | None, labels: DataFrame) -> DataFrame:
    """What stands of the plans of these persons, and of what is proposed, whosever it was."""
    owners = labels.where("state = 'linked'").select(
        F.col("identifier_key").alias("anchor_key"), F.col("person_id").alias("_owner")
    )
    log = batch.read(PLANS)
    ids = log.join(owners, "anchor_key", "left_semi").select("decision_id")
    if asked is not None:
        ids = ids.union(asked.select("decision_id"))
    found = latest(log.join(ids.distinct(), "decision_id", "left_semi"), key=["decision_id"])
    owned = found.join(owners, "anchor_key", "left")
    return owned.withColumn("person_id", F.coalesce("_owner", "person_id")).drop("_owner")


def _weighed(
    batch: Batch,
    asked: DataFrame,
    standing: DataFrame,
    facts: DataFrame,
    suppressed: DataFrame,
    raw: DataFrame,
    profiles: DataFrame,
    arms: DataFrame | None,
    config: Config,
    *,
    dead: DataFrame | None,
) -> DataFrame:
    """What becomes of everything that is proposed and not settled yet."""
    was = standing.select(
        "decision_id",
        F.struct(*(name for name in PLANS.names if name != "decision_id")).alias("was"),
    )
    is_open = F.col("was").isNull() | ~F.col("was.is_final")
    opened = asked.join(was, "decision_id", "left").where(is_open)
    zones = zones_of(batch, facts, asked, standing, config)
    hours = profiles.select("person_id", "usual_response_hour")
    is_promised = F.col("was.outcome").isin("chosen", "lost", "suppressed")
    reached = (
        addresses(raw, dead, types=ADDRESS_TYPES)
        .where(F.col("channel") != AD)
        .unionByName(reached_by_ads(raw, types=speak.types_for_ads(config)))
    )
    ready = (
        with_address(
            with_score(opened, profiles, batch.read(MODELS)).join(zones, "person_id", "left"),
            reached,
        )
        .join(hours, "person_id", "left")
        .withColumn("phone", F.when(F.col("channel").isin("sms", "call"), F.col("address")))
        .withColumn("promised_at", F.when(is_promised, F.col("was.send_at")))
    )
    # Held, since all that speaks against it is asked of it.
    moments = batch.keep(
        with_moment(
            ready,
            as_of=batch.as_of,
            quiet=config.plans.hours,
            usual_hour=config.plans.default_hour,
            interrupting=INTERRUPTING,
            fitting=fitting(config),
        )
    )
    silence, theirs = config.consent.silence, facts.where(is_person())
    barred = with_bars(
        moments,
        suppressed,
        granted(theirs),
        jurisdictions(theirs) if silence.varies else None,
        *([] if arms is None else [held_out(opened, arms)]),
        *against(batch, moments, theirs, config),
        products=batch.read(PRODUCTS),
        contents=batch.read(CONTENTS),
        campaigns=batch.read(CAMPAIGNS),
        shares=decide.shares(config),
        asks_attributes=decide.asks_attributes(config),
        precedence={when: rule.precedence for when, rule in RULES.items()},
        as_of=batch.as_of,
        silence=silence,
    )
    if switches(config):
        done = standing.where(was_heard() | is_shown()).select("decision_id")
        barred = switched(barred, profiles, asked.join(done, "decision_id", "left_semi"))
    barred = batch.keep(barred)
    was_told = F.col("was.emitted_at").isNotNull()
    handed = batch.keep(
        followed(
            barred.where(was_told),
            sent_by_name(theirs),
            as_of=batch.as_of,
            is_halted=speak.is_halted(batch, config),
        )
    )
    open_still = barred.where(~was_told)
    by_day = speak.quotas(config)
    told = {"can_wait": speak.can_wait(config)} | ({} if by_day is None else {"quotas": by_day})
    asked_by_caps = frozenset().union(*(cap.asked for cap in config.caps))
    known = with_customer(open_still, profiles, columns=asked_by_caps)
    limited = batch.keep(known.withColumns({**_limits(config), **told}).drop("customer"))
    back = handed.where(is_called_back()).select("decision_id")
    weighed = decided(
        limited,
        _places(batch, standing.join(back, "decision_id", "left_anti"), facts, zones, config),
        as_of=batch.as_of,
        look_ahead=config.plans.look_ahead,
        may_speak=batch.may_speak,
        paused=batch.paused,
        ahead=batch.ahead,
        taken=None if by_day is None else speak.taken(batch, config),
        time_zone=config.business.time_zone,
        keep=batch.keep,
    )
    return weighed.unionByName(handed, allowMissingColumns=True)


def _limits(config: Config) -> dict[str, Column]:
    caps = decide.cap_rules(config, config.caps)
    gap = config.plans.min_gap
    return {
        "held_by": limits_of(caps, min_gap=gap, held=True),
        "counts_in": limits_of(caps, min_gap=gap, held=False),
    }


def _places(
    batch: Batch, standing: DataFrame, facts: DataFrame, zones: DataFrame, config: Config
) -> DataFrame:
    """What each person has heard and is about to hear, as it counts in limits."""
    timeline = facts.where(is_person())
    by_name = {one.name: one for one in config.activate}
    said = standing.where(was_heard()).join(zones, "person_id")
    emitted = with_fate(said.withColumns(_again(by_name.values())), timeline)
    emitted = batch.keep(emitted.withColumn("counts_in", _limits(config)["counts_in"]))
    every = {cap.name: cap.ad_contact_every for cap in config.caps}
    places = [places_of_plans(emitted, as_of=batch.as_of, assumed_every=every)]
    if config.caps:
        counted = counted_messages(
            timeline,
            batch.read(CONTENTS),
            batch.read(CAMPAIGNS),
            rules=decide.cap_rules(config, config.caps),
            time_zone=config.business.time_zone,
        )
        planned = emitted.where("message_id IS NOT NULL").select("message_id").distinct()
        places.append(places_of_messages(counted, planned, as_of=batch.as_of))
    return places_by_person(*places)


def _again(activate: Iterable[Activate]) -> dict[str, Column]:
    """What each plan's policy says now of asking again: again_after (microseconds), at_most."""
    speeches = [one.speech for one in activate]

    def of(values: dict[str, int | None], kind: str) -> Column:
        told = (F.when(F.col("policy") == name, F.lit(v)) for name, v in values.items())
        return F.coalesce(*told, F.lit(None)).cast(kind)

    return {
        "again_after": of({s.name: s.again_micros for s in speeches}, "bigint"),
        "at_most": of({s.name: s.at_most for s in speeches}, "int"),
    }


def _outputs(batch: Batch, rows: DataFrame, config: Config) -> dict[Table, DataFrame]:
    """The plans that changed, and the decisions that are final."""
    versions = {one.name: config.version_of(one) for one in config.activate}
    cases = [F.when(F.col("policy") == name, F.lit(v)) for name, v in versions.items()]
    decisions = rows.where("is_final").withColumns(
        {
            "decided_at": F.col("as_of"),
            "policy_version": F.coalesce(*cases, F.lit(None).cast("string")),
            "lost": F.array().cast("array<string>"),
        }
    )
    return {PLANS: rows, DECISIONS: DECISIONS.conform(decisions)}
