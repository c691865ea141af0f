"""A worker: receives the events of topics, and calls a function with each one."""
from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

from . import _library
from ._callbacks import inside
from .bus import Bus, _bytes, _refuse, _texts
from .errors import Kind, PermanentError
from .event import Event, raise_for

GIVE_UP_S = 4                   # at the end of the program, for the worker to give back what its receivers have not finished
LOOK_S = 0.5                    # how often a waiting main thread looks for signals that another thread got


class Counts(NamedTuple):
    """How many events a worker has received so far, and what became of them."""

    received: int
    succeeded: int
    retried: int
    dead_lettered: int
    skipped: int
    returned: int


class Consumer:
    """A worker of a bus: a member of a consumer group, which receives the events of its topics.

    bus         an open Bus; one consumer at a time may have it
    receiver    called with each Event, in threads of the library, `concurrency` of the configuration at a time. When it returns, the event
                is acknowledged. When it raises, the event is tried again, and is kept as a dead letter after the last attempt or
                after PermanentError. None: the receivers that Bus.connect() has connected
    section     the NAME of the [consume NAME] section to run; None: the one whose topic and group are those given here, else
                defaults
    topics      one topic or several, without the prefix; None: the section's
    group       the consumer group; None: the section's
    name        this member's name in its group; None: made from the host's name
    broker      the NAME of a [broker NAME] section; None: the configured consumer
    start       where a new group begins: "earliest" (the default), "latest", a time, or a position
    count       stop when this many events are settled; 0: never
    exit_at_end stop when every event is settled that the topics had at the start
    """

    def __init__(self, bus: Bus, receiver: Optional[Callable[[Event], Any]] = None, section: Optional[str] = None, *,
                 topics: Union[None, str, Sequence[str]] = None, group: Optional[str] = None, name: Optional[str] = None,
                 broker: Optional[str] = None, start: Optional[str] = None, count: int = 0, exit_at_end: bool = False) -> None:
        ffi, lib = _library.loaded()
        kept: List[Any] = []
        options = ffi.new("struct eb_consumer_options *", {"size": ffi.sizeof("struct eb_consumer_options"), "count": count,
                                                           "exit_at_end": bool(exit_at_end), "require_receivers": 1})
        for field, value in (("section", section), ("group", group), ("consumer", name), ("broker", broker), ("from", start)):
            if value is not None:
                kept.append(ffi.new("char[]", _bytes(value)))
                setattr(options, field, kept[-1])
        if topics is not None:
            kept.append(_texts([topics] if isinstance(topics, str) else list(topics)))
            options.topics = kept[-1]
        pointer, error = ffi.new("struct eb_consumer **"), ffi.new("struct eb_error *")
        self._bus, self._receiver, self._pid = bus, None, os.getpid()
        self._lock = threading.RLock()          # guards the three below; a handler of signals may interrupt who holds it
        self._stopped = threading.Condition(self._lock)
        self._running = self._closed = False
        with bus._use() as bus_pointer:
            self._join_bus()
            try:
                if receiver is not None:
                    self._receiver = bus._connect(receiver, None, None, only_from_bus=True)
                raise_for(lib.eb_consumer_open(pointer, bus_pointer, options, error), error)
            except BaseException:
                self._leave_bus()
                raise
        self._pointer = pointer[0]

    def run(self, handle_signals: bool = True) -> None:
        """Receives until stop(), `count` or the end; then finishes what is at work, and returns. A consumer runs once.

        handle_signals  in the main thread, SIGTERM and SIGINT (Ctrl-C) stop the worker, and a second one ends its wait for the
                        events at work, which then come again. Their handlers are put back afterwards

        Raises RetriableError: the broker was not reached, or too many errors came one after the other; PermanentError: a
        receiver is missing; FatalError: the plugin failed for good, or the consumer has run before.
        """
        _refuse("run", "on_delivery", "a receiver")
        result: List[BaseException] = []
        with self._lock:
            if self._closed:
                raise PermanentError("the consumer is closed", Kind.CONFIG)
            self._running = True
        runner = threading.Thread(target=self._run, args=(result,), name="eventbus-run", daemon=True)
        with _signals(self.stop if handle_signals else None):
            runner.start()
            _wait(runner, self.stop)
        if result:
            raise result[0]

    def _run(self, result: List[BaseException]) -> None:
        """In a thread of its own, so that the main thread can run handlers of signals, which Python does between its steps only."""
        error = _library.ffi.new("struct eb_error *")
        try:
            raise_for(_library.lib.eb_consumer_run(self._pointer, error), error)
        except BaseException as raised:         # pylint: disable=broad-except
            result.append(raised)
        finally:
            with self._lock:
                self._running = False
                self._stopped.notify_all()

    def stop(self) -> None:
        """Tells the worker to finish the events at work, give back the others, and end. Any thread, receivers too. A second call,
        a second later or more, ends the wait for those at work."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if not self._closed:
                _library.lib.eb_consumer_stop(self._pointer)

    @property
    def counts(self) -> Counts:
        """What became of the events so far."""
        counts = _library.ffi.new("struct eb_consumer_counts *", {"size": _library.ffi.sizeof("struct eb_consumer_counts")})
        with self._lock:
            if not self._closed:
                _library.lib.eb_consumer_count(self._pointer, counts)
                self._last = Counts(*(getattr(counts, name) for name in Counts._fields))
            return self._last

    def close(self) -> None:
        """Stops the worker, waits until it has ended, also for receivers that are still at work after drain_timeout, and leaves the
        group. A second call does nothing."""
        if inside() == "a receiver":
            raise PermanentError("close() cannot be called in a receiver: it would wait for itself; call stop()", Kind.CONFIG)
        if os.getpid() != self._pid or self._closed:
            return
        with self._lock:
            if self._running:
                self.stop()
            self._stopped.wait_for(lambda: not self._running)
            if self._closed:
                return
            self._last = self.counts            # they can be read afterwards
            self._closed = True
            _library.lib.eb_consumer_close(self._pointer)
        self._leave_bus()

    def _wait_stopped(self, deadline: float) -> None:
        """After stop(): waits for the worker's end, and gives up the receivers at work in the last part of the time."""
        with self._lock:
            self._stopped.wait_for(lambda: not self._running, max(0.0, deadline - time.monotonic() - GIVE_UP_S))
            if self._running:
                self.stop()
                self._stopped.wait_for(lambda: not self._running, max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _join_bus(self) -> None:
        with self._bus._lock:
            if self._bus._consumers:
                raise PermanentError("the bus has a consumer already; close that one first, or open another Bus for this one", Kind.CONFIG)
            self._bus._consumers.add(self)

    def _leave_bus(self) -> None:
        if self._receiver:
            self._bus._forget_receiver(self._receiver)
        with self._bus._lock:
            self._bus._consumers.discard(self)


def _wait(runner: threading.Thread, stop: Callable[[], None]) -> None:
    """Waits for the worker. An exception, such as KeyboardInterrupt, stops it, and goes on when it has ended."""
    raised: Optional[BaseException] = None
    while runner.is_alive():
        try:
            runner.join(LOOK_S)
        except BaseException as error:          # pylint: disable=broad-except
            raised = raised or error
            stop()
    if raised:
        raise raised


@contextmanager
def _signals(stop: Optional[Callable[[], None]]) -> Iterator[None]:
    """SIGTERM and SIGINT call stop(); in other threads than the main one Python cannot handle them."""
    if stop is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Dict[Any, Any] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, lambda *_: stop())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
