#!/bin/sh
# The steps of a CI job: recorded calls in, verdict out; no weights, no key, no network.
# Run it in this folder, with calls.bundle beside suite.yaml.
set -eu
export BLPO_CACHE_DIR="$PWD/.cache" BLPO_CACHE=offline
blpo cache import calls.bundle
blpo check suite.yaml --junit results/judges.xml --json results/judges.json \
    --markdown "${GITHUB_STEP_SUMMARY:-results/summary.md}"
