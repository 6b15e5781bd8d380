#!/bin/bash
# The way of the article, in our own words: each gateway pings the other, and the far end of its own tunnel.
# Settings come from the environment. It looks at no error: it tries again in its next round.
pings=3      # of a round; all must be lost
timeout=1    # seconds that one ping waits
pause=2      # seconds between two rounds, and between two looks at an instance

answers() { ping -n -c "$pings" -W "$timeout" "$1" | grep -q 'time='; }
ec2() { "$AWS" --endpoint-url "$ENDPOINT" ec2 "$@"; }
point() {
    ec2 replace-route --route-table-id "$1" --destination-cidr-block "$DESTINATION" --network-interface-id "$2"
}
state_of_other() {
    ec2 describe-instances --instance-ids "$OTHER_INSTANCE" --output text \
        --query 'Reservations[0].Instances[0].State.Name'
}

# "The other is dead": take its route, stop it, start it when it is stopped, wait until it answers.
replace_other() {
    point "$OTHER_TABLE" "$OWN_INTERFACE"
    ec2 stop-instances --instance-ids "$OTHER_INSTANCE"
    until [ "$(state_of_other)" = stopped ]; do sleep "$pause"; done
    ec2 start-instances --instance-ids "$OTHER_INSTANCE"
    until answers "$OTHER_ADDRESS"; do sleep "$pause"; done
}

point "$OWN_TABLE" "$OWN_INTERFACE"
tunnel=up
while :; do
    answers "$OTHER_ADDRESS" || replace_other
    if answers "$FAR_END"; then
        [ "$tunnel" = up ] || point "$OWN_TABLE" "$OWN_INTERFACE"
        tunnel=up
    else
        [ "$tunnel" = down ] || point "$OWN_TABLE" "$OTHER_INTERFACE"
        tunnel=down
    fi
    sleep "$pause"
done
