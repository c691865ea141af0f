"""Events of openedx-events as plain data and back, by its own serializers."""
from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, Dict, get_args, get_origin
from uuid import UUID

import attr
from openedx_events.data import EventsMetadata
from openedx_events.event_bus.avro import deserializer as of_deserializer
from openedx_events.event_bus.avro.deserializer import AvroSignalDeserializer
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer

from ..event import Event
from .settings import import_setting


class Serializers:
    """The serializer and deserializer of each signal, made once. Any thread."""

    def __init__(self) -> None:
        self._serializer = import_setting("EVENT_BUS_SERIALIZER", AvroSignalSerializer)
        self._deserializer = import_setting("EVENT_BUS_DESERIALIZER", AvroSignalDeserializer)
        self._serializers: Dict[str, Any] = {}
        self._deserializers: Dict[str, Any] = {}

    def serializer(self, signal: Any) -> Any:
        made = self._serializers.get(signal.event_type)
        if made is None or made.signal is not signal:
            made = self._serializers[signal.event_type] = self._serializer(signal)
        return made

    def plain(self, signal: Any, data: Dict[str, Any]) -> Dict[str, Any]:
        """The data of an event as dicts, lists, texts and numbers."""
        return dict(self.serializer(signal).to_dict(data))

    def objects(self, signal: Any, plain: Dict[str, Any]) -> Dict[str, Any]:
        """The data of an event as its receivers get it. False, 0, "" and empty lists stay what they are also where a field has
        a default, for which openedx-events' own reading takes them. A deserializer with a from_dict of its own has its way."""
        made = self._deserializers.get(signal.event_type)
        if made is None or made.signal is not signal:
            made = self._deserializers[signal.event_type] = self._deserializer(signal)
        if type(made).from_dict is not AvroSignalDeserializer.from_dict:
            return dict(made.from_dict(plain))
        readers = {**of_deserializer.DEFAULT_DESERIALIZERS, **made.deserializers}
        return {name: _object(kind, plain[name], readers) for name, kind in signal.init_data.items()}


def _object(kind: Any, value: Any, readers: Dict[Any, Any]) -> Any:
    """A value of the annotated type."""
    if value is None:
        return None
    if kind in readers:
        return readers[kind](value)
    if attr.has(kind):
        fields = {field.name: field for field in attr.fields(kind)}
        return kind(**{_argument(name): _object(field.type, value[name], readers)
                       for name, field in fields.items() if name in value and not _is_default(field, value[name])})
    if get_origin(kind) is list:
        return [_object(get_args(kind)[0], one, readers) for one in value]
    if get_origin(kind) is dict:
        return {name: _object(get_args(kind)[1], one, readers) for name, one in value.items()}
    if kind is bytes:
        return base64.b64decode(value)
    if kind is float:
        return float(value)                                 # "NaN" and the like are texts in JSON
    return value


def _is_default(field: Any, value: Any) -> bool:
    """Null stands for a default of None; attrs gives it."""
    return value is None and field.default is None


def _argument(name: str) -> str:
    """attrs names the arguments of private fields without the underscore."""
    return name.lstrip("_")


def metadata_out(metadata: Any) -> Dict[str, Any]:
    """The metadata of an event as Bus.produce takes it."""
    return {"id": str(metadata.id), "source": metadata.source, "sourcehost": metadata.sourcehost, "time": metadata.time,
            "sourcelib": ".".join(map(str, metadata.sourcelib)), "minorversion": metadata.minorversion}


def metadata_in(event: Event) -> EventsMetadata:
    """The metadata of an event that was received."""
    time: datetime = event.time
    return EventsMetadata(event_type=event.type, id=UUID(event.id), minorversion=event.minorversion, source=event.source,
                          sourcehost=event.sourcehost, time=time, sourcelib=tuple(map(int, (event.sourcelib or "").split("."))))
