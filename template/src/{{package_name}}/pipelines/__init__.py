"""Kubeflow pipelines: one definition each, which runs on this machine and on a cluster."""
