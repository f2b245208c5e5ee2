"""What a step of a pipeline gets on a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Resources:
    """A step's share of a node: its requests are kept free for it, its limits are the most that it may use."""

    cpu_request: str = "250m"
    """The CPUs that are kept free, as Kubernetes writes them: `250m` is a quarter of one."""
    cpu_limit: str = "2"
    """The most CPUs; a step that wants more is slowed down."""
    memory_request: str = "512Mi"
    """The memory that is kept free, such as `512Mi` or `4Gi`."""
    memory_limit: str = "2Gi"
    """The most memory; a step that takes more is killed."""
    gpus: int = 0
    """How many of NVIDIA's GPUs it has for itself."""
    gpu_nodes: Mapping[str, str] = field(default_factory=dict)
    """The labels of the nodes that have such GPUs. By default those of the project's cloud."""
