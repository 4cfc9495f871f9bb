"""What the demo's figures should come out as, worked out from the data alone, with pandas.

An independent reading: it shares nothing with the steps it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tactful.jobs.demo.journey import Journey, campaign_name

FIXED = pd.Timedelta(days=14)
BLUNT = pd.Timedelta(days=60)
OWN_SHARE = 0.5


@dataclass(frozen=True)
class Figures:
    """Of the quarter's Type B and C mailings, how many each rule would have stopped."""

    mailings: int
    bought_14d: int
    own_rhythm: int
    blunt_60d: int


def mailing_truth(journey: Journey, households: pd.DataFrame) -> pd.DataFrame:
    """Say of every landed mailing whether its household had just bought what it offered.

    `households` holds household_id, household. A purchase counts when it was landed and lies
    before the mailing, by less than the wait: 14 days; half the product's own rhythm (14 days
    for a product without one); for the blunt rule 60 days, whatever was bought.
    Adds: bought_14d, own_rhythm, blunt_60d, skus_14d. Grain: mailing.
    """
    sent = journey.mailings.merge(households, on="household_id").reset_index(drop=True)
    sent["mailing"] = sent.index
    bought = journey.lines[journey.lines["at"] >= journey.start]
    touched = sent[["mailing", "household_id", "campaign_id", "starts_at"]].merge(
        journey.offered, on="campaign_id"
    )
    touched = touched.merge(bought, on=["household_id", "product_id"])
    since = touched.starts_at - touched["at"]
    own = pd.to_timedelta(touched.product_id.map(journey.rhythm) * OWN_SHARE, unit="D")
    before = since > pd.Timedelta(0)
    fixed = touched[before & (since < FIXED)]
    anything = sent[["mailing", "household_id", "starts_at"]].merge(
        bought[["household_id", "at"]].drop_duplicates(), on="household_id"
    )
    lately = anything.starts_at - anything["at"]
    blunt = anything[(lately > pd.Timedelta(0)) & (lately < BLUNT)].mailing
    rhythm = touched[before & (since < own.fillna(FIXED))].mailing
    campaign = sent.campaign_id.map(campaign_name)
    return pd.DataFrame(
        {
            "message_id": "mail-" + campaign + "-" + sent.household,
            "household": sent.household,
            "campaign_id": campaign,
            "kind": sent.kind,
            "sent_at": sent.starts_at.dt.tz_localize("UTC"),
            "bought_14d": sent.mailing.isin(fixed.mailing),
            "own_rhythm": sent.mailing.isin(rhythm),
            "blunt_60d": sent.mailing.isin(blunt),
            "skus_14d": sent.mailing.map(fixed.groupby("mailing").product_id.nunique())
            .fillna(0)
            .astype("int64"),
        }
    )


def figures(
    mailings: pd.DataFrame, *, first: str = "2017-10-01", end: str = "2018-01-01"
) -> Figures:
    """Count the quarter's mailings whose products are recorded, and those each rule would stop."""
    when = mailings.sent_at
    inside = (when >= pd.Timestamp(first, tz="UTC")) & (when < pd.Timestamp(end, tz="UTC"))
    recorded = mailings[inside & mailings.kind.isin(["Type B", "Type C"])]
    return Figures(
        mailings=len(recorded),
        bought_14d=int(recorded.bought_14d.sum()),
        own_rhythm=int(recorded.own_rhythm.sum()),
        blunt_60d=int(recorded.blunt_60d.sum()),
    )
