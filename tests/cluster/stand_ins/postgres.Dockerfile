# Debian's PostgreSQL, which starts as the image of the same name does: by the same variables and the same user.
FROM python:3.11-slim
RUN groupadd --gid 999 postgres \
    && useradd --uid 999 --gid 999 postgres \
    && apt-get update \
    && apt-get install --yes --no-install-recommends postgresql \
    && rm -rf /var/lib/apt/lists /var/cache/apt /var/lib/postgresql \
    && ln -s /usr/lib/postgresql/*/bin /opt/postgresql
ENV PATH=/opt/postgresql:$PATH
COPY postgres-entrypoint /usr/local/bin/
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint"]
