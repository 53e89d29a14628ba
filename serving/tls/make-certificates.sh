#!/usr/bin/env bash
# Makes a certificate authority, and certificates of a server and of a client. See usage below.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: make-certificates.sh [FOLDER [HOST ...]]

Writes into FOLDER (this script's own if left out) ca.crt, ca.key, server.crt, server.key, client.crt, client.key, and
ssl.config, which tensorflow_model_server --ssl_config_file reads: clients must show a certificate of this authority.
HOST are the names that the server is called by: model-server, localhost and 127.0.0.1 if left out. Files that are
there already are kept: remove them first to make new ones. They are valid for a year; git ignores them.
TEXT
}

case "${1-}" in
    -h | --help) usage; exit 0 ;;
esac

folder=${1-$(dirname "$0")}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- model-server localhost 127.0.0.1
mkdir -p "$folder"
cd "$folder"
[ ! -e ca.key ] || { echo "make-certificates: $PWD/ca.key is there already; remove it first" >&2; exit 1; }
umask 077

names=()
for host in "$@"; do
    case "$host" in
        *[!0-9.]*) names+=("DNS:$host") ;;
        *) names+=("IP:$host") ;;
    esac
done

request() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj "/CN=$1" -keyout "$1.key" "${@:2}"
}

sign() {
    request "$1" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -sha256 -out "$1.crt" \
        -extfile <(printf 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=%s\nsubjectAltName=%s\n' "$2" "$3")
    rm "$1.csr"
}

{
    request ca -x509 -days 365 -out ca.crt -addext keyUsage=critical,keyCertSign
    sign server serverAuth "$(IFS=,; echo "${names[*]}")"
    sign client clientAuth DNS:client
} 2>make-certificates.log || { cat make-certificates.log >&2; exit 1; }
rm -f make-certificates.log ca.srl

text_of() {
    printf '%s: "' "$1"
    awk '{ printf "%s\\n", $0 }' "$2"
    printf '"\n'
}
{
    text_of server_key server.key
    text_of server_cert server.crt
    text_of custom_ca ca.crt
    echo "client_verify: true"
} >ssl.config
echo "make-certificates: written to $PWD for $*"
