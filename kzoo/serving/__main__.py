"""`python -m kzoo.serving BASE`: the server without the rest of the zoo."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from kzoo.errors import KzooError
from kzoo.serving.config import ServerConfig


def main() -> int:
    """Serve until told to end; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kzoo.serving", description="Serve BASE/NAME/VERSION.")
    parser.add_argument("base", type=Path, nargs="?", default=Path("savedmodels"))
    parser.add_argument("--host", default=ServerConfig.host)
    parser.add_argument("--port", type=int, default=ServerConfig.port, help="0 takes a free port")
    parser.add_argument("--poll-seconds", type=float, default=ServerConfig.poll_seconds)
    parser.add_argument("--latest-versions", type=int, default=ServerConfig.latest_versions)
    parser.add_argument("--max-concurrent-calls", type=int, default=ServerConfig.max_concurrent_calls)
    parser.add_argument("--max-queued-calls", type=int, default=ServerConfig.max_queued_calls)
    parser.add_argument("--max-rows", type=int, default=ServerConfig.max_rows)
    parser.add_argument("--max-pixels", type=int, default=ServerConfig.max_pixels)
    parser.add_argument("--model-config-file", type=Path, help="TensorFlow Serving's models.config")
    parser.add_argument("--batching", action="store_true", help="join calls into batches")
    parser.add_argument(
        "--batching-parameters-file", type=Path, help="TensorFlow Serving's; means --batching"
    )
    parser.add_argument("--tls-certificate", type=Path, help="PEM")
    parser.add_argument("--tls-key", type=Path, help="PEM")
    parser.add_argument("--tls-client-ca", type=Path, help="PEM; clients need a certificate")
    parser.add_argument("--token-file", type=Path, help="calls need its token")
    parser.add_argument("--max-message-bytes", type=int, default=ServerConfig.max_message_bytes)
    parser.add_argument("--drain-seconds", type=float, default=ServerConfig.drain_seconds)
    parser.add_argument("--rest-port", type=int, help="0 takes a free port")
    parser.add_argument("--metrics-port", type=int, help="0 takes a free port")
    parser.add_argument("--request-log", type=Path)
    parser.add_argument("--request-log-sampling", type=float, default=ServerConfig.request_log_sampling)
    parser.add_argument("--ui", action="store_true", help="a try-it page on the REST port")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    from kzoo.serving.batching_parameters import choose_batching
    from kzoo.serving.server import run

    try:
        options = vars(arguments)
        batching = choose_batching(options.pop("batching"), options.pop("batching_parameters_file"))
        run(ServerConfig(**options, batching=batching), announce=lambda line: print(line, flush=True))
    except KzooError as error:
        print(f"kzoo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
