"""Where a server learns which models it has: a folder of models, a `models.config` file, or a caller."""

from __future__ import annotations

import logging
from pathlib import Path

from kzoo.errors import ServingError
from kzoo.serving.config import ServerConfig
from kzoo.serving.model_config import ModelConfig, ModelConfigs, VersionPolicy, read_model_configs
from kzoo.serving.versions import Versions, check_base, find_models, find_versions

logger = logging.getLogger(__name__)

Found = dict[str, tuple[ModelConfig, Versions]]


class Catalog:
    """Says which models there are and what versions lie in their folders, as things stand.

    What cannot be read stays as it was, and the log says so, once.
    """

    def __init__(self, config: ServerConfig) -> None:
        """Read the configuration file, if there is one.

        Raises:
            ServingError: if it is no valid configuration, or there is no folder of models.
        """
        self._base = config.base
        self._file = config.model_config_file
        self._policy = VersionPolicy("latest", count=config.latest_versions)
        self._configs: ModelConfigs | None = None  # None: whatever is in the folder
        self._content = b""
        self._complaints: dict[str, str] = {}
        if self._file is None:
            check_base(self._base)
        else:
            self._configs = read_model_configs(self._file)
            self._content = self._file.read_bytes()

    @property
    def root(self) -> Path:
        """From where relative base paths count."""
        return self._base if self._file is None else self._file.parent

    def replace(self, configs: ModelConfigs) -> None:
        """Have these models from now on, until the configuration file is changed."""
        self._configs = configs

    def look(self) -> tuple[Found, frozenset[str]]:
        """Return the models there are with their versions, and the names of those that cannot be looked at.

        Raises:
            OSError: if the folder of models cannot be listed.
        """
        self._read_changed_file()
        if self._configs is None:
            found = find_models(self._base).items()
            return {
                name: (ModelConfig(name, self._base / name, self._policy), versions)
                for name, versions in found
            }, frozenset()
        models: Found = {}
        for name, config in self._configs.items():
            try:
                models[name] = config, find_versions(config.folder)
            except OSError as error:
                self._complain(name, f"the folder {config.folder} of {name} cannot be read: {error.strerror}")
            else:
                self._complaints.pop(name, None)
        return models, frozenset(self._configs.keys() - models.keys())

    def _read_changed_file(self) -> None:
        if self._file is None:
            return
        try:
            content = self._file.read_bytes()
            if content == self._content:
                return
            configs = read_model_configs(self._file)
        except (OSError, ServingError) as error:
            self._complain("", f"the models stay as they are: {error}")
            return
        self._content, self._configs = content, configs
        self._complaints.pop("", None)
        logger.info("%s was changed: %s", self._file, ", ".join(sorted(configs)) or "no models")

    def _complain(self, about: str, message: str) -> None:
        if self._complaints.get(about) != message:
            self._complaints[about] = message
            logger.error("%s", message)
