"""A lake with an outbox that batches left, without a batch: what sending reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tactful.jobs.demo.doubles import SECRET
from tactful.jobs.settings.config import Config, load
from tactful.schemas.table import FORMAT_VERSION
from tactful.transforms.sinks import SINKS, cut_into_requests
from tests.small_lake import write_table

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
# What each destination of the matrix needs beside its kind, and whether it is a list of opt-outs.
KINDS: dict[str, tuple[str, str, bool]] = {
    "klaviyo list": ("klaviyo", "suppresses = true\nchannel = 'email'", True),
    "klaviyo": ("klaviyo", "", False),
    "braze group": (
        "braze",
        "subscription_group_id = '504e09e6-ffa4-4b31-96c3-c05d50d903cf'\nchannel = 'email'\n"
        "identifiers = ['email']",
        True,
    ),
    "braze": ("braze", "", False),
    "sendgrid group": ("sendgrid", "group_id = 7", True),
    "sendgrid": ("sendgrid", "field_id = 'e1_T'", False),
    "webhook": ("webhook", "", False),
    "meta": ("meta_custom_audience", "audience_id = 12\nidentifiers = ['email']", False),
    "google": (
        "google_data_manager",
        "audience_id = 12\naccount = { account_id = '1' }\nidentifiers = ['email']",
        False,
    ),
}


@dataclass
class OutboxLake:
    """A lake of this machine whose batches are told by a test."""

    folder: Path
    destinations: dict[str, tuple[str, str]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, which: str, url: str) -> None:
        """A destination at a double."""
        kind, more, _ = KINDS[which]
        self.destinations[name] = (
            which,
            f"[[destinations]]\nname = '{name}'\nkind = '{kind}'\npolicy = 'unsubscribed'\n{more}\n"
            f"deliver = 'http'\nendpoint = '{url}'\ncredential = 'env:KEY_{name}'\n"
            "allow_private = true\n",
        )

    def batch(
        self,
        number: int,
        name: str,
        *,
        comes: Sequence[str],
        goes: Sequence[str] = (),
        size: int = 2,
    ) -> None:
        """What one batch told a destination. size: how many records a file holds."""
        which, _ = self.destinations[name]
        kind, _, is_opt_out = KINDS[which]
        leaving, coming = ("unsuppress", "suppress") if is_opt_out else ("remove", "add")
        told = [(coming, sorted(comes)), (leaving, sorted(goes))]
        first = "suppress" if is_opt_out else "remove"
        for operation, people in sorted(told, key=lambda one: one[0] != first):
            self._write(number, name, SINKS[kind], operation, people, operation != first, size)

    def _write(self, number, name, sink, operation, people, is_last, size) -> None:
        records = [
            self._record(number, name, sink, operation, email, n) for n, email in enumerate(people)
        ]
        self.records += records
        for request in cut_into_requests(len(records), size):
            part = records[request.start : request.start + request.size]
            text = sink.body(
                [one["payload"] for one in part], operation=operation, audience="unsubscribed",
                record_ids=[one["record_id"] for one in part],
                seq=request.seq, last=request.last, total=len(records), session=f"{number}",
                schema=("EMAIL",), **self.config().destinations[self._at(name)].options,
            )  # fmt: skip
            file = (
                f"fused-{number:09d}-{int(is_last)}{request.seq:04d}-{operation}.{sink.extension}"
            )
            place = self.folder / "outbox" / name / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
            self.deliveries.append(
                {"destination": name, "name": file, "audience": "unsubscribed", "state": "written",
                 "operation": operation, "records": len(part), "at": AT, "batch_id": number,
                 "text_sha256": sha256(text.encode()).hexdigest()}
            )  # fmt: skip

    def _at(self, name: str) -> int:
        return list(self.destinations).index(name)

    def _record(self, number, name, sink, operation, email, position) -> dict[str, Any]:
        digest = sha256(email.encode()).hexdigest()
        payload: Any = {"email": email}
        if sink.kind == "webhook":
            payload = {"email": [email]}
        elif sink.kind == "meta_custom_audience":
            payload = [digest]
        elif sink.kind == "google_data_manager":
            payload = {"userData": {"userIdentifiers": [{"emailAddress": digest}]}}
            if operation == "add":
                yes = "CONSENT_GRANTED"
                payload["consent"] = {"adUserData": yes, "adPersonalization": yes}
        return {
            "record_id": sha256(f"{number} {name} {operation} {email}".encode()).hexdigest()[:32],
            "identifier_keys": [digest[:32]], "destination": name, "audience": "unsubscribed",
            "operation": operation, "payload": json.dumps(payload), "emitted_at": AT,
            "batch_id": number, "position": position,
        }  # fmt: skip

    def close(self) -> None:
        """Bring tables and state to the disk."""
        write_table(self.folder, "records", self.records)
        write_table(self.folder, "deliveries", self.deliveries)
        state = {
            "format_version": FORMAT_VERSION, "lake_id": "l", "identity_hash": "i",
            "generations": {}, "secret_check": "c",
        }  # fmt: skip
        (self.folder / "_lake.json").write_text(json.dumps(state))

    def config(self) -> Config:
        place = self.folder.parent / f"{self.folder.name}.toml"
        place.parent.mkdir(parents=True, exist_ok=True)
        entries = "".join(text for _, text in self.destinations.values())
        place.write_text(f"[lake]\nlocation = '{self.folder}'\n{entries}")
        return load(place, environ=self.environ)

    @property
    def environ(self) -> dict[str, str]:
        return {f"KEY_{name}": SECRET for name in self.destinations}


def rows_of(lake: Path, table: str) -> list[dict[str, Any]]:
    return DeltaTable(str(lake / table)).to_pyarrow_table().to_pylist()
