#!/bin/bash
# Texts a second of an embedding model in GGUF, beside llama.cpp's own llama-embedding with the same file and threads, in
# turns. Both figures leave loading out: ours are measured in a running engine, the peer's from its first batch to its end.
#
#   embedding_llamacpp.sh ONEIROS STATE_DIR MODEL_ID TEXTS ROUNDS LLAMA_BIN_DIR
#
# TEXTS has one text a line, without the model's prefix. THREADS (2), BATCHES (512 2048: the peer's batch sizes).
set -eu -o pipefail
oneiros=$1 state=$2 model=$3 texts=$4 rounds=$5 peer=$6
threads=${THREADS:-2}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
sed 's/^/passage: /' "$texts" > "$work/texts"
count=$(grep -c . "$texts")
for round in $(seq "$rounds"); do
    for batch in ${BATCHES:-512 2048}; do
        began=$EPOCHREALTIME
        LD_LIBRARY_PATH=$peer "$peer/llama-embedding" -m "$state/artefacts/$model/$model.gguf" -f "$work/texts" -t "$threads" -tb "$threads" \
            -c "$batch" -b "$batch" -ub "$batch" --pooling mean --embd-output-format array 2> "$work/log" > "$work/vectors"
        # Its log counts from its start and has no line for the end.
        awk -F'[. ]' -v whole="$(awk "BEGIN { print $EPOCHREALTIME - $began }")" -v count="$count" -v name="round $round: llama-embedding, batch $batch" \
            '/batch_decode/ { printf "%s: %.1f texts/s\n", name, count / (whole - $1 * 60 - $2 - $3 / 1000); exit }' "$work/log"
    done
    "$oneiros" bench embedding "$model" --state-dir "$state" --threads "$threads" --texts "$texts" --rounds 1 \
        --sizes "${SIZES:-64}" --clients "${CLIENTS:-1}" 2> /dev/null |
        awk -v round="$round" '/^embedding/ { title = $0; sub(/ \(.*/, "", title) } /texts a second/ { print "round " round ": ours, " title ": " $(NF - 1) " texts/s" }'
done
