#!/usr/bin/env bash
# Imports and runs the Airflow DAG of a pipeline in an environment of Airflow's own. See usage below.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tools/airflow.sh DAG_FILE [AIRFLOW_VERSION]

Takes a DAG file that `kzoo pipeline schedule` wrote, lets Airflow import it, and runs it once with
`airflow dags test`: that is `kzoo pipeline run`, for real. Airflow (3.3.2 if left out) is installed into
.venv-airflow, which is kept; its own database and logs go when the tool ends. Example:

  kzoo pipeline deliver cfn_a house/emoji --part 1/4
  kzoo pipeline schedule cfn_a schedules
  tools/airflow.sh schedules/kzoo-cfn-a_dag.py
TEXT
}

case "${1-}" in
    -h | --help | "") usage; exit 0 ;;
esac

dag_file=$(realpath "$1")
version=${2-3.3.2}
cd "$(dirname "$0")/.."
[ -x .venv/bin/uv ] || { echo "airflow: no .venv/bin/uv; run tools/setup.sh first" >&2; exit 1; }

environment=$PWD/.venv-airflow
if ! "$environment/bin/python" -c "import importlib.metadata as m; assert m.version('apache-airflow') == '$version'" 2>/dev/null; then
    bash tools/uv.sh venv --quiet --clear "$environment"
    VIRTUAL_ENV=$environment bash tools/uv.sh pip install --quiet "apache-airflow==$version"
fi

AIRFLOW_HOME=$(mktemp -d)
trap 'rm -rf "$AIRFLOW_HOME"' EXIT
export AIRFLOW_HOME AIRFLOW__CORE__DAGS_FOLDER=$AIRFLOW_HOME/dags AIRFLOW__CORE__LOAD_EXAMPLES=False
mkdir "$AIRFLOW__CORE__DAGS_FOLDER"
cp "$dag_file" "$AIRFLOW__CORE__DAGS_FOLDER"
dag=$(basename "$dag_file" _dag.py)

airflow() { "$environment/bin/python" -m airflow "$@"; }
airflow db migrate
airflow dags list-import-errors
airflow dags test "$dag"
