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
SIGHT = "STRUCT<occurred_at: TIMESTAMP, stream: STRING, event_id: STRING>"
TAKEN = f"ARRAY<STRUCT<event: {SIGHT}, type: STRING, number: STRING, units: BIGINT, money: BIGINT>>"


def back(what: str, types: Sequence[str] | None = None) -> Column:
    """How much of a line is taken back, of its units or of what was paid.

    A return and a refund under one number tell of the same goods and the same money and count
    once; what was cancelled is not there to be returned. Never more than the line has.

    types: only what is taken back by these.
    """
    total, name = what, "money" if what == "paid" else what
    counts = "true" if types is None else _is_one_of("share.type", types)

    def told(is_refund: bool) -> str:
        sign = "=" if is_refund else "<>"
        mine = f"share.number = number AND share.type {sign} '{REFUNDED}' AND {counts}"
        return _sum("taken", "share", f"if({mine}, share.{name}, 0L)")

    each = f"greatest(least({total}, {told(False)}), {told(True)})"
    numbers = "array_distinct(transform(taken, share -> share.number))"
    return F.expr(f"least({total}, {_sum(numbers, 'number', each)})")


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
    start = f"named_struct('sums', {none}, 'at', CAST(NULL AS {SIGHT}))"
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


def _share(took: str) -> str:
    """The line's shares with what an event took of it, unless that is nothing."""
    share = (
        f"named_struct('event', take.event, 'type', take.type, 'number', take.number, "
        f"'units', {took}.units, 'money', {took}.money)"
    )
    some = f"{took}.units > 0 OR {took}.money > 0"
    return f"CASE WHEN {some} THEN concat(line.taken, array({share})) ELSE line.taken END"


def _part(whole: str, part: str, of: str) -> str:
    return f"CAST(CAST({whole} AS DECIMAL(19, 0)) * {part} div {of} AS BIGINT)"


def _in_order() -> str:
    """How the events that name a placed order share out over its lines.

    What names a line takes of that line, what names a product of the product's lines, all else of
    any. It takes the quantity it tells, and the money; where it tells a quantity and no money, the
    quantity's part of what was paid; where it tells money and no quantity, the money's part of the
    quantity (of a line that cost nothing, one unit); where neither, everything. Money that names
    no line and no product lowers what was paid, and takes no goods, unless nothing that was paid
    is kept. Money of another currency than the order's counts as none: what it is worth there
    nobody says.

    Each type of event is counted apart, none above what the line has; see `back` for what they are
    together. Where several lines fit, those are chosen first of which the other side, goods or
    money, already told; then those that nobody told of; then the others.
    """
    kept = ("order_id", "line_number", "line_id", "sku", "currency", "units", "paid")
    sums = [f"{kind}_{what}" for kind in ("cancelled", "returned", "refunded")
            for what in ("units", "money")]  # fmt: skip
    fields = (*kept, *sums, "taken")
    empty = {name: "0L" for name in sums} | {"taken": f"CAST(array() AS {TAKEN})"}
    lines = f"transform(lines, line -> {_with('line', fields, **empty)})"

    acts = """CASE take.names
        WHEN 0 THEN line.line_id <=> take.line_id WHEN 1 THEN line.sku <=> take.sku ELSE true END"""
    said = "if(take.currency <> lines[0].currency AND take.money IS NOT NULL, 0L, take.money)"
    priced = f"exists(lines, line -> {acts} AND line.paid > 0)"
    how = f"""CASE
        WHEN (take.units IS NULL OR take.names = 2) AND take.money IS NULL THEN 'whole'
        WHEN take.names = 2 THEN 'sum'
        WHEN take.units IS NOT NULL OR NOT {priced} THEN 'units'
        ELSE 'money' END"""
    plan = f"named_struct('how', {how}, 'units', coalesce(take.units, 10000L), 'money', {said})"

    def own(what: str) -> str:
        return f"""CASE take.type WHEN 'order_cancelled' THEN line.cancelled_{what}
            WHEN 'order_returned' THEN line.returned_{what} ELSE line.refunded_{what} END"""

    def room(what: str, total: str) -> str:
        goods = f"least({total}, line.cancelled_{what} + line.returned_{what})"
        refunds, is_refund = f"line.refunded_{what}", f"take.type = '{REFUNDED}'"
        return f"""greatest(0L, CASE turn
            WHEN 0 THEN if({is_refund}, {goods} - {refunds}, {refunds} - {goods})
            WHEN 1 THEN {total} - if({is_refund}, {refunds}, {goods})
            ELSE {total} - {own(what)} END)"""

    state = f"""named_struct(
        'units', {room("units", "line.units")}, 'units_left', line.units - {own("units")},
        'money', {room("money", "line.paid")}, 'money_left', line.paid - {own("money")})"""
    money_of = f"""CASE WHEN u = 0 THEN 0L WHEN u = room.units_left THEN room.money_left
        ELSE least(room.money_left, {_part("line.paid", "u", "line.units")}) END"""
    units_of = f"""CASE WHEN m = 0 THEN 0L WHEN m = room.money_left THEN room.units_left
        ELSE least(room.units_left, {_part("line.units", "m", "line.paid")}) END"""
    money = "least(wanted.money, room.money)"
    by_units = f"""named_struct('units', u,
        'money', CASE WHEN plan.money IS NULL THEN {money_of} ELSE {money} END)"""
    by_money = f"named_struct('units', if(plan.how = 'sum', 0L, {units_of}), 'money', m)"
    took = f"""CASE
        WHEN plan.how = 'whole'
            THEN named_struct('units', room.units_left, 'money', room.money_left)
        WHEN plan.how = 'units' THEN {_let("u", "least(wanted.units, room.units)", by_units)}
        ELSE {_let("m", money, by_money)} END"""

    def told(units: str, money: str) -> str:
        counted = {}
        for name in sums:
            kind, what = name.split("_")
            more = units if what == "units" else money
            counted[name] = f"line.{name} + if(take.type = 'order_{kind}', {more}, 0L)"
        return _with("line", fields, **counted, taken=_share("took"))

    changed = f"""named_struct(
        'line', {told("took.units", "took.money")}, 'units', took.units, 'money', took.money)"""
    change = f"""CASE WHEN {acts} THEN {_let("room", state, _let("took", took, changed))}
        ELSE named_struct('line', line, 'units', 0L, 'money', 0L) END"""
    wanted = "named_struct('lines', lines, 'units', plan.units, 'money', coalesce(plan.money, 0L))"
    turns = f"""aggregate(array(0, 1, 2), {wanted}, (so_far, turn) ->
        {_passes("so_far.lines", change, units="so_far.units", money="so_far.money")}).lines"""
    rest = f"named_struct('units', line.units - {own('units')}, 'money', 0L)"
    cover = f"transform(lines, line -> {_let('took', rest, told('took.units', 'took.money'))})"
    covered = f"""plan.how = 'sum' AND plan.money > 0 AND exists(lines, line -> line.paid > 0)
        AND forall(lines, line -> {own("money")} >= line.paid)"""
    whole = _let("lines", turns, f"CASE WHEN {covered} THEN {cover} ELSE lines END")
    return f"aggregate(takes, {lines}, (lines, take) -> {_let('plan', plan, whole)})"


def _of_person() -> str:
    """How what names orders that nobody placed shares out over its person's purchases.

    It takes of what was bought before it, the latest first, quantity by quantity, a line without
    quantity counting as one unit; and of those lines the money it tells, where that is in their
    currency, or else the quantity's part of what was paid. What finds nothing takes nothing.
    """
    kept = ("event", "order_id", "line_number", "currency", "units", "paid")
    open_sums = [f"{kind}_{what}" for kind in ("goods", "refunds") for what in ("units", "money")]
    fields = (*kept, "matter", "gone_units", "gone_money", *open_sums, "taken")
    empty = {name: "0L" for name in ("gone_units", "gone_money", *open_sums)}
    empty |= {"matter": "CAST(NULL AS STRING)", "taken": f"CAST(array() AS {TAKEN})"}
    lines = f"transform(lines, line -> {_with('line', fields, **empty)})"

    # What an earlier matter took is gone; within one, goods and money tell of the same.
    closed = {name: "0L" for name in open_sums} | {"matter": "take.number"}
    for what in ("units", "money"):
        sides = f"greatest(line.goods_{what}, line.refunds_{what})"
        closed[f"gone_{what}"] = f"line.gone_{what} + {sides}"
    current = f"if(line.matter <=> take.number, line, {_with('line', fields, **closed)})"

    def room(what: str, total: str) -> str:
        own = f"if(take.type = '{REFUNDED}', line.refunds_{what}, line.goods_{what})"
        return f"{total} - line.gone_{what} - {own}"

    rooms = f"""named_struct(
        'units', {room("units", "line.units")}, 'money', {room("money", "line.paid")})"""
    money = f"""CASE WHEN u = 0 THEN 0L
        WHEN take.money IS NULL THEN if(u = room.units, room.money,
            least(room.money, {_part("line.paid", "u", "line.units")}))
        WHEN take.currency <> line.currency THEN 0L
        ELSE least(wanted.money, room.money) END"""
    took = _let(
        "u", "least(wanted.units, room.units)", f"named_struct('units', u, 'money', {money})"
    )
    counted = {}
    for name in open_sums:
        kind, what = name.split("_")
        is_its = f"(take.type = '{REFUNDED}') = {'true' if kind == 'refunds' else 'false'}"
        counted[name] = f"line.{name} + if({is_its}, took.{what}, 0L)"
    told = _with("line", fields, **counted, taken=_share("took"))
    changed = f"named_struct('line', {told}, 'units', took.units, 'money', took.money)"
    taking = _let("line", current, _let("room", rooms, _let("took", took, changed)))
    change = f"""CASE WHEN line.event < take.since THEN {taking}
        ELSE named_struct('line', line, 'units', 0L, 'money', 0L) END"""
    units, money = "coalesce(take.units, 10000L)", "coalesce(take.money, 0L)"
    step = f"{_passes('lines', change, units=units, money=money)}.lines"
    return f"aggregate(takes, {lines}, (lines, take) -> {step})"


IN_ORDER = _in_order()
OF_PERSON = _of_person()
