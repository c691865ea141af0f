"""The management command of the event bus."""
