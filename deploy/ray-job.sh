#!/bin/sh
# Backfill on a Ray cluster: submits the driver as a job of the cluster, whose nodes then process the shards.
#
#   RAY_API_SERVER_ADDRESS=http://head:8265 deploy/ray-job.sh s3://renders/ --stats sampled
#
# Every node needs exr-inspector (pip install 'exr-inspector[ray]', or its image) and the same access to store and database.
# The driver reads the settings from its environment (or from files below /secrets) and sends them to the workers with the
# tasks. To continue after a stop, submit it again: files that are already stored are skipped.
set -eu
exec ray job submit --submission-id "exr-ingest-$(date +%Y%m%d-%H%M%S)" -- exr-inspector ingest "$@" --engine ray
