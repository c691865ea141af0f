"""A bus for each process: opened at its first use there, and again after a fork."""
from __future__ import annotations

import os
import threading
from typing import Any, Dict, Optional, Set
from weakref import WeakSet

from .. import _library
from ..bus import Bus
from ..errors import Error, PermanentError
from .settings import Configuration, explained, logger, refuse

FORK_S = 2                      # that a fork waits for what is on its way

_all: Any = WeakSet()           # every ProcessBus


class ProcessBus:
    """Opens a bus by the settings. get() may be called by any thread, before and after forks."""

    def __init__(self, configuration: Configuration, overrides: Optional[Dict[str, Any]] = None) -> None:
        self._configuration, self._overrides = configuration, overrides
        self._bus: Optional[Bus] = None
        self._pid = 0
        self._lock = threading.Lock()           # guards the two above
        # Whether a child may open its own while this one is open. A file may say another broker, such as SQLite.
        self._survives = configuration.files == ["/dev/null"] and configuration.defaults.get("eventbus.producer") in ("redis", "kafka")
        self._types: Set[str] = set()           # whose signals this bus has from openedx-events
        _all.add(self)

    def open(self) -> Bus:
        """The bus. ImproperlyConfigured: it cannot be opened by these settings."""
        if _library.problem is not None:
            raise refuse(f"{_library.problem} (EVENT_BUS_PRODUCER, EVENT_BUS_CONSUMER)")
        try:
            return self.get()
        except Error as error:
            raise refuse(explained(error.text, self._configuration.names)) from error

    def get(self) -> Bus:
        """The bus of this process. Raises eventbus.Error."""
        bus = self._bus
        if bus is not None and self._pid == os.getpid():
            return bus
        with self._lock:
            if self._bus is None or self._pid != os.getpid():
                self._types = set()
                self._bus = Bus(self._configuration.files, defaults=self._configuration.defaults, overrides=self._overrides)
                self._pid = os.getpid()
            return self._bus

    def know(self, signal: Any, schema: Any) -> None:
        """Gives the bus a signal by its schema, once. schema() returns the text."""
        bus = self.get()
        if signal.event_type not in self._types:
            bus.add_signal(schema())
            self._types.add(signal.event_type)

    def produce(self, *words: Any, **more: Any) -> str:
        """Bus.produce, with the bus of now: a fork, or a change of settings, may close it in another thread."""
        while True:
            bus = self.get()
            try:
                return bus.produce(*words, **more)
            except PermanentError:
                if not bus.closed or bus is self._bus:
                    raise

    def before_fork(self) -> None:
        """Closes the bus, since SQLite's locks do not survive a fork; it is opened again when it is next used, here and in the child.
        One that has a consumer, or that cannot deliver what waits, stays open. The lock is held until after_fork."""
        self._lock.acquire()
        bus = self._bus
        if bus is None or self._survives or self._pid != os.getpid() or bus._consumers:     # pylint: disable=protected-access
            return
        try:
            bus.flush(FORK_S)
            self._bus = None
            bus.close(FORK_S)
        except Error as error:
            logger.warning("before a fork of this process: %s", error)

    def after_fork(self) -> None:
        """In the parent."""
        self._lock.release()

    def in_child(self) -> None:
        """A thread that is not there may have held a lock."""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the bus of this process, and delivers what waits."""
        with self._lock:
            if self._bus is not None and self._pid == os.getpid():
                self._bus.close()
            self._bus = None


def _each(call: str) -> Any:
    def run() -> None:
        for one in list(_all):
            getattr(one, call)()
    return run


os.register_at_fork(before=_each("before_fork"), after_in_parent=_each("after_fork"), after_in_child=_each("in_child"))
