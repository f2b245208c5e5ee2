"""Brings up what the project runs on: pipelines, tracking, serving and monitoring on a Kubernetes cluster."""
