"""Destinations: how each of them wants its identifiers, records and files."""

from __future__ import annotations

from tactful.transforms.sinks import (
    braze,
    call_list,
    file,
    google_data_manager,
    klaviyo,
    meta_custom_audience,
    sendgrid,
    webhook,
)
from tactful.transforms.sinks.sink import Request, Sink, cut_into_requests

SINKS: dict[str, Sink] = {
    sink.kind: sink
    for sink in (
        google_data_manager.SINK,
        meta_custom_audience.SINK,
        klaviyo.SINK,
        braze.SINK,
        sendgrid.SINK,
        webhook.SINK,
        file.SINK,
        call_list.SINK,
    )
}

__all__ = ["SINKS", "Request", "Sink", "cut_into_requests"]
