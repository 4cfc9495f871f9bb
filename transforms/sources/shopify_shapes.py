"""The shapes of Shopify's objects as they are read, and of the events that are made of them."""

from __future__ import annotations

from collections.abc import Mapping

from tactful.transforms.sources.dialect import ListForm
from tactful.transforms.sources.objects import listed
from tactful.transforms.sources.values import once

TEXTS = (
    "id", "order_id", "customer_id", "created_at", "updated_at", "processed_at", "cancelled_at",
    "cancel_reason", "financial_status", "test", "email", "contact_email", "email_address", "phone",
    "currency", "source_name", "location_id", "order_number", "name", "landing_site",
    "referring_site", "cart_token", "checkout_token", "token", "status", "shipment_status",
    "accepts_marketing", "accepts_marketing_updated_at", "marketing_opt_in_level", "tags", "state",
    "total_price", "updatedAt",
)  # fmt: skip
SKUS = "sku:string,product_id:string"
MONEYS = "array<struct<amount:string>>"
LINES = (
    f"array<struct<id:string,{SKUS},quantity:string,price:string,total_discount:string,"
    f"discount_allocations:{MONEYS}>>"
)
# What was paid in the buyer's own currency is told in the shop's beside it.
SHOP_MONEY = "struct<shop_money:struct<amount:string,currency_code:string>>"
REFUNDED = (
    "refund_line_items:array<struct<line_item_id:string,quantity:string,subtotal:string,"
    f"subtotal_set:{SHOP_MONEY},line_item:struct<{SKUS}>>>,"
    "transactions:array<struct<kind:string,status:string,amount:string,currency:string,"
    f"amount_set:{SHOP_MONEY}>>"
)
REFUND = f"struct<id:string,created_at:string,processed_at:string,{REFUNDED}>"
FULFILMENT = (
    "struct<id:string,created_at:string,updated_at:string,status:string,shipment_status:string,"
    f"line_items:array<struct<id:string,{SKUS},quantity:string>>>"
)
NOTHING = "CAST(NULL AS string)"
CHANNELS = {"email": "email_marketing_consent", "sms": "sms_marketing_consent"}
CONSENT = "struct<state:string,consent_updated_at:string>"
# The same as GraphQL tells it.
GRAPHQL = {"email": "emailMarketingConsent", "sms": "smsMarketingConsent"}
GRAPHQL_CONSENT = "struct<marketingState:string,consentUpdatedAt:string>"
OBJECTS: Mapping[str, str] = {
    "customer": "struct<id:string,email:string,phone:string>",
    "discount_codes": "array<struct<code:string>>",
    "line_items": LINES,
    "refunds": f"array<{REFUND}>",
    "fulfillments": f"array<{FULFILMENT}>",
    "email_marketing_consent": CONSENT,
    "sms_marketing_consent": CONSENT,
    **dict.fromkeys(GRAPHQL.values(), GRAPHQL_CONSENT),
    "order_edit": "struct<id:string,order_id:string,created_at:string,committed_at:string>",
    **{pair.partition(":")[0]: pair.partition(":")[2] for pair in
       (REFUNDED[: REFUNDED.index(",transactions")], REFUNDED[REFUNDED.index("transactions") :])},
}  # fmt: skip
SHAPE = ", ".join(
    [*(f"{name} string" for name in TEXTS), *(f"{name} {kind}" for name, kind in OBJECTS.items())]
)
LINE = (
    "array<struct<line_id:string,sku:string,quantity:string,unit_price:string,discount:string,"
    "amount:string>>"
)
EVENT = (
    f"struct<raw:string,type:string,event_id:string,occurred_at:string,lines:{LINE},amount:string,"
    "currency:string>"
)


def kind() -> str:
    """What a body is, by the names of its fields; null where nobody knows it."""

    def has(*each: str) -> str:
        return f"arrays_overlap(names, array({listed(each)}))"

    is_consent = has(*CHANNELS.values(), "accepts_marketing")
    found = f"""CASE
        WHEN {has("abandoned_checkout_url")} THEN 'checkout'
        WHEN {has("line_items")} AND {has("financial_status", "order_number")} THEN 'order'
        WHEN {has("refund_line_items")} THEN 'refund'
        WHEN {has("order_edit")} THEN 'edit'
        WHEN {has("tracking_number", "tracking_numbers")} AND {has("order_id")} THEN 'fulfilment'
        WHEN {has("customer_id")} AND {has(*CHANNELS.values())} THEN 'consent'
        WHEN {has("verified_email", "addresses")} THEN 'customer'
        WHEN {is_consent} AND {has("id")} AND {has("updated_at")} THEN 'customer'
        WHEN {is_consent} OR {has(*GRAPHQL.values())} THEN 'consent'
    END"""
    return once("json_object_keys(value)", "names", found)


def before() -> str:
    """What a customer of before these objects has said, if the word was changed since the start.

    It is false for all who never ticked the box. Who has a level of opting in once did; a body that
    tells neither since when nor since when they are there, since its sender left that out, may
    mean no: it does.
    """
    at = "said.accepts_marketing_updated_at"
    was_yes = "said.marketing_opt_in_level IS NOT NULL"
    changed = f"coalesce({at} > said.created_at, {at} IS NOT NULL OR said.created_at IS NULL)"
    no = f"said.accepts_marketing = 'false' AND ({was_yes} OR {changed})"
    return (
        f"CASE WHEN {no} THEN 'unsubscribed' "
        f"WHEN {at} IS NOT NULL AND said.accepts_marketing = 'true' THEN 'subscribed' END"
    )


# Of the export of customers, under the names that it has had.
ACCEPTS = {
    "accepts_email_marketing": "email",
    "accepts_marketing": "email",
    "accepts_sms_marketing": "sms",
}


def _told_of_customer(row: Mapping[str, str], opens: bool) -> list[dict[str, str]]:
    """Where a customer of the export has said yes, or has not."""
    wanted = ("yes", "true") if opens else ("no", "false")
    channels = {ACCEPTS[name] for name in ACCEPTS if row.get(name, "").lower() in wanted}
    return [{"channel": channel} for channel in sorted(channels)]


CUSTOMERS = ListForm(tuple(ACCEPTS), _told_of_customer)
