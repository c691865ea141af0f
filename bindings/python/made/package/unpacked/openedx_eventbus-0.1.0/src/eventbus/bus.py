"""The bus of one service: sending events."""
from __future__ import annotations

import json
import os
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union
from weakref import WeakKeyDictionary

from . import _library, _process
from ._callbacks import Delivery, Receiver, inside
from ._log import LogReader, logger
from .errors import GoneError, Kind, PermanentError, RetriableError
from .event import EPOCH, Event, Receipt, raise_for

_alive: Any = WeakKeyDictionary()      # what arrays of C point to, for as long as they are there
Path = Union[str, "os.PathLike[str]"]
KEPT = 2            # EB_END of ebpy_produce
METADATA = ("id", "source", "sourcehost", "sourcelib", "time", "minorversion")


class Bus:
    """The bus of one service, by an INI file. Any thread may use it, and every wait leaves the GIL to others.

    files       the INI file, or several, of which later ones override earlier ones, or folders of them; None: the first of
                $EVENTBUS_CONFIG, ./eventbus.ini and the installed file
    overrides   {"KIND.NAME.KEY": "VALUE"}, which count after all files: {"broker.main.path": "/tmp/bus.db"}
    defaults    the same, for keys that neither files nor overrides set; with files="/dev/null" they are the whole configuration
    on_delivery called with the Receipt of each event that was queued, in a thread of the library. It must be quick, and must
                not wait for the bus
    queue_wait  seconds that sending waits when the queue is full: None: what the configuration says (queue_wait);
                0: QueueFullError at once; -1: no limit

    Opening reads and checks the configuration, and does not wait for the broker. Close a bus, or use it in a `with` statement:
    closing delivers what waits. A bus that is still open when the program ends is closed then, with 10 seconds for that.

    A child of a fork opens its own bus: there, calls of the parent's raise FatalError, and only close() does what it should.
    """

    def __init__(self, files: Union[None, Path, Sequence[Path]] = None, *, overrides: Optional[Mapping[str, Any]] = None,
                 defaults: Optional[Mapping[str, Any]] = None,
                 on_delivery: Optional[Callable[[Receipt], Any]] = None, queue_wait: Optional[float] = None) -> None:
        ffi, lib = _library.loaded()
        self._pid = os.getpid()
        self._lock = threading.Lock()           # guards the five below
        self._idle = threading.Condition(self._lock)
        self._users = 0                         # calls of C at work; the bus is closed when there are none
        self._closing = False
        self._receivers: Dict[Tuple[Optional[str], str], Receiver] = {}
        self._deliveries: Set[Delivery] = set()
        self._consumers: Set[Any] = set()
        self._signals: Dict[str, Any] = {}      # a type's struct eb_signal *; only ever added to
        self._on_delivery = Delivery(on_delivery) if on_delivery else None
        self._log = LogReader()
        pointer, error = ffi.new("struct eb_bus **"), ffi.new("struct eb_error *")
        status = lib.ebpy_open(pointer, _texts(_paths(files)), _texts(_pairs(overrides)), _texts(_pairs(defaults)), self._log.queue,
                               error)
        if status != 0:
            self._log.close()
            raise_for(status, error)
        self._pointer = pointer[0]
        if self._on_delivery:
            lib.ebpy_on_delivery(self._pointer, self._on_delivery.handle)
        if queue_wait is not None:
            lib.eb_bus_queue_wait(self._pointer, milliseconds(queue_wait))
        _process.opened(self)

    # ---- Sending ----

    def send(self, type: str, data: Mapping[str, Any], **metadata: Any) -> str:
        """Sends an event as a signal: runs the receivers of this program, and queues the event for each topic that the routes
        of the configuration name. It does not wait for the broker. Returns the event's id.

        data        all fields of the signal, as JSON has them: dicts, lists, texts, numbers; bytes are taken as base64
        metadata    id (a UUID), source, sourcehost, sourcelib ("11.2.0"), time (a datetime with its zone), minorversion;
                    what is not given is made as for any new event

        Errors are PermanentError with Kind.DATA: there is no such type, or a field is missing, unknown or of another type.
        A receiver that fails, or a full queue, is logged, and is no error here: the others have their event.
        """
        return self._send(type, data, None, None, None, metadata)

    def produce(self, type: str, data: Mapping[str, Any], topic: str, key_field: Optional[str] = None, *,
                on_delivery: Optional[Callable[[Receipt], Any]] = None, keep: bool = False, **metadata: Any) -> str:
        """Queues an event for one topic, named without the prefix, whatever the routes say. Returns the event's id.

        key_field   the path of the key in the data, "user.pii.username"; events of one key keep their order; None: no key
        on_delivery called with the Receipt of this event, after the bus's own
        keep        True: an event that a full queue does not take goes to undelivered.jsonl, which `eventbus produce
                    --undelivered` sends again, instead of QueueFullError; it has no Receipt

        Raises QueueFullError: not taken, and PermanentError: the data or the key field does not fit, or no producer is configured.
        """
        return self._send(type, data, topic, key_field, on_delivery, metadata, keep)

    def flush(self, timeout: Optional[float] = None) -> None:
        """Waits until all events sent so far are delivered or given up, `timeout` seconds at most; None: without limit.
        Raises RetriableError: some events still wait; its text says how many."""
        _refuse("flush", "on_delivery")
        error = _library.ffi.new("struct eb_error *")
        with self._use() as pointer:
            raise_for(_library.lib.eb_bus_flush(pointer, milliseconds(timeout), error), error)

    def _send(self, type: str, data: Mapping[str, Any], topic: Optional[str], key_field: Optional[str],
              on_delivery: Optional[Callable[[Receipt], Any]], metadata: Dict[str, Any], keep: bool = False) -> str:
        ffi, lib = _library.ffi, _library.lib
        text, error, room = as_json(data), ffi.new("struct eb_error *"), ffi.new("char[]", 64)
        origin, kept = _origin(metadata) if metadata else (ffi.NULL, None)
        with self._use() as pointer:
            signal = self._signals.get(type) or self._signal(pointer, type)
            if topic is None:
                status = lib.ebpy_send(signal, text, len(text), origin, room, error)
            else:
                delivery = self._delivery(on_delivery)
                status = lib.ebpy_produce(pointer, signal, text, len(text), origin, _bytes(topic), _bytes(key_field), keep,
                                          delivery.handle if delivery else ffi.NULL, room, error)
                if status != 0 and delivery:
                    self._deliveries.discard(delivery)
                if status == KEPT:
                    logger.error("the producer's queue is full: event %s of %s for topic %s is kept in undelivered.jsonl",
                                 _library.text(room), type, topic)
        del kept
        raise_for(status, error)
        return _library.text(room) or ""

    def _delivery(self, call: Optional[Callable[[Receipt], Any]]) -> Optional[Delivery]:
        if call is None:
            return None
        delivery = Delivery(call, self._deliveries.discard)
        self._deliveries.add(delivery)          # until its receipt has come; the producer's queue has a limit, and so has this
        return delivery

    # ---- Signals ----

    def types(self) -> List[str]:
        """All event types that this bus knows."""
        ffi, found = _library.ffi, []

        @ffi.callback("int(void *, const struct eb_signal *)")
        def each(_: Any, signal: Any) -> int:
            found.append(_library.text(_library.lib.eb_signal_type(signal)) or "")
            return 0

        with self._use() as pointer:
            _library.lib.eb_signal_each(pointer, each, ffi.NULL)
        return found

    def schema(self, type: str) -> Dict[str, Any]:
        """The Avro schema of an event type."""
        with self._use() as pointer:
            return dict(json.loads(_library.text(_library.lib.eb_signal_schema(self._signal(pointer, type))) or "{}"))

    def add_signal(self, schema: Union[str, Mapping[str, Any]]) -> str:
        """Adds a signal from its Avro schema, JSON text or a dict: a record whose namespace is the event type, which is returned. It
        takes the place of one of that type whose schema differs."""
        text = (schema if isinstance(schema, str) else json.dumps(schema)).encode()
        error = _library.ffi.new("struct eb_error *")
        with self._use() as pointer:
            signal = _library.lib.ebpy_signal_add(pointer, text, len(text), error)
            if signal == _library.ffi.NULL:
                raise_for(error.status, error)
            type = _library.text(_library.lib.eb_signal_type(signal)) or ""
            self._signals[type] = signal
        return type

    def connect(self, receiver: Callable[[Event], Any], type: Optional[str] = None, name: Optional[str] = None) -> str:
        """Connects a receiver to an event type, or with None to all of them: it gets each Event that this program sends, or
        that a consumer of this bus receives. Returns its name, which is unique for the type, and which disconnect() takes."""
        return self._connect(receiver, type, name, only_from_bus=False)

    def disconnect(self, name: str, type: Optional[str] = None) -> None:
        """Disconnects a receiver. It does not run in another thread any more when this returns. GoneError: there is none."""
        with self._use() as pointer:
            signal = _library.ffi.NULL if type is None else self._signal(pointer, type)
            status = _library.lib.eb_disconnect(pointer, signal, _bytes(name))
        if status != 0:
            raise GoneError(f'no receiver named "{name}" is connected to {type or "every signal"}', Kind.CONFIG)
        with self._lock:
            self._receivers.pop((type, name), None)

    def _connect(self, receiver: Callable[[Event], Any], type: Optional[str], name: Optional[str], only_from_bus: bool) -> str:
        ffi, error = _library.ffi, _library.ffi.new("struct eb_error *")
        if not callable(receiver):
            raise PermanentError(f"a receiver is a function of one argument, the event; {receiver!r} cannot be called", Kind.CONFIG)
        name = name or getattr(receiver, "__qualname__", None) or builtin_type(receiver).__qualname__
        kept = Receiver(receiver, name)
        with self._use() as pointer:
            signal = ffi.NULL if type is None else self._signal(pointer, type)
            raise_for(_library.lib.ebpy_connect(pointer, signal, _bytes(name), kept.handle, only_from_bus, error), error)
        with self._lock:
            self._receivers[type, name] = kept
        return name

    def _forget_receiver(self, name: str) -> None:
        """Disconnects a consumer's receiver from every signal, also while the bus is being closed."""
        _library.lib.eb_disconnect(self._pointer, _library.ffi.NULL, _bytes(name))
        with self._lock:
            self._receivers.pop((None, name), None)

    def _signal(self, pointer: Any, type: str) -> Any:
        error = _library.ffi.new("struct eb_error *")
        signal = _library.lib.eb_signal_find(pointer, _bytes(type), error)
        if signal == _library.ffi.NULL:
            raise_for(error.status, error)
        self._signals[type] = signal
        return signal

    # ---- The end ----

    def close(self, timeout: Optional[float] = 10) -> None:
        """Stops the consumers of this bus, refuses new events, and delivers waiting ones for up to `timeout` seconds; None: without
        limit. Raises RetriableError: some events were not delivered, and its text says in which file they are kept. The
        bus is closed then as well. A second call does nothing."""
        _refuse("close", "on_delivery", "a receiver")
        if os.getpid() != self._pid:
            return self._leave()
        with self._lock:
            if self._closing:
                return
            self._closing = True
            consumers = list(self._consumers)
        for consumer in consumers:
            consumer.close()
        with self._lock:
            if not self._idle.wait_for(lambda: self._users == 0, timeout):
                self._closing = False
                raise RetriableError(f"the bus is not closed: {self._users} call(s) still use it after {timeout} s", Kind.CONFIG)
        error = _library.ffi.new("struct eb_error *")
        status = _library.lib.eb_bus_close(self._pointer, milliseconds(timeout), error)
        _process.closed(self)
        self._log.close()
        raise_for(status, error)

    def _end(self, deadline: float) -> None:
        """Closes the bus at the end of the program, until the deadline, which is a time of time.monotonic(). A receiver that is at
        work even then cannot be ended: what it uses is left as it is, and its event comes again."""
        consumers = list(self._consumers)
        for consumer in consumers:
            consumer.stop()
        for consumer in consumers:
            consumer._wait_stopped(deadline)
        active = sum(receiver.active for receiver in list(self._receivers.values()))
        if not active:
            return self.close(max(0.0, deadline - time.monotonic()))
        logger.error("at the end of the program %d receiver(s) are still at work, and are left; their events come again", active)
        self.flush(max(0.0, deadline - time.monotonic()))

    def _leave(self) -> None:
        """In the child of a fork: locks of Python may be held by threads that are not there, so none is taken."""
        if not self._closing:
            self._closing = True
            _library.lib.eb_bus_close(self._pointer, 0, _library.ffi.NULL)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closing

    def __enter__(self) -> Bus:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @contextmanager
    def _use(self) -> Iterator[Any]:
        """The struct eb_bus *, which is not freed meanwhile."""
        if os.getpid() != self._pid:            # C refuses, and says why; the lock may be held for ever
            yield self._pointer
            return
        with self._lock:
            if self._closing:
                raise PermanentError("the bus is closed", Kind.CONFIG)
            self._users += 1
        try:
            yield self._pointer
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._idle.notify_all()


# ---- From Python to C ----

builtin_type = type


def milliseconds(seconds: Optional[float]) -> int:
    """What C takes for a number of seconds; None and negative ones: without limit."""
    return -1 if seconds is None or seconds < 0 else min(int(seconds * 1000), 2 ** 31 - 1)


def as_json(data: Mapping[str, Any]) -> bytes:
    """The data as JSON. PermanentError, Kind.DATA: it holds what JSON has not."""
    try:
        return json.dumps(data, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentError(f"the data cannot be written as JSON: {error}", Kind.DATA) from error


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of the type {type(value).__qualname__} is neither dict, list, text, number, bytes, bool nor None")


def _origin(metadata: Dict[str, Any]) -> Tuple[Any, List[Any]]:
    """The struct ebpy_origin, and what has to live as long."""
    ffi = _library.ffi
    unknown = sorted(set(metadata) - set(METADATA))
    if unknown:
        raise TypeError(f"unknown metadata {', '.join(unknown)}; an event has {', '.join(METADATA)}")
    origin, kept = ffi.new("struct ebpy_origin *"), []
    for name in METADATA[:4]:
        if metadata.get(name) is not None:
            kept.append(ffi.new("char[]", _bytes(str(metadata[name]))))
            setattr(origin, name, kept[-1])
    if metadata.get("time") is not None:
        origin.time_us, origin.has_time = _microseconds(metadata["time"]), 1
    if metadata.get("minorversion") is not None:
        origin.minorversion, origin.has_minorversion = metadata["minorversion"], 1
    return origin, kept


def _microseconds(time: datetime) -> int:
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise PermanentError("the time of an event is a datetime with its zone, such as datetime.now(timezone.utc)", Kind.DATA)
    since = time - EPOCH
    return (since.days * 86400 + since.seconds) * 1000000 + since.microseconds


def _bytes(text: Optional[str]) -> Any:
    if text is None:
        return _library.ffi.NULL
    if not isinstance(text, str):
        raise TypeError(f"expected a text, not {text!r}")
    if "\0" in text:
        raise PermanentError(f"a name has no U+0000: {text!r}", Kind.CONFIG)
    return text.encode()


def _texts(texts: Optional[List[str]]) -> Any:
    """A const char *const *, or NULL; it keeps what it points to alive."""
    ffi = _library.ffi
    if texts is None:
        return ffi.NULL
    kept = [ffi.new("char[]", _bytes(text)) for text in texts]
    array = ffi.new("const char *[]", [*kept, ffi.NULL])
    _alive[array] = kept
    return array


def _paths(files: Union[None, Path, Sequence[Path]]) -> Optional[List[str]]:
    if files is None:
        return None
    return [os.fspath(file) for file in ([files] if isinstance(files, (str, os.PathLike)) else files)]


def _pairs(overrides: Optional[Mapping[str, Any]]) -> Optional[List[str]]:
    return None if overrides is None else [f"{name}={value}" for name, value in overrides.items()]


def _refuse(call: str, *callbacks: str) -> None:
    if inside() in callbacks:
        raise PermanentError(f"{call}() cannot be called in {inside()}: it would wait for itself", Kind.CONFIG)
