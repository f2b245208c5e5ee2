"""Brings up what the project runs on: pipelines, tracking, serving and monitoring on a Kubernetes cluster."""

from ml_chassis import within

__path__ = within("platform")
