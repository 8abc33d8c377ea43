# The API with the embedded experts: the light core, no torch. The worker's target joins with the distributed platform.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY platform platform
COPY experts experts
COPY router router
COPY workers workers
COPY migrations migrations
RUN python -m venv /opt/doyen && /opt/doyen/bin/pip install --no-cache-dir '.[demo]'

FROM python:3.11-slim-bookworm AS api
RUN useradd --system --create-home --uid 10001 doyen && install -d -o doyen /var/lib/doyen
COPY --from=build /opt/doyen /opt/doyen
ENV PATH=/opt/doyen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    DOYEN_DATA_DIR=/var/lib/doyen \
    DOYEN_HOST=0.0.0.0
USER doyen
VOLUME /var/lib/doyen
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
CMD ["doyen", "up"]
