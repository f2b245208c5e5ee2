"""The pipelines of a project: its own two, and the drift report of one that is monitored."""

from kfp.dsl.base_component import BaseComponent

from ml_chassis.project import Project


def pipelines(project: Project) -> dict[str, BaseComponent]:
    """Return a project's pipelines, as `kfp.dsl.pipeline` makes them, by name.

    `training` and `batch` are `training_pipeline` and `batch_pipeline` of its modules `pipelines.training` and
    `pipelines.batch`; `drift` is there where the project is monitored.
    """
    own = {name: getattr(project.module(f"pipelines.{name}"), f"{name}_pipeline") for name in ("training", "batch")}
    if not project.monitoring:
        return own
    from ml_chassis.pipelines.reports import drift_pipeline

    return own | {"drift": drift_pipeline(project)}


def on_cluster(project: Project, pipeline: BaseComponent) -> BaseComponent:
    """Return a pipeline as a cluster runs it: that of a project that is monitored reports how it ends."""
    if not project.monitoring:
        return pipeline
    from ml_chassis.pipelines.reports import reported

    return reported(project, pipeline)
