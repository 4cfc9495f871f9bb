"""Allotting: how returns, refunds and cancellations share out over what was bought.

One order, or one person's purchases of one product, is an array of lines, the latest first; what
was taken back is an array that is gone through once. All in SQL: of column objects it takes
hundreds, at several calls into the JVM each.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

REFUNDED = "order_refunded"
EVENT_REF = "STRUCT<occurred_at: TIMESTAMP, stream: STRING, event_id: STRING>"
TAKEN = (
    f"ARRAY<STRUCT<event: {EVENT_REF}, type: STRING, number: STRING, goods: BOOLEAN, "
    "units: BIGINT, money: BIGINT>>"
)
# What is shared out, and what of it a line has.
TOTALS = {"units": "line.units", "money": "line.paid"}
# An order's line with what each type of event told of it so far.
SUMS = [f"{kind}_{what}" for kind in ("cancelled", "returned", "refunded") for what in TOTALS]
ORDERED = ("order_id", "line_number", "line_id", "sku", "currency", "units", "paid", *SUMS, "taken")
ACTS = """CASE take.names
    WHEN 0 THEN line.line_id <=> take.line_id WHEN 1 THEN line.sku <=> take.sku ELSE true END"""
# A person's line with what is gone of it, and what the matter at hand told of it so far.
GONE = [f"gone_{what}" for what in TOTALS]
SIDES = [f"{side}_{what}" for side in ("goods", "refunds") for what in TOTALS]
OWN = (
    "event", "order_id", "line_number", "currency", "units", "paid", "matter", *GONE, *SIDES,
    "taken",
)  # fmt: skip


def back(what: str, types: Sequence[str] | None = None, *, goods_only: bool = False) -> Column:
    """How much of a line is taken back, of its units or of what was paid.

    A return and a refund under one number tell of the same goods and the same money and count
    once; what was cancelled is not there to be returned. Never more than the line has.

    types: only what is taken back by these. goods_only: only what brings goods back, where money
    alone leaves them with the customer.
    """
    return F.expr(back_of("taken", what, types, goods_only=goods_only))


def back_of(
    taken: str, what: str, types: Sequence[str] | None = None, *, goods_only: bool = False
) -> str:
    """`back` as SQL, of the shares in this array."""
    total, name = what, "money" if what == "paid" else what
    counts = "true" if types is None else _is_one_of("share.type", types)
    counts += " AND share.goods" if goods_only else ""

    def named_by(is_refund: bool) -> str:
        sign = "=" if is_refund else "<>"
        mine = f"share.number = number AND share.type {sign} '{REFUNDED}' AND {counts}"
        return _sum(taken, "share", f"if({mine}, share.{name}, 0L)")

    each = f"greatest(least({total}, {named_by(False)}), {named_by(True)})"
    numbers = f"array_distinct(transform({taken}, share -> share.number))"
    return f"least({total}, {_sum(numbers, 'number', each)})"


def emptied_by(types: str) -> Column:
    """The event by which no unit of the line was kept any more; null while one is.

    types: SQL of an array, the types of events that count.
    """
    counting = f"filter(taken, share -> array_contains({types}, share.type) AND share.units > 0)"
    numbers = f"array_distinct(transform({counting}, share -> share.number))"
    none = f"transform({numbers}, n -> named_struct('number', n, 'goods', 0L, 'refunds', 0L))"
    sums = f"""transform(so_far.sums, s -> CASE
        WHEN s.number <> share.number THEN s
        WHEN share.type = '{REFUNDED}' THEN
            named_struct('number', s.number, 'goods', s.goods, 'refunds', s.refunds + share.units)
        ELSE named_struct('number', s.number, 'goods', s.goods + share.units, 'refunds', s.refunds)
    END)"""
    all_back = _sum("sums", "s", "greatest(least(units, s.goods), s.refunds)") + " >= units"
    at = f"CASE WHEN so_far.at IS NULL AND {all_back} THEN share.event ELSE so_far.at END"
    step = _let("sums", sums, f"named_struct('sums', sums, 'at', {at})")
    start = f"named_struct('sums', {none}, 'at', CAST(NULL AS {EVENT_REF}))"
    return F.expr(f"aggregate(sort_array({counting}), {start}, (so_far, share) -> {step}).at")


def _is_one_of(value: str, texts: Sequence[str]) -> str:
    listed = ", ".join(f"'{text}'" for text in texts)
    return f"{value} IN ({listed})"


def _sum(array: str, name: str, value: str) -> str:
    return f"aggregate({array}, 0L, (sum, {name}) -> sum + {value})"


def _let(name: str, value: str, body: str) -> str:
    """Work a value out once for all that a text of SQL says of it."""
    return f"transform(array({value}), {name} -> {body})[0]"


def _passes(lines: str, change: str, *, units: str, money: str) -> str:
    """Go through the lines, the latest first, each taking its share of what is wanted.

    change: SQL that makes of `line` a struct of line, units and money, the last two what it takes
    of what `wanted` still holds. Gives a struct of lines, units and money, the last two what is
    left.
    """
    start = f"named_struct('lines', slice({lines}, 1, 0), 'units', {units}, 'money', {money})"
    step = """named_struct(
        'lines', concat(wanted.lines, array(changed.line)),
        'units', wanted.units - changed.units,
        'money', wanted.money - changed.money)"""
    return f"aggregate({lines}, {start}, (wanted, line) -> {_let('changed', change, step)})"


def _with(struct: str, names: Sequence[str], **changed: str) -> str:
    """The same struct with other values in some of its fields."""
    fields = (f"'{name}', {changed.get(name, f'{struct}.{name}')}" for name in names)
    return f"named_struct({', '.join(fields)})"


def _share() -> str:
    """The line's shares with what an event took of it, unless that is nothing."""
    share = """named_struct('event', take.event, 'type', take.type, 'number', take.number,
        'goods', take.goods, 'units', took.units, 'money', took.money)"""
    some = "took.units > 0 OR took.money > 0"
    return f"CASE WHEN {some} THEN concat(line.taken, array({share})) ELSE line.taken END"


def _part(whole: str, part: str, of: str) -> str:
    return f"CAST(CAST({whole} AS DECIMAL(19, 0)) * {part} div {of} AS BIGINT)"


def _in_order() -> str:
    """How the events that name a placed order share out over its lines.

    What names a line takes of that line, what names a product of the product's lines, all else of
    any. It takes the quantity it tells, and the money; where it tells a quantity and no money, the
    quantity's part of what was paid; where it tells money and no quantity, the money's part of the
    quantity (of what cost nothing, one unit); where neither, everything. Money that names no line
    and no product lowers what was paid, and takes no goods, unless nothing that was paid is kept.
    Money of another currency than the order's counts as not told where goods come back, so that
    they take their part of what was paid; money alone counts as none: nobody says what it is worth.

    Each type of event is counted apart, none above what the line has; see `back` for what they are
    together. Where several lines fit, those are chosen first of which the other side, goods or
    money, already told; then those that nobody told of; then the others.
    """
    empty = {name: "0L" for name in SUMS} | {"taken": f"CAST(array() AS {TAKEN})"}
    lines = f"transform(lines, line -> {_with('line', ORDERED, **empty)})"
    room = f"""named_struct(
        'units', {_room("units")}, 'units_left', line.units - {_own("units")},
        'money', {_room("money")}, 'money_left', line.paid - {_own("money")})"""
    changed = f"""named_struct(
        'line', {_counted()}, 'units', took.units, 'money', took.money)"""
    change = f"""CASE WHEN {ACTS} THEN {_let("room", room, _let("took", _took(), changed))}
        ELSE named_struct('line', line, 'units', 0L, 'money', 0L) END"""
    wanted = "named_struct('lines', lines, 'units', plan.units, 'money', coalesce(plan.money, 0L))"
    turns = f"""aggregate(array(0, 1, 2), {wanted}, (so_far, turn) ->
        {_passes("so_far.lines", change, units="so_far.units", money="so_far.money")}).lines"""
    rest = f"named_struct('units', line.units - {_own('units')}, 'money', 0L)"
    cover = f"transform(lines, line -> {_let('took', rest, _counted())})"
    is_covered = f"""plan.how = 'sum' AND plan.money > 0 AND exists(lines, line -> line.paid > 0)
        AND forall(lines, line -> {_own("money")} >= line.paid)"""
    step = _let("lines", turns, f"CASE WHEN {is_covered} THEN {cover} ELSE lines END")
    return f"aggregate(takes, {lines}, (lines, take) -> {_let('plan', _plan(), step)})"


def _plan() -> str:
    """How an event acts, and how many units and how much money it wants."""
    is_foreign = "take.currency <> lines[0].currency AND take.money IS NOT NULL"
    said = f"if({is_foreign}, if(take.goods, CAST(NULL AS BIGINT), 0L), take.money)"
    is_priced = f"exists(lines, line -> {ACTS} AND line.paid > 0)"
    how = f"""CASE
        WHEN (take.units IS NULL OR take.names = 2) AND said IS NULL THEN 'whole'
        WHEN take.names = 2 THEN 'sum'
        WHEN take.units IS NOT NULL OR NOT {is_priced} THEN 'units'
        ELSE 'money' END"""
    plan = f"named_struct('how', {how}, 'units', coalesce(take.units, 10000L), 'money', said)"
    return _let("said", said, plan)


def _own(what: str) -> str:
    """What events of this type told of the line."""
    return f"""CASE take.type WHEN 'order_cancelled' THEN line.cancelled_{what}
        WHEN 'order_returned' THEN line.returned_{what} ELSE line.refunded_{what} END"""


def _room(what: str) -> str:
    """What the event may take of the line in this turn."""
    total = TOTALS[what]
    goods = f"least({total}, line.cancelled_{what} + line.returned_{what})"
    refunds, is_refund = f"line.refunded_{what}", f"take.type = '{REFUNDED}'"
    return f"""greatest(0L, CASE turn
        WHEN 0 THEN if({is_refund}, {goods} - {refunds}, {refunds} - {goods})
        WHEN 1 THEN {total} - if({is_refund}, {refunds}, {goods})
        ELSE {total} - {_own(what)} END)"""


def _took() -> str:
    """What the event takes of the line: units, money."""
    money_of = f"""CASE WHEN u = 0 THEN 0L WHEN u = room.units_left THEN room.money_left
        ELSE least(room.money_left, {_part("line.paid", "u", "line.units")}) END"""
    units_of = f"""CASE WHEN m = 0 THEN 0L WHEN m = room.money_left THEN room.units_left
        ELSE least(room.units_left, {_part("line.units", "m", "line.paid")}) END"""
    money = "least(wanted.money, room.money)"
    by_units = f"""named_struct('units', u,
        'money', CASE WHEN plan.money IS NULL THEN {money_of} ELSE {money} END)"""
    by_money = f"named_struct('units', if(plan.how = 'sum', 0L, {units_of}), 'money', m)"
    return f"""CASE
        WHEN plan.how = 'whole'
            THEN named_struct('units', room.units_left, 'money', room.money_left)
        WHEN plan.how = 'units' THEN {_let("u", "least(wanted.units, room.units)", by_units)}
        ELSE {_let("m", money, by_money)} END"""


def _counted() -> str:
    """The line with what the event took of it."""
    counted = {}
    for name in SUMS:
        kind, what = name.split("_")
        counted[name] = f"line.{name} + if(take.type = 'order_{kind}', took.{what}, 0L)"
    return _with("line", ORDERED, **counted, taken=_share())


def _of_person() -> str:
    """How what names orders that nobody placed shares out over its person's purchases.

    It takes of what was bought before it, the latest first, quantity by quantity, a line without
    quantity counting as one unit; and of those lines the money it tells, where that is in their
    currency, or else, of money alone, none, and of goods the quantity's part of what was paid.
    What finds nothing takes nothing. A return and its refund under one number are one matter, of
    the time of the first of them.
    """
    none = {name: "0L" for name in (*GONE, *SIDES)}
    empty = none | {"matter": "CAST(NULL AS STRING)", "taken": f"CAST(array() AS {TAKEN})"}
    lines = f"transform(lines, line -> {_with('line', OWN, **empty)})"
    # What an earlier matter took is gone; within one, goods and money tell of the same.
    closed = {name: "0L" for name in SIDES} | {"matter": "take.number"}
    for what in TOTALS:
        larger = f"greatest(line.goods_{what}, line.refunds_{what})"
        closed[f"gone_{what}"] = f"line.gone_{what} + {larger}"
    current = f"if(line.matter <=> take.number, line, {_with('line', OWN, **closed)})"
    own = f"if(take.type = '{REFUNDED}', line.refunds_{{0}}, line.goods_{{0}})"
    rooms = ", ".join(
        f"'{what}', {total} - line.gone_{what} - {own.format(what)}"
        for what, total in TOTALS.items()
    )
    money = f"""CASE WHEN u = 0 THEN 0L
        WHEN take.money IS NULL OR take.goods AND take.currency <> line.currency
            THEN if(u = room.units, room.money,
                least(room.money, {_part("line.paid", "u", "line.units")}))
        WHEN take.currency <> line.currency THEN 0L
        ELSE least(wanted.money, room.money) END"""
    units = "least(wanted.units, room.units)"
    took = _let("u", units, f"named_struct('units', u, 'money', {money})")
    counted = {
        f"{side}_{what}": f"line.{side}_{what} + if(take.type {sign} '{REFUNDED}', took.{what}, 0L)"
        for side, sign in (("goods", "<>"), ("refunds", "="))
        for what in TOTALS
    }
    line = _with("line", OWN, **counted, taken=_share())
    changed = f"named_struct('line', {line}, 'units', took.units, 'money', took.money)"
    taking = _let("room", f"named_struct({rooms})", _let("took", took, changed))
    change = f"""CASE WHEN line.event < take.since THEN {_let("line", current, taking)}
        ELSE named_struct('line', line, 'units', 0L, 'money', 0L) END"""
    wanted = {"units": "coalesce(take.units, 10000L)", "money": "coalesce(take.money, 0L)"}
    step = f"{_passes('lines', change, **wanted)}.lines"
    return f"aggregate(takes, {lines}, (lines, take) -> {step})"


IN_ORDER = _in_order()
OF_PERSON = _of_person()
