#!/bin/bash
# keepalived calls this when the gateway becomes master for a route: take it, by the AWS command line.
. "$(dirname "$0")/settings"
exec "$AWS" --endpoint-url "$ENDPOINT" ec2 replace-route --route-table-id "$1" \
    --destination-cidr-block "$DESTINATION" --network-interface-id "$2"
