"""Gives MLflow its administrator before the server starts, or the password of the Secret where that is another now."""

import os

from mlflow.server.auth.config import read_auth_config
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

store = SqlAlchemyStore()
store.init_db(read_auth_config().database_uri)
name, password = os.environ["ADMIN_NAME"], os.environ["ADMIN_PASSWORD"]
if store.has_user(name):
    store.update_user(name, password)
else:
    store.create_user(name, password, is_admin=True)
