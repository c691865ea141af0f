"""An event as a receiver gets it, and what became of one that was sent."""
from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, NamedTuple, Optional

from . import _library
from .errors import Error, error_of

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Event:
    """One event, which stays valid for as long as it is kept. Nothing here can be changed.

    type, id, source, sourcehost, sourcelib   its metadata, texts; id is a UUID
    time            when it happened: a datetime in UTC
    minorversion    an int
    from_event_bus  True: a consumer received it; False: this program sent it
    topic           without the prefix; None: this program sent it
    position        where it is in the topic, as the broker names it, or None
    key             its key, bytes, or None where it is not known
    attempt         which attempt this is: 1 plus the runs of receivers that failed before
    data            the data, a dict; bytes in it are base64 text
    """

    __slots__ = ("type", "id", "source", "sourcehost", "sourcelib", "minorversion", "from_event_bus", "topic", "position", "key",
                 "attempt", "_time_us", "_json", "_data")

    def __init__(self, pointer: Any) -> None:
        ffi, lib = _library.ffi, _library.lib
        text, meta = _library.text, lib.eb_event_metadata(pointer)
        self.type, self.id = text(meta.type), text(meta.id)
        self.source, self.sourcehost, self.sourcelib = text(meta.source), text(meta.sourcehost), text(meta.sourcelib)
        self.minorversion: int = meta.minorversion
        self.from_event_bus = bool(meta.from_event_bus)
        self.topic, self.position = text(meta.topic), text(meta.position)
        self.key: Optional[bytes] = None if meta.key == ffi.NULL else bytes(ffi.buffer(meta.key, meta.key_len))
        self.attempt: int = meta.attempt
        self._time_us: int = meta.time_us
        self._json = _json_of(pointer)
        self._data: Optional[Dict[str, Any]] = None

    @property
    def time(self) -> datetime:
        """When it happened, in UTC."""
        return EPOCH + timedelta(microseconds=self._time_us)

    @property
    def data(self) -> Dict[str, Any]:
        """Its data, which is read when it is first asked for."""
        if self._data is None:
            self._data = json.loads(self._json)
        return self._data

    def __repr__(self) -> str:
        return f"<Event {self.id} of {self.type}>"          # without its data, which may be personal


def _json_of(pointer: Any) -> bytes:
    ffi, lib = _library.ffi, _library.lib
    json_text, length, error = ffi.new("char **"), ffi.new("size_t *"), ffi.new("struct eb_error *")
    raise_for(lib.eb_event_data_json(pointer, json_text, length, error), error)
    try:
        return bytes(ffi.buffer(json_text[0], length[0]))
    finally:
        lib.free(json_text[0])


class Receipt(NamedTuple):
    """What became of one event at one topic."""

    id: str                     #: the event's
    type: str                   #: the event's
    topic: str                  #: without the prefix
    position: Optional[str]     #: where the broker stored it; None: not known, or not stored
    error: Optional[Error]      #: None: it is stored
    maybe_stored: bool          #: it failed, but the broker may have stored it


def receipt_of(pointer: Any) -> Receipt:
    ffi, text = _library.ffi, _library.text
    error = None if pointer.error == ffi.NULL else as_error(pointer.error.status, pointer.error)
    return Receipt(text(pointer.id) or "", text(pointer.type) or "", text(pointer.topic) or "", text(pointer.position), error,
                   bool(pointer.maybe_stored))


def as_error(status: int, error: Any) -> Error:
    return error_of(status, error.kind, _library.text(error.text) or f"failed with status {status} and gave no reason", error.native)


def raise_for(status: int, error: Any) -> None:
    """Raises what a call returned, unless it is EB_OK or another status that is no error there."""
    if status < 0 or status in (3, 4):
        raise as_error(status, error)
