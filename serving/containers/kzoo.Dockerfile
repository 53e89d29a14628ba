# `kzoo serve` on Debian 13 (trixie), packages as locked. Build from the repository's root:
#   docker build -f serving/containers/kzoo.Dockerfile -t kzoo .
FROM python:3.11-slim-trixie AS build

RUN python -m venv /opt/kzoo
ENV PATH=/opt/kzoo/bin:$PATH
COPY requirements/serving-py311.txt /build/requirements/
RUN pip install --no-cache-dir --require-hashes -r /build/requirements/serving-py311.txt
COPY pyproject.toml README.md LICENSE NOTICE /build/
COPY kzoo /build/kzoo
COPY tfx_pipeline /build/tfx_pipeline
RUN pip install --no-cache-dir --no-deps /build \
    && python -m compileall -q /opt/kzoo

FROM python:3.11-slim-trixie

COPY --from=build /opt/kzoo /opt/kzoo
ENV PATH=/opt/kzoo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2
COPY serving/models.config serving/batching.config /config/
COPY savedmodels /models

USER 65532:65532
EXPOSE 8500 8501
ENTRYPOINT ["kzoo"]
CMD ["serve", "--model-config-file", "/config/models.config", \
     "--batching-parameters-file", "/config/batching.config", \
     "--host", "0.0.0.0", "--port", "8500", "--rest-port", "8501"]
