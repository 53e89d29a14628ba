# TensorFlow Serving's own image with the models in savedmodels/. Build from the repository's root:
#   docker build -f serving/containers/tensorflow-serving.Dockerfile -t kzoo-tensorflow-serving .
# As new as the TensorFlow that exported the models.
ARG TENSORFLOW_SERVING=2.21.0
FROM tensorflow/serving:${TENSORFLOW_SERVING}

COPY serving/models.config serving/batching.config serving/monitoring.config /config/
COPY savedmodels /models

USER 65532:65532
EXPOSE 8500 8501
# The image's entry point gives the ports 8500 (gRPC) and 8501 (REST).
CMD ["--model_config_file=/config/models.config", \
     "--model_config_file_poll_wait_seconds=30", \
     "--monitoring_config_file=/config/monitoring.config", \
     "--enable_batching", \
     "--batching_parameters_file=/config/batching.config"]
