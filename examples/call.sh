#!/bin/bash
# Submit a call, follow its stream, print its result: bash and nothing else.
#
# usage: call.sh HOST PROCEDURE [ARGUMENTS]
#
# ARGUMENTS is a JSON list or object. The lines printed are the dispatcher's own.
# Exit status: 0 result, 1 any other end, 3 refused, 7 no dispatcher.
set -euo pipefail

server=${HARPCALLER_SERVER:-127.0.0.1:3502}
host=$1 procedure=$2 arguments=${3:-[]}

exec {wire}<>"/dev/tcp/${server%:*}/${server##*:}" || exit 7

# HOST and PROCEDURE are pasted in as they are: quotes in them would need escaping.
printf '{"harpcaller":1,"host":"%s","procedure":"%s","arguments":%s}\n' \
    "$host" "$procedure" "$arguments" >&"$wire"
IFS= read -r reply <&"$wire" || exit 7
case $reply in
    *'"job_id":"'*) id=${reply#*'"job_id":"'} id=${id%%'"'*} ;;
    *) echo "$reply" >&2; exit 3 ;;
esac
echo "job $id" >&2

# The second request goes over the same connection.
printf '{"harpcaller":1,"follow_stream":"%s","since":0}\n' "$id" >&"$wire"
while IFS= read -r reply <&"$wire"; do
    printf '%s\n' "$reply"
    case $reply in
        '{"packet":'*) ;;
        '{"result":'*) exit 0 ;;
        *) exit 1 ;;
    esac
done
echo "the connection broke; the job goes on" >&2
exit 7
