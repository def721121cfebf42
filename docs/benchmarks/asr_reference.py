#!/usr/bin/env python3
"""Time and word errors of `oneiros bench asr` beside pywhispercpp and faster-whisper int8, in turns.

Usage: asr_reference.py ONEIROS STATE_DIR GGML_MODEL CT2_DIR ROUNDS CLIP.wav...

Each CLIP.wav has what is said in it beside it as CLIP.txt. All three find the language themselves and use two threads, as
their defaults have it but for faster-whisper's beam of 1. Prints every measurement, then the medians.
"""
import json, re, statistics, subprocess, sys, time

oneiros, state, ggml, ct2, rounds, clips = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6:]
THREADS = 2

from faster_whisper import WhisperModel
from pywhispercpp.model import Model

whisper_cpp = Model(ggml, n_threads=THREADS, print_progress=False, redirect_whispercpp_logs_to=None)
faster_whisper = WhisperModel(ct2, device="cpu", compute_type="int8", cpu_threads=THREADS)


def ours(clip):
    command = [oneiros, "bench", "asr", clip, "--model", "whisper-base", "--state-dir", state, "--threads", str(THREADS), "--rounds", "1", "--json"]
    # The peers' models are warm, and ours hears the recording once before it is measured.
    section = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["sections"][0]
    return section["figures"][0]["median"], section["details"]["text"]


def timed(transcribe):
    def run(clip):
        start = time.time()
        text = " ".join(segment.text for segment in transcribe(clip))
        return time.time() - start, text

    return run


PROGRAMS = {
    "oneiros": ours,
    "whisper.cpp": timed(lambda clip: whisper_cpp.transcribe(clip)),
    "faster-whisper int8": timed(lambda clip: faster_whisper.transcribe(clip, beam_size=1)[0]),
    "faster-whisper int8, its VAD": timed(lambda clip: faster_whisper.transcribe(clip, beam_size=1, vad_filter=True)[0]),
}


def words(text):
    return re.findall(r"[^\W_]+", re.sub(r"[’']", "", text.lower()))


def word_errors(said, heard):
    said, heard = words(said), words(heard)
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1] / len(said)


for clip in clips:
    said = open(clip[: -len("wav")] + "txt", encoding="utf-8").read()
    times, errors = {name: [] for name in PROGRAMS}, {name: [] for name in PROGRAMS}
    for number in range(rounds):
        for name, run in PROGRAMS.items():
            seconds, heard = run(clip)
            times[name].append(seconds)
            errors[name].append(word_errors(said, heard))
            print(f"{clip} round {number + 1}: {name}: {seconds:.3f} s, word error rate {errors[name][-1]:.4f}", flush=True)
    medians = {name: statistics.median(values) for name, values in times.items()}
    best = min(medians["whisper.cpp"], medians["faster-whisper int8"])
    for name in PROGRAMS:
        print(f"{clip} median: {name}: {medians[name]:.3f} s ({medians[name] / best:.2f} of the better peer's), word error rate {statistics.median(errors[name]):.4f}")
