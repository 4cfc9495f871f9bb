"""How orders of small worlds get to their customers: in parts, twice, not at all, told by whom."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from tests.worlds_rows import SKUS

DAY = timedelta(days=1)
STEPS = ("order_shipped", "order_delivered", "order_delivered")


def deliveries(maker: Any, seed: int) -> None:
    """Orders of some lines with what a carrier tells of them, at times before the shop does.

    Some name a line that the order does not have, a product, or nothing; some are the warehouse's,
    who knows nobody, and some orders were taken home from a store. Then come a review request, and
    the same at half price.
    """
    dice, some = random.Random(f"deliveries {seed}"), random.Random(f"pieces {seed}")
    for n in range(dice.randint(3, 6)):
        person = dice.choice(maker.people)
        ids, order = [{"type": "customer_id", "value": person.customer_id}], f"w{n}"
        time, skus = maker.when(), dice.sample((*SKUS, None), dice.randint(1, 3))
        lines = [
            {"line_id": f"l{at}", "sku": sku, "amount": dice.choice((9, 61.5, 61.5)),
             **some.choice(({}, {}, {"quantity": 2}, {"quantity": 3}))}
            for at, sku in enumerate(skus)
        ]  # fmt: skip
        if some.random() < 0.4:
            lines.append({**lines[0], "line_id": "l5"})
        place = dice.choice(("online", "online", None, "app", " Store"))
        maker.add("purchases", "order_placed", time, ids, order_id=order, lines=lines, place=place)
        for type_ in STEPS:
            if dice.random() < 0.5:
                about = dice.choice((
                    {}, {"line_id": "l0"}, {"line_id": "l9"}, {"sku": skus[-1]},
                    {"lines": dice.sample(lines, 1)}, {"lines": [{"sku": skus[0]}]},
                ))  # fmt: skip
                who = dice.choice(([], [], ids))
                about = _in_pieces(some, about)
                maker.add("purchases", type_, maker.later(time), who, order_id=order, **about)
        if dice.random() < 0.2:
            maker.add("purchases", "order_cancelled", maker.later(time), [], order_id=order)
        half = {"skus": [sku for sku in skus if sku], "offers_discount": True}
        told = {"message_id": f"h{n}", "channel": "email", "purpose": "marketing"}
        maker.add("messages", "sent", time + dice.choice((DAY, 8 * DAY)), ids, **half, **told)
        told = {"message_id": f"w{n}", "channel": dice.choice(("email", "sms"))}
        topic = dice.choice(("review_request", "complement", "news"))
        offered = dice.choice((None, [skus[0] or "mat"], ["soap", "lamp"]))
        maker.add("messages", "sent", maker.later(time), ids, topic=topic, skus=offered, **told)


def _in_pieces(dice: random.Random, about: dict[str, Any]) -> dict[str, Any]:
    """The same delivery, at times of a quantity: of none, of some, of more than there is."""
    if dice.random() < 0.4:
        return about
    told = about.get("lines") or [{n: v for n, v in about.items() if n in ("line_id", "sku")}]
    return {"lines": [{**line, "quantity": dice.choice((0, 1, 1, 1, 2, 9, -1))} for line in told]}
