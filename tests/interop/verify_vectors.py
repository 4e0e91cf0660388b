#!/usr/bin/env python3
"""Answer test vectors, so that another implementation can be compared with this one.

    python3 verify_vectors.py VECTORS.json [--json]

VECTORS.json is `{"vectors":[{"kind":…,"name":…,"expect":true|false, …}]}`; `expect` may be absent. A line per vector
(`name  true|false  [expected …]`), or with `--json` a list of `{"answer":…,"expect":…,"name":…}`. Exit 0 where every answer is the
expected one, else 7. HEX and B64 (standard base64) are strings, `note` and `text` are strings as they are. By kind:

| kind | members | true where |
|---|---|---|
| `jcs` | `input` text, `output` text | the JSON `input` (integers, no member twice) has the canonical form `output` |
| `canonical` | `input` text | `input` is canonical JSON |
| `base64` | `text` | it is base64 in its one form |
| `tree` | `leaves` [HEX], `root` HEX | RFC 6962 root over these leaves (data, not hashes) |
| `inclusion` | `leaf_hash` HEX, `index`, `size`, `path` [B64], `root` HEX | the path leads to the root |
| `consistency` | `old`, `new` sizes, `old_root`, `new_root` HEX, `path` [B64] | the proof holds |
| `ed25519` | `key`, `signature`, `message` HEX | strict verification (canonical S, A, R; no small order) |
| `vkey` | `vkey`, `type` 1 or 4 | a sound verifier key of that type |
| `note` | `note`, `vkey` | signed by the key, no wrong signature in its name |
| `checkpoint` | `note`, `vkey`, `origin`, `size`, `root` HEX | the same, and it is a tree head with these values |
| `cosignature` | `note`, `vkey` (type 4), `time` | the witness cosigned, at the earliest at `time` |
| `envelope` | `envelope`, `keys` [VKEY], `statement` (`plan`, `run`, …) | the statement is signed by these keys and no others |
| `dsse` | `envelope`, `keys` [HEX] | every signature is of the key at its place; any payload and type |
| `commitment` | `purpose`, `salt` HEX, `content` B64, `commitment` HEX | docs/bundle.md, Commitments |
| `entry` | `event`, `salt` HEX, `leaf_hash` HEX | docs/bundle.md, Entries |
| `sample` | `key` HEX, `n`, `content` B64, `leaf_hash` HEX | docs/bundle.md, Samples |
| `tile` | `level`, `index`, `width` (null: full), `path` | tlog-tiles path; level null: entries |
| `proof` | `text`, `leaf_hash` HEX, `vkey` | tlog-proof of that leaf, its head signed by the key |
| `container` | `zip` B64 | canonical container |
"""
import argparse, hmac, json, struct, sys
from formats import (Bad, Head, Note, Vkey, commit, consistent, demand, ed25519, jcs, leaf_hash, open_envelope, pae, parse_json,
                     read_json, root_by_inclusion, tree_root, unbase64, unpack)

h = bytes.fromhex


def path(hashes):
    nodes = [unbase64(text, "a hash") for text in hashes]
    demand(all(len(node) == 32 for node in nodes), "a hash is not 32 bytes")
    return nodes


def tile_path(level, index, width):
    digits = f"{index:0{-(-len(str(index)) // 3) * 3}}"
    groups = [digits[n:n + 3] for n in range(0, len(digits), 3)]
    demand((level is None or 0 <= level <= 63) and index >= 0 and (width is None or 1 <= width <= 255), "no such tile")
    name = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return f"tile/{'entries' if level is None else level}/{name}" + ("" if width is None else f".p/{width}")


def checkpoint(v):
    head = Head(v["note"].encode(), "the note")
    return head.signed_by(Vkey(v["vkey"], 1)) and (head.origin, head.size, head.root) == (v["origin"], v["size"], h(v["root"]))


def dsse(v):
    envelope, keys = v["envelope"], v["keys"]
    message = pae(envelope["payloadType"], unbase64(envelope["payload"], "the payload"))
    signatures = envelope["signatures"]
    return len(keys) == len(signatures) > 0 and all(
        ed25519(h(key), unbase64(s["sig"], "a signature"), message) for key, s in zip(keys, signatures))


def sample(v):
    salt = hmac.digest(h(v["key"]), b"proofhouse/salt/v1\n" + struct.pack(">Q", v["n"]), "sha256")
    return leaf_hash(b"\2" + commit("sample", salt, unbase64(v["content"], "content"))) == h(v["leaf_hash"])


def proof(v):
    front, _, rest = v["text"].partition("\n\n")
    lines = front.split("\n")
    demand(lines.pop(0) == "c2sp.org/tlog-proof@v1", "no tlog-proof")
    if lines and lines[0].startswith("extra "):
        unbase64(lines.pop(0)[6:], "extra")
    word, _, index = lines.pop(0).partition(" ")
    demand(word == "index" and index.isascii() and index.isdigit() and str(int(index)) == index, "no index")
    head = Head(rest.encode(), "the head")
    return head.signed_by(Vkey(v["vkey"], 1)) and root_by_inclusion(h(v["leaf_hash"]), int(index), head.size, path(lines)) == head.root


# `(f(…), True)[1]`: true unless `f` raises `Bad`.
KINDS = {
    "jcs": lambda v: jcs(read_json(v["input"].encode())) == v["output"].encode(),
    "canonical": lambda v: (parse_json(v["input"].encode(), "input"), True)[1],
    "base64": lambda v: (unbase64(v["text"], "text"), True)[1],
    "tree": lambda v: tree_root(leaf_hash(h(leaf)) for leaf in v["leaves"]) == h(v["root"]),
    "inclusion": lambda v: root_by_inclusion(h(v["leaf_hash"]), v["index"], v["size"], path(v["path"])) == h(v["root"]),
    "consistency": lambda v: consistent(v["old"], h(v["old_root"]), v["new"], h(v["new_root"]), path(v["path"])),
    "ed25519": lambda v: ed25519(h(v["key"]), h(v["signature"]), h(v["message"])),
    "vkey": lambda v: (Vkey(v["vkey"], v["type"]), True)[1],
    "note": lambda v: Note(v["note"].encode(), "the note").signed_by(Vkey(v["vkey"], 1)),
    "checkpoint": checkpoint,
    "cosignature": lambda v: Head(v["note"].encode(), "the note").cosigned_at(Vkey(v["vkey"], 4)) == v["time"],
    "envelope": lambda v: (open_envelope(v["envelope"], v["statement"], [Vkey(k, 1) for k in v["keys"]], "it"), True)[1],
    "dsse": dsse,
    "commitment": lambda v: commit(v["purpose"], h(v["salt"]), unbase64(v["content"], "content")) == h(v["commitment"]),
    "entry": lambda v: leaf_hash(b"\1" + commit("entry", h(v["salt"]), jcs(v["event"]))) == h(v["leaf_hash"]),
    "sample": sample,
    "tile": lambda v: tile_path(v["level"], v["index"], v["width"]) == v["path"],
    "proof": proof,
    "container": lambda v: (unpack(unbase64(v["zip"], "zip")), True)[1],
}


def answer(vector):
    """What this implementation says. A vector of unknown kind or without its members is an error, not a `false`."""
    try:
        return bool(KINDS[vector["kind"]](vector))
    except (Bad, ValueError, RecursionError, struct.error):
        return False


def main():
    parser = argparse.ArgumentParser(description="answer test vectors")
    parser.add_argument("vectors")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with open(args.vectors, encoding="utf-8") as file:
        vectors = json.load(file)["vectors"]
    answers = [{"answer": answer(v), "expect": v.get("expect"), "name": v["name"]} for v in vectors]
    if args.json:
        print(json.dumps(answers, ensure_ascii=False))
    else:
        for a in answers:
            wrong = "" if a["expect"] in (None, a["answer"]) else f"  expected {str(a['expect']).lower()}"
            print(f"{a['name']:<40} {str(a['answer']).lower()}{wrong}")
    return 0 if all(a["expect"] in (None, a["answer"]) for a in answers) else 7


if __name__ == "__main__":
    sys.exit(main())
