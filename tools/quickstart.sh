#!/usr/bin/env bash
# From a fresh machine to a gRPC answer: sets up, builds the emoji set, trains cnn_a and cfn_a briefly,
# exports and serves them, asks the server about test pictures, and writes a page with its answers.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tools/quickstart.sh [--epochs N] [--out FOLDER]

  --epochs N     epochs of each training (default 30)
  --out FOLDER   where runs, models and the page are written (default runs/quickstart)

Run again, it resumes trainings that were stopped and exports the next version.
TEXT
}

epochs=30
out=runs/quickstart
while [ $# -gt 0 ]; do
    case "$1" in
        --epochs) epochs=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        *) echo "quickstart: unknown argument $1" >&2; usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "$0")/.."
bash tools/setup.sh
kzoo=.venv/bin/kzoo
say() { printf '\n== %s\n' "$*"; }

say "data: the house emoji set, drawn from packages"
rm -rf "$out/pictures"
$kzoo data house/emoji --split test --images "$out/pictures" --count 24

for model in cnn_a cfn_a; do
    say "$model: train under MirroredStrategy on two logical devices, $epochs epochs"
    $kzoo train "$model" --data house/emoji --strategy mirrored --devices 2 \
        --set "epochs=$epochs" --out "$out/$model-$epochs"
    say "$model: test accuracy beside majority"
    $kzoo evaluate "$out/$model-$epochs"
    say "$model: export"
    $kzoo export "$out/$model-$epochs" --out "$out/savedmodels"
done

say "serve on a free port"
log="$out/server.log"
: >"$log"
$kzoo serve "$out/savedmodels" --port 0 --port-file "$out/port" >"$log" 2>&1 &
server=$!
trap 'kill -TERM $server 2>/dev/null || true' EXIT
for _ in $(seq 240); do
    [ -s "$out/port" ] && break
    kill -0 $server 2>/dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.5
done
[ -s "$out/port" ] || { echo "quickstart: the server did not start in two minutes" >&2; cat "$log" >&2; exit 1; }

say "query over gRPC"
mapfile -t pictures < <(find "$out/pictures" -name '*.png' | sort)
$kzoo query cfn_a "${pictures[@]}" --server "127.0.0.1:$(cat "$out/port")" --page "$out/predictions.html"

say "stop the server"
kill -TERM $server
trap - EXIT
wait $server

say "done: open $out/predictions.html"
