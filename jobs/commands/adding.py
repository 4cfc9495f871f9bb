"""The commands that add what a business knows: lists from elsewhere, and who is one customer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.jobs.commands import arguments
from tactful.jobs.commands.answers import answering
from tactful.jobs.commands.help import IMPORT, LINK, PAUSE, examples
from tactful.jobs.commands.parameters import AsJson, Conf, Debug, Settings

IMPORT_STOPPED = "Stopped; start the same import again, what it brought is not brought twice."
LINK_STOPPED = "Stopped; say it again, the newest word on the two holds."

adding = typer.Typer()


@adding.command(
    name="import",
    help=IMPORT,
    epilog=examples(
        "tactful import unsubscribed.csv --conf my.toml --as unsubscribed --channel email",
        "tactful import members.csv --conf my.toml --audience meta_exclusions",
        'tactful import list.csv --conf my.toml --as complained --column email="Adresse"',
        "tactful import bounces.csv --conf my.toml --as bounced --dialect sendgrid",
        "tactful import customers.csv --conf my.toml --as unsubscribed --dialect shopify",
    ),
)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON lines or Parquet.")],
    conf: Conf = None,
    settings: Settings = None,
    type_: Annotated[
        str | None, typer.Option("--as", metavar="TYPE", help="What those in it have said.")
    ] = None,
    audience: Annotated[
        str | None,
        typer.Option(metavar="DESTINATION", help="Whose audience those in it are in already."),
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="With --as: where, unless a row says it.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="With --as: when; else when the file was written."),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --as: whose export it is: sendgrid, shopify."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="TYPE=HEADER", help="What a column holds. Repeatable."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug, stopped=IMPORT_STOPPED) as answer:
        moment = arguments.moment(at, option="--at")
        config = arguments.load(conf, settings)
        from tactful.jobs.commands import importing

        facts = importing.import_file(
            config, file, type_=type_, audience=audience, channel=channel, at=moment,
            columns=columns or (), on_progress=answer.progress, dialect=dialect,
        )  # fmt: skip
        answer.summary(facts, more=[importing.NEXT])


@adding.command(
    help=LINK,
    epilog=examples(
        'tactful link email:ann@x.io customer_id:17 --conf my.toml --reason "she told the desk"',
        'tactful link customer_id:17 customer_id:18 --never --reason "father and son"',
        'tactful link customer_id:17 customer_id:18 --withdraw --reason "a mistake"',
    ),
)
def link(
    who: Annotated[str, typer.Argument(metavar="WHO", help="An identifier, as TYPE:VALUE.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another, likewise.")],
    conf: Conf = None,
    settings: Settings = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; it has to be.")] = None,
    author: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who says so; else who is logged in here.")
    ] = None,
    never: Annotated[bool, typer.Option("--never", help="They are never one customer.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Say nothing of them more.")] = False,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When said; else now.")] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug, stopped=LINK_STOPPED) as answer:
        moment = arguments.moment(at, option="--at")
        config = arguments.load(conf, settings)
        from tactful.jobs.commands import linking

        facts = linking.link(
            config, who, other, reason=reason, author=author, never=never, withdraw=withdraw,
            at=moment, on_progress=answer.progress,
        )  # fmt: skip
        answer.shown(facts, linking.lines)


@adding.command(
    help=PAUSE,
    epilog=examples(
        "tactful pause --conf my.toml",
        "tactful pause cart_reminder --conf my.toml",
        "tactful pause --resume --conf my.toml",
    ),
)
def pause(
    policy: Annotated[
        str | None, typer.Argument(metavar="[POLICY]", help="An entry of [[activate]]; else all.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Let it speak again.")] = False,
    conf: Conf = None,
    settings: Settings = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug) as answer:
        config = arguments.load(conf, settings)
        from tactful.jobs.commands import pausing

        answer.shown(pausing.change(config, policy, resume=resume), pausing.lines)


# Behind the others, so that help lists what runs first.
