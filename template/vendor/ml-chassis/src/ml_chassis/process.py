"""What each process of a project sets up before its work: a command, a step of a pipeline, a model server."""

import atexit
import gc
import os
import sys

from ml_chassis.proxies import leave_out_this_machine
from ml_chassis.redaction import print_traceback


def prepare() -> None:
    """Set the process up: how it shows failures, how it ends, and what it asks without a proxy.

    A project's package calls this when it is imported.
    """
    # Whatever ends a command or a step of a pipeline, its traceback shows no secret.
    sys.excepthook = print_traceback

    # Python clears the thousands of modules of the libraries when it ends, for nothing. Without that, each step and
    # each command ends about a second sooner.
    atexit.register(gc.freeze)

    # Artifacts pass through MLflow's server: in a cluster, the addresses of the object store that it would sign instead
    # are unknown outside, and network policies keep others from them inside.
    for direction in ("DOWNLOAD", "UPLOAD"):
        os.environ.setdefault(f"MLFLOW_ENABLE_PROXY_MULTIPART_{direction}", "false")

    leave_out_this_machine()
