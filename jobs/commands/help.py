"""What `--help` says beside the options; a test holds it to what the commands do."""

from __future__ import annotations

INIT = """Write a commented configuration to begin with, which check accepts.

KINDS are dialects (tactful tables --options lists them) with commas between. The file has a source
for each, rules and caps that fit what they bring, each explained, and files for whoever sends. A
file that is there already stays as it is.
"""
SAMPLE = """Show how the first rows of a file are understood, and what is refused.

It reads as run would and writes nothing; no lake need be there. Persons are shown by the kinds of
their identifiers only. A form that a configuration describes (mapped) is read by --source.
"""
RUN = """Land what is new, decide what not to say, write the records.

STEP is one or more of: land (what lies new in the sources' folders), accept (its rows, told apart
from repeated and wrong ones), fused (who is who, what must not be said, the records for the
destinations), publish (the tables that people read), send (the files of destinations with
deliver = "http"). Without any, all of them, in this order.

With --dry-run it lands and accepts, decides what a run would decide, a changed rule included, and
says how many records each audience would get; it writes none, and the next run finds all as it was.
"""
QUALITY = """Hold the tables against what is expected of their rows.

Of every lake it is expected that keys are single, that what must be there is there, and that words
and numbers are possible ones; TOML files below quality.suites say what else your business expects:

\b
  [[expect]]
  table = "purchases"
  type = "expect_column_values_to_be_in_set"
  column = "currency"
  value_set = ["GBP", "EUR"]
  severity = "warning"

type is any kind that Great Expectations has of one table. What came of it is kept in the table
quality, and told by pages in the lake's folder docs, which take their style from the internet.
Where anything critical is not met, the exit code is 3. Nothing is told of which rows it is. With
quality.hold batches say nothing new from then on, or nothing is sent, until all is as expected.
"""
PUBLISH = """Bring the tables that people read up to date.

What changed since they were last published is written, and nothing else; run does the same at its
end. With --full every table is made anew from all that ever happened: the same rows, in as much
longer as the lake is older. Whoever wrote into a published table by hand gets it back so.
"""
REPLAY = """Rebuild what follows from a table, after a rule has changed.

TABLE is received, clicks, purchases, messages, profiles or service. From each, all these are made
anew, and then every published table: _log/links, _log/labels, _log/timeline, _log/message_keys,
_log/waiting, _log/due, identity_changes, _log/ticks. From received, these as well:
clicks, purchases, messages, profiles, service, quarantine, identifiers. What was sent stays told:
records, deliveries and _log/memberships stay, and destinations hear only of differences.
"""

IMPORT = """Take in lists that exist elsewhere: who opted out, who is in an audience already.

FILE has a row a person and a header that names identifiers (email, phone, customer_id, …). With
--as TYPE (unsubscribed, complained, bounced, consent_withdrawn; subscribed, consent_granted) each
row becomes such an event; columns occurred_at, channel and purpose are read. With --audience each
row is a member that the destination holds: the next run adds only who is missing, and removes who
should not be there. The same list twice does nothing.

With --as always_link, never_link or link_withdrawn a row says of two identifiers what tactful link
says: columns type, value, other_type and other_value; reason, author and occurred_at are read.
"""
LINK = """Say that two identifiers are one customer, or never are, against all data.

WHO and OTHER are each TYPE:VALUE, such as email:ann@x.io or customer_id:17. The newest word on the
two holds; with --withdraw nothing is said of them any more. It lands as an event of profiles, so
the next run applies it, a replay keeps it, and manual_links shows it with its author and reason.
"""
PAUSE = """Stop everything that is to be said, or what one policy says, within a batch.

Suppressions and audiences go on. What falls due meanwhile waits, and is said once it may speak
again, unless it has expired by then. With --resume all speaks again, or that policy.
"""
EXPLAIN = """Tell who somebody is, what must not be said to them, and why.

WHO is any identifier, in any spelling (TYPE:VALUE says which type is meant), a person id, also a
former one, a message id, or a decision id (that plan comes first). It tells which events link the
identifiers and what is kept apart, what must not be said and until when, how much of each cap is
used up, what should not have been sent, what is planned and what it lost to, in which experiments
they are, which audiences hold them, what destinations were told, and what happened, newest first.

With OTHER, a second identifier, it tells the shortest path of events between the two, or what is in
its way. With --at it answers of an earlier moment: of the events up to then, as understood today.
"""
STATEMENT = """Tell a customer what is held of them, from where, why, how long, and who was told.

WHO is an identifier that is this customer's alone, or their person id; it is refused where several
share it, since the answer might tell one of the other. In plain words, with their rights. What the
business has to say (who answers for it, for which purposes, on which legal basis, how long) stands
in [privacy]; where that is silent it is told on the side, and left out.
"""
SCREEN = """Say which rows of a list must not get a campaign now, why, and until when.

FILE has a row a person and a header that names identifiers, as for tactful import. Each row comes
back with tactful_allowed (yes, no), tactful_reason and tactful_policy (all that speak against it),
tactful_until (empty where that has no end by itself) and tactful_known (known, unknown, shared or
nobody), printed as CSV or in the file of --out. It is told by what was published last; the lake is
not written.

What CAMPAIGN is about the table campaigns says, and the options beside it.
"""

SEND = """Send what waits in the outbox for destinations with deliver = "http".

Files go out in the order in which batches wrote them, what closes or leaves before what opens or
comes. What a destination cannot take now waits for the next time, and so does all behind it; other
destinations go on. It may run beside tactful run, which sends at its end, too. Stopped or killed,
it goes on where it was: delivery_states and delivery_rows tell what became of each file and row.

With --again, what was rejected or given up is tried once more.
"""
RECONCILE = """Hold what a destination should have against what it was told.

For each value that it should hold, and each that it should not: was it told so, did it take that,
is it on its way? Says how many stand which way, and which records would mend the rest. What the
vendor itself holds cannot be read back; the one that was sent there by hand alone is not known.
With --replace it writes what puts all that should be held in place of whatever is held there, of
networks that can do that.
"""


def examples(*commands: str) -> str:
    """The end of a command's help: how it may be called."""
    # The mark keeps click from making one paragraph of them.
    return "\n".join(("\b", "Examples:", *(f"  {command}" for command in commands)))
