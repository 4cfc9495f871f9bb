"""A double's server: it answers calls on this machine, and misbehaves where it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tactful.jobs.demo.doubles.vendors import SECRET, Double

# How a double may misbehave at one call; what it was told is applied for those of the second row.
BEFORE = ("429", "429 for long", "500", "408", "html", "refused", "drop", "redirect")
AFTER = ("half", "silent", "slow", "500 applied", "drop applied")


@contextmanager
def served(double: Double) -> Iterator[str]:
    """Answer calls on this machine; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer, and none that waits for the other side.
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            """Nothing."""

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            mood = double.moods.popleft() if double.moods else ""
            number = len(double.asked)
            double.before_answer(number, False)
            if mood in BEFORE:
                double.asked.append((self.command, self.path))
                self.misbehave(mood)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text, more = double.call(self.command, self.path, headers, body)
            double.before_answer(number, True)
            if mood == "slow":
                time.sleep(0.2)
            if mood in ("silent", "drop applied"):
                time.sleep(1.0 if mood == "silent" else 0.0)
                self.close_connection = True
                return
            if mood == "half":
                self.say(status, text, more, length=len(text) + 50)
                self.close_connection = True
                return
            if mood == "500 applied":
                status, text = 500, "oops"
            self.say(status, text, more)

        def misbehave(self, mood: str) -> None:
            if mood == "drop":
                self.close_connection = True
            elif mood.startswith("429"):
                wait = "0" if mood == "429" else "3600"
                self.say(429, "slow down, ann@example.com", {"Retry-After": wait})
            elif mood == "html":
                self.say(200, "<html>ann@example.com is off +44 20 7123 4567</html>", {})
            elif mood == "redirect":
                self.say(302, "", {"Location": "/elsewhere"})
            elif mood == "refused":
                self.say(401, f"bad key {SECRET}", {})
            else:
                self.say(int(mood), "oops", {})

        def say(self, status: int, text: str, more: dict[str, str], length: int = -1) -> None:
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(text) if length < 0 else length))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
