"""How the steps of pipelines are made and run."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from ml_chassis.project import Project
from ml_chassis.resources import Resources


def component(project: Project) -> Callable[[Callable[..., Any]], Any]:
    """Return what makes a step of a function, as `kfp.dsl.component` does, that runs in the project's image.

    KFP runs the function's source by itself, so that it has to import what it uses.

    Args:
        project: whose image it is.

    Returns:
        A decorator.

    Raises:
        SettingsError: a setting in the environment cannot be used.
    """
    make: Callable[[Callable[..., Any]], Any] = dsl.component(
        base_image=project.settings.load().image_of_steps, install_kfp_package=False
    )
    return make


def step(
    project: Project, task: dsl.PipelineTask, name: str, *, networked: bool = False, cached: bool = True
) -> dsl.PipelineTask:
    """Name a task, and say how it is run; `Project.steps` has what it gets on a cluster.

    Args:
        project: whose pipeline it is.
        task: the task to set up.
        name: what the pipeline's graph shows.
        networked: it talks to another service, so it is tried again when it fails: twice, after 10 and 20 seconds.
        cached: it depends on its inputs and the code alone, so equal ones may reuse an earlier output.

    Returns:
        The task.
    """
    task.set_display_name(name).set_caching_options(cached)
    # Arguments are part of the cache's key, unlike environment variables; the step itself ignores this one.
    # https://github.com/kubeflow/pipelines/blob/2.16.0/backend/src/v2/cacheutils/cache.go
    task.container_spec.args.append(f"--code={project.identity}")
    wanted = project.steps.get(name, Resources())
    task.set_cpu_request(wanted.cpu_request).set_cpu_limit(wanted.cpu_limit)
    task.set_memory_request(wanted.memory_request).set_memory_limit(wanted.memory_limit)
    if project.platform != "none":
        from ml_chassis.pipelines.pods import equip  # needs what the extra `platform` brings

        equip(project, task, wanted)
    if networked:
        task.set_retry(2, backoff_duration="10s", backoff_factor=2)
    return task
