#!/bin/sh
# The procedure "filesystems": a packet for each file system on a disk of this machine,
# {"mount":..,"size_kib":..,"used_kib":..}. It takes no arguments.
#
# harpd gives the arguments as JSON on the standard input. Each line of the standard
# output that is JSON is streamed as that value, any other as a string. What goes to the
# standard error is logged, and a caller is told its end if the exit status is not 0.
set -eu

read -r arguments
if [ "$arguments" != "[]" ] && [ "$arguments" != "{}" ]; then
    echo "no arguments expected" >&2
    exit 2
fi

table=$(df -P -k) # -P: a line each, however long the names are
echo "$table" | while read -r device size used _ _ mount; do
    case $device in
    /*) ;;
    *) continue ;; # the heading, and what is on no disk
    esac
    mount=$(printf '%s' "$mount" | sed 's/["\\]/\\&/g') # as JSON wants it
    printf '{"mount":"%s","size_kib":%s,"used_kib":%s}\n' "$mount" "$size" "$used"
done
