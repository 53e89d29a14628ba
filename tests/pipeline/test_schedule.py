from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import yaml

from kzoo.cli import main
from kzoo.errors import UsageError
from tfx_pipeline.schedule import Schedule, on_calendar, write_schedule

COMMAND = ("/srv/k zoo/bin/kzoo", "pipeline", "run", "cfn_a", "--set", "epochs=3", "--out", "100%")


def make(cron: str = "0 3 * * *") -> Schedule:
    return Schedule("cfn_a", cron, COMMAND, Path("/srv/my zoo"), "registry.example/kzoo:1")


def test_every_kind_is_written_and_says_the_command(tmp_path: Path) -> None:
    names = [path.name for path in write_schedule(make(), tmp_path)]
    stem = "kzoo-cfn-a"
    assert names == [
        f"{stem}.service", f"{stem}.timer", f"{stem}.cron", f"{stem}.cronjob.yaml", f"{stem}_dag.py"
    ]  # fmt: skip
    service = (tmp_path / f"{stem}.service").read_text()
    assert "ExecStart='/srv/k zoo/bin/kzoo' pipeline run cfn_a --set epochs=3 --out 100%%\n" in service
    line = (tmp_path / f"{stem}.cron").read_text()
    assert line.startswith("0 3 * * * cd '/srv/my zoo' && '/srv/k zoo/bin/kzoo' pipeline run")
    assert line.endswith(r"--out 100\%" + "\n")
    job = yaml.safe_load((tmp_path / f"{stem}.cronjob.yaml").read_text())
    assert (job["kind"], job["spec"]["concurrencyPolicy"]) == ("CronJob", "Forbid")
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == list(COMMAND)
    dag = ast.parse((tmp_path / f"{stem}_dag.py").read_text())
    strings = [node.value for node in ast.walk(dag) if isinstance(node, ast.Constant)]
    assert {"kzoo-cfn-a", "0 3 * * *", "/srv/my zoo"} <= set(strings)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 3 * * *", "*-*-* 3:0:00"),
        ("*/15 * * * *", "*-*-* *:00/15:00"),
        ("30 2 * * 1-5", "Mon-Fri *-*-* 2:30:00"),
        ("0 0 1 * *", "monthly"),
        ("5 4 1,15 * *", "*-*-1,15 4:5:00"),
    ],
)
def test_cron_as_systemd_says_it(cron: str, expected: str) -> None:
    assert on_calendar(cron).replace("..", "-") == expected


@pytest.mark.parametrize("cron", ["", "0 3 * *", "daily", "0 3 * * * *", "x 3 * * *"])
def test_what_is_no_cron_is_named(cron: str) -> None:
    with pytest.raises(UsageError, match="expected five cron fields"):
        make(cron)


def test_what_systemd_cannot_say() -> None:
    with pytest.raises(UsageError, match="a day of the month and a weekday"):
        on_calendar("0 3 1 * 1")


def test_options_of_run_are_passed_on_and_others_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def schedule(*options: str) -> int | str | None:
        words = ("kzoo", "pipeline", "schedule", "cfn_a", str(tmp_path / "schedules"), "--", *options)
        monkeypatch.setattr(sys, "argv", list(words))
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    assert schedule("--window", "5", "--set", "epochs=3") == 0
    line = (tmp_path / "schedules" / "kzoo-cfn-a.cron").read_text()
    assert line.endswith("--out savedmodels --window 5 --set epochs=3\n")
    assert schedule("--windows", "5") == 2
    assert "No such option: --windows" in capsys.readouterr().err
