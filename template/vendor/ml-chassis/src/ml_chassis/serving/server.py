"""Runs the model server until it is told to stop."""

import os
import sys
import tempfile
from contextlib import suppress

import uvicorn
from uvicorn.supervisors import Multiprocess

from ml_chassis.serving.connections import Connection
from ml_chassis.serving.logs import configure_logging
from ml_chassis.serving.model import resolve
from ml_chassis.serving.runtime import STARTUP_FAILURE
from ml_chassis.settings import Settings

KEEP_ALIVE_SECONDS = 75
"""Longer than the proxies in front keep idle connections, so that it is never the server that closes one in use."""


def serve(settings: Settings) -> None:
    """Serve the model that the settings name, in as many processes as they say.

    Each process makes its application by `app`, without arguments, in the module `serving` of the project's package.

    Raises:
        ServingError: no such model.
    """
    # Every process serves the version that an alias means now.
    os.environ["MODEL_URI"], os.environ["MODEL_DIGEST"] = resolve(settings)
    with tempfile.TemporaryDirectory() as metrics:
        if settings.workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics  # where the processes add their counts up
        config = uvicorn.Config(
            f"{settings.project.package}.serving:app",
            factory=True,
            host=settings.serve_host,
            port=settings.serve_port,
            workers=settings.workers,
            http=Connection,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.serve_timeout_seconds,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # nothing here depends on who asks
        )
        with suppress(KeyboardInterrupt):
            if settings.workers > 1:
                _run_several(config)
            else:
                uvicorn.Server(config).run()


def _run_several(config: uvicorn.Config) -> None:
    """Run the processes. Where one has no model, the exit code says so, as it does not with `uvicorn.run`."""
    configure_logging()
    supervisor = Multiprocess(config, [config.bind_socket()])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(STARTUP_FAILURE)
