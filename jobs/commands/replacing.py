"""Replacing: the calls that put what an audience should hold in place of all that it holds."""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.answers import counted
from tactful.jobs.commands.reconciling import destination_of, members_of
from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.errors import LakeError
from tactful.jobs.lake import secret
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.records import RECORDS
from tactful.transforms.sinks import SINKS
from tactful.transforms.sinks.replacing import Replace, Value

# The newest record of a value says how it is written there, whoever else it is of by now.
TOLD = """
    SELECT audience, payload FROM records WHERE destination = '{name}' AND operation = 'add'
    ORDER BY batch_id DESC, position
"""


def replace(config: Config, name: str, folder: Path) -> dict[str, Any]:
    """Write the calls into a folder, each with its body in a file of its own."""
    destination, lake = destination_of(config, name)
    way = _way(destination)
    if folder.exists() and any(folder.iterdir()):
        raise LakeError(f"{folder} is not empty; name another folder, or empty it yourself.")
    tables = Tables(lake)
    wanted = {
        key
        for key, rows in members_of(tables, name).items()
        if any(row["is_member"] for row in rows) and not any(row["is_withheld"] for row in rows)
    }
    found = _payloads(
        tables, destination, way, wanted, secret.find(config.location, config.lake.secret)
    )
    if tables.damaged:
        raise LakeError(next(iter(tables.damaged.values())))
    payloads = [payload for _, payload in found]
    if not payloads:
        raise LakeError(
            f"Nothing that {name} should hold was ever told to it, so nothing can take the place "
            "of what it holds; the next run tells what is new."
        )
    told = {value for values, _ in found for value in values}
    files = _write(folder, destination, way, payloads)
    return {
        "destination": name,
        "folder": str(folder),
        "calls": files,
        "records": len(payloads),
        "values": len(told),
        "untold": len(wanted - told),
        "meanwhile": way.meanwhile,
    }


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The answer for people."""
    yield escape(
        f"{counted(facts['calls'], 'call')} with {counted(facts['records'], 'record')} in "
        f"{facts['folder']} put {counted(facts['values'], 'value')} in place of all that "
        f"{facts['destination']} holds; {facts['meanwhile']}."
    )
    yield "calls.jsonl says where each goes; make them in its order, with your own credential."
    if facts["untold"]:
        yield (
            f"{counted(facts['untold'], 'value')} it should hold and was never told: not among "
            "them, as no record says how they are written there."
        )


def _way(destination: Destination) -> Replace:
    if destination.sink.replace is None:
        able = ", ".join(kind for kind, sink in SINKS.items() if sink.replace)
        raise LakeError(
            f"{destination.kind} cannot replace an audience whole (of kinds {able} can); tactful "
            f"reconcile {destination.name} says which records would mend it."
        )
    return destination.sink.replace


def _payloads(
    tables: Tables,
    destination: Destination,
    way: Replace,
    wanted: set[tuple[str, str]],
    key: bytes | None,
) -> list[tuple[list[tuple[str, str]], str]]:
    """Each value that should be held once, in the newest record that told of it."""
    if key is None:
        raise LakeError("The lake has no secret yet, so nothing was told to anybody.")
    schema = destination.sink.schema(destination.wanted)
    taken: set[tuple[str, str]] = set()
    found = []
    for row in tables.ask(TOLD.format(name=destination.name), RECORDS.path):
        mine: dict[tuple[str, str], Value] = {}
        for value in way.values(row["payload"], schema):
            mine[row["audience"], _member_key(key, destination.name, value)] = value
        kept = {at: value for at, value in mine.items() if at in wanted and at not in taken}
        if kept:
            taken |= set(kept)
            found.append(([*kept], way.part(row["payload"], schema, {*kept.values()})))
    return found


def _member_key(key: bytes, destination: str, value: Value) -> str:
    """The same as `membership.member_key`, of one value."""
    message = ":".join((destination, *value)).encode()
    return hmac.new(key, message, "sha256").hexdigest()[:32]


def _write(folder: Path, destination: Destination, way: Replace, payloads: list[str]) -> int:
    files, sink = LocalFiles(str(folder)), destination.sink
    base = (destination.endpoint or (sink.http.base if sink.http else "")).rstrip("/")
    calls = way.calls(
        payloads,
        schema=sink.schema(destination.wanted),
        audience=destination.policy,
        session=f"replace/{uuid.uuid4().hex}",
        options=destination.options,
    )
    listed = []
    for number, call in enumerate(calls, start=1):
        name = f"{number:05d}.json"
        files.write_text(str(folder / name), call.body or "", is_private=True)
        listed.append(
            {"method": call.method, "url": base + call.path, "body": name,
             "records": len(call.rows)}
        )  # fmt: skip
    text = "".join(json.dumps(one, sort_keys=True) + "\n" for one in listed)
    files.write_text(str(folder / "calls.jsonl"), text, is_private=True)
    return len(listed)
