"""What a server knows of one model at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from tensorflow_serving.apis import model_pb2

from kzoo.serving.errors import FailedPreconditionError, InvalidArgumentError
from kzoo.serving.model_config import ModelConfig
from kzoo.serving.servable import Servable
from kzoo.serving.status import State, VersionStatus
from kzoo.serving.versions import Fingerprint, Versions, fingerprint


@dataclass
class ModelState:
    """One model: what it shall be, its versions in memory, and how each version stands.

    Attributes:
        config: what it shall be.
        live: versions that take calls.
        labels: those assigned; each to a version that was live when it got it.
        statuses: of the versions seen.
        failed: what the versions looked like that could not be loaded.
    """

    config: ModelConfig
    live: dict[int, Servable] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, VersionStatus] = field(default_factory=dict)
    failed: dict[int, Fingerprint] = field(default_factory=dict)

    def set_status(self, version: int, state: State, error: str = "") -> None:
        """Note how a version stands."""
        self.statuses[version] = VersionStatus(version, state, error)

    def is_loading(self, version: int | None) -> bool:
        """Say whether that version, or any for None, will be live if it can be loaded."""
        asked = self.statuses.values() if version is None else [self.statuses.get(version)]
        return any(status is not None and status.state in ("START", "LOADING") for status in asked)

    def failures(self, version: int | None) -> list[str]:
        """Return why that version could not be loaded, or any for None."""
        return [
            f"version {status.version} failed to load: {status.error}"
            for status in self.statuses.values()
            if status.error and version in (None, status.version)
        ]

    def wanted(self, versions: Versions) -> list[int]:
        """Return which of the versions on disk are to be live, newest first.

        Those that could not be loaded and did not change since do not count.
        """
        return self.config.policy.choose(
            version
            for version, folder in versions.items()
            if version not in self.failed or self.failed[version] != fingerprint(folder)
        )

    def may_drop_others(self, wanted: list[int]) -> bool:
        """Say whether versions that are not wanted may go: all that are asked for are live."""
        return all(version in self.live for version in wanted) and self.config.policy.is_met_by(self.live)

    def assign_labels(self) -> None:
        """Give each label its version if that is live; until then it stays where it is."""
        assigned = {label: self.labels.get(label) for label in self.config.labels}
        assigned.update(
            {label: version for label, version in self.config.labels.items() if version in self.live}
        )
        self.labels = {label: version for label, version in assigned.items() if version is not None}

    def unmet(self) -> list[str]:
        """Return what is asked for and could not be done."""
        missing = sorted(self.config.policy.versions - self.live.keys())
        problems = [] if self.live else (self.failures(None) or ["there is no version"])
        if self.live and missing:
            problems = [f"versions {missing} are not available", *map("; ".join, map(self.failures, missing))]
        return [
            f"{self.config.name}: {problem}" for problem in problems + self._unassigned_labels() if problem
        ]

    def _unassigned_labels(self) -> list[str]:
        return [
            f"label {label!r} cannot be assigned to version {version}, which is not available"
            for label, version in self.config.labels.items()
            if self.labels.get(label) != version
        ]

    def version_of(self, spec: model_pb2.ModelSpec) -> int | None:
        """Return the version that a request names by number or label, None for the newest.

        Raises:
            InvalidArgumentError: for a label that nobody gave.
            FailedPreconditionError: for one that waits for its first version to be live.
        """
        choice = spec.WhichOneof("version_choice")
        if choice == "version":
            return int(spec.version.value)
        if choice is None:
            return None
        label = spec.version_label
        if label in self.labels:
            return self.labels[label]
        if label in self.config.labels:
            version = self.config.labels[label]
            raise FailedPreconditionError(f"label {label!r} of {spec.name} waits for version {version}")
        raise InvalidArgumentError(
            f"Unrecognized servable version label: {label}; {spec.name} has {sorted(self.labels) or 'none'}"
        )
