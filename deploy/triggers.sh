#!/usr/bin/env bash
# The two triggers of deploy/pipeline.yaml. Usage: deploy/triggers.sh BUCKET PREFIX BROKER TOPIC
set -euo pipefail
if [ $# -ne 4 ]; then
  echo "usage: deploy/triggers.sh BUCKET PREFIX BROKER TOPIC   (PREFIX may be '')" >&2
  exit 2
fi
bucket=$1 prefix=$2 broker=$3 topic=$4
for pair in "exr-created ObjectCreated:*" "exr-removed ObjectRemoved:*"; do
  vastde triggers create element --name "${pair%% *}" --source-bucket "$bucket" --events "${pair#* }" \
    --name-prefix "$prefix" --name-suffix .exr --topic-name "$topic" --broker-type Internal --broker-name "$broker"
done
