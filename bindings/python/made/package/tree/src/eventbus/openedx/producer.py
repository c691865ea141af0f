"""EVENT_BUS_PRODUCER: sends what openedx-events gives it."""
from __future__ import annotations

import logging
from functools import partial
from typing import Any, Dict, Optional

from django.db import transaction
from openedx_events import event_bus

from ._bus import ProcessBus
from .settings import Configuration, read
from .values import Serializers, metadata_out

logger = logging.getLogger("eventbus.openedx")


class EventBusProducer(event_bus.EventBusProducer):
    """Queues events for the broker; a thread of the library delivers them. Any thread, before and after forks.

    Sending does not wait for the broker, and does not raise: an event that cannot be sent is logged as an error, by its id,
    type and topic, without its data.
    """

    def __init__(self, configuration: Configuration, serializers: Serializers) -> None:
        self._configuration, self._serializers = configuration, serializers
        self._bus = ProcessBus(configuration)
        self._bus.open()

    def send(self, *, signal: Any, topic: str, event_key_field: str, event_data: Dict[str, Any], event_metadata: Any) -> None:
        """Sends an event to a topic, named without the prefix. With EVENT_BUS_SEND_ON_COMMIT it is sent when the transaction is
        committed that is open now, and never when that is rolled back."""
        with _Logged(signal, topic, event_metadata):
            self._bus.know(signal, self._serializers.serializer(signal).schema_string)
            plain = self._serializers.plain(signal, event_data)     # now: the caller may change it before the commit
            put = partial(self._put, signal, topic, event_key_field, plain, event_metadata)
            if self._configuration.on_commit is None:
                put()
            else:
                transaction.on_commit(put, using=self._configuration.on_commit)

    def _put(self, signal: Any, topic: str, key_field: Optional[str], plain: Dict[str, Any], metadata: Any) -> None:
        with _Logged(signal, topic, metadata):
            self._bus.know(signal, self._serializers.serializer(signal).schema_string)  # another process may commit than began
            self._bus.produce(signal.event_type, plain, topic, key_field or None, keep=True, **metadata_out(metadata))

    def flush(self, timeout: Optional[float] = None) -> None:
        """Waits until what was sent is delivered or given up. Raises eventbus.RetriableError: some events still wait."""
        self._bus.get().flush(timeout)

    def prepare_for_shutdown(self) -> None:
        """Delivers what waits, for at most 10 seconds. It need not be called: the end of the process does the same."""
        self._bus.close()


class _Logged:
    """Logs what is raised in it as the failure to send one event, and ends it there."""

    def __init__(self, signal: Any, topic: str, metadata: Any) -> None:
        self._signal, self._topic, self._metadata = signal, topic, metadata

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        logger.error("event %s of %s was not sent to topic %s: %s", getattr(self._metadata, "id", None), self._signal.event_type,
                     self._topic, error, exc_info=(kind, error, traceback))
        return True


_current: Optional[EventBusProducer] = None


def create_producer() -> EventBusProducer:
    """The producer by the settings of now, for openedx_events.event_bus.get_producer. ImproperlyConfigured, which is logged as
    well: a setting is wrong, or libeventbus is missing."""
    global _current                 # pylint: disable=global-statement
    configuration, serializers = read(), Serializers()
    before, _current = _current, None
    if before is not None:
        before.prepare_for_shutdown()           # settings have changed, as tests do
    _current = EventBusProducer(configuration, serializers)
    return _current
