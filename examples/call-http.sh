#!/bin/bash
# Submit a call over HTTP, follow its stream, print its result: curl and jq.
#
# usage: call-http.sh HOST PROCEDURE [ARGUMENTS]
#
# ARGUMENTS is a JSON list or object. The lines printed are the dispatcher's own.
# Exit status: 0 result, 1 any other end, 3 refused, 7 no dispatcher.
set -euo pipefail

server=${HARPCALLER_HTTP:-http://127.0.0.1:3580}

# Sent again with the same key, this is the same call: nothing runs twice.
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
call=$(jq -nc --arg host "$1" --arg procedure "$2" --argjson arguments "${3:-[]}" \
    '$ARGS.named')
reply=$(curl -s --retry 3 --json "$call" -H "Idempotency-Key: $key" \
    "$server/v1/calls") || exit 7
id=$(jq -r '.job_id // empty' <<< "$reply")
[[ $id ]] || { echo "$reply" >&2; exit 3; }
echo "job $id" >&2

# Each packet has its number: where a stream breaks, it goes on behind the last one.
since=0
for (( try = 0; try < 10; try++ )); do
    event=message
    while IFS= read -r line; do
        case $event:$line in
            *:'event: '*) event=${line#event: } ;;
            *:'id: '*) since=$((${line#id: } + 1)) try=0 ;;
            message:'data: '*) printf '%s\n' "${line#data: }" ;;
            end:'data: {"result":'*) printf '%s\n' "${line#data: }"; exit 0 ;;
            end:'data: '*) printf '%s\n' "${line#data: }"; exit 1 ;;
            *:) event=message ;;
        esac
    done < <(curl -sN --fail "$server/v1/jobs/$id/stream?since=$since")
    sleep 1
done
echo "no dispatcher; the job goes on" >&2
exit 7
