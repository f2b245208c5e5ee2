"""Rolls model versions out to a cluster. The state is in Git: `deploy/serving/overlays/*/release`."""
