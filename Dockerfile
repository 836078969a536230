# The trained model behind an OpenAI-compatible server: target gpu for a machine with an NVIDIA GPU, cpu for any other
# Linux x86-64 machine. After training:
#   docker build -t assistant --target cpu .
#   docker run -p 8000:8000 -e VLLM_API_KEY assistant
#   docker build -t assistant --target gpu .
#   docker run --gpus all -p 8000:8000 -e VLLM_API_KEY assistant
# Another recipe's adapters, whose base is fetched from the Hub at the first start and kept in the volume:
#   docker build -t assistant --target gpu --build-arg OUT=out/qwen2.5-7b .
#   docker run --gpus all -p 8000:8000 -e VLLM_API_KEY -v models:/home/app/.cache assistant --recipe recipes/qwen2.5-7b.yaml
# Rows of one's own (--domain rows):
#   docker build -t assistant --target cpu --build-arg OUT=out/rows .
#   docker run -p 8000:8000 -e VLLM_API_KEY assistant --domain rows
# VLLM_API_KEY must be set: the container listens on all addresses, and serve.sh refuses to do so without a key. It is
# given at the start only, so that no layer holds it.

# What both targets serve with: nothing here runs.
FROM scratch AS files
ARG OUT=out
WORKDIR /app
COPY common common
COPY domains domains
COPY recipes recipes
COPY serve serve
COPY serve.sh ./
COPY models models
# Names with a dot: the adapter, but neither merged/ nor checkpoints/.
COPY ${OUT}/dpo/*.* out/dpo/
# The domain of --domain rows, where there is one, but not the rows that were trained on. The first file is for builders
# that want at least one.
COPY ${OUT}/dpo/lineage.json ${OUT}/domain/domain.jso[n] ${OUT}/domain/dev.json[l] out/domain/

FROM python:3.11.13-slim-bookworm AS cpu
# What vLLM's CPU build links against.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libnuma1 && rm -rf /var/lib/apt/lists/*
COPY requirements-cpu.txt overrides-cpu.txt /tmp/
RUN pip install --no-cache-dir uv==0.13.8 \
  && uv pip install --system --no-cache --torch-backend=cpu --override /tmp/overrides-cpu.txt \
    -r /tmp/requirements-cpu.txt
# The folder of the volume is there, or a new volume would be root's.
RUN useradd --create-home --uid 10001 app && install --directory --owner app /app /home/app/.cache
COPY --from=files --chown=10001 /app /app
ARG OUT=out
COPY --chown=10001 ${OUT}/dpo/merged /app/out/dpo/merged
WORKDIR /app
USER 10001
# serve.sh uses this Python instead of making .venv.
ENV SERVE_PYTHON=python3
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["bash", "serve.sh", "--host", "0.0.0.0", "--out", "out"]

# The last target is the default one.
FROM vllm/vllm-openai:v0.32.0 AS gpu
# The only package that the served domain needs beyond vLLM's own; the pin is that of requirements.txt.
RUN uv pip install --system --no-cache sqlglot==30.30.0
# The folder of the volume is there, or a new volume would be root's.
RUN useradd --create-home --uid 10001 app && install --directory --owner app /app /home/app/.cache
COPY --from=files --chown=10001 /app /app
ARG OUT=out
COPY --chown=10001 ${OUT}/sft /app/out/sft
WORKDIR /app
USER 10001
ENV SERVE_PYTHON=python3
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=15m \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["bash", "serve.sh", "--host", "0.0.0.0", "--out", "out"]
