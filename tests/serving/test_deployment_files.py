"""The files in serving/, each read by what will read it or checked against its published schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import promql_parser
import pytest
import typer
import yaml
from deployment_protos import BatchingParameters, MonitoringConfig, SSLConfig
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig
from typer.core import TyperGroup

from kzoo import registry
from kzoo.cli import app

SERVING = Path(__file__).parents[2] / "serving"
ROOT = SERVING.parent
MANIFESTS = sorted((SERVING / "kubernetes").glob("*.yaml"))
DOCKERFILES = sorted(SERVING.rglob("*.Dockerfile"))
KUBERNETES_VERSIONS = ("1.34", "1.37")
CONFIGS = {
    "models.config": ModelServerConfig,
    "canary.config": ModelServerConfig,
    "batching.config": BatchingParameters,
    "monitoring.config": MonitoringConfig,
}
# tensorflow_serving/model_servers/main.cc and the metrics that its sources register
TENSORFLOW_SERVING_FLAGS = {
    "allow_version_labels_for_unavailable_models",
    "batching_parameters_file",
    "enable_batching",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "monitoring_config_file",
    "ssl_config_file",
}
TENSORFLOW_SERVING_METRICS = {
    ":tensorflow:serving:batching_session:queuing_latency": "histogram",
    ":tensorflow:serving:model_warmup_latency": "histogram",
    ":tensorflow:serving:request_count": "counter",
    ":tensorflow:serving:request_latency": "histogram",
    ":tensorflow:serving:runtime_latency": "histogram",
}
OF_ONE_SERVER = {
    "TensorFlow Serving": {
        ":tensorflow:serving:batching_session:queuing_latency_bucket",
    },
    "kzoo serve": {"kzoo_calls_in_flight", "kzoo_model_available", "process_resident_memory_bytes"},
    "Prometheus": {"up"},
}
GRAFANA_VARIABLES = {"$__rate_interval": "5m", "$job": ".*", "$model": ".*"}


def read_config(name: str) -> Any:
    return text_format.Parse((SERVING / name).read_text("utf-8"), CONFIGS[name]())


def read_yaml(path: Path) -> Any:
    (document,) = yaml.safe_load_all(path.read_text("utf-8"))
    return document


def manifest(name: str) -> Any:
    return read_yaml(SERVING / "kubernetes" / f"{name}.yaml")


def container(deployment: str) -> Any:
    (one,) = manifest(deployment)["spec"]["template"]["spec"]["containers"]
    return one


def test_every_file_is_checked() -> None:
    checked = {
        *(SERVING / name for name in CONFIGS),
        *MANIFESTS,
        *DOCKERFILES,
        *(path.with_name(f"{path.name}.dockerignore") for path in DOCKERFILES),
        *SERVING.glob("grafana/dashboards/*.json"),
        *SERVING.glob("grafana/provisioning/*/*.yaml"),
        *SERVING.glob("prometheus/*.yaml"),
        *(SERVING / name for name in ("README.md", "compose.yaml", "kustomization.yaml")),
        *(SERVING / "tls" / name for name in (".gitignore", "make-certificates.sh")),
    }
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=SERVING,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {SERVING / name for name in listed.stdout.splitlines()} == checked


@pytest.mark.parametrize("name", CONFIGS)
def test_text_proto_is_one_that_tensorflow_serving_reads(name: str) -> None:
    assert read_config(name).ListFields()


@pytest.mark.parametrize("name", ["models.config", "canary.config"])
def test_models_are_systems_at_the_path_that_the_images_have(name: str) -> None:
    for model in read_config(name).model_config_list.config:
        assert registry.find(model.name).name == model.name
        assert (model.base_path, model.model_platform) == (f"/models/{model.name}", "tensorflow")


def test_canary_loads_every_version_that_has_a_label() -> None:
    (model,) = read_config("canary.config").model_config_list.config
    assert model.model_version_policy.specific.versions == [1, 2]
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}


def test_batches_are_of_allowed_sizes_up_to_the_largest() -> None:
    batching = read_config("batching.config")
    sizes = list(batching.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == batching.max_batch_size.value
    assert batching.num_batch_threads.value >= 1


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifest_is_a_kubernetes_object(path: Path, version: str) -> None:
    kubernetes_validate.validate(read_yaml(path), version, strict=True)


def test_a_misspelt_field_of_a_manifest_would_be_found() -> None:
    broken = manifest("deployment-kzoo")
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(broken, KUBERNETES_VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", ["deployment-tensorflow-serving", "deployment-kzoo"])
def test_service_autoscaler_and_budget_are_of_the_deployment(name: str) -> None:
    deployment = manifest(name)
    pods = deployment["spec"]["template"]
    labels = pods["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert manifest("service")["spec"]["selector"] == labels
    assert manifest("disruption-budget")["spec"]["selector"]["matchLabels"] == labels
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"], "the autoscaler's number would be set back at each apply"
    assert {port["targetPort"] for port in manifest("service")["spec"]["ports"]} <= {
        port["name"] for port in container(name)["ports"]
    }
    volumes = {volume["name"] for volume in pods["spec"]["volumes"]}
    assert {mount["name"] for mount in container(name)["volumeMounts"]} == volumes
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container(name).keys()


def test_kustomization_names_files_that_there_are_and_all_that_the_pods_use() -> None:
    whole = read_yaml(SERVING / "kustomization.yaml")
    assert all((SERVING / name).is_file() for name in whole["resources"])
    kinds = sorted(read_yaml(SERVING / name)["kind"] for name in whole["resources"])
    assert kinds == ["Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"]
    assert {f"kubernetes/{path.name}" for path in MANIFESTS} - set(whole["resources"]) == {
        "kubernetes/deployment-kzoo.yaml",
        "kubernetes/training-job.yaml",
        "kubernetes/training-service.yaml",
    }
    (config,), (secret,) = whole["configMapGenerator"], whole["secretGenerator"]
    assert all((SERVING / name).is_file() for name in config["files"])
    images = {image["name"] for image in whole["images"]}
    for name in ("deployment-tensorflow-serving", "deployment-kzoo"):
        assert container(name)["image"] in images
        volumes = {one["name"]: one for one in manifest(name)["spec"]["template"]["spec"]["volumes"]}
        assert volumes["config"]["configMap"]["name"] == config["name"]
        assert volumes["tls"]["secret"]["secretName"] == secret["name"]


def mounted_files() -> set[str]:
    whole = read_yaml(SERVING / "kustomization.yaml")
    config, secret = whole["configMapGenerator"][0]["files"], whole["secretGenerator"][0]["files"]
    return {f"/config/{name}" for name in config} | {f"/tls/{Path(name).name}" for name in secret}


def commands() -> Iterator[tuple[str, list[str]]]:
    for path in DOCKERFILES:
        words = re.search(r"^CMD (\[.*?\])", path.read_text("utf-8").replace("\\\n", ""), re.MULTILINE)
        assert words is not None, path
        yield path.name, json.loads(words[1])
    for name in ("deployment-tensorflow-serving", "deployment-kzoo"):
        yield name, container(name)["args"]


@pytest.mark.parametrize(("name", "words"), [pytest.param(*one, id=one[0]) for one in commands()])
def test_command_has_options_that_there_are_and_files_that_are_mounted(name: str, words: list[str]) -> None:
    if "tensorflow-serving" in name:
        flags = dict(word.removeprefix("--").partition("=")[::2] for word in words)
        assert flags.keys() <= TENSORFLOW_SERVING_FLAGS
        used = {value for value in flags.values() if value.startswith("/")}
    else:
        root = typer.main.get_command(app)
        assert isinstance(root, TyperGroup)
        given = root.commands[words[0]].make_context(words[0], words[1:]).params
        assert (given["host"], given["port"]) == ("0.0.0.0", 8500)
        assert 8501 in (given["rest_port"], given["metrics_port"])
        used = {str(value) for value in given.values() if isinstance(value, Path) and value.is_absolute()}
        assert {"/config/models.config", "/config/batching.config"} <= used
    assert used <= mounted_files()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_dockerfile_passes_the_linter_and_copies_what_there_is(path: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    ended = subprocess.run([linter, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    kept = path.with_name(f"{path.name}.dockerignore").read_text("utf-8").splitlines()
    patterns = [line.removeprefix("!") for line in kept if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.*)$", path.read_text("utf-8"), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
            assert any(Path(source).match(pattern) for pattern in patterns), f"{source} is not sent to Docker"


def test_compose_file_is_one() -> None:
    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    whole = read_yaml(SERVING / "compose.yaml")
    jsonschema.validate(whole, json.loads(schema.read_text("utf-8")))
    for service in whole["services"].values():
        if "build" in service:
            assert (SERVING / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (SERVING / source).is_dir() if source.startswith(".") else source in whole["volumes"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_prometheus_asks_the_services_of_the_compose_file_where_their_metrics_are() -> None:
    services = read_yaml(SERVING / "compose.yaml")["services"]
    scrapes = read_yaml(SERVING / "prometheus" / "prometheus.yaml")
    monitoring = read_config("monitoring.config").prometheus_config
    assert monitoring.enable
    for scrape in scrapes["scrape_configs"]:
        assert scrape["metrics_path"] == monitoring.path
        (target,) = (target for static in scrape["static_configs"] for target in static["targets"])
        assert target.split(":")[0] == scrape["job_name"]
        assert scrape["job_name"] in services
    assert all((SERVING / "prometheus" / name).is_file() for name in scrapes["rule_files"])
    annotations = manifest("deployment-tensorflow-serving")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == monitoring.path


def test_grafana_finds_its_data_and_its_dashboards() -> None:
    provisioning = SERVING / "grafana" / "provisioning"
    (source,) = read_yaml(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    services = read_yaml(SERVING / "compose.yaml")["services"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in services
    (provider,) = read_yaml(provisioning / "dashboards" / "serving.yaml")["providers"]
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (SERVING / "grafana" / "dashboards" / home.name).is_file()


def dashboard() -> Any:
    return json.loads((SERVING / "grafana" / "dashboards" / "serving.json").read_text("utf-8"))


def queries() -> list[str]:
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    for name, value in GRAFANA_VARIABLES.items():
        asked = [text.replace(name, value) for text in asked]
    groups = read_yaml(SERVING / "prometheus" / "alerts.yaml")["groups"]
    return [*asked, *(rule["expr"] for group in groups for rule in group["rules"])]


def metrics_of(expression: Any) -> set[str]:
    found = set()

    def note(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.add(node.name)
        return True

    promql_parser.walk(expression, note)
    return found


@pytest.mark.parametrize("query", queries())
def test_query_parses_and_asks_for_metrics_that_a_server_exports(query: str) -> None:
    series = {
        name + ending
        for name, kind in TENSORFLOW_SERVING_METRICS.items()
        for ending in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }
    asked = metrics_of(promql_parser.parse(query))
    assert asked
    assert asked <= series | OF_ONE_SERVER["kzoo serve"] | OF_ONE_SERVER["Prometheus"]


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & taken
        assert max(column for column, _ in cells) < 24
        taken |= cells


def test_certificates_are_made_for_a_server_and_a_client(tmp_path: Path) -> None:
    command = ["bash", str(SERVING / "tls" / "make-certificates.sh"), str(tmp_path), "localhost", "127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    config = text_format.Parse((tmp_path / "ssl.config").read_text("utf-8"), SSLConfig())
    texts = {name: (tmp_path / name).read_text("utf-8") for name in ("server.key", "server.crt", "ca.crt")}
    assert (config.server_key, config.server_cert, config.custom_ca) == tuple(texts.values())
    assert config.client_verify
    for name, purpose in (("server", "sslserver"), ("client", "sslclient")):
        verify = ["openssl", "verify", "-CAfile", "ca.crt", "-purpose", purpose, f"{name}.crt"]
        subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True)
        assert (tmp_path / f"{name}.key").stat().st_mode & 0o077 == 0
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "remove it first" in again.stderr
