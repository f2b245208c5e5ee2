"""What a step of a pipeline gets on a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Resources:
    """A step's share of a node: its requests are kept free for it, its limits are the most that it may use."""

    cpu_request: str = "250m"
    cpu_limit: str = "2"
    memory_request: str = "512Mi"
    memory_limit: str = "2Gi"
    gpus: int = 0
    gpu_nodes: Mapping[str, str] = field(default_factory=dict)
    """The labels of the nodes that have such GPUs. By default those of the project's cloud."""
