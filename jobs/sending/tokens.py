"""Access tokens: how Google's are fetched with what a user once agreed to.

A credential that is JSON with client_id, client_secret and refresh_token (what `gcloud auth
application-default login` writes) is exchanged for a token that lives an hour, as Google's page
"Using OAuth 2.0 for Web Server Applications" says (developers.google.com; read 2026-11-27).
"""

from __future__ import annotations

import json

import httpx2

NEEDED = ("client_id", "client_secret", "refresh_token")
TOKEN_URI = "https://oauth2.googleapis.com/token"


def access_token(client: httpx2.Client, credential: str) -> str:
    """A token for the credential; an empty one, which is refused, where there is none for it."""
    try:
        told = json.loads(credential)
        asked = {name: str(told[name]) for name in NEEDED}
    except (ValueError, KeyError, TypeError):
        return ""
    where = str(told.get("token_uri") or TOKEN_URI)
    if not where.startswith("https://"):
        return ""
    got = client.post(where, data={**asked, "grant_type": "refresh_token"})
    if got.status_code >= 500:
        raise httpx2.HTTPError("the token's maker is down")
    try:
        return str(got.json().get("access_token", "")) if got.is_success else ""
    except ValueError:
        return ""
