"""Gives MLflow the project's two users, or the passwords of their Secrets where those are others now.

The reader gets no permission of its own: the default one lets it read what is others'.
"""

import os

from mlflow.exceptions import RestException
from mlflow.server import get_app_client

client = get_app_client("basic-auth", os.environ["MLFLOW_TRACKING_URI"])
for role in ("PROJECT", "READER"):
    name, password = os.environ[f"{role}_NAME"], os.environ[f"{role}_PASSWORD"]
    try:
        client.create_user(name, password)
    except RestException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.update_user_password(name, password)
