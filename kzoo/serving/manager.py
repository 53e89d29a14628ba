"""The models being served: looking for new versions, loading them aside, and swapping them in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow_serving.apis import model_pb2

from kzoo.errors import nearest_names
from kzoo.serving.config import ServerConfig
from kzoo.serving.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from kzoo.serving.loading import load
from kzoo.serving.servable import Servable
from kzoo.serving.status import State, VersionStatus
from kzoo.serving.versions import Fingerprint, Versions, check_base, find_models, fingerprint

logger = logging.getLogger(__name__)


@dataclass
class _Model:
    """One model: its versions in memory, how each version stands, and what those looked like that failed."""

    live: dict[int, Servable] = field(default_factory=dict)
    statuses: dict[int, VersionStatus] = field(default_factory=dict)
    failed: dict[int, Fingerprint] = field(default_factory=dict)

    def set_status(self, version: int, state: State, error: str = "") -> None:
        self.statuses[version] = VersionStatus(version, state, error)

    def is_loading(self, version: int | None) -> bool:
        asked = self.statuses.values() if version is None else [self.statuses.get(version)]
        return any(status is not None and status.state in ("START", "LOADING") for status in asked)

    def failures(self, version: int | None) -> list[str]:
        return [
            f"version {status.version} failed to load: {status.error}"
            for status in self.statuses.values()
            if status.error and version in (None, status.version)
        ]


class ModelManager:
    """Keeps the newest versions of every model in a folder ready to answer.

    A version is loaded and warmed up aside, and then takes calls from one moment to the next; a version that
    it replaces answers the calls it has and is dropped. A version that cannot be loaded changes nothing: the
    newest ones that can be loaded stay live, and it is tried again only once its files have changed.
    """

    def __init__(self, config: ServerConfig, on_change: Callable[[], None] = lambda: None) -> None:
        """Look at the folder once, so that the models in it are known; nothing is loaded yet.

        Args:
            config: gives the folder, and how many versions are live.
            on_change: called, from any thread, whenever a version became ready or was dropped.

        Raises:
            ServingError: if there is no folder of models at `config.base`.
        """
        check_base(config.base)
        self._config = config
        self._on_change = on_change
        self._lock = threading.Lock()
        self._models: dict[str, _Model] = {}
        self._stopping = threading.Event()
        self._first_pass_done = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kzoo-versions", daemon=True)
        self._note(find_models(config.base))

    def start(self) -> None:
        """Load what there is and look for new versions from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a version that is being loaded is finished first."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait_for_first_pass(self, timeout_seconds: float | None = None) -> bool:
        """Wait until each model has been loaded or has failed; False if time ran out before."""
        return self._first_pass_done.wait(timeout_seconds)

    def refresh(self) -> None:
        """Look at the folder once and make what is live follow it."""
        try:
            found = find_models(self._config.base)
        except OSError as error:
            logger.error("the folder of models cannot be read, all stays as it is: %s", error)
            return
        self._note(found)
        for name, versions in found.items():
            self._follow(name, versions)
        for name in self._models.keys() - found.keys():
            self._follow(name, {})

    def availability(self) -> dict[str, bool]:
        """Return for each model whether a version of it is live."""
        with self._lock:
            return {name: bool(model.live) for name, model in self._models.items()}

    def statuses(self, spec: model_pb2.ModelSpec) -> Sequence[VersionStatus]:
        """Return how the versions of a model stand, newest first, or the one that `spec` names.

        Raises:
            NotFoundError: for an unknown model or version.
            InvalidArgumentError: for an unknown label.
        """
        name, version = spec.name, asked_version(spec)
        with self._lock:
            if name not in self._models:
                raise NotFoundError(f"Could not find any versions of model {name}{self._nearest(name)}")
            statuses = self._models[name].statuses
            chosen = sorted(statuses, reverse=True) if version is None else [version]
            if version is not None and version not in statuses:
                raise NotFoundError(f"Could not find version {version} of model {name}")
            return [statuses[number] for number in chosen]

    @contextmanager
    def lease(self, spec: model_pb2.ModelSpec) -> Iterator[Servable]:
        """Give the version that `spec` means, by default the newest; it stays loaded until the block ends.

        Raises:
            NotFoundError: if there is no such model or version, or it could not be loaded.
            FailedPreconditionError: if it is being loaded.
            InvalidArgumentError: if the version is given by a label.
        """
        servable = self._enter(spec)
        try:
            yield servable
        finally:
            servable.leave()

    def _enter(self, spec: model_pb2.ModelSpec) -> Servable:
        version = asked_version(spec)
        with self._lock:
            model = self._models.get(spec.name)
            if model is None:
                request = f"{_asked(spec.name, version)}{self._nearest(spec.name)}"
                raise NotFoundError(f"Servable not found for request: {request}")
            chosen = max(model.live, default=None) if version is None else version
            if chosen is not None and chosen in model.live:
                model.live[chosen].enter()
                return model.live[chosen]
            if model.is_loading(version):
                raise FailedPreconditionError(f"{_asked(spec.name, version)} is still being loaded")
            reasons = [f"live: {sorted(model.live) or 'none'}", *model.failures(version)]
            raise NotFoundError(
                f"Servable not found for request: {_asked(spec.name, version)}; {'; '.join(reasons)}"
            )

    def _nearest(self, name: str) -> str:
        nearest = nearest_names(name, self._models)
        return f"; did you mean {' or '.join(nearest)}?" if nearest else ""

    def _poll(self) -> None:
        self.refresh()
        self._first_pass_done.set()
        self._on_change()
        while not self._stopping.wait(self._config.poll_seconds):
            self.refresh()

    def _note(self, found: dict[str, Versions]) -> None:
        """Give each version that will be loaded the state START, and forget those long gone."""
        with self._lock:
            for name, versions in found.items():
                model = self._models.setdefault(name, _Model())
                for version in self._wanted(model, versions):
                    if version not in model.statuses or model.statuses[version].state == "END":
                        model.set_status(version, "START")
            for name, model in self._models.items():
                present = found.get(name, {})
                for version, status in list(model.statuses.items()):
                    if status.state == "END" and version not in present:
                        del model.statuses[version]
                        model.failed.pop(version, None)

    def _wanted(self, model: _Model, versions: Versions) -> list[int]:
        """Return the versions to be live, newest first: those that failed and did not change do not count."""
        loadable = [
            version
            for version, folder in versions.items()
            if version not in model.failed or model.failed[version] != fingerprint(folder)
        ]
        return sorted(loadable, reverse=True)[: self._config.latest_versions]

    def _follow(self, name: str, versions: Versions) -> None:
        model = self._models[name]
        tried: set[int] = set()
        while missing := [v for v in self._wanted(model, versions) if v not in model.live and v not in tried]:
            if self._stopping.is_set():
                return
            tried.add(missing[0])
            self._load(name, model, missing[0], versions[missing[0]])
        wanted = self._wanted(model, versions)
        if all(version in model.live for version in wanted):
            for version in sorted(set(model.live) - set(wanted)):
                self._drop(name, model, version)
        if not model.live and not versions:
            with self._lock:
                del self._models[name]

    def _load(self, name: str, model: _Model, version: int, folder: Path) -> None:
        before = fingerprint(folder)
        with self._lock:
            model.set_status(version, "LOADING")
        try:
            servable = load(name, version, folder, self._config.limits)
        except Exception as error:  # noqa: BLE001 - TensorFlow raises anything over a broken SavedModel
            logger.error("%s version %d could not be loaded: %s", name, version, error)
            with self._lock:
                model.failed[version] = before
                model.set_status(version, "END", f"{error}" or type(error).__name__)
            return
        with self._lock:
            model.failed.pop(version, None)
            model.live[version] = servable
            model.set_status(version, "AVAILABLE")
        logger.info("%s version %d is available", name, version)
        self._on_change()

    def _drop(self, name: str, model: _Model, version: int) -> None:
        with self._lock:
            servable = model.live.pop(version)
            model.set_status(version, "UNLOADING")

        def end() -> None:
            with self._lock:
                model.set_status(version, "END")
            logger.info("%s version %d was dropped", name, version)

        servable.retire(end)
        self._on_change()


def asked_version(spec: model_pb2.ModelSpec) -> int | None:
    """Return the version number that a request names, None for the newest.

    Raises:
        InvalidArgumentError: for a label: this server has none.
    """
    choice = spec.WhichOneof("version_choice")
    if choice == "version_label":
        raise InvalidArgumentError(f"Unrecognized servable version label: {spec.version_label}")
    return int(spec.version.value) if choice == "version" else None


def _asked(name: str, version: int | None) -> str:
    return f"Latest({name})" if version is None else f"Specific({name}, {version})"
