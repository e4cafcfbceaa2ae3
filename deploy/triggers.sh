#!/usr/bin/env bash
# Creates the three triggers of deploy/pipeline.yaml. Versions of vastde spell two flags differently (--events or --event,
# --topic-name or --topic): the script reads the spelling from `vastde triggers create ... --help`.
set -euo pipefail
if [ $# -lt 4 ] || [ $# -gt 5 ]; then
  echo "usage: deploy/triggers.sh BUCKET PREFIX BROKER TOPIC [CRON]   (PREFIX may be ''; CRON is '*/15 * * * *' without one)" >&2
  exit 2
fi
bucket=$1 prefix=$2 broker=$3 topic=$4 cron=${5:-*/15 * * * *}

flag() { # flag KIND LONG SHORT: prints the spelling that this vastde accepts
  local help
  help=$(vastde triggers create "$1" --help 2>&1)
  if [[ $help =~ $2([^a-z-]|$) ]]; then echo "$2"; else echo "$3"; fi
}

events_flag=$(flag element --events --event)
topic_flag=$(flag element --topic-name --topic)
for pair in "exr-created ObjectCreated:*" "exr-removed ObjectRemoved:*"; do
  vastde triggers create element --name "${pair%% *}" --source-bucket "$bucket" "$events_flag" "${pair#* }" \
    --name-prefix "$prefix" --name-suffix .exr "$topic_flag" "$topic" --broker-type Internal --broker-name "$broker"
done
topic_flag=$(flag schedule --topic-name --topic)
vastde triggers create schedule --name exr-schedule --cron-schedule "$cron" \
  "$topic_flag" "$topic" --broker-type Internal --broker-name "$broker"
