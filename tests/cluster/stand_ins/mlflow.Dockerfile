# What MLflow's own image has of PyPI to serve with a login, PostgreSQL and S3, compiled as there.
FROM python:3.11-slim
RUN pip install --no-cache-dir uv
ARG VERSION
RUN uv pip install --system --no-cache "mlflow[auth,db]==${VERSION}" boto3
RUN python -c "import boto3, mlflow.server.auth, mlflow.server.fastapi_app"
