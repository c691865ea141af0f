"""Events of openedx-events as plain data and back, by its own serializers."""
from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, Dict, Tuple, get_args, get_origin
from uuid import UUID

import attr
from openedx_events.data import EventsMetadata
from openedx_events.event_bus.avro import deserializer as of_deserializer
from openedx_events.event_bus.avro import serializer as of_serializer
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
        self._writers: Dict[str, Writers] = {}
        self._deserializers: Dict[str, Any] = {}

    def serializer(self, signal: Any) -> Any:
        made = self._serializers.get(signal.event_type)
        if made is None or made.signal is not signal:
            made = self._serializers[signal.event_type] = self._serializer(signal)
        return made

    def plain(self, signal: Any, data: Dict[str, Any]) -> Dict[str, Any]:
        """The data of an event as dicts, lists, texts and numbers, by the serializers of openedx-events and of the site. A
        serializer class with a to_dict of its own has its way."""
        made = self.serializer(signal)
        if type(made).to_dict is not AvroSignalSerializer.to_dict:
            return dict(made.to_dict(data))
        chosen = self._writers.get(signal.event_type)
        if chosen is None or chosen.serializer is not made:
            chosen = self._writers[signal.event_type] = Writers(made)
        return {name: _plain(value, None, chosen) for name, value in data.items()}

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


class Writers:
    """Which function writes a value, by the type that its field declares and its own. AvroSignalSerializer.to_dict goes through
    all functions for each value, and then through JSON and back; here a pair of types is looked up once. Any thread."""

    def __init__(self, serializer: Any) -> None:
        self.serializer = serializer
        self._all = {**of_serializer.DEFAULT_SERIALIZERS, **serializer.serializers}
        self._found: Dict[Tuple[Any, type], Any] = {}

    def of(self, declared: Any, kind: type) -> Any:
        """The function, or None. The first one counts that is for the declared type or for the value's, as in openedx-events."""
        key = (declared, kind)
        if key not in self._found:
            self._found[key] = next((write for for_type, write in self._all.items() if issubclass(kind, for_type) or
                                     isinstance(declared, type) and issubclass(declared, for_type)), None)
        return self._found[key]


def _plain(value: Any, field: Any, writers: Writers) -> Any:
    """A value as JSON has it. field: the attrs field that holds it, or None."""
    if value is None:
        if field is not None and field.default is not None:
            raise ValueError(f"the field {field.name} is None and has no default of None")
        return None
    kind = type(value)
    write = writers.of(field.type if field is not None else None, kind)
    if write is not None:
        return write(value)
    if kind in (str, int, bool, float):
        return value
    if attr.has(kind):
        return {one.name: _plain(getattr(value, one.name), one, writers) for one in attr.fields(kind)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one, None, writers) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one, None, writers) for name, one in value.items()}
    return value


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
