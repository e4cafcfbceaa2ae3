#!/bin/sh
# Backfill on a Ray cluster: submits the driver as a job of the cluster, which carries out the shards on all its nodes.
#
#   RAY_API_SERVER_ADDRESS=http://head:8265 deploy/ray-job.sh s3://renders/ --stats sampled
#
# Every node needs exr-inspector (pip install 'exr-inspector[ray]', or its image) and the same access to store and database.
# The settings are read by the driver from its environment (or from files below /secrets) and reach the workers with their
# tasks. Submit it again to go on after a stop: what is stored is skipped.
set -eu
exec ray job submit --submission-id "exr-ingest-$(date +%Y%m%d-%H%M%S)" -- exr-inspector ingest "$@" --engine ray
