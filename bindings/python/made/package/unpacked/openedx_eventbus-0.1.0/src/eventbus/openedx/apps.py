"""The Django application, for a site that wants the management command: "eventbus.openedx" in INSTALLED_APPS."""
from __future__ import annotations

from django.apps import AppConfig


class EventBusConfig(AppConfig):
    name = "eventbus.openedx"
    label = "eventbus_openedx"
