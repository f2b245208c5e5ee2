"""What pipelines tell those who watch: a report on drift, and how a cluster's runs end.

On this machine, `local` tells of its runs by itself.
"""

import inspect
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from ml_chassis.pipelines.steps import component, step
from ml_chassis.project import Project


def drift_pipeline(project: Project) -> BaseComponent:
    """Return the pipeline that compares the captured requests with the rows that the model learned from."""
    report_drift = component(project)(_report_drift)

    @dsl.pipeline(
        name=f"{project.name}-drift",
        description="Compare the captured requests with the rows that the model learned from.",
    )
    def drift(days: int = 1) -> None:
        name, run_id = dsl.PIPELINE_JOB_NAME_PLACEHOLDER, dsl.PIPELINE_JOB_ID_PLACEHOLDER
        report = report_drift(package=project.package, days=days, run_name=name, run_id=run_id)
        step(project, report, "Report drift", networked=True, cached=False)

    return drift


def reported(project: Project, pipeline: BaseComponent) -> BaseComponent:
    """Return a pipeline of the same name and parameters that runs `pipeline`, and then reports, whatever happened."""
    report_run = component(project)(_report_run)
    signature = inspect.signature(pipeline.pipeline_func)

    def with_report(*values: Any) -> None:
        began = dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER
        report = report_run(package=project.package, pipeline=pipeline.name, began=began)
        step(project, report, "Report run", networked=True, cached=False)
        with dsl.ExitHandler(report):
            pipeline(**dict(zip(signature.parameters, values, strict=True)))

    # KFP reads a pipeline's parameters from its function's signature; an exit handler gives no outputs.
    with_report.__signature__ = signature.replace(return_annotation=None)  # type: ignore[attr-defined]
    return dsl.pipeline(name=pipeline.name, description=pipeline.description)(with_report)


def _report_drift(
    package: str,
    days: int,
    run_name: str,
    run_id: str,
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Compare the requests captured in the last days with training."""
    from pathlib import Path

    import mlflow

    from ml_chassis.monitoring.drift import report as compare
    from ml_chassis.project import settings_of

    found = compare(settings_of(package), days, run_name, run_id)
    html = mlflow.artifacts.download_artifacts(run_id=found.run_id, artifact_path="drift.html")
    Path(report.path).write_bytes(Path(html).read_bytes())
    metrics.metadata.update({f"psi_of_{column}": value for column, value in found.psi.items()})


def _report_run(status: dsl.PipelineTaskFinalStatus, package: str, pipeline: str, began: str) -> None:
    """Tell Prometheus how a run ended."""
    from datetime import UTC, datetime

    from ml_chassis.monitoring.gateway import push_run
    from ml_chassis.project import settings_of

    # Before its version 2.17, Kubeflow Pipelines does not say when a run began.
    seconds = (datetime.now(UTC) - datetime.fromisoformat(began)).total_seconds() if began else None
    push_run(settings_of(package), pipeline, status.state == "SUCCEEDED", seconds)
