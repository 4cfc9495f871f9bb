"""Destinations: how each of them wants its identifiers, records and files."""

from __future__ import annotations

from tactful.transforms.sinks import file, google_data_manager, meta_custom_audience, webhook_list
from tactful.transforms.sinks.sink import Request, Sink, cut_into_requests

SINKS: dict[str, Sink] = {
    sink.kind: sink
    for sink in (google_data_manager.SINK, meta_custom_audience.SINK, file.SINK, webhook_list.SINK)
}

__all__ = ["SINKS", "Request", "Sink", "cut_into_requests"]
