from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kzoo.errors import ServingError, UsageError
from kzoo.serving.request_log import RequestLog


def test_each_call_is_an_object_on_a_line(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "calls.jsonl"
    log = RequestLog(path)
    for number in range(3):
        log.write({"model": "cfn", "error": 'two\nlines and "é"', "number": number, "%s": "100%"})
    log.close()
    entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [entry["number"] for entry in entries] == [0, 1, 2]
    assert entries[0]["error"] == 'two\nlines and "é"'
    age = datetime.now(UTC) - datetime.fromisoformat(entries[0]["time"])
    assert timedelta(0) <= age + timedelta(milliseconds=1) < timedelta(minutes=1)


def test_what_was_written_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"old": 1}\n')
    log = RequestLog(path)
    log.write({"new": 1})
    log.close()
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize(("rate", "least", "most"), [(0, 0, 0), (1, 1000, 1000), (0.2, 150, 250)])
def test_a_share_of_the_calls_is_chosen(tmp_path: Path, rate: float, least: int, most: int) -> None:
    log = RequestLog(tmp_path / "calls.jsonl", sampling_rate=rate, seed=0)
    assert least <= sum(log.sample() for _ in range(1000)) <= most
    log.close()


def test_files_are_rotated_by_size_and_no_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    log = RequestLog(path, max_bytes=2000, kept_files=3)
    threads = [
        threading.Thread(target=lambda: [log.write({"text": "x" * 50}) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [path.name, *(f"{path.name}.{n}" for n in (1, 2, 3))]
    for file in files:
        assert file.stat().st_size <= 2000
        assert all(json.loads(line)["text"] == "x" * 50 for line in file.read_text().splitlines())


def test_a_disk_that_takes_no_more_fails_no_call(caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(Path("/dev/full"))
    with caplog.at_level(logging.ERROR):
        log.write({"model": "cfn"})
        log.write({"model": "cfn"})
    said = [record.getMessage() for record in caplog.records]
    assert said == ["the request log /dev/full cannot be written: [Errno 28] No space left on device"]


@pytest.mark.parametrize("options", [{"sampling_rate": 1.5}, {"sampling_rate": -1}, {"max_bytes": 0}])
def test_values_out_of_range_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=str(next(iter(options.values())))):
        RequestLog(tmp_path / "calls.jsonl", **options)


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServingError, match=r"file/calls\.jsonl cannot be opened"):
        RequestLog(tmp_path / "file" / "calls.jsonl")
