#!/bin/bash
# Runs a service of Harmony in two steps, with a dispatcher and a worker of its own, and
# prints the texts that come out of it. Nothing is left behind.
#
# harpcallerd, harpd, harp-harmony and a python3 with harmony-service-lib are looked up in
# PATH.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
dispatcher='' worker=''
trap 'status=$?; kill $dispatcher $worker 2>/dev/null || true
      [ $status = 0 ] || cat "$folder"/*.log >&2
      rm -rf "$folder"' EXIT

# What is trusted must belong to us, and nobody else may write to it.
cp "$here"/text-service "$here"/*.yml "$folder"
chmod -R go-w "$folder"
mkdir "$folder/data" "$folder/work"
echo 'a first text' >"$folder/data/one.txt"
echo 'and a second one' >"$folder/data/two.txt"

cat >"$folder/harpd.toml" <<END
listen = ["unix:$folder/harpd"]
harp2 = true
admin_socket = "$folder/harpd-admin"
$(for action in upper count; do
    cat <<PROCEDURE
[[procedure]]
name = "$action"
kind = "harmony_cli"
argv = ["$(command -v python3)", "$folder/text-service", "$action"]
roots = ["$folder"]
private_dir = "$folder"
PROCEDURE
done)
END
cat >"$folder/harpcaller.toml" <<END
listen = "unix:$folder/calls"
state_dir = "$folder/state"

[hosts.worker]
unix = "$folder/harpd"
harp2 = true

[adapters.harmony]
services = "$folder/services.yml"
bindings = "$folder/bindings.yml"
environment = "https://cmr.example.net"
granule_allow = ["file://$folder/data/"]
work_dir = "$folder/work"
END

harpd start --config "$folder/harpd.toml" 2>"$folder/harpd.log" &
worker=$!
harpcallerd --socket "$folder/admin" start --config "$folder/harpcaller.toml" \
    2>"$folder/harpcallerd.log" &
dispatcher=$!
harpcallerd --socket "$folder/admin" status --wait --timeout 20 >&2
until [ -S "$folder/harpd" ]; do sleep 0.1; done

sed "s|@FOLDER@|$folder|" "$here/message.json" >"$folder/message.json"
harp-harmony --dispatcher "unix:$folder/calls" --service example/text \
    --harmony-action invoke --harmony-input-file "$folder/message.json" \
    --harmony-metadata-dir "$folder/out" >&2

for item in "$folder"/out/*/*.json; do
    python3 - "$item" <<'END'
import json, sys
from urllib.request import urlopen

for asset in json.load(open(sys.argv[1])).get("assets", {}).values():
    print(asset["title"], urlopen(asset["href"]).read().decode(), sep=": ", end="")
END
done
