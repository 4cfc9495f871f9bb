"""The lake's secret: where it is kept, how it is made, and how another one is told from it.

Every key in the lake is made with it, so under another secret everybody would be somebody new.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import uuid
from functools import cache
from pathlib import Path

from tactful.jobs import references
from tactful.jobs.errors import LakeError, SecretRefused
from tactful.jobs.lake import private
from tactful.jobs.lake.local_files import save_names, write_whole
from tactful.jobs.lake.places import local_path
from tactful.transforms.blanks import BLANKS

SECRET = "_secret"
LEAST_BYTES = 16
# Dear enough that going through a list of words takes days, and nothing to a run.
ROUNDS = 100_000


def find(location: str, named: str) -> bytes | None:
    """The secret that a configuration names; None where the lake is yet to make its own.

    named: a reference, or "auto". Raises: SecretRefused, LakeError.
    """
    if references.is_reference(named):
        return _long_enough(references.find(named).encode("utf-8"), references.shown(named))
    here = local_path(location)
    if here is None:
        raise LakeError(
            f"A lake at {location} cannot keep its own secret; name "
            'one by lake.secret: "env:NAME", or on Databricks "databricks:scope/key".'
        )
    place = Path(here) / SECRET
    try:
        secret = place.read_bytes().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretRefused(
            f"The lake's secret {place} cannot be read ({(error.strerror or 'no reason').lower()});"
            " give this user the right to read it."
        ) from error
    private.close(place)
    return _long_enough(secret, str(place))


def make(location: str) -> bytes:
    """Make the lake's own secret, whole or not at all; one that is there already stays."""
    place = Path(local_path(location) or location) / SECRET
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{SECRET}.{uuid.uuid4().hex}.part")
    secret = secrets.token_hex(32).encode("ascii")
    try:
        write_whole(part, secret, mode=private.FILE)
        with contextlib.suppress(FileExistsError):
            # Unlike a rename, a link never takes another's place.
            os.link(part, place)
    finally:
        part.unlink(missing_ok=True)
    save_names(place.parent)
    return _long_enough(place.read_bytes().strip(), str(place))


@cache
def check_value(secret: bytes, *, lake_id: str) -> str:
    """What a lake keeps to know its secret again, and nobody can find it out by."""
    slow = hashlib.pbkdf2_hmac("sha256", secret, f"tactful {lake_id}".encode(), ROUNDS)
    return hmac.digest(slow, b"the secret of this lake", "sha256").hex()[:16]


def refuse_another(secret: bytes | None, known: str, *, lake_id: str, location: str) -> None:
    """Raises: SecretRefused, where the secret is not the one that the lake's keys are made with."""
    if secret is None:
        raise SecretRefused(
            f"The secret of the lake at {location} is gone: there is no {SECRET} in it; put it "
            "back, since with another everybody would be somebody new."
        )
    if not hmac.compare_digest(check_value(secret, lake_id=lake_id), known):
        raise SecretRefused(
            f"lake.secret is not the one that the lake at {location} was made with; set the right "
            "one, since with another everybody would be somebody new."
        )


def fault(secret: bytes) -> str | None:
    """What is wrong with a secret itself, if anything is; said without showing any of it."""
    if not secret:
        return "is empty"
    if not secret.decode("utf-8", "replace").strip(BLANKS):
        return "is nothing but blanks"
    return "is too short" if len(secret) < LEAST_BYTES else None


def _long_enough(secret: bytes, place: str) -> bytes:
    why = fault(secret)
    if why:
        raise SecretRefused(
            f"The lake's secret in {place} {why}; put the right one there, of at least "
            f"{LEAST_BYTES} bytes."
        )
    return secret
