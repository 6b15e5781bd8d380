#!/bin/bash
# keepalived's own checks come once a second at most. This one pings the far end of the tunnel ten times a second and writes
# what it finds into the file that keepalived watches. Down is silence for 0.4 s: three pings in a row and the time
# of their answers. Two would be fooled several times an hour by a line that loses one packet of a hundred each way.
. "$(dirname "$0")/settings"
file=$(dirname "$0")/tunnel
silence=0.4
while :; do
    coproc PINGS { exec ping -n -i 0.1 "$FAR_END"; }
    says=0
    # The first line is ping's greeting, and no answer.
    read -r _ <&"${PINGS[0]}"
    while :; do
        if read -r -t "$silence" line <&"${PINGS[0]}"; then
            case $line in *time=*) now=0 ;; *) continue ;; esac
        elif [ $? -gt 128 ]; then
            now=1
        else
            break
        fi
        [ "$now" = "$says" ] || echo "$now" >"$file"
        says=$now
    done
    echo 1 >"$file"
    sleep 1
done
