"""The wire: one call and its answer, again after a while where that may help.

No exception, log or table ever carries a credential: headers are made for one call and held by
nobody else. Redirects are not followed: whoever answers with one would be handed the credential.
"""

from __future__ import annotations

import hashlib
import ipaddress
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import stamina

from tactful.jobs.sending.tokens import access_token
from tactful.jobs.settings.config import Destination
from tactful.jobs.why.texts import visible
from tactful.transforms.sinks.http import (
    FORBIDDEN,
    RETRY,
    Answer,
    Call,
    Http,
    Signed,
    judged,
    parsed,
    taken,
)

# What is tried again is told by the command, not by a library's log.
stamina.instrumentation.set_on_retry_hooks([])

KEPT = 500
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
# Within one pass; what fails all these is left for the next.
TRIES, FIRST_WAIT, LONGEST_WAIT = 5, 0.5, 30.0
ANSWER_BYTES = 1_000_000
T = TypeVar("T")

ADDRESS = re.compile(r"[^\s\"'<>,;:]+@[^\s\"'<>,;]+")
NUMBER = re.compile(r"\+?\d[\d\s().-]{5,}\d")
DIGEST = re.compile(r"\b[0-9a-fA-F-]{32,}\b")


class Again(Exception):
    """Raised where another try may help; says why, and how long the destination asks to wait."""

    def __init__(self, said: str, wait: float | None = None, *, is_last: bool = False) -> None:
        """is_last: whether only the next pass is to try again."""
        self.said, self.wait, self.is_last = said, wait, is_last
        super().__init__(said)


class Pace:
    """How many calls a second an account takes, whoever of its destinations makes them."""

    def __init__(self, per_second: float, *, patience: float = 1.0) -> None:
        self._gap, self._next = patience / per_second, 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for the next call's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        time.sleep(turn - now)


class Wire:
    """The way to one destination: its account's pace, its credential, its address."""

    def __init__(
        self,
        destination: Destination,
        credential: str,
        pace: Pace,
        *,
        patience: float = 1.0,
        timeout: httpx2.Timeout = TIMEOUT,
    ) -> None:
        """patience: what all waits are multiplied with; a test has little."""
        assert destination.sink.http is not None
        self.http: Http = destination.sink.http
        self.base = (destination.endpoint or self.http.base).rstrip("/")
        self.may_be_private = destination.allow_private
        self._secret, self._pace, self._patience = credential, pace, patience
        self._token: str | None = None
        self._timeout = timeout
        self._client = self._connected()
        # What drips is within every timeout of a single read, and would never end.
        self._limit = 2 * ((timeout.connect or 0.0) + (timeout.read or 0.0)) or None
        self.calls = 0

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def send(self, call: Call, key: str) -> Answer:
        """Make a call until it is answered, or trying again helps no more. Raises: Again."""
        return self._tried(call, key, self.http)[0]

    def ask(self, call: Call, key: str) -> tuple[Answer, Any]:
        """The same for a question: what it was answered, as JSON. Raises: Again."""
        question = replace(self.http, read=taken, is_answer=lambda said, _: said is not None)
        answer, text = self._tried(call, key, question)
        return answer, parsed(text)

    def _tried(self, call: Call, key: str, http: Http) -> tuple[Answer, str]:
        waits = stamina.retry_context(
            on=self._waits,
            attempts=TRIES,
            timeout=None,
            wait_initial=FIRST_WAIT * self._patience,
            wait_max=LONGEST_WAIT * self._patience,
            wait_jitter=FIRST_WAIT * self._patience,
        )
        for attempt in waits:
            with attempt:
                return self._once(call, key, http)
        raise AssertionError("a context that gives no attempt")

    def _waits(self, error: Exception) -> bool | float:
        """Whether to try again, and after how long where the destination says so."""
        if not isinstance(error, Again):
            return False
        if error.wait is None:
            return not error.is_last
        # A longer rest is for the next pass to wait for.
        return error.wait * self._patience if error.wait <= LONGEST_WAIT else False

    def _once(self, call: Call, key: str, http: Http) -> tuple[Answer, str]:
        self._pace.wait()
        url = self.base + call.path
        if not self.may_be_private and not is_public(url):
            return Answer(FORBIDDEN, said="its host lies in a private network"), ""
        try:
            got, text, token = self._in_time(lambda: self._called(call, key, http, url))
        except httpx2.TimeoutException:
            raise Again("no answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Again(f"no connection ({type(error).__name__})") from None
        answer = judged(http, got.status_code, text, call)
        if got.is_redirect:
            answer = Answer(FORBIDDEN, said="a redirect, which is not followed")
        if got.status_code == 401 and self.http.mints:
            self._token = None
        said = f"{got.status_code} {clean(text, call, self._secret, token)}".strip()
        refused = {n: clean(why, call, self._secret, token) for n, why in answer.refused.items()}
        answer = answer._replace(refused=refused)
        if answer.state == RETRY:
            raise Again(said, retry_after(got.headers.get("Retry-After")))
        return answer._replace(said=answer.said or said), text

    def _called(
        self, call: Call, key: str, http: Http, url: str
    ) -> tuple[httpx2.Response, str, str]:
        """What it answered: the answer, its text, and the token it was asked with."""
        token = self._credential()
        headers = http.headers(call, Signed(token, key, int(time.time())))
        self.calls += 1
        content = None if call.body is None else call.body.encode("utf-8")
        with self._client.stream(call.method, url, content=content, headers=headers) as got:
            return got, _text_of(got), token

    def _in_time(self, work: Callable[[], T]) -> T:
        """Wait for a call as a whole no longer than its limit; then it is left to itself."""
        ended: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def worked() -> None:
            try:
                ended.put((work(), None))
            except BaseException as error:
                ended.put((None, error))

        threading.Thread(target=worked, daemon=True).start()
        try:
            found, error = ended.get(timeout=self._limit)
        except queue.Empty:
            # The old one is at that call still, and nobody else may wait for its connection.
            self._client = self._connected()
            raise Again("no whole answer in time", is_last=True) from None
        if error is not None:
            raise error
        return found  # type: ignore[return-value]

    def _connected(self) -> httpx2.Client:
        return httpx2.Client(follow_redirects=False, timeout=self._timeout)

    def _credential(self) -> str:
        if not self.http.mints or not self._secret.lstrip().startswith("{"):
            return self._secret
        if self._token is None:
            self._token = access_token(self._client, self._secret)
        return self._token


def key_of(*parts: str) -> str:
    """The idempotency key of a call: the same whenever the same call is made again."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def is_public(url: str, resolve: Callable[..., Any] = socket.getaddrinfo) -> bool:
    """Whether every address of a URL's host lies in the public network; unknown ones may."""
    host = urlsplit(url).hostname or ""
    try:
        found = resolve(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return True  # Nothing is reached there either.
    return all(_is_global(entry[4][0]) for entry in found)


def _is_global(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False


def retry_after(told: str | None) -> float | None:
    """How many seconds a destination asks to wait: a number, or until a date."""
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            until = parsedate_to_datetime(told)
        except (TypeError, ValueError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), 86_400.0) if seconds == seconds else None


def clean(text: str, call: Call, *secrets: str) -> str:
    """The beginning of an answer, without anything that names a person or opens a door."""
    start = text[: KEPT * 4]
    says_something = any(letter.isalnum() for letter in start)
    for value in (*secrets, *_values(call.body if says_something else None)):
        if len(value) >= 3 and value in start:
            start = start.replace(value, "…")
    for pattern in (ADDRESS, DIGEST, NUMBER):
        start = pattern.sub("…", start)
    return visible(" ".join(start.split())[:KEPT], KEPT)


def _values(body: str | None) -> Iterator[str]:
    """Every text in a JSON body; any of them may be somebody's."""
    waiting: list[Any] = [parsed(body or "null")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(
                inner for name, inner in value.items() if name not in ("type", "audience")
            )
        elif isinstance(value, list):
            waiting.extend(value)


def _text_of(got: httpx2.Response) -> str:
    """The answer's text, as much of it as any of ours needs."""
    held = bytearray()
    for piece in got.iter_bytes():
        held += piece
        if len(held) > ANSWER_BYTES:
            break
    return held.decode("utf-8", "replace")
