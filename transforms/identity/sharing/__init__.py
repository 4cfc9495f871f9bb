"""Sharing: whose a device is that several customers use, a module each answer."""

from __future__ import annotations

from tactful.transforms.identity.sharing import first, neutral, newest
from tactful.transforms.identity.sharing.graph import Sharing

SHARINGS: dict[str, Sharing] = {
    sharing.name: sharing for sharing in (neutral.SHARING, newest.SHARING, first.SHARING)
}

__all__ = ["SHARINGS", "Sharing"]
