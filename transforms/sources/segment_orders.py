"""What an order or a refund of Segment says, as canonical fields in SQL (see `segment.py`)."""

from __future__ import annotations

from tactful.transforms.blanks import is_blank
from tactful.transforms.sources import canonical, values
from tactful.transforms.sources.segment_fields import (
    PRODUCT,
    campaign,
    of,
    place,
    property_of,
    with_properties,
)


def order() -> dict[str, str]:
    coupon = of("props", "coupon")
    is_refund = "coalesce(means IN ('order_refunded', 'order_returned'), false)"
    has_lines = f"means = 'order_placed' OR {is_refund}"
    each = ", ".join(of("props", name) for name in ("total", "revenue", "value"))
    amount, is_bare = f"coalesce({each})", "coalesce(size(products) = 0, true)"
    return with_properties("purchases", {
        "order_id": property_of("order_id"),
        "campaign_id": campaign(),
        "coupons": f"CASE WHEN NOT {is_blank(coupon)} THEN array({coupon}) END",
        "place": place(),
        "currency": of("props", "currency"),
        "lines": f"CASE WHEN {has_lines} THEN {_lines()} END",
        "amount": f"CASE WHEN ({has_lines}) AND {is_bare} THEN {amount} END",
    })  # fmt: skip


def lines_read() -> str:
    listed_ = of("props", "products")
    told = f"CASE WHEN NOT {is_blank(listed_)} THEN {listed_} END"
    return canonical.strictly(told, f"array<struct<{PRODUCT}>>")


def lines_not_read() -> str:
    """Whether there is a list of products in which something is no product."""
    listed_ = of("props", "products")
    is_whole = "forall(products, product -> product IS NOT NULL)"
    return (
        f"CASE WHEN NOT {is_blank(listed_)} AND is_sound "
        f"THEN NOT coalesce(json_array_length({listed_}) = size(products) AND {is_whole}, false) "
        "END"
    )


def _lines() -> str:
    """The products as lines, and the discount on the whole order as one of its own."""
    nothing = "CAST(NULL AS string)"
    each = (
        f"struct({nothing} AS line_id, "
        "coalesce(product.sku, product.product_id, product.productId) AS sku, "
        "product.category AS category, product.quantity AS quantity, product.price AS unit_price, "
        f"{nothing} AS discount, {nothing} AS amount)"
    )
    off, paid = (f"TRY_CAST({of('props', n)} AS decimal(16,4))" for n in ("discount", "subtotal"))
    cost = (
        "aggregate(products, CAST(0 AS decimal(28,4)), (sum, product) -> CAST(sum + "
        "coalesce(TRY_CAST(product.price AS decimal(16,4)), 0) * "
        "coalesce(TRY_CAST(product.quantity AS decimal(10,4)), 1) AS decimal(28,4)))"
    )
    voucher = (
        f"struct({nothing} AS line_id, {nothing} AS sku, {nothing} AS category, '1' AS quantity, "
        f"{nothing} AS unit_price, {nothing} AS discount, CAST(-{off} AS string) AS amount)"
    )
    is_off = (
        f"means = 'order_placed' AND size(products) > 0 AND {off} > 0 "
        f"AND NOT coalesce({cost} <= {paid}, false)"
    )
    lines = f"transform(products, product -> {each})"
    return (
        f"CASE WHEN {is_off} THEN concat({lines}, array({voucher})) "
        f"WHEN means = 'order_placed' THEN {lines} ELSE {_shared_out()} END"
    )


def _shared_out() -> str:
    """The products of a refund, which give its total back: each as much as its share of what all
    cost, or of how many they are where a price is missing; the last what rounding left."""
    nothing = "CAST(NULL AS string)"
    number = "TRY_CAST(coalesce(product.quantity, '1') AS decimal(10,4))"
    cost = f"TRY_CAST(TRY_CAST(product.price AS decimal(16,4)) * {number} AS decimal(20,4))"
    by_cost, by_number = (f"transform(products, product -> {one})" for one in (cost, number))

    def total(of: str) -> str:
        return (
            f"aggregate({of}, CAST(0 AS decimal(20,4)), "
            "(sum, one) -> TRY_CAST(sum + one AS decimal(20,4)))"
        )

    def can_share(of: str) -> str:
        is_sound = f"forall({of}, one -> one IS NOT NULL AND one >= 0)"
        return f"coalesce({is_sound} AND {total(of)} > 0, false)"

    weights = f"""CASE
        WHEN {can_share("cost")} THEN cost
        WHEN {can_share("number")} THEN transform(number, one -> CAST(one AS decimal(20,4)))
    END"""
    paid = f"TRY_CAST({of('props', 'total')} AS decimal(16,4))"
    parts = (
        f"CASE WHEN {paid} IS NOT NULL "
        f"THEN transform(weights, one -> TRY_CAST({paid} * one / whole AS decimal(16,4))) END"
    )
    rest = (
        "aggregate(slice(parts, 1, greatest(size(parts) - 1, 0)), CAST(0 AS decimal(20,4)), "
        "(sum, one) -> TRY_CAST(sum + one AS decimal(20,4)))"
    )
    part = (
        f"CASE WHEN at < size(products) - 1 THEN get(parts, at) "
        f"ELSE TRY_CAST({paid} - {rest} AS decimal(16,4)) END"
    )
    each = (
        f"struct({nothing} AS line_id, "
        "coalesce(product.sku, product.product_id, product.productId) AS sku, "
        "product.category AS category, "
        "CASE WHEN parts IS NULL THEN product.quantity ELSE coalesce(product.quantity, '1') END "
        "AS quantity, product.price AS unit_price, "
        f"{nothing} AS discount, CAST({part} AS string) AS amount)"
    )
    lines = f"transform(products, (product, at) -> {each})"
    for name, value in (
        ("parts", parts), ("whole", total("weights")), ("weights", weights),
        ("number", by_number), ("cost", by_cost),
    ):  # fmt: skip
        lines = values.once(value, name, lines)
    return lines
