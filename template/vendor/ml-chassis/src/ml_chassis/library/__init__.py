"""The library itself: whether its folder was edited, and how a module becomes a project's own."""

from ml_chassis import within

__path__ = within("library")
