# One image for every process; the command names it (serve, correlator, worker, executor).
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY deploy/requirements-image.lock pyproject.toml README.md LICENSE NOTICE ./
RUN python -m venv /opt/watchkeeper \
 && /opt/watchkeeper/bin/pip install --no-cache-dir --require-hashes -r requirements-image.lock
# The product is copied, not built: no build tool enters the image.
COPY bot /opt/watchkeeper/lib/python3.11/site-packages/bot

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/watchkeeper watchkeeper
COPY --from=build /opt/watchkeeper /opt/watchkeeper
COPY playbooks /opt/watchkeeper/playbooks
COPY deploy/strip.py /tmp/strip.py
# The last command that runs: what it removes is every shell, so that nothing after it could run one.
RUN ["python", "/tmp/strip.py", "/"]
ENV PATH=/opt/watchkeeper/bin:$PATH \
    WATCHKEEPER_PLAYBOOKS_DIR=/opt/watchkeeper/playbooks \
    WATCHKEEPER_DATA_DIR=/var/lib/watchkeeper \
    WATCHKEEPER_HTTP_HOST=0.0.0.0
USER 10001
WORKDIR /var/lib/watchkeeper
EXPOSE 8080
# Only web serves HTTP; of the others the signs of life stand on its /readyz.
HEALTHCHECK --interval=15s --timeout=3s CMD ["python", "-c", "import os, urllib.request; b'serve' in open('/proc/1/cmdline', 'rb').read().split(bytes(1)) and urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('WATCHKEEPER_HTTP_PORT', '8080') + '/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["serve"]
