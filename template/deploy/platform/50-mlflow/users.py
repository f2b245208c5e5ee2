"""Gives MLflow its users before the server starts, or their passwords where those of the Secrets are others now.

The reader gets no permission of its own: the default one lets it read what is others'.
"""

import os

from mlflow.server.auth.config import read_auth_config
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

store = SqlAlchemyStore()
store.init_db(read_auth_config().database_uri)
for role in ("ADMIN", "PROJECT", "READER"):
    name, password = os.environ[f"{role}_NAME"], os.environ[f"{role}_PASSWORD"]
    if store.has_user(name):
        store.update_user(name, password)
    else:
        store.create_user(name, password, is_admin=role == "ADMIN")
