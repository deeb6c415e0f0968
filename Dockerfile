# syntax=docker/dockerfile:1
# The app in a container.
#
#   docker build -t pix2seq --build-arg COMMIT=$(git rev-parse --short HEAD) .
#   docker run --rm -p 7860:7860 --read-only --tmpfs /tmp pix2seq
#
#   docker build -t pix2seq:cuda --build-arg DEVICE=cuda .
#   docker run --rm -p 7860:7860 --gpus all --read-only --tmpfs /tmp pix2seq:cuda
#
# Everything that is written at run time goes to /tmp: uploads (deleted within two hours), downloaded
# checkpoints, and the decoder as machine code of this processor. To keep the last two between
# containers: `-v pix2seq:/cache -e PIX2SEQ_HOME=/cache -e NUMBA_CACHE_DIR=/cache/numba`.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG DEVICE=cpu
ARG COMMIT=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/pix2seq
ENV PATH=/opt/pix2seq/bin:$PATH
# Libraries first: they change less often than the code.
COPY requirements.txt ./
RUN case "$DEVICE" in \
      cpu) pip install --index-url https://download.pytorch.org/whl/cpu torch torchvision ;; \
      cuda) pip install torch torchvision ;; \
      *) echo "DEVICE is '$DEVICE'; use cpu or cuda" >&2; exit 1 ;; \
    esac && \
    pip install -r requirements.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY pix2seq pix2seq
COPY assets assets
COPY checkpoints checkpoints
RUN if [ -n "$COMMIT" ]; then echo "$COMMIT" > pix2seq/COMMIT; fi && \
    pip install --no-deps . && \
    python -m compileall -q /opt/pix2seq/lib

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Pix2Seq Explorer" \
      org.opencontainers.image.licenses="Apache-2.0"
# A new volume at /cache takes its owner from here.
RUN useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin explorer && \
    install -d -o 1000 -g 1000 /cache
COPY --from=build /opt/pix2seq /opt/pix2seq
ENV PATH=/opt/pix2seq/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    GRADIO_TEMP_DIR=/tmp/gradio \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    PIX2SEQ_HOME=/tmp/pix2seq \
    PIX2SEQ_LOG_LEVEL=info
USER 1000:1000
WORKDIR /tmp
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"GRADIO_SERVER_PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["pix2seq"]
CMD ["app"]
