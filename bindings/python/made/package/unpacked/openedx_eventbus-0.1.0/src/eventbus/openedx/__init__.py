"""The event bus of an Open edX service, by two settings of Django:

    EVENT_BUS_PRODUCER = "eventbus.openedx.create_producer"
    EVENT_BUS_CONSUMER = "eventbus.openedx.EventBusConsumer"

The service's code, its EVENT_BUS_PRODUCER_CONFIG, its `consume_events` command and its broker's bytes stay as they are. The
EVENT_BUS_* settings of edx-event-bus-redis and edx-event-bus-kafka are read; eventbus.openedx.settings has the table.

Further settings, all optional:

    EVENT_BUS_INI               an INI file of the event bus, eventbus.ini(5); its keys override those that come from settings
    EVENT_BUS_BROKER            "redis", "kafka" or "sqlite", where the settings of several brokers are there
    EVENT_BUS_SEND_ON_COMMIT    True, or the alias of a database: events are sent when the transaction they come from is committed
    EVENT_BUS_SERIALIZER        the path of a subclass of openedx-events' AvroSignalSerializer, for a site's own types
    EVENT_BUS_DESERIALIZER      the same for AvroSignalDeserializer
"""
from __future__ import annotations

from .consumer import EventBusConsumer
from .producer import EventBusProducer, create_producer

__all__ = ["EventBusConsumer", "EventBusProducer", "create_producer"]
