from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "tfx_pipeline.watched", "serve", str(tmp_path / "models")]
    server = subprocess.Popen(
        [*command, "--port", "0", "--port-file", str(port_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    while not port_file.is_file():
        assert server.poll() is None
        time.sleep(0.1)
    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(timeout=60) == 1
