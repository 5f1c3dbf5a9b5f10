#!/bin/bash
# Runs the workflow Manifest with a dispatcher and a worker of its own, and prints the
# packets and the message that comes back. Nothing is left behind.
#
# harpcallerd, harpd and harp are looked up in PATH.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
dispatcher='' worker=''
trap 'status=$?; kill $dispatcher $worker 2>/dev/null || true
      [ $status = 0 ] || cat "$folder"/*.log >&2
      rm -rf "$folder"' EXIT

# What is trusted must belong to us, and nobody else may write to it.
cp -r "$here/workflows" "$here/procedures" "$folder"
chmod -R go-w "$folder"
mkdir "$folder/data"
echo one >"$folder/data/a.txt"
echo two >"$folder/data/b.txt"

cat >"$folder/harpd.toml" <<END
listen = ["unix:$folder/harpd"]
harp2 = true
admin_socket = "$folder/harpd-admin"
$(for name in find-files write-manifest; do
    cat <<PROCEDURE
[[procedure]]
name = "$name"
argv = ["$folder/procedures/$name"]
result = "fd3"
arguments = [
    { name = "input", type = "json" },
    { name = "config", type = "json" },
    { name = "cumulus_config", type = "json", required = false },
]
PROCEDURE
done)
END
cat >"$folder/harpcaller.toml" <<END
listen = "unix:$folder/calls"
state_dir = "$folder/state"

[hosts.worker]
unix = "$folder/harpd"
harp2 = true

[adapters.cumulus]
workflows = "$folder/workflows"
END

harpd start --config "$folder/harpd.toml" 2>"$folder/harpd.log" &
worker=$!
harpcallerd --socket "$folder/admin" start --config "$folder/harpcaller.toml" \
    2>"$folder/harpcallerd.log" &
dispatcher=$!
harpcallerd --socket "$folder/admin" status --wait --timeout 20 >&2
until [ -S "$folder/harpd" ]; do sleep 0.1; done

export HARPCALLER_SERVER=unix:$folder/calls
message=$(tr -d '\n' <"$here/message.json" | sed "s|@FOLDER@|$folder/data|")
harp --json call @cumulus Manifest "message=$message" --follow
