"""The Kubernetes Job that trains by several workers."""

from __future__ import annotations

import json

import typer
from test_deployment_files import manifest
from typer.core import TyperGroup

from kzoo.cli import app


def test_training_job_starts_one_cluster_that_its_service_names() -> None:
    job, service = manifest("training-job")["spec"], manifest("training-service")
    pods, (worker,) = job["template"]["spec"], job["template"]["spec"]["containers"]
    given = {one["name"]: one for one in worker["env"]}
    assert list(given) == ["WORKER", "TF_CONFIG", "KZOO_CACHE"], (
        "a variable is put in only where it was defined before"
    )
    (port,) = (one["containerPort"] for one in worker["ports"])
    hosts = [f"training-{index}.{pods['subdomain']}:{port}" for index in range(job["completions"])]
    for index in range(job["completions"]):
        config = json.loads(given["TF_CONFIG"]["value"].replace("$(WORKER)", str(index)))
        assert config == {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
    assert job["completionMode"] == "Indexed"
    assert job["parallelism"] == job["completions"], "workers wait for each other"
    assert service["metadata"]["name"] == pods["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"].items() <= job["template"]["metadata"]["labels"].items()
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    verb, *options = worker["args"]
    asked = root.commands[verb].make_context(verb, options).params
    assert asked["strategy"].value == "multiworker"
    assert any(asked["out"].is_relative_to(mount["mountPath"]) for mount in worker["volumeMounts"])
