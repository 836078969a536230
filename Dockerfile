# The trained adapters behind vLLM's official image, for a machine with an NVIDIA GPU. After training:
#   docker build -t assistant .
#   docker run --gpus all -p 8000:8000 -e VLLM_API_KEY assistant
# Another recipe's adapters, whose base is fetched from the Hub at the first start and kept in the volume:
#   docker build -t assistant --build-arg OUT=out/qwen2.5-7b .
#   docker run --gpus all -p 8000:8000 -e VLLM_API_KEY -v models:/home/app/.cache assistant --recipe recipes/qwen2.5-7b.yaml
# VLLM_API_KEY must be set: the container listens on all addresses, and serve.sh refuses to do so without a key.
FROM vllm/vllm-openai:v0.32.0

# The only package that the served domain needs beyond vLLM's own; the pin is that of requirements.txt.
RUN uv pip install --system --no-cache sqlglot==30.30.0

RUN useradd --create-home --uid 10001 app && mkdir -p /app/out && chown -R app /app /home/app
WORKDIR /app
USER app

ARG OUT=out
COPY --chown=app common common
COPY --chown=app domains domains
COPY --chown=app recipes recipes
COPY --chown=app serve serve
COPY --chown=app serve.sh ./
COPY --chown=app models models
COPY --chown=app ${OUT}/sft out/sft
COPY --chown=app ${OUT}/dpo out/dpo

# serve.sh uses this Python instead of making .venv.
ENV SERVE_PYTHON=python3
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=15m \
  CMD python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"
ENTRYPOINT ["bash", "serve.sh", "--host", "0.0.0.0", "--out", "out"]
