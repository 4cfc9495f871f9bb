"""How orders of small worlds follow messages: by click, campaign, product, or several at once."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from tests.worlds_rows import SKUS

HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
CAMPAIGNS = ("spring", "sale", None)
# Far more than a message usually offers: a list that is looked through once for all that carry it.
MAILING = [f"s{n}" for n in range(40)]


def touches(maker: Any, seed: int) -> None:
    """Some messages to one customer, close together or at once, clicked or not; then their orders.

    Orders come at any time near the messages, at times just when a window ends or a moment later,
    name a campaign or none, and hold what one, several or none of the messages offered.
    """
    dice = random.Random(f"touches {seed}")
    window = timedelta(days=3)  # or one day, as the world's configuration says
    for n in range(dice.randint(3, 5)):
        ids = [{"type": "customer_id", "value": dice.choice(maker.people).customer_id}]
        start = maker.when() - dice.choice((0, 4)) * 24 * HOUR
        sku = dice.choice(SKUS)
        sent = [start + dice.choice((0, 0, 3, 6, 12, 24)) * HOUR for _ in range(dice.randint(1, 5))]
        for number, time in enumerate(sent):
            _message(maker, dice, f"t{n}-{number}", time, ids, sku)
        for number in range(dice.randint(1, 3)):
            near = dice.choice(sent)
            ends = near + dice.choice((window, window / 3)) + dice.choice((0, 0, 1)) * MICROSECOND
            time = dice.choice((near, near + 3 * HOUR, near + 18 * HOUR, near + 48 * HOUR, ends))
            lines = [{"sku": own} for own in dice.choice(((sku,), (sku, sku), (sku, "mat"), ()))]
            told = {"order_id": f"t{n}-{number}", "campaign_id": dice.choice(CAMPAIGNS)}
            lines.append({"sku": "lamp", "amount": 5})
            maker.add("purchases", "order_placed", time, ids, lines=lines, **told)


def _message(maker: Any, dice: random.Random, name: str, time: Any, ids: Any, sku: str) -> None:
    offered = dice.choice(([sku], [sku], [sku, "mat"], [*MAILING, sku], MAILING, None))
    told = {"message_id": name, "channel": dice.choice(("email", "push"))}
    maker.add(
        "messages", "sent", time, ids, campaign_id=dice.choice(CAMPAIGNS), skus=offered, **told
    )
    for _ in range(dice.choice((0, 0, 0, 1, 2))):
        clicked = time + dice.choice((0, 3, 9, 30)) * HOUR
        maker.add("messages", "clicked", clicked, dice.choice((ids, [])), **told)
