"""What the process has imported that those of processes.py are forked from; none of it starts a thread."""

from kzoo.cli.quiet import import_tensorflow

import_tensorflow()

import keras  # noqa: E402, F401
import kzoo.cli.train  # noqa: E402

import kzoo.export  # noqa: E402
import kzoo.serving.server  # noqa: E402
import kzoo.training.train  # noqa: E402, F401
