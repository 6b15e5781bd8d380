#!/bin/bash
# The same by one signed call, without the half second that the command line takes to start.
. "$(dirname "$0")/settings"
exec curl --silent --show-error --max-time 5 --aws-sigv4 "aws:amz:$AWS_REGION:ec2" \
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    --data-urlencode Action=ReplaceRoute --data-urlencode Version=2016-11-15 \
    --data-urlencode "RouteTableId=$1" --data-urlencode "DestinationCidrBlock=$DESTINATION" \
    --data-urlencode "NetworkInterfaceId=$2" "$ENDPOINT"
