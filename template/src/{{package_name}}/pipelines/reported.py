"""Has a cluster's runs of a pipeline tell Prometheus how they end, as `local` does for those on this machine."""

import inspect
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from .components import report_run, step


def reported(pipeline: BaseComponent) -> BaseComponent:
    """Return a pipeline of the same name and parameters that runs `pipeline`, and then reports, whatever happened."""
    signature = inspect.signature(pipeline.pipeline_func)

    def with_report(*values: Any) -> None:
        began = dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER
        report = step(report_run(pipeline=pipeline.name, began=began), "Report run", networked=True, cached=False)
        with dsl.ExitHandler(report):
            pipeline(**dict(zip(signature.parameters, values, strict=True)))

    # KFP reads a pipeline's parameters from its function's signature; an exit handler gives no outputs.
    with_report.__signature__ = signature.replace(return_annotation=None)  # type: ignore[attr-defined]
    return dsl.pipeline(name=pipeline.name, description=pipeline.description)(with_report)
