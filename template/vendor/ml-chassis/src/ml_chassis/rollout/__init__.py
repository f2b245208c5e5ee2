"""Rolls model versions out to a cluster. The state is in Git: `deploy/serving/overlays/*/release`."""

from ml_chassis import within

__path__ = within("rollout")
