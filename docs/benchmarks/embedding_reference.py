#!/usr/bin/env python3
"""Cosines of our vectors to a reference made of the same model by other means.

    embedding_reference.py MODEL_DIR TEXTS.txt VECTORS.jsonl

VECTORS.jsonl is what `oneiros embed < TEXTS.txt` printed. A folder with model.onnx is computed by ONNX Runtime from
Python, one text at a time; one with model.safetensors by BERT's formulas in numpy, in double precision.
"""
import json
import math
import pathlib
import sys

import numpy
from tokenizers import Tokenizer

folder, texts, vectors = pathlib.Path(sys.argv[1]), open(sys.argv[2], encoding="utf-8").read().splitlines(), open(sys.argv[3], encoding="utf-8")
config = json.loads((folder / "config.json").read_text())
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"])


def onnx():
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    names = {given.name for given in session.get_inputs()}

    def run(ids):
        ids = numpy.array([ids])
        feed = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        return session.run(None, {name: value for name, value in feed.items() if name in names})[0][0]

    return run


def bert():
    content = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F32": numpy.float32, "I64": numpy.int64}
    weight = {
        name: numpy.frombuffer(content, types[tensor["dtype"]], math.prod(tensor["shape"]), 8 + length + tensor["data_offsets"][0])
        .reshape(tensor["shape"])
        .astype(numpy.float64)
        for name, tensor in header.items()
    }
    heads, error_function = config["num_attention_heads"], numpy.vectorize(math.erf)

    def linear(x, name):
        return x @ weight[name + ".weight"].T + weight[name + ".bias"]

    def normalised(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / numpy.sqrt((x**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return x * weight[name + ".weight"] + weight[name + ".bias"]

    def attention(x, name):
        query, key, value = (linear(x, f"{name}.self.{part}").reshape(len(x), heads, -1).swapaxes(0, 1) for part in ("query", "key", "value"))
        scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ value).swapaxes(0, 1).reshape(len(x), -1)
        return normalised(linear(mixed, name + ".output.dense") + x, name + ".output.LayerNorm")

    def run(ids):
        words, positions, types = (weight[f"embeddings.{part}_embeddings.weight"] for part in ("word", "position", "token_type"))
        x = normalised(words[ids] + positions[: len(ids)] + types[0], "embeddings.LayerNorm")
        for layer in range(config["num_hidden_layers"]):
            x = attention(x, f"encoder.layer.{layer}.attention")
            inner = linear(x, f"encoder.layer.{layer}.intermediate.dense")
            inner = inner * (1 + error_function(inner / math.sqrt(2))) / 2
            x = normalised(linear(inner, f"encoder.layer.{layer}.output.dense") + x, f"encoder.layer.{layer}.output.LayerNorm")
        return x

    return run


run = onnx() if (folder / "model.onnx").exists() else bert()
cosines = []
for text, line in zip(texts, vectors, strict=True):
    ours, reference = numpy.array(json.loads(line)), run(tokenizer.encode(text).ids).mean(0)
    cosines.append(ours @ reference / numpy.linalg.norm(ours) / numpy.linalg.norm(reference))
print(f"{len(cosines)} texts: cosine at least {min(cosines):.7f}, mean {numpy.mean(cosines):.7f}")
