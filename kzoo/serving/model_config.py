"""Which models a server has, which of their versions, and by what labels: TF Serving's `models.config`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tensorflow_serving.config import model_server_config_pb2

from kzoo.errors import ServingError
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.text_proto import read_text_proto

PLATFORM = "tensorflow"


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions that there are shall be live.

    Attributes:
        kind: the newest ones, all, or those that are listed.
        count: how many of the newest, 1 or more; for "latest".
        versions: those listed, at least one; for "specific".
    """

    kind: Literal["latest", "all", "specific"] = "latest"
    count: int = 1
    versions: frozenset[int] = frozenset()

    def choose(self, versions: Iterable[int]) -> list[int]:
        """Return those of `versions` that shall be live, newest first."""
        newest_first = sorted(versions, reverse=True)
        if self.kind == "latest":
            return newest_first[: self.count]
        return [version for version in newest_first if self.kind == "all" or version in self.versions]

    def is_met_by(self, live: Iterable[int]) -> bool:
        """Say whether no version that is asked for by its number is missing from `live`."""
        return self.versions <= set(live)


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: by which clients ask for it.
        folder: with a folder for each version.
        policy: which of them shall be live.
        labels: names of versions, as {"canary": 3}.
    """

    name: str
    folder: Path
    policy: VersionPolicy
    labels: Mapping[str, int] = field(default_factory=dict)


ModelConfigs = Mapping[str, ModelConfig]


def read_model_configs(path: Path) -> ModelConfigs:
    """Read a `models.config` file; base paths that are not absolute count from the folder it lies in.

    Raises:
        ServingError: if it cannot be read or is no valid configuration.
    """
    config = read_text_proto(path, model_server_config_pb2.ModelServerConfig())
    try:
        return model_configs_of(config, path.parent)
    except InvalidArgumentError as error:
        raise ServingError(f"{path}: {error}") from error


def model_configs_of(config: model_server_config_pb2.ModelServerConfig, root: Path) -> ModelConfigs:
    """Return the models of a configuration, by their names.

    Args:
        config: the message.
        root: folder from which relative base paths count.

    Raises:
        InvalidArgumentError: naming the model and what is wrong with it: no name or base path, a name used
            twice, another platform than "tensorflow", or a version below 1.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise InvalidArgumentError("custom_model_config is not supported; expected model_config_list")
    configs: dict[str, ModelConfig] = {}
    for entry in config.model_config_list.config:
        if entry.name in configs:
            raise InvalidArgumentError(f"model {entry.name!r} stands in the configuration twice")
        configs[entry.name] = _model_config_of(entry, root)
    return configs


def _model_config_of(entry: model_server_config_pb2.ModelConfig, root: Path) -> ModelConfig:
    if not entry.name or "/" in entry.name:
        raise InvalidArgumentError(f"each model needs a name without '/'; received {entry.name!r}")
    if not entry.base_path:
        raise InvalidArgumentError(f"model {entry.name!r} has no base_path")
    if entry.model_platform not in ("", PLATFORM):
        raise InvalidArgumentError(
            f"model {entry.name!r}: model_platform must be {PLATFORM!r}; received {entry.model_platform!r}"
        )
    labels = dict(entry.version_labels)
    for label, version in labels.items():
        if not label or version < 1:
            raise InvalidArgumentError(
                f"model {entry.name!r}: a label is a name for a version from 1; received {label!r}: {version}"
            )
    return ModelConfig(entry.name, root / entry.base_path, _policy_of(entry), labels)


def _policy_of(entry: model_server_config_pb2.ModelConfig) -> VersionPolicy:
    policy = entry.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return VersionPolicy("all")
    if kind == "specific":
        versions = frozenset(policy.specific.versions)
        if not versions or min(versions) < 1:
            raise InvalidArgumentError(
                f"model {entry.name!r}: specific needs versions from 1; received {sorted(versions)}"
            )
        return VersionPolicy("specific", versions=versions)
    return VersionPolicy("latest", count=policy.latest.num_versions or 1)
