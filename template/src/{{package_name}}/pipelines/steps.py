"""What every step of a pipeline gets beside its inputs."""

from kfp import dsl


def step(task: dsl.PipelineTask, name: str, *, networked: bool = False, cached: bool = True) -> dsl.PipelineTask:
    """Name a task and size it.

    Args:
        task: the task to set up.
        name: what the pipeline's graph shows.
        networked: it talks to another service, so it is tried again when it fails.
        cached: it depends on its inputs alone, so equal inputs may reuse an earlier output.
    """
    task.set_display_name(name).set_caching_options(cached)
    task.set_cpu_request("250m").set_cpu_limit("2").set_memory_request("512Mi").set_memory_limit("2Gi")
    if networked:
        task.set_retry(2, backoff_duration="10s", backoff_factor=2)
    return task
