"""The models being served: looking for new versions, loading them aside, and swapping them in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tensorflow_serving.apis import model_pb2
from tensorflow_serving.config import model_server_config_pb2

from kzoo.errors import nearest_names
from kzoo.serving.catalog import Catalog, Found
from kzoo.serving.config import ServerConfig
from kzoo.serving.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from kzoo.serving.loading import WarmUpObserver, load
from kzoo.serving.model_config import model_configs_of
from kzoo.serving.model_state import ModelState
from kzoo.serving.servable import Servable
from kzoo.serving.status import VersionStatus
from kzoo.serving.versions import Versions, fingerprint

logger = logging.getLogger(__name__)


class ModelManager:
    """Keeps those versions of every model ready to answer that its policy asks for.

    A version is loaded and warmed up aside, and then takes calls from one moment to the next; a version that
    it replaces answers the calls it has and is dropped. A version that cannot be loaded changes nothing:
    those that are live stay so, and it is tried again only once its files have changed.
    """

    def __init__(
        self,
        config: ServerConfig,
        on_change: Callable[[], None] = lambda: None,
        on_warm_up: WarmUpObserver | None = None,
    ) -> None:
        """Look at the models once, so that they are known; nothing is loaded yet.

        Args:
            config: says where the models are, and what a request may ask of them.
            on_change: called, from any thread, whenever a version became ready or was dropped.
            on_warm_up: told of the warm-up of each version that has records for one.

        Raises:
            ServingError: if there is no folder of models, or the file that configures them is not valid.
        """
        self._config = config
        self._catalog = Catalog(config)
        self._on_change = on_change
        self._on_warm_up = on_warm_up
        self._lock = threading.Lock()  # of the models' state; held for moments only
        self._following = threading.Lock()  # held while what is live is made to follow what is asked for
        self._models: dict[str, ModelState] = {}
        self._stopping = threading.Event()
        self._first_pass_done = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kzoo-versions", daemon=True)
        self._note(self._catalog.look()[0])

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
        """Look once, and make what is live follow."""
        with self._following:
            self._follow_catalog()

    def reload(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        """Serve other models, versions or labels from now on; return once they are live.

        A configuration that is not valid changes nothing. Of a valid one, what can be done is done.

        Raises:
            InvalidArgumentError: if the configuration is not valid, or a model has no folder.
            FailedPreconditionError: if a model has no version that can be loaded, or a label names a version
                that is not available: it stays with the one it had.
        """
        configs = model_configs_of(config, self._catalog.root)
        for model in configs.values():
            if not model.folder.is_dir():
                raise InvalidArgumentError(
                    f"model {model.name!r}: the base_path {model.folder} is not a folder"
                )
        with self._following:
            self._catalog.replace(configs)
            self._follow_catalog()
            with self._lock:
                problems = [f"{name}: not loaded" for name in configs if name not in self._models]
                known = [self._models[name] for name in configs if name in self._models]
                problems += [problem for model in known for problem in model.unmet()]
        if problems:
            raise FailedPreconditionError("; ".join(problems))

    def availability(self) -> dict[str, bool]:
        """Return for each model whether a version of it is live."""
        with self._lock:
            return {name: bool(model.live) for name, model in self._models.items()}

    def statuses(self, spec: model_pb2.ModelSpec) -> Sequence[VersionStatus]:
        """Return how the versions of a model stand, newest first, or the one that `spec` names.

        Raises:
            NotFoundError: for an unknown model or version.
            InvalidArgumentError, FailedPreconditionError: for a label that is not assigned.
        """
        with self._lock:
            model = self._models.get(spec.name)
            if model is None or not model.statuses:
                raise NotFoundError(
                    f"Could not find any versions of model {spec.name}{self._nearest(spec.name)}"
                )
            version = model.version_of(spec)
            chosen = sorted(model.statuses, reverse=True) if version is None else [version]
            if version is not None and version not in model.statuses:
                raise NotFoundError(f"Could not find version {version} of model {spec.name}")
            return [model.statuses[number] for number in chosen]

    @contextmanager
    def lease(self, spec: model_pb2.ModelSpec) -> Iterator[Servable]:
        """Give the version that `spec` means, by default the newest; it stays loaded until the block ends.

        Raises:
            NotFoundError: if there is no such model or version, or it could not be loaded.
            FailedPreconditionError: if it is being loaded.
            InvalidArgumentError: for a label that nobody gave.
        """
        servable = self._enter(spec)
        try:
            yield servable
        finally:
            servable.leave()

    def _enter(self, spec: model_pb2.ModelSpec) -> Servable:
        with self._lock:
            model = self._models.get(spec.name)
            if model is None:
                version = spec.version.value if spec.HasField("version") else None
                request = f"{_asked(spec.name, version)}{self._nearest(spec.name)}"
                raise NotFoundError(f"Servable not found for request: {request}")
            version = model.version_of(spec)
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

    def _follow_catalog(self) -> None:
        try:
            found, unreadable = self._catalog.look()
        except OSError as error:
            logger.error("the folder of models cannot be read, all stays as it is: %s", error)
            return
        self._note(found)
        for name, (_, versions) in found.items():
            self._follow(name, versions)
        for name in self._models.keys() - found.keys() - unreadable:
            self._remove(name)

    def _note(self, found: Found) -> None:
        """Give each version that will be loaded the state START, and forget those long gone."""
        with self._lock:
            for name, (config, versions) in found.items():
                model = self._models.setdefault(name, ModelState(config))
                model.config = config
                wanted = model.wanted(versions)
                for version in wanted:
                    if version not in model.statuses or model.statuses[version].state == "END":
                        model.set_status(version, "START")
                for version, status in list(model.statuses.items()):
                    gone = status.state == "END" and version not in versions
                    if gone or (status.state == "START" and version not in wanted):
                        del model.statuses[version]
                        model.failed.pop(version, None)

    def _follow(self, name: str, versions: Versions) -> None:
        model = self._models[name]
        tried: set[int] = set()
        while missing := [v for v in model.wanted(versions) if v not in model.live and v not in tried]:
            if self._stopping.is_set():
                return
            tried.add(missing[0])
            self._load(name, model, missing[0], versions[missing[0]])
        with self._lock:
            model.assign_labels()  # before the versions go that they were assigned to
        wanted = model.wanted(versions)
        if model.may_drop_others(wanted):
            for version in sorted(set(model.live) - set(wanted)):
                self._drop(name, model, version)

    def _remove(self, name: str) -> None:
        model = self._models[name]
        for version in sorted(model.live):
            self._drop(name, model, version)
        with self._lock:
            del self._models[name]

    def _load(self, name: str, model: ModelState, version: int, folder: Path) -> None:
        before = fingerprint(folder)
        with self._lock:
            model.set_status(version, "LOADING")
        try:
            servable = load(
                name, version, folder, self._config.limits, self._config.batching, self._on_warm_up
            )
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

    def _drop(self, name: str, model: ModelState, version: int) -> None:
        with self._lock:
            servable = model.live.pop(version)
            model.set_status(version, "UNLOADING")

        def end() -> None:
            with self._lock:
                model.set_status(version, "END")
            logger.info("%s version %d was dropped", name, version)

        servable.retire(end)
        self._on_change()


def _asked(name: str, version: int | None) -> str:
    return f"Latest({name})" if version is None else f"Specific({name}, {version})"
