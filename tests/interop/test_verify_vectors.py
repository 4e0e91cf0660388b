#!/usr/bin/env python3
"""Tries `verify_vectors.py` on vectors of others (RFC 6962, RFC 8032, RFC 8785, Go's note package, tlog-tiles) and on our own.

    python3 -m unittest test_verify_vectors
"""
import unittest
from formats import commit, jcs, leaf_hash
from make_bundle import Maker, b64, consistency, inclusion, root
from verify_vectors import KINDS, answer

# The leaves and roots of certificate-transparency's Merkle tree tests.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOT_0, ROOT_1 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
ROOT_8 = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = ("If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n")
RFC8032 = {"key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "message": "", "signature":
           "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"}
L = 2**252 + 27742317777372353535851937790883648493


class Vectors(unittest.TestCase):
    def check(self, expected, kind, **members):
        self.assertIs(answer(members | {"kind": kind}), expected, (kind, members))

    def test_trees(self):
        for n, known in ((0, ROOT_0), (1, ROOT_1), (8, ROOT_8)):
            self.check(True, "tree", leaves=LEAVES[:n], root=known)
        self.check(False, "tree", leaves=LEAVES[::-1], root=ROOT_8)

    def test_proofs_of_all_small_trees(self):
        hashes = [leaf_hash(bytes([n])) for n in range(20)]
        roots = [root(hashes[:n]).hex() for n in range(21)]
        for size in range(1, 21):
            for m in range(size):
                path = [b64(x) for x in inclusion(m, hashes[:size])]
                vector = {"leaf_hash": hashes[m].hex(), "root": roots[size], "size": size}
                self.check(True, "inclusion", index=m, path=path, **vector)
                self.check(False, "inclusion", index=m + 1, path=path, **vector)
                self.check(False, "inclusion", index=m, path=path + [b64(hashes[0])], **vector)
                self.check(False, "inclusion", index=m, path=path[:-1] if path else [b64(hashes[0])], **vector)
            for m in range(1, size + 1):
                path = [b64(x) for x in consistency(m, hashes[:size])]
                vector = {"new": size, "new_root": roots[size], "path": path}
                self.check(True, "consistency", old=m, old_root=roots[m], **vector)
                self.check(False, "consistency", old=m, old_root=roots[m - 1], **vector)
                self.check(False, "consistency", old=m, old_root=roots[m], **vector | {"path": path + [b64(hashes[0])]})
                if path:
                    self.check(False, "consistency", old=m, old_root=roots[m], **vector | {"path": path[:-1]})

    def test_notes(self):
        self.check(True, "vkey", vkey=NEUMANN, type=1)
        self.check(False, "vkey", vkey=NEUMANN, type=4)
        self.check(True, "note", note=NOTE, vkey=NEUMANN)
        self.check(False, "note", note=NOTE.replace("answer", "Answer"), vkey=NEUMANN)
        self.check(False, "note", note=NOTE[:-1], vkey=NEUMANN)
        self.check(False, "note", note=NOTE.replace("— ", "- "), vkey=NEUMANN)

    def test_ed25519(self):
        self.check(True, "ed25519", **RFC8032)
        signature = bytes.fromhex(RFC8032["signature"])
        s = int.from_bytes(signature[32:], "little") + L
        self.check(False, "ed25519", **RFC8032 | {"signature": (signature[:32] + s.to_bytes(32, "little")).hex()})
        identity = (1).to_bytes(32, "little").hex()
        self.check(False, "ed25519", key=identity, signature=identity + "00" * 32, message="")

    def test_json(self):
        self.check(True, "jcs", input='{"\\u20ac":1,"b" : [ true,null, -5 ],"a":"\\u000f\\u0041\\n\\/"}', output='{"a":"\\u000fA\\n/","b":[true,null,-5],"€":1}')
        self.check(True, "jcs", input='{"\U0001f600":1,"\ufb33":2}', output='{"\U0001f600":1,"\ufb33":2}')
        for text in ("1.5", "1e2", '{"a":1,"a":2}', "9007199254740992", '"\\ud800"'):
            self.check(False, "jcs", input=text, output=text)
        self.check(True, "canonical", input='{"a":9007199254740991,"b":[]}')
        self.check(False, "canonical", input='{"b":1,"a":1}')
        self.check(True, "base64", text="AAA=")
        for text in ("AAB=", "AAA", "AAA=\n", "_-8="):
            self.check(False, "base64", text=text)

    def test_tiles(self):
        self.check(True, "tile", level=0, index=1234067, width=None, path="tile/0/x001/x234/067")
        self.check(True, "tile", level=1, index=0, width=17, path="tile/1/000.p/17")
        self.check(True, "tile", level=None, index=1000, width=255, path="tile/entries/x001/000.p/255")
        self.check(False, "tile", level=0, index=0, width=256, path="tile/0/000.p/256")

    def test_bundle(self):
        maker = Maker().usual()
        hashes = [maker.leaf(n) for n in range(5)]
        note, top = maker.notes[5].decode(), root(hashes)
        head = {"note": note, "origin": maker.origin, "size": 5, "vkey": maker.key.vkey}
        self.check(True, "checkpoint", root=top.hex(), **head)
        self.check(False, "checkpoint", root=hashes[0].hex(), **head)
        self.check(True, "cosignature", note=note, vkey=maker.witnesses[0].vkey, time=1_790_000_005)
        self.check(False, "cosignature", note=note, vkey=maker.witnesses[0].vkey, time=1_790_000_004)
        envelope = maker.events[1]["body"]["plan"]
        self.check(True, "envelope", envelope=envelope, keys=[maker.key.vkey], statement="plan")
        self.check(False, "envelope", envelope=envelope, keys=[maker.key.vkey], statement="run")
        self.check(True, "dsse", envelope=envelope, keys=[maker.key.raw.hex()])
        self.check(False, "dsse", envelope=envelope | {"payloadType": "x"}, keys=[maker.key.raw.hex()])
        self.check(True, "entry", event=maker.events[2], salt=maker.salt("entry 2").hex(), leaf_hash=hashes[2].hex())
        self.check(False, "entry", event=maker.events[3], salt=maker.salt("entry 2").hex(), leaf_hash=hashes[2].hex())
        self.check(True, "commitment", purpose="part", salt="00" * 32, content="AA==", commitment=commit("part", bytes(32), b"\0").hex())
        self.check(False, "commitment", purpose="entry", salt="00" * 32, content="AA==", commitment=commit("part", bytes(32), b"\0").hex())
        lines = [b64(x) for x in inclusion(3, hashes)]
        proof = "\n".join(["c2sp.org/tlog-proof@v1", "index 3", *lines, "", note])
        self.check(True, "proof", text=proof, leaf_hash=hashes[3].hex(), vkey=maker.key.vkey)
        self.check(False, "proof", text=proof, leaf_hash=hashes[2].hex(), vkey=maker.key.vkey)

    def test_an_unknown_kind_is_an_error(self):
        with self.assertRaises(KeyError):
            answer({"kind": "other"})
        self.assertIn("sample", KINDS)


if __name__ == "__main__":
    unittest.main()
