"""Doubles of the vendors' APIs on this machine: strict as they are, and made to misbehave.

Each keeps what the vendor would hold, so that one can ask what the vendor holds in the end. A call
that is not as the vendor describes it (path, method, headers, schema, rate) is refused like there,
and noted in `faults`: a test that ends with any has found a mistake.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs

SCHEMAS = Path(__file__).parent / "schemas"
SECRET = "key-that-nobody-must-see"


class Double:
    """One vendor: what it holds, what it was asked, and how it misbehaves next."""

    kind = ""
    per_second = 10_000

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self.faults: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.at: list[float] = []
        self.moods: deque[str] = deque()
        self.before_answer: Callable[[int, bool], None] = lambda number, is_applied: None
        self.refuses: set[str] = set()
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def call(
        self, method: str, path: str, headers: dict[str, str], body: str
    ) -> tuple[int, str, dict[str, str]]:
        """The status, text and headers of an answer."""
        with self._lock:
            self.asked.append((method, path))
            now = time.monotonic()
            self.at.append(now)
            self._times.append(now)
            while self._times and self._times[0] < now - 1:
                self._times.popleft()
            if len(self._times) > self.per_second:
                self.faults.append("too many calls a second")
                return 429, "{}", {"Retry-After": "1"}
            if not self.knows(headers, body):
                return 401, '{"message":"bad key"}', {}
            try:
                status, said = self.answer(method, path, json.loads(body) if body else None)
            except (KeyError, ValueError) as error:
                self.faults.append(f"{method} {path}: {str(error)[:200]}")
                return 400, '{"message":"bad request"}', {}
            return status, "" if said is None else json.dumps(said), {}

    def knows(self, headers: dict[str, str], body: str) -> bool:
        return headers.get("authorization") == f"Bearer {SECRET}"

    def answer(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        raise NotImplementedError

    def is_refused(self, texts: Iterable[str]) -> bool:
        """Whether one of a record's texts is one that it refuses."""
        return not self.refuses.isdisjoint(texts)

    def check(self, told: Any, schema: str) -> None:
        _validator(schema).validate(told)


class Klaviyo(Double):
    kind = "klaviyo"

    def knows(self, headers: dict[str, str], body: str) -> bool:
        if headers.get("revision") is None:
            self.faults.append("no revision")
        if headers.get("content-type") != "application/vnd.api+json":
            self.faults.append("another content type")
        return headers.get("authorization") == f"Klaviyo-API-Key {SECRET}"

    def answer(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        if path == "/api/data-privacy-deletion-jobs":
            self.check(told, "klaviyo.erase")
            (who,) = told["data"]["attributes"]["profile"]["data"]["attributes"].values()
            self.held.pop(who, None)
            return 202, None
        name = {
            "/api/profile-suppression-bulk-create-jobs": "suppress",
            "/api/profile-suppression-bulk-delete-jobs": "unsuppress",
            "/api/profile-bulk-import-jobs": "import",
        }[path]
        self.check(told, f"klaviyo.{name}")
        profiles = told["data"]["attributes"]["profiles"]["data"]
        bad = [n for n, one in enumerate(profiles) if self.is_refused(_texts(one))]
        if bad:
            place = "/data/attributes/profiles/data/{}/attributes/email"
            errors = [{"source": {"pointer": place.format(n)}} for n in bad]
            return 400, {"errors": errors}
        for one in (profile["attributes"] for profile in profiles):
            who = one.get("email") or one.get("phone_number") or one.get("external_id")
            if name == "import":
                self.held.setdefault(who, {}).update(one["properties"])
            elif name == "suppress":
                self.held.setdefault(who, "USER_SUPPRESSED")
            elif self.held.get(who) == "USER_SUPPRESSED":
                del self.held[who]
        return 202, {"data": {"type": told["data"]["type"], "id": "job-1"}}


class Braze(Double):
    kind = "braze"

    def answer(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        url = urlsplit(path)
        if (method, url.path) == ("GET", "/subscription/status/get"):
            asked = dict(parse_qsl(url.query))
            asked.pop("subscription_group_id")
            (who,) = asked.values()
            return 200, {"message": "success", "status": {who: self.held.get(who, "Unknown")}}
        if url.path == "/users/delete":
            self.check(told, "braze.erase")
            ids = told.get("external_ids") or [one["email"] for one in told["email_addresses"]]
            return 201, {"deleted": sum(self.held.pop(who, None) is not None for who in ids)}
        if url.path == "/users/track":
            self.check(told, "braze.track")
            errors = []
            for n, one in enumerate(told["attributes"]):
                who = one.get("email") or one.get("phone") or one.get("external_id")
                if who in self.refuses:
                    errors.append({"type": "invalid", "input_array": "attributes", "index": n})
                else:
                    says = {k: v for k, v in one.items() if isinstance(v, bool) and k[0] != "_"}
                    self.held.setdefault(who, {}).update(says)
            return 201, {"message": "success", **({"errors": errors} if errors else {})}
        if url.path != "/v2/subscription/status/set":
            raise KeyError(path)
        self.check(told, "braze.subscriptions")
        for group in told["subscription_groups"]:
            for who in (*group.get("emails", ()), *group.get("phones", ())):
                self.held[who] = group["subscription_state"].capitalize()
        return 201, {"message": "success"}


class SendGrid(Double):
    kind = "sendgrid"

    def answer(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        if (method, path) == ("PUT", "/v3/marketing/contacts"):
            self.check(told, "sendgrid.contacts")
            bad = [n for n, c in enumerate(told["contacts"]) if c["email"] in self.refuses]
            if bad:
                errors = [{"field": f"contacts[{n}].email", "message": "bad"} for n in bad]
                return 400, {"errors": errors}
            for contact in told["contacts"]:
                self.held.setdefault(contact["email"], {}).update(contact["custom_fields"])
            return 202, {"job_id": "job-1"}
        if (method, path) == ("POST", "/v3/recipients/erasejob"):
            self.check(told, "sendgrid.erase")
            for email in told["email_addresses"]:
                self.held.pop(email, None)
            return 202, {"job_id": "job-1"}
        place = "/v3/asm/groups/7/suppressions"
        if method == "DELETE" and path.startswith(f"{place}/"):
            self.held.pop(unquote(path.removeprefix(f"{place}/")), None)
            return 204, None
        self.check(told, "sendgrid.suppressions")
        emails = told["recipient_emails"]
        if (method, path) == ("POST", f"{place}/search"):
            return 200, [email for email in emails if email in self.held]
        if (method, path) != ("POST", place):
            raise KeyError(path)
        taken = [email for email in emails if email not in self.refuses]
        for email in taken:
            self.held.setdefault(email, "group")
        return 201, {"recipient_emails": taken}


class Webhook(Double):
    kind = "webhook"

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Any] = {}
        self.key = ""

    def knows(self, headers: dict[str, str], body: str) -> bool:
        self.key = headers["idempotency-key"]
        message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
        digest = hmac.new(SECRET.encode(), message, hashlib.sha256).digest()
        return headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"

    def answer(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        if told["operation"] == "erase":
            self.check(told, "webhook.erase")
            for record in told["records"]:
                for values in record["identifiers"].values():
                    for who in values:
                        self.held.pop(who, None)
            return 200, {}
        self.check(told, "webhook.call")
        if self.key not in self.seen:
            rejected = []
            for record in told["records"]:
                for who in record["identifiers"]["email"]:
                    if who in self.refuses:
                        rejected.append({"record_id": record["record_id"], "reason": "unknown"})
                    else:
                        # Not idempotent by nature: twice would be seen.
                        step = 1 if told["operation"] == "add" else -1
                        self.held[who] = self.held.get(who, 0) + step
            self.seen[self.key] = {"rejected": rejected}
        return 200, self.seen[self.key]


META_CALLS = (("POST", "users"), ("DELETE", "users"), ("POST", "usersreplace"))


class Meta(Double):
    kind = "meta_custom_audience"

    def __init__(self) -> None:
        super().__init__()
        self.coming: set[str] = set()

    def answer(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        _, audience, edge = path.split("/")
        if not audience.isdigit() or (method, edge) not in META_CALLS:
            raise KeyError(path)
        self.check(told, "meta_custom_audience.users")
        rows = told["payload"]["data"]
        invalid = sum(map(self.is_refused, rows))
        names = {wire for row in rows if not self.is_refused(row) for wire in row if wire}
        if edge == "usersreplace":
            self.coming |= names
            if told["session"]["last_batch_flag"]:
                self.held, self.coming = dict.fromkeys(self.coming, True), set()
        elif method == "POST":
            self.held |= dict.fromkeys(names, True)
        else:
            for name in names:
                self.held.pop(name, None)
        return 200, {
            "num_received": len(rows), "num_invalid_entries": invalid, "audience_id": audience,
        }  # fmt: skip


class Google(Double):
    kind = "google_data_manager"

    def answer(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        name = path.removeprefix("/v1/audienceMembers:")
        if method != "POST" or name not in ("ingest", "remove", "removeAll"):
            raise KeyError(path)
        self.check(told, f"google_data_manager.{name}")
        if name == "removeAll":
            self.held.clear()
            return 200, {"requestId": "r-1"}
        members = told["audienceMembers"]
        bad = [n for n, one in enumerate(members) if self.is_refused(_texts(one))]
        if bad:
            violations = [{"field": f"audience_members[{n}].user_data"} for n in bad]
            return 400, {"error": {"code": 400, "details": [{"fieldViolations": violations}]}}
        for one in members:
            consent = one.pop("consent", {})
            for wire in _texts(one):
                if name == "ingest":
                    self.held[wire] = consent != {}
                else:
                    self.held.pop(wire, None)
        return 200, {"requestId": "r-1"}


DOUBLES = {one.kind: one for one in (Klaviyo, Braze, SendGrid, Webhook, Meta, Google)}


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    text = (SCHEMAS / f"{schema}.schema.json").read_text("utf-8")
    return jsonschema_rs.Draft202012Validator(json.loads(text))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
