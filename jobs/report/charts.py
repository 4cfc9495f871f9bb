"""The report's charts, as SVG that stands in the page itself: nothing is fetched, nothing runs."""

from __future__ import annotations

import io
import re
from typing import Any

import altair as alt
import pandas as pd

from tactful.jobs.report.regrets import channel_name
from tactful.jobs.report.story import Story

INK, FAINT, RULE_LINE = "#1d2733", "#5f6b7a", "#e3e7ec"
DATA, MADE, REGRET, QUIET = "#0b6b74", "#c98a2b", "#b4342d", "#c3cad3"
# Mailings are the data's own; every other channel is generated and takes a warm colour.
CHANNEL_COLOURS = {
    "mailings": DATA, "emails": MADE, "ads": "#8d5a97", "texts": "#6b7f3a", "no channel": QUIET,
}  # fmt: skip
# What the texts are measured with has Arial's widths, whatever the reader's machine has.
FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
WIDE = 700
COUNT = "~s"


def regrets_by_week(frame: pd.DataFrame) -> str | None:
    """Messages that each rule would have stopped, week by week."""
    if frame.empty:
        return None
    shown = frame.assign(channel=frame.channel.map(channel_name), week=_day(frame.week))
    present = [name for name in CHANNEL_COLOURS if name in set(shown.channel)]
    present += sorted(set(shown.channel) - set(present))
    colour = alt.Color(
        "channel:N",
        scale=alt.Scale(
            domain=present, range=[CHANNEL_COLOURS.get(name, QUIET) for name in present]
        ),
        legend=alt.Legend(title=None, orient="top"),
    )
    margin = pd.Timedelta(days=5)
    domain = [shown.week.min() - margin, shown.week.max() + margin]
    order = shown.groupby("policy").messages.sum().sort_values(ascending=False, kind="stable")
    bars = [
        alt.Chart(shown[shown.policy == policy])
        .mark_bar(width=9)
        .encode(
            x=_weeks("week:T", domain),
            y=alt.Y(
                "sum(messages):Q",
                title=None,
                axis=alt.Axis(
                    tickCount=3,
                    tickMinStep=1,
                    format=COUNT,
                    minExtent=34,
                    maxExtent=34,
                    labelFlush=True,
                ),
            ),
            color=colour,
        )
        .properties(width=WIDE // 2 - 60, height=92, title=policy)
        for policy in order.index
    ]
    # Flush: the plots stand in line with each other, whatever their axes' labels take.
    spacing = {"row": 58, "column": 62}
    chart = alt.concat(*bars, columns=2, bounds="flush", spacing=spacing)
    chart = chart.resolve_scale(color="shared")
    return svg(chart, "regrets")


def persons_by_size(sizes: pd.DataFrame) -> str | None:
    """How many persons have one identifier, two, three and so on."""
    if sizes.empty:
        return None
    top = 10
    steps = sizes.assign(step=sizes.identifiers.clip(upper=top).astype(int))
    tally = steps.groupby("step", as_index=False).persons.sum()
    tally["label"] = tally.step.map(lambda n: f"{top} or more" if n == top else str(n))
    base = alt.Chart(tally).encode(
        x=alt.X(
            "label:N",
            sort=tally.label.tolist(),
            title="identifiers of one person",
            axis=alt.Axis(labelAngle=0),
        ),
        y=alt.Y(
            "persons:Q", title="persons", axis=alt.Axis(tickCount=4, tickMinStep=1, format=COUNT)
        ),
    )
    labels = base.mark_text(dy=-6, color=FAINT, fontSize=11).encode(
        text=alt.Text("persons:Q", format=",")
    )
    chart = base.mark_bar(color=DATA, width=34) + labels
    return svg(chart.properties(width=WIDE - 60, height=170), "sizes")


def pressure_by_week(caps: list[dict[str, Any]]) -> str | None:
    """Persons by how many messages they got in a week, beside each cap."""
    drawn = [_one_cap(cap) for cap in caps if not cap["weeks"].empty]
    if not drawn:
        return None
    chart = alt.hconcat(*drawn, spacing=36).resolve_scale(color="independent")
    return svg(chart, "pressure")


def _one_cap(cap: dict[str, Any]) -> alt.Chart:
    weeks: pd.DataFrame = cap["weeks"]
    frame = weeks.assign(week=_day(weeks.week))
    steps = frame[["step", "label"]].drop_duplicates().sort_values("step")
    limit = cap["limit"]
    within = _shades("#cfe3e4", DATA, limit)
    colours = [
        within[step - 1] if step <= limit else ("#e39a8f", REGRET)[min(step - limit, 2) - 1]
        for step in steps.step
    ]
    margin = pd.Timedelta(days=5)
    domain = [frame.week.min() - margin, frame.week.max() + margin]
    return (
        alt.Chart(frame)
        .mark_bar(width=10)
        .encode(
            x=_weeks("week:T", domain),
            y=alt.Y(
                "persons:Q",
                title="persons",
                axis=alt.Axis(tickCount=4, tickMinStep=1, format=COUNT),
            ),
            color=alt.Color(
                "label:N",
                sort=steps.label.tolist(),
                scale=alt.Scale(domain=steps.label.tolist(), range=colours),
                legend=alt.Legend(title="messages in the week", orient="top", columnPadding=9),
            ),
            order=alt.Order("step:Q"),
        )
        .properties(
            width=WIDE // 2 - 70,
            height=190,
            title=f"{cap['name']}: at most {limit} in {cap['window']}",
        )
    )


def suppressions_by_state(lines: list[dict[str, Any]]) -> str | None:
    """Suppressions by rule: a share each for active, run out and lifted early."""
    if not lines:
        return None
    states = {"active": DATA, "over": QUIET, "lifted": MADE}
    names = {"active": "still active", "over": "ran out", "lifted": "lifted early"}
    frame = pd.DataFrame(
        {
            "policy": line["policy"],
            "state": names[state],
            "share": line[state] / line["total"],
            "turn": turn,
        }
        for line in lines
        for turn, state in enumerate(states)
    )
    chart = (
        alt.Chart(frame)
        .mark_bar(height=14)
        .encode(
            y=alt.Y("policy:N", sort=[line["policy"] for line in lines], title=None),
            x=alt.X(
                "share:Q",
                title=None,
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", tickCount=5),
            ),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=list(names.values()), range=list(states.values())),
                legend=alt.Legend(title=None, orient="top"),
            ),
            order=alt.Order("turn:Q"),
        )
        .properties(width=WIDE - 180, height=alt.Step(22))
    )
    return svg(chart, "suppressions")


def weeks_of(story: Story) -> str | None:
    """One customer's weeks: purchases, messages, and what was suppressed from when to when."""
    moments = pd.concat([story.orders.moment, story.messages.moment])
    if moments.empty:
        return None
    ends = [moments.min() - pd.Timedelta(days=3), moments.max() + pd.Timedelta(days=3)]
    x = alt.X(
        "moment:T",
        title=None,
        scale=alt.Scale(type="utc", domain=[one.isoformat() for one in ends]),
        axis=alt.Axis(format="%-d %b", tickCount=10, labelFlush=True),
    )
    parts = [_happenings(story, x)]
    if not story.spans.empty:
        parts.append(_spans(story, x))
    chart = alt.vconcat(*parts, spacing=10).resolve_scale(x="shared", color="independent")
    return svg(chart, "story")


def _happenings(story: Story, x: alt.X) -> alt.LayerChart:
    """What somebody bought and was sent, as dots on the lanes of the story."""
    kinds = {
        "store basket": DATA, "online order (generated)": MADE,
        "message": "#9aa4b1", "should have been held back": REGRET,
    }  # fmt: skip
    orders = story.orders.assign(
        lane="Purchases",
        kind=story.orders.real.map({True: "store basket", False: "online order (generated)"}),
    )
    stopped = story.messages.policies.map(len) > 0
    sent = story.messages.assign(
        kind=stopped.map({True: "should have been held back", False: "message"})
    )
    present = [kind for kind in kinds if kind in {*orders.kind, *sent.kind}]
    lanes = ["Purchases", *(lane for lane in ("Mailings", "Emails", "Ads", "Texts"))]
    lanes += sorted(set(sent.lane) - set(lanes))
    lanes = [lane for lane in lanes if lane in {"Purchases", *sent.lane}]
    y = alt.Y("lane:N", sort=lanes, title=None, scale=alt.Scale(domain=lanes))
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=present, range=[kinds[kind] for kind in present]),
        legend=alt.Legend(title=None, orient="top", symbolType="circle", columnPadding=28),
    )
    circles = (
        alt.Chart(orders[["moment", "lane", "kind", "amount"]])
        .mark_circle(opacity=0.75)
        .encode(
            x=x,
            y=y,
            color=colour,
            size=alt.Size("amount:Q", scale=alt.Scale(range=[20, 320]), legend=None),
        )
    )
    ticks = (
        alt.Chart(sent[["moment", "lane", "kind"]])
        .mark_tick(thickness=2.5, size=17)
        .encode(x=x, y=y, color=colour)
    )
    return alt.layer(circles, ticks).properties(width=WIDE - 150, height=alt.Step(28))


def _spans(story: Story, x: alt.X) -> alt.Chart:
    """What must not be said to somebody in which weeks, as bars below the dots."""
    columns = ["moment", "until", "lane", "is_about_products"]
    spans = story.spans[columns].drop_duplicates()
    bought = spans.is_about_products.astype(bool)
    lanes = [*spans[bought].lane.unique(), *spans[~bought].lane.unique()]
    colours = alt.condition(alt.datum.is_about_products, alt.value("#d98a80"), alt.value("#8b95a3"))
    return (
        alt.Chart(spans)
        .mark_bar(height=11, opacity=0.7, cornerRadius=2)
        .encode(
            x=x,
            x2="until:T",
            y=alt.Y("lane:N", sort=lanes, title=None),
            color=colours,
        )
        .properties(width=WIDE - 150, height=alt.Step(20))
    )


def svg(chart: Any, name: str) -> str:
    """Render a chart as SVG whose ids are its own, so that several can share one page."""
    held = io.StringIO()
    with alt.data_transformers.enable("default", max_rows=None):
        _styled(chart).save(held, format="svg")
    text = held.getvalue()
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    return text[text.index("<svg") :]


def _styled(chart: Any) -> Any:
    """A chart in the report's own fonts and colours."""
    return (
        chart.configure(font=FONT, background="white", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=FAINT, titleColor=FAINT, titleFontWeight="normal", labelFontSize=11,
            titleFontSize=11, gridColor=RULE_LINE, domainColor=QUIET, tickColor=QUIET,
            labelLimit=220,
        )
        .configure_axisX(grid=False)
        .configure_legend(labelColor=INK, titleColor=FAINT, labelFontSize=11, titleFontSize=11,
                          titleFontWeight="normal", symbolStrokeWidth=0,
                          columnPadding=20)
        .configure_header(labelColor=INK, labelFontSize=12)
        .configure_title(anchor="start", color=INK, fontSize=12, offset=6)
    )  # fmt: skip


def _weeks(field: str, domain: list[pd.Timestamp]) -> alt.X:
    return alt.X(
        field,
        title=None,
        scale=alt.Scale(type="utc", domain=[one.isoformat() for one in domain]),
        axis=_ticks(domain),
    )


def _ticks(domain: list[pd.Timestamp]) -> alt.Axis:
    """A label a month; of less than three months, which may hold the first of none, one a week."""
    days = (domain[1] - domain[0]).days
    if days >= 75:
        by, form = {"interval": "month", "step": 1}, "%b"
    else:
        by, form = {"interval": "week", "step": 1 if days < 40 else 2}, "%-d %b"
    return alt.Axis(format=form, tickCount=by, labelAlign="left")


def _day(dates: pd.Series) -> pd.Series:
    return pd.to_datetime(dates).dt.tz_localize("UTC")


def _shades(pale: str, full: str, count: int) -> list[str]:
    """Colours from pale to full, one a step."""
    ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (pale, full)]
    steps = [at / max(count - 1, 1) for at in range(count)]
    mixed = [[round(a + (b - a) * step) for a, b in zip(*ends, strict=True)] for step in steps]
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in mixed]
