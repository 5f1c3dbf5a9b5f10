#!/bin/bash
# Report a workflow of two steps to the monitor: curl and jq.
#
# usage: monitor-workflow.sh [NAME]
#
# It prints where the workflow's page is, then how the workflow ended.
# Exit status: 0 reported, 3 refused, 7 no dispatcher.
set -euo pipefail

server=${HARPCALLER_HTTP:-http://127.0.0.1:3580}
name=${1:-two steps}

reply=$(curl -s --json "$(jq -n --arg name "$name" '{$name}')" \
    "$server/m1/workflow/create/") || exit 7
id=$(jq -r '.id // empty' <<< "$reply")
[[ $id ]] || { echo "$reply" >&2; exit 3; }
echo "$server/workflows/$id/"

# Each message names a job; what else it says is kept as it is.
tell() {
    jq -n --arg id "$id" --argjson message "$1" \
        '{$id, $message, timestamp: (now | todate)}' |
        curl -s --fail --json @- -o /dev/null "$server/m1/workflow/update/" || exit 3
}

for step in 1 2; do
    tell "{\"jobid\": $step, \"level\": \"job_info\", \"name\": \"step $step\"}"
    sleep "${STEP_S:-1}"
    tell "{\"jobid\": $step, \"level\": \"job_finished\"}"
done
tell '{"jobid": 2, "level": "workflow_success"}'

# The outcome is written once the workflow has been silent for linger_s.
curl -s "$server/v1/jobs/$id/result?wait=60"
