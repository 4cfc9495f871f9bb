"""Units: in what the values of a column are told."""

from __future__ import annotations

from tactful.schemas.table import Column

# Of plain numbers by name; money says whose currency it is in.
NUMBERS = {
    "satisfaction": "1 (bad) to 5 (good)",
    "line_number": "position, from 0",
    "position": "position, from 0",
    "step": "position, from 1",
    "batch_id": "number of the batch",
    "from_position": "offset, or version of the table",
    "until_position": "offset, or version of the table",
    "quantity": "pieces, or what the goods are weighed in",
    "amount": "money, in the currency of the row",
    "cost": "money, in business.currency",
    "price": "money, in business.currency",
    "budget": "money, in business.currency",
    "rate": "business.currency for one of the row's currency",
    "counted": "messages",
    "cap_limit": "messages",
    "recency_days": "days",
    "recency_score": "1 (least) to 5 (best)",
    "frequency_score": "1 (least) to 5 (best)",
    "money_score": "1 (least) to 5 (best)",
    "usual_response_hour": "hour of the day, 0 to 23",
    "usual_purchase_hour": "hour of the day, 0 to 23",
    "usual_response_weekday": "day of the week, 1 (Monday) to 7",
    "usual_purchase_weekday": "day of the week, 1 (Monday) to 7",
    "average_order": "money, in business.currency",
    "margin_total": "money, in business.currency",
    "revenue_total": "money, in business.currency",
    "revenue_365d": "money, in business.currency",
    "revenue": "money, in business.currency",
    "known_revenue": "money, in business.currency",
    "contacts_90d": "contacts with customer service",
    "open_contacts": "contacts with customer service",
    "service_contacts": "contacts with customer service",
    "bad_experiences_90d": "experiences",
    "customers": "persons",
    "orders": "orders",
    "unpriced_orders": "orders",
    "events": "events",
    "known_events": "events",
    "records": "records",
    "attempts": "calls",
}
# What a number counts is the last word of its name, or stands before it.
ENDINGS = {
    "_count": "number of them", "_rows": "rows", "_records": "records", "_persons": "persons", "_days": "days",
    "_share": "share, 0 to 1", "_bytes": "bytes", "_seconds": "seconds", "_score": "score",
    "_version": "number of the version", "_orders": "orders", "_rate": "share, 0 to 1",
}  # fmt: skip
TYPES = {
    "timestamp": "moment, UTC", "date": "day", "boolean": "true or false", "binary": "bytes",
    "string": "text",
}  # fmt: skip
NUMERIC = ("int", "bigint", "double", "decimal")


def unit_of(column: Column) -> str:
    """In what the values of a column are told; empty for a number of which nobody has said it."""
    if column.unit:
        return column.unit
    kind = column.type
    if kind in TYPES:
        return TYPES[kind]
    if kind.startswith("array"):
        return "list"
    if kind.startswith("map"):
        return "values by name"
    if kind.startswith("struct"):
        return "fields"
    by_ending = (unit for ending, unit in ENDINGS.items() if column.name.endswith(ending))
    return NUMBERS.get(column.name) or next(by_ending, "")
