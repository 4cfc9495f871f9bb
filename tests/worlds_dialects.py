"""What other systems tell of the customers of small worlds, each in its own form.

SendGrid speaks in every world; Segment and Shopify in every fifth, since each costs a run time.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

SKUS = ("jeans", "belt", "hat")
KINDS = ("processed", "delivered", "open", "click", "bounce", "deferred", "dropped", "spamreport",
         "unsubscribe", "group_unsubscribe", "group_resubscribe", "odd")  # fmt: skip
CALLS = ("Product Viewed", "Viewed Product", "Order Completed", "Order Refunded", "Order Cancelled",
         "Email Delivered", "email opened ", "Unsubscribed", "Email Bounced",
         "Live Chat Conversation Started", "Live Chat Conversation Ended",
         "Segment Consent Preference Updated",
         "Application Backgrounded", "House Event")  # fmt: skip


def dialects(maker: Any, seed: int) -> dict[str, dict[str, str]]:
    """Add the rows of other systems, and return their sources."""
    told = {"esp": ("sendgrid", sendgrid)}
    if seed % 5 == 2:
        told |= {"cdp": ("segment", segment), "store": ("shopify", shopify)}
    for name, (dialect, tell) in told.items():
        dice = random.Random(f"{dialect} {seed}")
        maker.rows[name] = [row for n in range(dice.randint(4, 10)) for row in tell(maker, dice, n)]
    return {
        name: {"dialect": dialect, "format": "json", "path": f"landing/{name}"}
        for name, (dialect, _) in told.items()
    }


def sendgrid(maker: Any, dice: random.Random, n: int) -> list[Any]:
    """What became of one mailing, at times in an array and told again."""
    person, at = dice.choice(maker.people), _when(dice)
    message = f"sg{dice.choice((n, n, n, 0))}.filter.0"
    posted = []
    for place in range(dice.choice((1, 2, 3, 4))):
        kind = "processed" if place == 0 else dice.choice(KINDS)
        event = {
            "email": dice.choice(person.emails), "timestamp": int(at.timestamp()), "event": kind,
            "sg_event_id": f"sg {n} {place}", "sg_message_id": message,
            "type": dice.choice(("bounce", "blocked")) if kind == "bounce" else None,
            "sg_machine_open": dice.choice((True, False)) if kind == "open" else None,
            "customer_id": dice.choice((person.customer_id, None)),
            "asm_group_id": dice.choice((None, 7)), "category": dice.choice((["jeans"], None)),
        }  # fmt: skip
        posted.append({name: value for name, value in event.items() if value is not None})
        at += timedelta(hours=dice.choice((0, 3, 24)))
    again = dice.choice(([], [], posted[:1]))
    return [*dice.choice((posted, [posted])), *again]


def segment(maker: Any, dice: random.Random, n: int) -> list[Any]:
    """One call of each kind that happens to come, of one customer or of a cookie."""
    person, rows = dice.choice(maker.people), []
    for place, event in enumerate(dice.sample(CALLS, 3)):
        call: dict[str, Any] = {
            "type": "track", "event": event, "messageId": f"cdp {n} {place}",
            "timestamp": _when(dice).isoformat(), "anonymousId": person.cookies[0],
            "context": {"traits": {"email": dice.choice(person.emails)},
                        "consent": {"categoryPreferences": {
                            "Advertising": dice.choice((True, False))}}},
            "properties": {
                "order_id": f"cdp{dice.choice((n, 0))}", "sku": dice.choice(SKUS),
                "conversation_id": f"chat{n}", "email_id": f"mail{n}", "currency": "USD",
                "discount": dice.choice((None, 0, 2)),
                "products": [{"sku": sku, "price": 20, "quantity": dice.choice((1, 2))}
                             for sku in dice.sample(SKUS, dice.choice((1, 2)))],
            },
        }  # fmt: skip
        if dice.random() < 0.7:
            call["userId"] = person.customer_id
        rows.append(call)
    identify = {
        "type": "identify", "messageId": f"cdp {n} who", "timestamp": _when(dice).isoformat(),
        "userId": person.customer_id, "anonymousId": person.cookies[0],
        "traits": {"email": person.emails[0], "size": dice.choice(("S", "M")), "tags": ["a"]},
    }  # fmt: skip
    return [*rows, identify, *dice.choice(([], [identify], rows[:1]))]


def shopify(maker: Any, dice: random.Random, n: int) -> list[Any]:
    """An order as it goes on, sent again at every step; then what is told of the customer."""
    person, at = dice.choice(maker.people), _when(dice)

    def stamp(hours: float) -> str:
        return (at + timedelta(hours=hours)).isoformat()

    line = {"id": 7, "product_id": 1, "sku": dice.choice(SKUS), "quantity": dice.choice((1, 2)),
            "price": "20.00", "total_discount": "0.00",
            "discount_allocations": dice.choice(([], [{"amount": "2.50"}]))}  # fmt: skip
    order: dict[str, Any] = {
        "id": 1000 + n, "order_number": n, "created_at": stamp(0), "financial_status": "pending",
        "customer": {"id": person.customer_id, "email": person.emails[0]}, "currency": "USD",
        "email": person.emails[0], "line_items": [line], "test": False,
    }  # fmt: skip
    paid = {**order, "financial_status": "paid"}
    parcel = {"id": 2000 + n, "order_id": order["id"], "status": "success", "created_at": stamp(3),
              "updated_at": stamp(30), "tracking_number": None,
              "shipment_status": dice.choice((None, "delivered")),
              "line_items": [line]}  # fmt: skip
    refund = {
        "id": 3000 + n, "order_id": order["id"], "created_at": stamp(40), "refund_line_items":
        dice.choice(([], [{"line_item_id": 7, "quantity": 1, "subtotal": "20.00",
                           "line_item": line}])),
        "transactions": [{"kind": "refund", "status": "success", "amount": "20.00",
                          "currency": "USD"}],
    }  # fmt: skip
    sent = {**paid, "fulfillments": [parcel]}
    state = dice.choice(("subscribed", "unsubscribed", "not_subscribed"))
    about = {
        "id": person.customer_id, "email": person.emails[0], "verified_email": True,
        "created_at": stamp(-5), "updated_at": stamp(5),
        "email_marketing_consent": {"state": state, "consent_updated_at": stamp(4)},
    }  # fmt: skip
    last = dice.choice(({**sent, "refunds": [refund]}, {**paid, "cancelled_at": stamp(2)}, sent))
    return [order, paid, dice.choice((parcel, sent)), last, dice.choice((refund, last)), about]


def _when(dice: random.Random) -> Any:
    from tests.worlds import START

    return START + timedelta(hours=3 * dice.randrange(22 * 8))
