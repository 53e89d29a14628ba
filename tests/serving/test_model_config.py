from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from kzoo.errors import ServingError, UsageError
from kzoo.serving.batching_parameters import (
    BatchingParameters,
    choose_batching,
    read_batching_parameters,
)
from kzoo.serving.config import ServerConfig
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.model_config import ModelConfig, VersionPolicy, model_configs_of, read_model_configs

ROOT = Path("/models")


def parse(text: str) -> ModelServerConfig:
    config = ModelServerConfig()
    text_format.Parse(text, config)
    return config


def test_models_policies_and_labels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text("""
        # as TensorFlow Serving's documentation writes it
        model_config_list {
          config {
            name: "a" base_path: "/models/a" model_platform: "tensorflow"
            model_version_policy { specific { versions: 42 versions: 43 } }
            version_labels { key: "stable" value: 42 }
            version_labels { key: "canary" value: 43 }
          }
          config { name: "b" base_path: "b" model_version_policy { all {} } }
          config { name: "c" base_path: "c" model_version_policy { latest { num_versions: 2 } } }
          config { name: "d" base_path: "d" }
        }
    """)
    assert read_model_configs(path) == {
        "a": ModelConfig(
            "a",
            Path("/models/a"),
            VersionPolicy("specific", versions=frozenset({42, 43})),
            {"stable": 42, "canary": 43},
        ),
        "b": ModelConfig("b", tmp_path / "b", VersionPolicy("all")),
        "c": ModelConfig("c", tmp_path / "c", VersionPolicy("latest", count=2)),
        "d": ModelConfig("d", tmp_path / "d", VersionPolicy("latest", count=1)),
    }


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (VersionPolicy(), [5]),
        (VersionPolicy(count=2), [5, 3]),
        (VersionPolicy(count=9), [5, 3, 1]),
        (VersionPolicy("all"), [5, 3, 1]),
        (VersionPolicy("specific", versions=frozenset({1, 3, 4})), [3, 1]),
    ],
)
def test_a_policy_chooses_newest_first(policy: VersionPolicy, chosen: list[int]) -> None:
    assert policy.choose([3, 1, 5]) == chosen


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('config { base_path: "a" }', "each model needs a name"),
        ('config { name: "a/b" base_path: "a" }', "without '/'; received 'a/b'"),
        ('config { name: "a" }', "model 'a' has no base_path"),
        (
            'config { name: "a" base_path: "a" } config { name: "a" base_path: "b" }',
            "'a' stands in the configuration twice",
        ),
        (
            'config { name: "a" base_path: "a" model_platform: "onnx" }',
            "must be 'tensorflow'; received 'onnx'",
        ),
        ('config { name: "a" base_path: "a" version_labels { key: "x" value: 0 } }', "received 'x': 0"),
        ('config { name: "a" base_path: "a" model_version_policy { specific {} } }', r"received \[\]"),
    ],
)
def test_an_invalid_configuration_is_refused(text: str, said: str, tmp_path: Path) -> None:
    text = f"model_config_list {{ {text} }}"
    with pytest.raises(InvalidArgumentError, match=said):
        model_configs_of(parse(text), ROOT)
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ServingError, match=rf"models\.config: .*{said}"):
        read_model_configs(path)


def test_another_kind_of_configuration_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="expected model_config_list"):
        model_configs_of(parse("custom_model_config {}"), ROOT)


def test_a_file_that_cannot_be_parsed_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text("model_config_list {\n  config { nome: 'a' }\n}")
    with pytest.raises(
        ServingError, match=r"models\.config is no tensorflow\.serving\.ModelServerConfig .*2:"
    ):
        read_model_configs(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ServingError, match=r"models\.config cannot be read"):
        read_model_configs(path)
    with pytest.raises(ServingError, match=r"nowhere cannot be read"):
        read_model_configs(tmp_path / "nowhere")


def test_batching_parameters_are_read_from_tensorflow_servings_file(tmp_path: Path) -> None:
    path = tmp_path / "batching.config"
    path.write_text("""
        max_batch_size { value: 128 }
        batch_timeout_micros { value: 0 }
        max_enqueued_batches { value: 1000000 }
        num_batch_threads { value: 8 }
        thread_pool_name { value: "batchers" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 128
        pad_variable_length_inputs: true
    """)
    assert read_batching_parameters(path) == BatchingParameters(128, 0, 1000000, 8, (8, 128))
    path.write_text("")
    assert read_batching_parameters(path) == BatchingParameters()
    assert choose_batching(enabled=False, path=path) == BatchingParameters()
    assert choose_batching(enabled=True, path=None) == BatchingParameters()
    assert choose_batching(enabled=False, path=None) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be 1 or more; received 0"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be 1 or more"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be 0 or more"),
        ("allowed_batch_sizes: 4", r"to max_batch_size, 32; received \[4\]"),
        ("max_batch_size { value: 4 } allowed_batch_sizes: [2, 1, 4]", r"received \[2, 1, 4\]"),
        ("max_batch_size: 4", "is no tensorflow.serving.BatchingParameters"),
    ],
)
def test_batching_parameters_out_of_range_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "batching.config"
    path.write_text(text)
    with pytest.raises(ServingError, match=said):
        read_batching_parameters(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_queued_calls": -1}, "max_queued_calls must be 0 or more; received -1"),
        ({"max_rows": 0}, "max_rows must be 1 or more"),
        ({"max_pixels": 0}, "max_pixels must be 1 or more"),
        ({"tls_certificate": ROOT}, "go together"),
        ({"tls_client_ca": ROOT}, "needs tls_certificate and tls_key"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ServerConfig(ROOT, **options)  # type: ignore[arg-type]
