#!/bin/bash
# Texts a second of the embedding engines beside another program's, in turns, so that both meet the same machine.
#
#   embedding.sh ONEIROS STATE_DIR TEXTS ROUNDS PEER...
#
# ONEIROS is the executable, STATE_DIR holds the pulled models, TEXTS has one text a line. PEER... is a command that prints
# its own figures, one line a batch size. MODELS names the models to measure, THREADS their threads.
set -eu -o pipefail
oneiros=$1 state=$2 texts=$3 rounds=$4
shift 4
for round in $(seq "$rounds"); do
    echo "round $round: peer"
    "$@"
    for model in ${MODELS:-all-minilm-l6-v2-int8 all-minilm-l6-v2}; do
        echo "round $round: $model"
        "$oneiros" bench embedding "$model" --state-dir "$state" --threads "${THREADS:-2}" --texts "$texts" --rounds 1
    done
done
