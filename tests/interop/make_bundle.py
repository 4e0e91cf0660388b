#!/usr/bin/env python3
"""Make a small valid `bundle.proof` from docs/bundle.md, to try readers with. A test tool: its keys come from seeds.

    python3 make_bundle.py OUT [--seed HEX] [--witness-seed HEX ...] [--name NAME] [--withhold PART ...]

Prints the verifier keys as JSON. `test_verify_bundle.py` uses `Maker` directly, and tampers on the way.
"""
import argparse, base64, hmac, io, json, struct, sys, zipfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from formats import PAYLOAD_TYPE, STATEMENT, commit, jcs, leaf_hash, node_hash, pack, pae, sha256

NOW = 1_790_000_000_000


def b64(raw):
    return base64.b64encode(raw).decode()


def split(n):
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def root(hashes):
    """RFC 6962 2.1, as it is written there."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256()
    k = split(len(hashes))
    return node_hash(root(hashes[:k]), root(hashes[k:]))


def inclusion(m, hashes):
    """RFC 6962 2.1.1."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    return inclusion(m, hashes[:k]) + [root(hashes[k:])] if m < k else inclusion(m - k, hashes[k:]) + [root(hashes[:k])]


def consistency(m, hashes, whole=True):
    """RFC 6962 2.1.2."""
    if m == len(hashes):
        return [] if whole else [root(hashes)]
    k = split(len(hashes))
    if m <= k:
        return consistency(m, hashes[:k], whole) + [root(hashes[k:])]
    return consistency(m - k, hashes[k:], False) + [root(hashes[:k])]


class Signer:
    """An Ed25519 key with a name; kind 1 signs tree heads and envelopes, kind 4 cosigns."""

    def __init__(self, name, seed, kind=1):
        self.name, self.private = name, Ed25519PrivateKey.from_private_bytes(seed)
        self.raw = self.private.public_key().public_bytes_raw()
        encoded = bytes([kind]) + self.raw
        self.id = sha256(name.encode(), b"\n", encoded)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(encoded)}"

    def note_line(self, text):
        return f"— {self.name} {b64(self.id + self.private.sign(text.encode()))}\n"

    def cosign_line(self, text, time):
        signature = self.private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        return f"— {self.name} {b64(self.id + struct.pack('>Q', time) + signature)}\n"

    def envelope(self, kind, subjects, predicate, *others):
        payload = jcs({"_type": STATEMENT, "predicate": predicate, "predicateType": f"urn:proofhouse:{kind}:v1",
                       "subject": [{"digest": {"sha256": digest.hex()}, "name": name} for name, digest in subjects.items()]})
        return {"payload": b64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [
            {"keyid": sha256(s.raw).hex(), "sig": b64(s.private.sign(pae(PAYLOAD_TYPE, payload)))} for s in (self, *others)]}


def make_log(samples, method=zipfile.ZIP_DEFLATED):
    """Something like an `.eval` log: a header, samples, a summary."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("header.json"), b'{"version":2}', method)
        for n, text in enumerate(samples):
            archive.writestr(zipfile.ZipInfo(f"samples/{n}_epoch_1.json"), text.encode(), method)
        archive.writestr(zipfile.ZipInfo("summaries.json"), b"[]", method)
    return out.getvalue()


class Maker:
    """A ledger with a plan, a confirmatory run and a report. Tests change its attributes before `build`."""

    def __init__(self, seed=bytes(31) + b"\1", witness_seeds=(bytes(31) + b"\2",), name="example.org/lab"):
        self.key = self.current = Signer(name, seed)
        self.witnesses = [Signer(f"witness.example/w{n}", s, 4) for n, s in enumerate(witness_seeds)]
        self.origin, self.events, self.notes = f"{name}/a1", [], {}
        self.parts = {"plan.json": b'{"plan":"p1"}', "report.json": b'{"rate":"0.75"}', "report.html": b"<p>0.75</p>"}
        self.withhold, self.samples, self.number = set(), {}, 1
        self.lies = {}  # kind → a function of subjects and predicate that gives those that are signed instead
        self.task = "sha256:" + sha256(b"task").hex()
        self.plan_digest = "sha256:" + sha256(self.parts["plan.json"]).hex()

    def sign(self, kind, subjects, predicate, key=None, *others):
        subjects, predicate = self.lies.get(kind, lambda *true: true)(subjects, predicate)
        return (key or self.current).envelope(kind, subjects, predicate, *others)

    def salt(self, what):
        return sha256(b"a test's salt", what.encode())

    def append(self, kind, body):
        event = {"at": NOW + 1000 * len(self.events), "body": body, "kind": kind, "version": 1}
        self.events.append(event)
        return len(self.events) - 1

    def leaf(self, index, event=None):
        return leaf_hash(b"\1" + commit("entry", self.salt(f"entry {index}"), jcs(event or self.events[index])))

    def head(self, witnesses=None, time=None):
        """A tree head of what is there now, cosigned a second after its last entry."""
        size = len(self.events)
        text = f"{self.origin}\n{size}\n{b64(root([self.leaf(n) for n in range(size)]))}\n"
        seconds = time or NOW // 1000 + size
        lines = [w.cosign_line(text, seconds) for w in (self.witnesses if witnesses is None else witnesses)]
        self.notes[size] = (text + "\n" + self.current.note_line(text) + "".join(lines)).encode()

    def open_ledger(self):
        self.append("ledger.opened", {"key": self.key.vkey, "origin": self.origin, "program": "make_bundle", "subject": "a1"})

    def lock_plan(self, digest=None):
        digest = digest or sha256(self.parts["plan.json"])
        predicate = {"kind": "confirmatory", "locked_at": NOW, "plan": "p1", "seed": "7", "targets": [None],
                     "tasks": [{"digest": self.task, "epochs": 1, "samples": 4}]}
        return self.append("plan.locked", {"plan": self.sign("plan", {"plan.json": digest}, predicate)})

    def open_run(self, run="r1", kind="confirmatory", resumed=False):
        return self.append("run.opened", {"fingerprint": None, "kind": kind, "plan": self.plan_digest, "resumed": resumed,
                                          "run": run, "task": self.task})

    def close_run(self, run="r1", kind="confirmatory", logs=(("a", "b", "c"), ("d",)), started_at=None, size=None):
        """`logs`: samples of each log file, or its bytes; `size`: a size for the samples' statement that is not the real one."""
        files = {f"runs/{run}/log-{n:03}.eval": log if isinstance(log, bytes) else make_log(log) for n, log in enumerate(logs)}
        files[f"runs/{run}/run.json"] = b'{"run":"%s"}' % run.encode()
        self.parts |= files
        self.samples[run] = self.salt(f"samples of {run}").hex()
        leaves = []
        for name in sorted(n for n in files if n.endswith(".eval")):
            log = files[name]
            for info in zipfile.ZipFile(io.BytesIO(log)).infolist():
                if info.filename.startswith("samples/"):
                    at = info.header_offset + 30 + len(info.filename)
                    salt = hmac.digest(bytes.fromhex(self.samples[run]), b"proofhouse/salt/v1\n" + struct.pack(">Q", len(leaves)), "sha256")
                    leaves.append(leaf_hash(b"\2" + commit("sample", salt, log[at:at + info.compress_size])))
        predicate = {"completed_at": NOW + 60_000, "errors": 0, "fingerprint": None, "kind": kind, "plan": self.plan_digest, "run": run,
                     "samples": len(leaves), "started_at": started_at or NOW + 30_000, "status": "success", "task": self.task}
        subjects = {name: sha256(content) for name, content in sorted(files.items())}
        return self.append("run.closed", {
            "run": self.sign("run", subjects, predicate),
            "samples": self.sign("samples", {"samples": root(leaves)}, {"run": run, "size": len(leaves) if size is None else size})})

    def attest(self, number=1):
        listed = [{"commitment": commit("part", self.salt(name), content).hex(), "name": name}
                  for name, content in sorted(self.parts.items())]
        predicate = {"assessment": "a1", "number": number, "parts": listed}
        self.attested = self.append("report.attested", {
            "edition": self.sign("edition", {"parts": sha256(jcs(listed))}, predicate)})

    def rotate(self, seed):
        old, new = self.current, Signer(self.key.name, seed)
        rotation = self.sign("rotation", {"old": sha256(old.raw), "new": sha256(new.raw)},
                             {"origin": self.origin, "size": len(self.events)}, old, new)
        self.append("key.rotated", {"new": new.vkey, "old": old.vkey, "rotation": rotation})
        self.current = new

    def usual(self):
        """ledger.opened, plan.locked, HEAD 2, run.opened, run.closed, report.attested, HEAD 5."""
        self.open_ledger(), self.lock_plan(), self.head(), self.open_run(), self.close_run(), self.attest(), self.head()
        return self

    def members(self, without=()):
        """All members but the seal. `without`: indices of entries that are left out."""
        size, hashes = max(self.notes), [self.leaf(n) for n in range(len(self.events))][:max(self.notes)]
        here = [n for n in range(size) if n not in without]
        edition = {"attested": self.attested, "heads": sorted(self.notes), "key": self.current.vkey, "number": self.number,
                   "origin": self.origin, "parts": {n: None if n in self.withhold else self.salt(n).hex() for n in self.parts},
                   "samples": self.samples, "version": 1}
        proofs = {"consistency": {str(m): [b64(h) for h in consistency(m, hashes)] for m in sorted(self.notes)[:-1]},
                  "inclusion": {str(n): [b64(h) for h in inclusion(n, hashes)] for n in here}, "size": size}
        members = {"edition.json": jcs(edition), "proofs.json": jcs(proofs)}
        for n in here:
            members[f"entries/{n:08}.json"] = jcs({"event": self.events[n], "index": n, "salt": self.salt(f"entry {n}").hex()})
        members |= {f"heads/{size:010}.note": note for size, note in self.notes.items()}
        return members | {f"parts/{name}": content for name, content in self.parts.items() if name not in self.withhold}

    def seal(self, members, key=None):
        """The members with a seal for the last head that is among them."""
        members = {name: content for name, content in members.items() if name != "seal.json"}
        note = members[max(name for name in members if name.startswith("heads/"))].decode().split("\n")
        predicate = {"origin": note[0], "root": "sha256:" + base64.b64decode(note[2]).hex(), "size": int(note[1])}
        subjects = {name: sha256(content) for name, content in sorted(members.items())}
        return members | {"seal.json": jcs(self.sign("seal", subjects, predicate, key))}


def write(members):
    return b"".join(pack(sorted(members.items())))


def main():
    parser = argparse.ArgumentParser(description="make a small valid bundle.proof")
    parser.add_argument("out")
    parser.add_argument("--seed", type=bytes.fromhex, default=bytes(31) + b"\1")
    parser.add_argument("--witness-seed", type=bytes.fromhex, action="append", default=[])
    parser.add_argument("--name", default="example.org/lab")
    parser.add_argument("--withhold", action="append", default=[])
    args = parser.parse_args()
    maker = Maker(args.seed, args.witness_seed, args.name)
    maker.withhold, maker.number = set(args.withhold), 2 if args.withhold else 1
    with open(args.out, "wb") as file:
        file.write(write(maker.seal(maker.usual().members())))
    print(json.dumps({"key": maker.current.vkey, "witnesses": [w.vkey for w in maker.witnesses]}))


if __name__ == "__main__":
    sys.exit(main())
