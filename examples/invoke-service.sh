#!/bin/bash
# Invoke a service of DEP 6 and print its result: curl and jq.
#
# usage: invoke-service.sh SERVICE [INVOCATION]
#
# INVOCATION is the JSON object that the service's definition asks for.
# Exit status: 0 result, 1 the job failed, 3 refused, 7 no dispatcher.
set -euo pipefail

server=${HARPCALLER_HTTP:-http://127.0.0.1:3580}
service=$server/services/$1

curl -s --fail -o /dev/null "$service/heartbeat" ||
    echo "the service is not available; it may refuse" >&2
reply=$(curl -s --json "${2:-"{}"}" "$service/jobs") || exit 7
id=$(jq -r '.jobid // empty' <<< "$reply")
[[ $id ]] || { echo "$reply" >&2; exit 3; }
echo "job $id" >&2

# 202 has no result yet: each answer comes when there is one, or after a minute.
code=202
while [[ $code == 202 ]]; do
    answer=$(curl -s -w '\n%{http_code}' "$service/jobs/result/$id?wait=60") || exit 7
    code=${answer##*$'\n'}
done
result=${answer%$'\n'*}
printf '%s\n' "$result"
[[ $code == 200 ]] || exit 3
jq -e '.status != "error"' <<< "$result" > /dev/null
