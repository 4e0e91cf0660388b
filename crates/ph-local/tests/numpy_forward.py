"""Llama forward pass in plain NumPy, independent of the runtime: python numpy_forward.py DIR < ids.json > logits.json

Reads config.json and the safetensors of DIR with readers of its own, calculates in float64, and prints the logits after
every token. Used by the integration test `references::logits_agree_with_numpy`.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np


def read_safetensors(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    tensors = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        start, end = info["data_offsets"]
        tensors[name] = decode(info["dtype"], data[start:end]).astype(np.float64).reshape(info["shape"])
    return tensors


def decode(kind, raw):
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[kind])


def read_weights(folder):
    weights = {}
    for path in sorted(folder.glob("*.safetensors")):
        weights.update(read_safetensors(path))
    return weights


def frequencies(config, head_dim):
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta") or config.get("rope_theta") or 10000.0
    plain = theta ** (-np.arange(0, head_dim, 2) / head_dim)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "linear":
        return plain / rope["factor"]
    if kind == "llama3":
        low, high, old = rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"]
        share = np.clip((old * plain / (2 * np.pi) - low) / (high - low), 0, 1)
        return plain * (share + (1 - share) / rope["factor"])
    assert kind == "default", kind
    return plain


def rotate(x, frequency):
    angle = np.arange(x.shape[0])[:, None] * frequency
    cos, sin = np.cos(angle)[:, None, :], np.sin(angle)[:, None, :]
    low, high = np.split(x, 2, axis=-1)
    return np.concatenate([low * cos - high * sin, high * cos + low * sin], axis=-1)


def norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def softmax(x):
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def forward(config, weights, ids):
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    frequency, eps, count = frequencies(config, head_dim), config["rms_norm_eps"], len(ids)

    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights.get(name + ".bias", 0.0)

    x = weights["model.embed_tokens.weight"][ids]
    mask = np.triu(np.full((count, count), -np.inf), 1)
    for n in range(config["num_hidden_layers"]):
        layer = f"model.layers.{n}."
        h = norm(x, weights[layer + "input_layernorm.weight"], eps)
        q = rotate(linear(h, layer + "self_attn.q_proj").reshape(count, heads, head_dim), frequency)
        k = rotate(linear(h, layer + "self_attn.k_proj").reshape(count, kv_heads, head_dim), frequency)
        v = linear(h, layer + "self_attn.v_proj").reshape(count, kv_heads, head_dim)
        k, v = (np.repeat(t, heads // kv_heads, axis=1) for t in (k, v))
        share = softmax(np.einsum("ihd,jhd->hij", q, k) / np.sqrt(head_dim) + mask)
        mixed = np.einsum("hij,jhd->ihd", share, v).reshape(count, -1)
        x = x + linear(mixed, layer + "self_attn.o_proj")
        h = norm(x, weights[layer + "post_attention_layernorm.weight"], eps)
        gate = linear(h, layer + "mlp.gate_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(h, layer + "mlp.up_proj"), layer + "mlp.down_proj")
    tied = config.get("tie_word_embeddings", False)
    return norm(x, weights["model.norm.weight"], eps) @ weights["model.embed_tokens.weight" if tied else "lm_head.weight"].T


def main():
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    print(json.dumps(forward(config, read_weights(folder), json.load(sys.stdin)).tolist()))


main()
