"""Kubeflow pipelines: what steps are made of, and how they are run."""

from ml_chassis import within

__path__ = within("pipelines")
