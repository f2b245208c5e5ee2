# An S3 in memory in the place of SeaweedFS, and a `weed` that only makes buckets.
FROM python:3.11-slim
RUN pip install --no-cache-dir uv
RUN uv pip install --system --no-cache "moto[s3]==5.2.5" flask flask-cors
ENV S3_IGNORE_SUBDOMAIN_BUCKETNAME=true
COPY weed /usr/local/bin/
