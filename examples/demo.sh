#!/bin/bash
# Starts a dispatcher, calls it by hand and with harp, and stops it: what `make demo`
# runs. Nothing is left behind.
#
# harpcallerd and harp are looked up in PATH.
set -euo pipefail

folder=$(mktemp -d)
dispatcher=
trap 'status=$?; [ -z "$dispatcher" ] || kill "$dispatcher" 2>/dev/null || true
      [ $status = 0 ] || cat "$folder/log" >&2
      rm -rf "$folder"' EXIT

daemon() { harpcallerd --socket "$folder/admin" "$@"; }

title() { printf '\n== %s\n' "$*"; }

# Sends a line and prints what comes back, until the dispatcher closes or the job ends.
converse() {
    local wire reply
    exec {wire}<>"/dev/tcp/${address%:*}/${address##*:}"
    printf '> %s\n' "$1"
    printf '%s\n' "$1" >&"$wire"
    while IFS= read -r reply <&"$wire"; do
        printf '< %s\n' "$reply"
        case $reply in '{"packet":'*) ;; *) break ;; esac
    done
    exec {wire}>&-
    last=$reply
}

title 'a dispatcher with a worker beside it: harpcallerd start --dev'
daemon start --dev --state-dir "$folder/state" --listen 127.0.0.1:0 \
    >"$folder/log" 2>&1 &
dispatcher=$!
daemon status --wait --timeout 20
address=$(daemon status --json | sed 's/.*"listen": *\["\([^"]*\)".*/\1/')

title "a call by hand, as netcat would send it to $address"
converse '{"harpcaller":1,"host":"localhost","procedure":"count","arguments":{"n":5,"interval":0.3}}'
id=${last#*'"job_id":"'} id=${id%%'"'*}

title 'its packets, as they come'
converse "{\"harpcaller\":1,\"follow_stream\":\"$id\",\"since\":0}"

title 'the same in one word: harp call localhost count 5 -f'
harp --server "$address" call localhost count 5 -f

title 'a result stays: harp result'
harp --server "$address" result "$id"

title 'harpcallerd stop'
daemon stop
wait "$dispatcher"
dispatcher=
echo stopped
