"""The command `init`: a commented configuration to begin with, which `check` accepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.arguments import refused
from tactful.transforms.sources import DIALECTS, Dialect

HEAD = """\
# What Tactful shall do with your events. `tactful check --conf {name}` says what is wrong with this
# file, `tactful tables --options` what else may stand here. Relative paths begin at this file.

[lake]
location = "lake"            # a folder for all tables; or s3a://…, abfss://…, gs://…
# secret = "env:TACTFUL_SECRET"   # what identifiers are hashed with; silent: made in that folder

[business]
currency = "USD"             # of orders that name none
time_zone = "UTC"            # of customers of whom none is known, such as Europe/Berlin

[identity]
phone_region = "US"          # where phone numbers without a country code are from

[consent]
# What silence means: "opt_in" (no consent) or "opt_out" (consent). Only who consents to ads is told
# to ad networks; who has taken a consent back is never written to, whatever stands here.
default = "opt_in"
"""
SOURCES = """
# ---- Where your events come from. Every file below a source's folder is read, once. Look first how
# ---- your rows are understood: tactful sample FILE --dialect NAME
"""
SOURCE = """
# {doc}
[sources.{name}]
{stream}dialect = "{dialect}"
path = "landing/{name}"
"""
MAPPED = """# format = "csv"             # or "json", "parquet"
# delimiter = ";"
# time_zone = "Europe/Berlin"  # of times that are told without one
# Each field: a column, or a small expression over columns.
[sources.{name}.fields]
event_id = "concat('till/', receipt_no)"
type = "decode(kind, 'S', 'order_placed', 'R', 'order_returned')"
occurred_at = "sold_at"
order_id = "receipt_no"
currency = "'USD'"
identifiers.loyalty_id = "card_no"
line.sku = "article"
line.quantity = "quantity"
line.amount = "number(paid, ',')"
"""
RULES = "\n# ---- What must not be said, to whom, and for how long.\n"
CAPS = """
# ---- How much one person may hear. A message counts for every cap that it falls under.
"""
DESTINATIONS = """
# ---- Who is told. A file in lake/outbox is a list for whoever sends; networks need your ids there.
"""
NETWORKS = """
# [[destinations]]           # takes who has just bought out of what Meta shows
# name = "meta_exclusions"
# kind = "meta_custom_audience"
# policy = "bought_it"
# audience_id = "…"
"""
# The stream that feeds it, why, and its lines.
Entry = tuple[str, str, str]
SUPPRESS: Sequence[Entry] = (
    ("purchases", "Nobody is offered for 30 days what they have just bought; a return ends it.",
     'name = "bought_it"\nwhen = "purchased"\nmatch = "sku"\nlasts = "30d"'),
    ("purchases", "Nor, for a week, its category in ads: the search is over.",
     'name = "bought_its_kind"\nwhen = "purchased"\nmatch = "category"\nlasts = "7d"\n'
     'channels = ["ad"]'),
    ("purchases", "For a day after an order no marketing at all: the order's own mails come now.",
     'name = "just_ordered"\nwhen = "purchased"\nmatch = "all"\nlasts = "1d"\n'
     'channels = ["email", "sms", "push"]'),
    ("service", "Who waits for an answer is sold nothing; a case nobody closes ends by itself.",
     'name = "service_open"\nwhen = "service_open"\nlasts_at_most = "14d"'),
    ("profiles", "Who has withdrawn consent is left alone there, until it is granted again.",
     'name = "no_consent"\nwhen = "no_consent"'),
    ("messages", "Who unsubscribed gets no marketing there any more.",
     'name = "unsubscribed"\nwhen = "unsubscribed"'),
    ("messages", "Who complained neither: another one costs the sender's good name.",
     'name = "complained"\nwhen = "complained"'),
    ("messages", "An address that does not exist is not written to.",
     'name = "bounced"\nwhen = "bounced"'),
)  # fmt: skip
LIMITS: Sequence[tuple[str, str]] = (
    ("One marketing email a day.",
     'name = "email_daily"\nchannels = ["email"]\nlimit = 1\nwindow = "1d"'),
    ("Three a week: beyond, opens fall and complaints rise.",
     'name = "email_weekly"\nchannels = ["email"]\nlimit = 3\nwindow = "7d"'),
    ("A text interrupts: two a month.",
     'name = "sms_monthly"\nchannels = ["sms"]\nlimit = 2\nwindow = "30d"'),
    ("So does a push: three a week.",
     'name = "push_weekly"\nchannels = ["push"]\nlimit = 3\nwindow = "7d"'),
    ("Six a week over all of them together, whichever team sends.",
     'name = "all_weekly"\nchannels = ["email", "sms", "push", "direct_mail", "call"]\nlimit = 6\n'
     'window = "7d"'),
)  # fmt: skip
# The policy whose persons it lists, why, and its lines.
LISTS: Sequence[Entry] = (
    ("unsubscribed", "Who must not be mailed stands in three lists, one for each reason; whoever "
                     "sends has to leave out all three. Here: who unsubscribed.",
     'name = "do_not_email"\nkind = "file"\npolicy = "unsubscribed"\nchannel = "email"\n'
     'identifiers = ["email"]'),
    ("complained", "Also not to be mailed: who complained.",
     'name = "do_not_email_complained"\nkind = "file"\npolicy = "complained"\n'
     'channel = "email"\nidentifiers = ["email"]'),
    ("no_consent", "Also not to be mailed: who took consent back.",
     'name = "do_not_email_no_consent"\nkind = "file"\npolicy = "no_consent"\n'
     'channel = "email"\nidentifiers = ["email"]'),
    ("bounced", "Addresses that do not exist.",
     'name = "unreachable"\nkind = "file"\npolicy = "bounced"\nchannel = "email"\n'
     'identifiers = ["email"]'),
    ("bought_it", "Who has just bought something, for whoever shows ads.",
     'name = "just_bought"\nkind = "file"\npolicy = "bought_it"\n'
     'identifiers = ["email", "customer_id"]'),
)  # fmt: skip


def init(kinds: str, path: Path) -> Mapping[str, Any]:
    """Write a configuration for sources of these dialects; a file that is there stays as it is.

    The folder that it is to lie in is made.

    Raises: ConfigError.
    """
    names = [name.strip().lower() for name in kinds.split(",") if name.strip()]
    allowed = ", ".join(DIALECTS)
    strange = [name for name in names if name not in DIALECTS]
    if strange or not names:
        raise refused("--from", f'"{", ".join(strange)}"' if names else "nothing", allowed)
    if len(set(names)) < len(names):
        raise refused("--from", f'"{kinds}"', "each dialect once")
    text = "".join(_parts([DIALECTS[name] for name in names], path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise refused(str(path), "a file that is there", "the name of a new file") from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise refused(str(path), why, "a name in a folder that may be written to") from error
    folders = [str(path.parent / "landing" / name) for name in _sources(DIALECTS[n] for n in names)]
    return {"configuration": str(path), "folders": folders}


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The same for people: what to do next."""
    path = escape(facts["configuration"])
    yield f"{path} is written; it explains itself."
    yield f"Put your exports into {escape(', '.join(facts['folders']))}."
    yield f"Then: tactful check --conf {path}, and tactful run --conf {path}."


def _sources(dialects: Any) -> Iterator[str]:
    for dialect in dialects:
        yield from (name for name, _ in _of(dialect))


def _of(dialect: Dialect) -> Iterator[tuple[str, str | None]]:
    """The sources of a dialect, each with its stream where its rows do not say it."""
    if dialect.streams:
        yield dialect.name, None
    elif dialect.faults:
        yield "house", "purchases"
    else:
        for stream in ("clicks", "purchases", "messages", "profiles", "service"):
            yield stream, stream


def _parts(dialects: Sequence[Dialect], name: str) -> Iterator[str]:
    yield HEAD.format(name=name)
    yield SOURCES
    if one := one_number(dialects):
        yield f"#\n# {one}\n"
    fed: set[str] = set()
    for dialect in dialects:
        for source, stream in _of(dialect):
            told = f'stream = "{stream}"\n' if stream else ""
            yield SOURCE.format(doc=dialect.doc, name=source, stream=told, dialect=dialect.name)
            fed |= {stream} if stream else set(dialect.streams)
            if dialect.faults:
                yield MAPPED.format(name=source)
    yield RULES
    for stream, why, entry in SUPPRESS:
        yield _entry("suppress", why, entry, is_fed=stream in fed, stream=stream)
    yield CAPS
    for why, entry in LIMITS:
        yield _entry("caps", why, entry, is_fed="messages" in fed, stream="messages")
    yield DESTINATIONS
    fed_by = {entry.split('"')[1]: stream for stream, _, entry in SUPPRESS}
    for policy, why, entry in LISTS:
        yield _entry(
            "destinations", why, entry, is_fed=fed_by[policy] in fed, stream=fed_by[policy]
        )
    yield NETWORKS


def one_number(dialects: Iterable[Dialect]) -> str:
    """What must hold where several systems each have a number of their own for a customer."""
    named = {each.name: each.customer_field for each in dialects if each.customer_field}
    if len(named) < 2:
        return ""
    fields = " and ".join(f"{field} of {name}" for name, field in named.items())
    return (
        f"{fields} are both read as customer_id, of which one person has one: they must be one "
        "and the same number, or nothing links the two systems; else send one of them as another "
        "type of identifier."
    )


def _entry(section: str, why: str, entry: str, *, is_fed: bool, stream: str) -> str:
    """One entry with its reason; behind # where no source feeds it, since it would be idle."""
    text = f"[[{section}]]\n{entry}\n"
    head = f"# {why}\n"
    if is_fed:
        return f"\n{head}{text}"
    idle = f"# It needs a source of {stream}.\n"
    return "\n" + head + idle + "".join(f"# {line}\n" for line in text.splitlines())
