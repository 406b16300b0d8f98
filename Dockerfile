# One image for every process; the command names it (serve, correlator, worker, executor).
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE NOTICE ./
COPY bot ./bot
RUN python -m venv /opt/watchkeeper \
 && /opt/watchkeeper/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/watchkeeper/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/watchkeeper watchkeeper
COPY --from=build /opt/watchkeeper /opt/watchkeeper
COPY playbooks /opt/watchkeeper/playbooks
ENV PATH=/opt/watchkeeper/bin:$PATH \
    WATCHKEEPER_PLAYBOOKS_DIR=/opt/watchkeeper/playbooks \
    WATCHKEEPER_DATA_DIR=/var/lib/watchkeeper \
    WATCHKEEPER_HTTP_HOST=0.0.0.0
USER 10001
WORKDIR /var/lib/watchkeeper
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["watchkeeper"]
CMD ["serve"]
