"""Django's settings become the configuration of the bus.

TABLE has each setting of edx-event-bus-redis 1.1 and edx-event-bus-kafka 6.2, and what it becomes here.
"""
from __future__ import annotations

import logging
import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

logger = logging.getLogger("eventbus.openedx")

Convert = Callable[[Any], str]


class Wrong(Exception):
    """A value of the wrong type; the text says what is expected."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("a text")
    return value


def _texts(value: Any) -> str:
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if not isinstance(value, str):
        raise Wrong('a text, "host:port,host:port", or a list of texts')
    return value


def _count(value: Any) -> str:
    try:
        number = -1 if isinstance(value, (bool, float)) else int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise Wrong("a whole number from 0")
    return str(number)


def _yes_no(value: Any) -> str:
    if not isinstance(value, bool):
        raise Wrong("True or False")
    return "yes" if value else "no"


def _audit(value: Any) -> str:
    return "brief" if _yes_no(value) == "yes" else "off"


class Setting(NamedTuple):
    """One setting of today's packages."""

    name: str
    broker: Optional[str]               #: of which broker it is; None: of all
    key: Optional[str]                  #: what it becomes, KIND.NAME.KEY; None: nothing
    convert: Convert = _text
    why: str = ""                       #: why it has no counterpart
    secret: bool = False                #: its value is not shown


TABLE = (
    Setting("EVENT_BUS_TOPIC_PREFIX", None, "eventbus.topic_prefix"),
    Setting("EVENT_BUS_REDIS_CONNECTION_URL", "redis", "broker.redis.url", secret=True),
    Setting("EVENT_BUS_REDIS_STREAM_MAX_LEN", "redis", "broker.redis.stream_max_len", _count),
    Setting("EVENT_BUS_REDIS_CONSUMERS_ENABLED", "redis", "eventbus.consumers_enabled", _yes_no),
    Setting("EVENT_BUS_REDIS_CONSUMER_CONSECUTIVE_ERRORS_LIMIT", "redis", "eventbus.consecutive_errors_limit", _count),
    Setting("EVENT_BUS_REDIS_AUDIT_LOGGING_ENABLED", "redis", "eventbus.audit", _audit),
    Setting("EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT", "redis", None, why="a worker is woken by what comes, and by being stopped"),
    Setting("EVENT_BUS_REDIS_CONSUMER_POLL_FAILURE_SLEEP", "redis", None, why="a broker that is away is tried again with growing waits"),
    Setting("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", "kafka", "broker.kafka.bootstrap_servers", _texts),
    Setting("EVENT_BUS_KAFKA_API_KEY", "kafka", "broker.kafka.api_key"),
    Setting("EVENT_BUS_KAFKA_API_SECRET", "kafka", "broker.kafka.api_secret", secret=True),
    Setting("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL", "kafka", "broker.kafka.schema_registry"),
    Setting("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY", "kafka", "broker.kafka.schema_registry_key"),
    Setting("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET", "kafka", "broker.kafka.schema_registry_secret", secret=True),
    Setting("EVENT_BUS_KAFKA_CONSUMERS_ENABLED", "kafka", "eventbus.consumers_enabled", _yes_no),
    Setting("EVENT_BUS_KAFKA_CONSUMER_CONSECUTIVE_ERRORS_LIMIT", "kafka", "eventbus.consecutive_errors_limit", _count),
    Setting("EVENT_BUS_KAFKA_AUDIT_LOGGING_ENABLED", "kafka", "eventbus.audit", _audit),
    Setting("EVENT_BUS_KAFKA_CONSUMER_POLL_TIMEOUT", "kafka", None, why="a worker is woken by what comes, and by being stopped"),
    Setting("EVENT_BUS_KAFKA_CONSUMER_POLL_FAILURE_SLEEP", "kafka", None, why="a broker that is away is tried again with growing waits"),
    Setting("EVENT_BUS_KAFKA_POLL_INTERVAL_SEC", "kafka", None, why="a thread of the library takes delivery reports as they come"),
)
#: Those of openedx-events, and our own.
OTHERS = {"EVENT_BUS_PRODUCER", "EVENT_BUS_CONSUMER", "EVENT_BUS_PRODUCER_CONFIG", "EVENT_BUS_INI", "EVENT_BUS_BROKER",
          "EVENT_BUS_SEND_ON_COMMIT", "EVENT_BUS_SERIALIZER", "EVENT_BUS_DESERIALIZER"}
#: Whose presence says which broker a site is on.
MARKS = {"redis": "EVENT_BUS_REDIS_CONNECTION_URL", "kafka": "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS"}
BROKERS = ("redis", "kafka", "sqlite")

_said: Set[str] = set()                 # what was said once in this process


def refuse(text: str) -> ImproperlyConfigured:
    """The exception for a mistake in the settings. It is logged as well: openedx-events makes a warning of it, and goes on
    without an event bus."""
    logger.error("the event bus is inactive: %s", text)
    return ImproperlyConfigured(text)


def say_once(level: int, text: str) -> None:
    if text not in _said:
        _said.add(text)
        logger.log(level, "%s", text)


class Configuration(NamedTuple):
    """What the settings say."""

    files: List[str]                    #: INI files
    defaults: Dict[str, str]            #: KIND.NAME.KEY: what no file sets
    names: Dict[str, str]               #: KIND.NAME.KEY: the setting it comes from
    on_commit: Optional[str]            #: the alias of the database whose commits are waited for; None: no wait


def read() -> Configuration:
    """Reads all settings. ImproperlyConfigured: one is of the wrong type, or they contradict each other."""
    broker = _broker()
    defaults: Dict[str, str] = {"eventbus.service": _service()}
    names = {"eventbus.service": "EVENTS_SERVICE_NAME"}
    for setting in TABLE:
        value = getattr(settings, setting.name, None)
        if value is None or value == "" or setting.broker not in (None, broker):
            continue
        if setting.key is None:
            say_once(logging.INFO, f"the setting {setting.name} has no counterpart and is not used: {setting.why}")
            continue
        defaults[setting.key], names[setting.key] = _converted(setting, value), setting.name
    if broker:
        defaults.update({"eventbus.producer": broker, "eventbus.consumer": broker, f"broker.{broker}.plugin": broker})
    if broker == "kafka":
        defaults["broker.kafka.assignment"] = "eager"       # as the members in Python, which may be in the same group
    _say_unknown()
    return Configuration(_files(), defaults, names, _on_commit())


def _converted(setting: Setting, value: Any) -> str:
    try:
        text = setting.convert(value)
    except Wrong as wanted:
        shown = "" if setting.secret else f"{value!r}, "
        raise refuse(f"the setting {setting.name} is {shown}a {type(value).__name__}; it must be {wanted}") from None
    if any(character < " " for character in text):
        raise refuse(f"the setting {setting.name} has a control character in it; write it without")
    return text.replace("${", "$${")                        # the bus would replace it by a variable of the environment


def _broker() -> Optional[str]:
    """The broker that the settings are for; None: the INI file says it, or it is the default, SQLite."""
    chosen = getattr(settings, "EVENT_BUS_BROKER", None)
    if chosen is not None:
        if chosen not in BROKERS:
            raise refuse(f"the setting EVENT_BUS_BROKER is {chosen!r}; it must be one of {', '.join(BROKERS)}, or be left out")
        return str(chosen)
    there = [broker for broker, mark in MARKS.items() if getattr(settings, mark, None)]
    if len(there) > 1 and not getattr(settings, "EVENT_BUS_INI", None):
        raise refuse(f"{' and '.join(MARKS[broker] for broker in there)} are both set; say which broker counts by "
                     "EVENT_BUS_BROKER, or remove one")
    return there[0] if len(there) == 1 else None


def _service() -> str:
    name = getattr(settings, "EVENTS_SERVICE_NAME", None) or getattr(settings, "SERVICE_VARIANT", None) or "SERVICE_NAME_UNSET"
    if not isinstance(name, str):
        raise refuse(f"the setting EVENTS_SERVICE_NAME is {name!r}, a {type(name).__name__}; it must be a text")
    return name


def _files() -> List[str]:
    file = getattr(settings, "EVENT_BUS_INI", None)
    if file is None or file == "":
        return ["/dev/null"]                                # the settings are the whole configuration
    if not isinstance(file, (str, os.PathLike)):
        raise refuse(f"the setting EVENT_BUS_INI is {file!r}, a {type(file).__name__}; it must be the path of an INI file")
    return [os.fspath(file)]


def _on_commit() -> Optional[str]:
    value = getattr(settings, "EVENT_BUS_SEND_ON_COMMIT", False)
    if value is True:
        return "default"
    if value is False or value is None:
        return None
    if not isinstance(value, str) or value not in settings.DATABASES:
        raise refuse(f"the setting EVENT_BUS_SEND_ON_COMMIT is {value!r}; it must be True, False, or an alias of DATABASES: "
                     f"{', '.join(settings.DATABASES)}")
    return value


def _say_unknown() -> None:
    known = {setting.name for setting in TABLE} | OTHERS
    for name in dir(settings):
        if name.startswith("EVENT_BUS_") and name not in known:
            say_once(logging.WARNING, f"the setting {name} is not known and is not used")


def explained(text: str, names: Dict[str, str]) -> str:
    """The text of an error of the bus, with the setting's name where it is about one."""
    for key, name in names.items():
        *section, last = key.split(".", 2)
        title = re.escape(f"[{' '.join(section)}]")
        text = re.sub(f"a default of the program: {title}:? {re.escape(last)}:", f"the setting {name}:", text)
    return text


def import_setting(name: str, default: Any) -> Any:
    """The class that a setting names by its path, or the default."""
    from django.utils.module_loading import import_string
    path = getattr(settings, name, None)
    if path is None:
        return default
    try:
        chosen = import_string(path) if isinstance(path, str) else path
    except ImportError as error:
        raise refuse(f"the setting {name} names {path!r}, which cannot be imported: {error}") from error
    if not (isinstance(chosen, type) and issubclass(chosen, default)):
        raise refuse(f"the setting {name} names {path!r}, which is no subclass of {default.__module__}.{default.__qualname__}")
    return chosen
