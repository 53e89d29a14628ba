"""Files that run a pipeline at set times: for systemd, cron, Kubernetes and Airflow."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kzoo.errors import UsageError
from kzoo.files import write_atomic

_CRON_FIELD = r"(\*|\d+(-\d+)?(,\d+(-\d+)?)*)(/\d+)?"
_CRON = re.compile(rf"{_CRON_FIELD}( {_CRON_FIELD}){{4}}")
_ON_CALENDAR = {
    "0 * * * *": "hourly",
    "0 0 * * *": "daily",
    "0 0 * * 0": "weekly",
    "0 0 1 * *": "monthly",
}


@dataclass(frozen=True)
class Schedule:
    """When a pipeline runs, and by which command.

    Attributes:
        name: of the model.
        cron: five fields, minute to weekday, as "0 3 * * *".
        command: program and arguments.
        folder: in which it runs.
        image: container image for Kubernetes, with kzoo in it.
    """

    name: str
    cron: str
    command: Sequence[str]
    folder: Path
    image: str

    def __post_init__(self) -> None:
        if not _CRON.fullmatch(self.cron):
            raise UsageError(f"expected five cron fields, as '0 3 * * *'; received {self.cron!r}")

    @property
    def job(self) -> str:
        """The job's name where only letters, digits and dashes are allowed."""
        return f"kzoo-{self.name.replace('_', '-')}"


def write_schedule(schedule: Schedule, out: Path) -> list[Path]:
    """Write every kind of schedule into a folder, and return the files.

    None of them starts a second run beside one that has not ended: systemd does not start a service that
    runs, Kubernetes and Airflow are told so, and the pipeline's own lock ends what cron starts.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for pattern, render in _KINDS.items():
        path = out / pattern.format(job=schedule.job)
        write_atomic(path, render(schedule))
        paths.append(path)
    return paths


def systemd_service(schedule: Schedule) -> str:
    """Return the unit that runs the pipeline once."""
    command = " ".join(shlex.quote(part).replace("%", "%%") for part in schedule.command)
    return f"""\
[Unit]
Description=Retrain {schedule.name} on new data
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={schedule.folder}
ExecStart={command}
Nice=10
"""


def systemd_timer(schedule: Schedule) -> str:
    """Return the unit that starts it; times that the machine slept through are made up for."""
    return f"""\
[Unit]
Description=Retrain {schedule.name} on a schedule

[Timer]
OnCalendar={on_calendar(schedule.cron)}
Persistent=true

[Install]
WantedBy=timers.target
"""


def on_calendar(cron: str) -> str:
    """Return cron's fields as systemd writes them.

    Raises:
        UsageError: if day of month and weekday are both given: cron takes either, systemd both.
    """
    if cron in _ON_CALENDAR:
        return _ON_CALENDAR[cron]
    minute, hour, day, month, weekday = (_calendar_field(field) for field in cron.split())
    if day != "*" and weekday != "*":
        raise UsageError(f"{cron!r} gives a day of the month and a weekday, which systemd cannot say")
    days = "" if weekday == "*" else f"{_weekdays(weekday)} "
    return f"{days}*-{month}-{day} {hour}:{minute}:00"


def cron_line(schedule: Schedule) -> str:
    """Return a line of a crontab."""
    command = shlex.join(schedule.command).replace("%", r"\%")
    return f"{schedule.cron} cd {shlex.quote(str(schedule.folder))} && {command}\n"


def kubernetes_cron_job(schedule: Schedule) -> str:
    """Return a CronJob whose volume claim holds spans, artifacts and exports."""
    import yaml

    container = {
        "name": "pipeline",
        "image": schedule.image,
        "command": list(schedule.command),
        "workingDir": "/data",
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "resources": {"requests": {"cpu": "2", "memory": "8Gi"}},
    }
    pod = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": f"{schedule.job}-data"}}],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": schedule.job},
        "spec": {
            "schedule": schedule.cron,
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {"spec": {"backoffLimit": 1, "template": {"spec": pod}}},
        },
    }
    return yaml.safe_dump(job, sort_keys=False)


def airflow_dag(schedule: Schedule) -> str:
    """Return a DAG of one task for Airflow 2 and 3, which needs nothing of kzoo in Airflow's environment."""
    return f'''\
"""Retrain {schedule.name} on new data."""

from datetime import datetime

from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2
    from airflow.operators.bash import BashOperator

with DAG(
    dag_id={json.dumps(schedule.job)},
    schedule={json.dumps(schedule.cron)},
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
) as dag:
    BashOperator(
        task_id="retrain",
        bash_command={json.dumps(shlex.join(schedule.command))},
        cwd={json.dumps(str(schedule.folder))},
    )
'''


def _calendar_field(field: str) -> str:
    base, slash, step = field.partition("/")
    if slash:
        return f"{'00' if base == '*' else base}/{step}"
    return base.replace("-", "..")


def _weekdays(field: str) -> str:
    names = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    return re.sub(r"\d+", lambda found: names[int(found[0])], field)


_KINDS: Mapping[str, Callable[[Schedule], str]] = {
    "{job}.service": systemd_service,
    "{job}.timer": systemd_timer,
    "{job}.cron": cron_line,
    "{job}.cronjob.yaml": kubernetes_cron_job,
    "{job}_dag.py": airflow_dag,
}
