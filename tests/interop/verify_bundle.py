#!/usr/bin/env python3
"""Check a `bundle.proof` with nothing but docs/bundle.md, the standard library and `cryptography`.

A second opinion: written from the specification, without a line of the program that makes bundles. It reads one file, asks
nobody, changes nothing. Checks 1 to 13 of docs/bundle.md are made here; `numbers` and `pages` need the program's own analysis
and are `not checkable by this program` (they count for the exit code with `--strict` alone).

    python3 verify_bundle.py BUNDLE --key VKEY|FILE [--witness VKEY|FILE ...] [--quorum K] [--json] [--strict]

Exit codes: 0 all checked and witnessed; 7 something is wrong; 8 nothing is wrong, but something is not witnessed, not vouched
for or not checkable; 2 the command line is.
The formats are in `formats.py`. Where the specification leaves a choice the stricter reading is taken; such places are marked `choice:`.
"""
import argparse, hmac, json, os, re, struct, sys
from formats import (Bad, Head, Vkey, commit, consistent, demand, digest, fields, jcs, leaf_hash, number, open_envelope, parse_json,
                     root_by_inclusion, sample_members, sha256, tree_root, unbase64, unhex, unpack)

OK, FAILED, UNCHECKABLE = "ok", "FAILED", "not checkable"
WITNESSED, OPERATOR = "witnessed", "operator's word"
LINES = "container seal key heads witnesses consistency entries complete statements plan plan_first runs samples parts numbers pages"
BODIES = {"ledger.opened": "key origin program subject", "plan.locked": "plan", "run.closed": "run samples",
          "run.opened": "fingerprint kind plan resumed run task", "report.attested": "edition",
          "key.rotated": "new old rotation", "body.destroyed": "by entry reason"}


class Withheld(Exception):
    """What the check needs is not in this edition."""


class Bundle:
    def __init__(self, data, key, witnesses, quorum):
        self.data, self.given, self.witnesses, self.quorum = data, key, witnesses, quorum
        self.results, self.members, self.chain, self.heads, self.entries = [], None, [], {}, {}
        self.plans, self.opened, self.closed, self.attested = [], {}, {}, {}

    def verify(self):
        """All lines in the specification's order, as dictionaries."""
        for name in LINES.split():
            try:
                demand(name == "container" or self.members is not None, "`container` has failed")
                result, basis, detail = getattr(self, "check_" + name)()
            except Withheld as why:
                result, basis, detail = UNCHECKABLE, "-", str(why)
            except Bad as why:
                result, basis, detail = FAILED, "-", str(why)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, struct.error) as why:
                result, basis, detail = FAILED, "-", f"malformed ({type(why).__name__}: {why})"
            self.results.append({"basis": basis, "detail": detail, "name": name, "result": result})
        return self.results

    def basis(self):
        return WITNESSED if self.quorum_time(self.last) is not None else OPERATOR

    def quorum_time(self, head):
        """The second at which the quorum stood, or None: the K-th of the witnesses' earliest cosignatures."""
        times = sorted(t for t in map(head.cosigned_at, self.witnesses) if t is not None)
        return times[self.quorum - 1] if 0 < self.quorum <= len(times) else None

    def key_at(self, index):
        """The key in force for an entry of this index, or for a head of this size."""
        return [key for at, key in self.chain if at < index][-1] if index else self.chain[0][1]

    def settle(self, errors, detail, basis=None):
        demand(not errors, "; ".join(errors))
        return OK, basis or self.basis(), detail

    def each(self, items, action):
        """What `action` complains of, for all items."""
        errors = []
        for item in items:
            try:
                action(item)
            except Bad as why:
                errors.append(str(why))
        return errors

    def check_container(self):
        members = unpack(self.data)
        pattern = r"edition\.json|proofs\.json|seal\.json|entries/\d{8}\.json|heads/\d{10}\.note|parts/.+"
        for name in members:
            demand(re.fullmatch(pattern, name), f"`{name}` does not belong here")
        json_members = [n for n in members if n.endswith(".json") and not n.startswith("parts/")]
        self.json = {name: parse_json(members[name], name) for name in json_members}
        demand(not {"edition.json", "proofs.json", "seal.json"} - set(members), "edition, proofs or seal is missing")
        self.edition = fields(self.json["edition.json"], "attested heads key number origin parts samples version", "edition.json")
        demand(jcs(self.edition["version"]) == b"1", "edition.json is of another version")
        self.key = Vkey(self.edition["key"], 1)
        self.chain = [(-1, self.key)]
        for name in [n for n in members if n.startswith("heads/")]:
            head = Head(members[name], name)
            demand(name == f"heads/{head.size:010}.note", f"`{name}` has the head of {head.size}")
            self.heads[head.size] = head
        demand(self.heads and jcs(self.edition["heads"]) == jcs(sorted(self.heads)), "edition.json names other heads than are here")
        self.last = self.heads[max(self.heads)]
        for name in [n for n in members if n.startswith("entries/")]:
            self.entries[int(name[8:16])] = self.json[name]
        self.members = members
        return OK, "arithmetic", f"{len(members)} members"

    def check_seal(self):
        predicate, subjects = open_envelope(self.json["seal.json"], "seal", [self.key], "the seal")
        found = {name: sha256(content) for name, content in self.members.items() if name != "seal.json"}
        changed = sorted(name for name in found | subjects if found.get(name) != subjects.get(name))
        demand(not changed, f"not what was sealed: {', '.join(f'`{name}`' for name in changed)}")
        expected = {"origin": self.last.origin, "root": "sha256:" + self.last.root.hex(), "size": self.last.size}
        demand(predicate == expected, "the seal is of another head")
        return OK, "the key", f"{len(subjects)} digests"

    def check_key(self):
        """Follows the rotations from entry 0 to the key of edition.json. choice: `key` there is the one in force at the last head."""
        demand(0 in self.entries, "entry 0, which names the key, is missing")
        opened = self.entries[0]["event"]
        demand(opened["kind"] == "ledger.opened", "entry 0 is not `ledger.opened`")
        chain = [(-1, Vkey(opened["body"]["key"], 1))]
        for index in sorted(self.entries):
            event = self.entries[index]["event"]
            if event["kind"] == "key.rotated":
                demand(event["body"]["old"] == chain[-1][1].text, f"entry {index} rotates another key")
                chain.append((index, Vkey(event["body"]["new"], 1)))
        self.chain = chain
        demand(chain[-1][1].text == self.key.text, "the key of edition.json is not the ledger's")
        for origin in [self.edition["origin"], opened["body"]["origin"]] + [head.origin for head in self.heads.values()]:
            demand(origin == self.edition["origin"], "the heads are of different ledgers")
            for _, key in chain:
                demand((origin + "/").startswith(key.name + "/"), f"`{origin}` does not lie below `{key.name}`")
        if self.given is None:
            raise Withheld(f"no key given; the bundle names `{self.key.text}`")
        # The key that is given may be named as a place above the origin: it is the key itself that must be the same.
        above = (self.edition["origin"] + "/").startswith(self.given.name + "/")
        demand(self.given.raw == self.key.raw and above, f"the bundle's key is `{self.key.text}`")
        return OK, "--key", f"`{self.key.name}`"

    def check_heads(self):
        def signed(size):
            demand(self.heads[size].signed_by(self.key_at(size)), f"head {size} is not signed by the ledger's key")
        return self.settle(self.each(self.heads, signed), f"sizes {sorted(self.heads)}", "the key")

    def check_witnesses(self):
        demand(all(w.raw not in [key.raw for _, key in self.chain] for w in self.witnesses), "a witness is the ledger itself")
        times = {size: self.quorum_time(head) for size, head in self.heads.items()}
        if times[self.last.size] is None:
            count = sum(self.last.cosigned_at(w) is not None for w in self.witnesses)
            demand(not self.quorum, f"{count} of the {self.quorum} witnesses needed cosigned head {self.last.size}")
            raise Withheld("no witness given")
        return OK, WITNESSED, f"{self.quorum} of {len(self.witnesses)} at {times[self.last.size]} s"

    def proof(self, hashes, what):
        demand(isinstance(hashes, list) and len(hashes) < 64, f"{what} is no proof")
        path = [unbase64(text, what) for text in hashes]
        demand(all(len(node) == 32 for node in path), f"{what} is no proof")
        return path

    def proofs(self, which, expected):
        proofs = fields(self.json["proofs.json"], "consistency inclusion size", "proofs.json")
        demand(jcs(proofs["size"]) == jcs(self.last.size), "proofs.json is for another head")
        demand(set(proofs[which]) == {str(n) for n in expected}, f"proofs.json has not the {which} of what is here")
        return {n: self.proof(proofs[which][str(n)], f"{which} of {n}") for n in expected}

    def check_consistency(self):
        earlier = [size for size in sorted(self.heads) if size != self.last.size]
        proofs = self.proofs("consistency", earlier)
        def follows(size):
            demand(consistent(size, self.heads[size].root, self.last.size, self.last.root, proofs[size]),
                   f"head {size} is not a past of head {self.last.size}")
        return self.settle(self.each(earlier, follows), f"{len(earlier)} earlier heads")

    def check_entries(self):
        proofs, leaves = self.proofs("inclusion", self.entries), {}
        def included(index):
            entry = fields(self.entries[index], "event index salt", f"entry {index}")
            event = fields(entry["event"], "at body kind version", f"entry {index}")
            demand(jcs([entry["index"], event["version"]]) == jcs([index, 1]), f"entry {index} has another index or version")
            demand(event["kind"] in BODIES, f"entry {index} is of an unknown kind")
            demand((event["kind"] == "ledger.opened") == (index == 0), f"entry {index}: a ledger is opened once")
            fields(event["body"], BODIES[event["kind"]], f"entry {index}")
            number(event["at"], "a time")
            leaf = leaf_hash(b"\1" + commit("entry", unhex(entry["salt"], "a salt"), jcs(event)))
            leaves[index] = leaf
            demand(root_by_inclusion(leaf, index, self.last.size, proofs[index]) == self.last.root, f"entry {index} is not in the ledger")
        result = self.settle(self.each(self.entries, included), f"{len(self.entries)} of {self.last.size}")
        if len(leaves) == self.last.size:
            for size, head in self.heads.items():
                demand(tree_root(leaves[n] for n in range(size)) == head.root, f"the entries do not give head {size}")
        return result

    def check_complete(self):
        missing = sorted(set(range(min(self.last.size, 10**6))) - set(self.entries))
        if missing:
            gone = sorted(e["event"]["body"]["entry"] for e in self.entries.values() if e["event"]["kind"] == "body.destroyed")
            raise Withheld(f"entries {str(missing[:9])[1:-1]}{' …' if missing[9:] else ''} are not here (destroyed: {gone})")
        return OK, self.basis(), "all entries"

    def check_statements(self):
        count = [0]
        def envelope(index, body, member, kind, keys=None):
            count[0] += 1
            return open_envelope(body[member], kind, keys or [self.key_at(index)], f"the {kind} of entry {index}")
        def read(index):
            body, kind = self.entries[index]["event"]["body"], self.entries[index]["event"]["kind"]
            if kind == "plan.locked":
                predicate, subjects = envelope(index, body, "plan", "plan")
                demand(list(subjects) == ["plan.json"], f"entry {index}: the plan's subject is not `plan.json`")
                for task in predicate["tasks"]:
                    number(fields(task, "digest epochs samples", f"a task of entry {index}")["samples"], "samples")
                    digest(task["digest"], "a task")
                for target in predicate["targets"]:
                    demand(target is None or digest(target, "a target"), "a target")
                self.plans.append((index, subjects["plan.json"], predicate))
            elif kind == "run.opened":
                for member in ("fingerprint", "plan", "task"):
                    demand(body[member] is None and member != "task" or digest(body[member], member), f"entry {index}: {member}")
                demand(body["kind"] in ("confirmatory", "exploratory") and type(body["resumed"]) is bool, f"entry {index}: kind")
                self.opened.setdefault(body["run"], []).append((index, body))
            elif kind == "run.closed":
                (run, files), (samples, roots) = envelope(index, body, "run", "run"), envelope(index, body, "samples", "samples")
                name = run["run"]
                logs = [f"runs/{name}/log-{n:03}.eval" for n in range(len(files) - 1)]
                demand(set(files) == {f"runs/{name}/run.json", *logs}, f"entry {index}: the subjects are not the files of `{name}`")
                demand(list(roots) == ["samples"] and samples["run"] == name, f"entry {index}: the samples are another run's")
                demand(name not in self.closed, f"entry {index} closes `{name}` again")
                self.closed[name] = {"at": index, "run": run, "files": files, "logs": logs, "root": roots["samples"], "size": samples["size"]}
            elif kind == "report.attested":
                predicate, subjects = envelope(index, body, "edition", "edition")
                demand(subjects == {"parts": sha256(jcs(predicate["parts"]))}, f"entry {index}: the subject is not the list of parts")
                self.attested[index] = predicate
            elif kind == "key.rotated":
                keys = [Vkey(body["old"], 1), Vkey(body["new"], 1)]
                predicate, subjects = envelope(index, body, "rotation", "rotation", keys)
                demand(subjects == {"old": sha256(keys[0].raw), "new": sha256(keys[1].raw)}, f"entry {index}: other keys")
                # choice: `size` is that of the ledger before the rotation, so the entry's own index.
                demand(predicate == {"origin": self.edition["origin"], "size": index}, f"entry {index}: another ledger or size")
        return self.settle(self.each(sorted(self.entries), read), f"{count[0]} envelopes")

    def part(self, name):
        """Content of a part; None where it is withheld or not in the list."""
        return self.members.get("parts/" + name)

    def confirmatory(self):
        return {run: opened for run, opened in self.opened.items() if any(body["kind"] == "confirmatory" for _, body in opened)}

    def check_plan(self):
        digests = {plan for _, plan, _ in self.plans}
        # choice: one plan per ledger. Whoever could lock several could show the one that fits.
        demand(len(digests) <= 1, f"{len(digests)} different plans were locked, entries {[index for index, *_ in self.plans]}")
        if not digests:
            demand("plan.json" not in self.edition["parts"] and not self.confirmatory(), "no plan was locked")
            return OK, self.basis(), "no plan, no confirmatory run"
        demand("plan.json" in self.edition["parts"], "`plan.json` is not among the parts")
        if self.part("plan.json") is None:
            raise Withheld("`plan.json` is withheld")
        demand(sha256(self.part("plan.json")) in digests, "`plan.json` is not the plan that was locked")
        return OK, self.basis(), f"entry {self.plans[0][0]}"

    def check_plan_first(self):
        """The first sample's start is the run statement's `started_at`: the operator's clock (see docs/bundle.md, last section)."""
        def first(run):
            index, body = self.confirmatory()[run][0]
            demand(all(b["kind"] == "confirmatory" for _, b in self.opened[run]), f"`{run}` changed its kind")
            demand(not body["resumed"], f"`{run}` was begun before it was recorded")  # choice: the first opening begins the run.
            locked = [(at, p) for at, plan, p in self.plans if at < index and "sha256:" + plan.hex() == body["plan"]]
            demand(locked, f"`{run}` was opened (entry {index}) before its plan was locked")
            plan_at, plan = locked[0]
            between = [head for size, head in self.heads.items() if plan_at < size <= index]
            demand(between, f"no head covers the plan (entry {plan_at}) before `{run}` was opened (entry {index})")
            times = [t for t in map(self.quorum_time, between) if t is not None]
            start = self.closed[run]["run"]["started_at"] if run in self.closed else -1
            if not times or min(times) * 1000 > start:
                late.append(run)
        late, runs = [], sorted(self.confirmatory())
        errors = self.each(runs, first)
        demand(not errors, "; ".join(errors))
        if len(self.entries) < self.last.size:  # choice: a run whose opening is not here could be an earlier one.
            raise Withheld("entries are missing; a run opened earlier could be among them")
        if late:
            return OK, OPERATOR, f"no quorum cosigned the plan before these started: {late}"
        return OK, WITNESSED if runs else self.basis(), f"{len(runs)} confirmatory runs, starts by the operator's clock (`started_at`)"

    def check_runs(self):
        withheld = []
        def whole(run):
            demand(run in self.opened, f"`{run}` was closed but never opened")
            demand(run in self.closed, f"`{run}` was opened but never closed")
            closed = self.closed[run]
            demand(closed["at"] > self.opened[run][-1][0], f"`{run}` was opened after it was closed")
            for _, body in self.opened[run]:
                for member in ("fingerprint", "kind", "plan", "task"):
                    demand(body[member] == closed["run"][member], f"`{run}` was closed with another {member} than it was opened")
            for name, expected in closed["files"].items():
                if self.part(name) is None:
                    withheld.append(name)
                else:
                    demand(sha256(self.part(name)) == expected, f"`{name}` is not what the run was closed with")
        errors = self.each(sorted(set(self.opened) | set(self.closed)), whole)
        covered = {name for closed in self.closed.values() for name in closed["files"]}
        for name in self.edition["parts"]:  # choice: a file below `runs/` that no run was closed with is no part of the record.
            if name.startswith("runs/") and name not in covered:
                errors.append(f"`{name}` belongs to no closed run")
        late = [run for run, closed in self.closed.items() if closed["at"] > self.edition["attested"] and
                set(closed["files"]) & set(self.edition["parts"])]
        errors += [f"`{run}` was closed after the report was attested" for run in late]  # choice: a report rests on closed runs.
        demand(not errors, "; ".join(errors))
        if withheld:
            raise Withheld(f"withheld: {', '.join(withheld)}")
        return OK, self.basis(), f"{len(self.closed)} runs"

    def check_samples(self):
        keys, withheld, total = self.edition["samples"], [], [0]
        def tree(run):
            closed = self.closed[run]
            if keys[run] is None or any(self.part(name) is None for name in closed["logs"]):
                return withheld.append(run)
            key, leaves = unhex(keys[run], "the key of the salts"), []
            for content in (c for name in closed["logs"] for c in sample_members(self.part(name), name)):
                salt = hmac.digest(key, b"proofhouse/salt/v1\n" + struct.pack(">Q", len(leaves)), "sha256")
                leaves.append(leaf_hash(b"\2" + commit("sample", salt, content)))
            demand(len(leaves) == closed["size"], f"`{run}` has {len(leaves)} samples, not {closed['size']}")
            demand(tree_root(leaves) == closed["root"], f"the samples of `{run}` do not give the root it was closed with")
            total[0] += len(leaves)
        demand(set(keys) == set(self.closed), "edition.json has not the samples of every closed run")
        errors = self.each(sorted(self.closed), tree)
        demand(not errors, "; ".join(errors))
        if withheld:
            raise Withheld(f"key or logs withheld: {', '.join(withheld)}")
        return OK, self.basis(), f"{total[0]} samples"

    def check_parts(self):
        demand(self.edition["attested"] in self.attested, f"entry {self.edition['attested']} attests no report")
        listed, salts = self.attested[self.edition["attested"]]["parts"], self.edition["parts"]
        names = [fields(part, "commitment name", "a part")["name"] for part in listed]
        demand(names == sorted(set(names)), "the attested list is not sorted")
        demand(set(salts) == set(names), "edition.json names other parts than were attested")
        present = {name[6:] for name in self.members if name.startswith("parts/")}
        demand(present == {name for name, salt in salts.items() if salt is not None}, "parts and salts do not match")
        def opens(part):
            if salts[part["name"]] is not None:
                got = commit("part", unhex(salts[part["name"]], "a salt"), self.part(part["name"]))
                demand(got.hex() == part["commitment"], f"`{part['name']}` is not what was attested")
        errors = self.each(listed, opens)
        demand(not errors, "; ".join(errors))
        withheld = sorted(set(names) - present)
        if withheld:
            demand(self.edition["number"] != 1, "edition 1 holds everything, but this one withholds parts")
            raise Withheld(f"withheld: {', '.join(withheld)}")
        later = [index for index in self.attested if index > self.edition["attested"]]
        return OK, self.basis(), f"{len(names)} parts" + (f"; attested again in {later}" if later else "")

    def check_numbers(self):
        return UNCHECKABLE, "-", "not checkable by this program"

    check_pages = check_numbers


def exit_code(results, strict):
    counted = [r for r in results if strict or r["name"] not in ("numbers", "pages")]
    if any(r["result"] == FAILED for r in counted):
        return 7
    return 8 if any(r["result"] == UNCHECKABLE or r["basis"] == OPERATOR for r in counted) else 0


def verify(data, key=None, witnesses=(), quorum=None, strict=False):
    """Results and exit code. Keys are `Vkey`s; without `quorum` all witnesses have to cosign."""
    witnesses = list({witness.raw: witness for witness in witnesses}.values())  # one key is one witness, whatever its names
    results = Bundle(data, key, witnesses, len(witnesses) if quorum is None else quorum).verify()
    return results, exit_code(results, strict)


def vkey_argument(text, kind):
    if os.path.isfile(text):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    return Vkey(text.strip(), kind)


def main():
    parser = argparse.ArgumentParser(description="check a bundle.proof")
    parser.add_argument("bundle")
    parser.add_argument("--key", help="the ledger's verifier key, or a file with it")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key (type 4), or a file with it")
    parser.add_argument("--quorum", type=int, help="how many witnesses are needed (default: all given)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--strict", action="store_true", help="let `numbers` and `pages` count for the exit code")
    args = parser.parse_args()
    try:
        key, witnesses = args.key and vkey_argument(args.key, 1), [vkey_argument(text, 4) for text in args.witness]
        demand(args.quorum is None or 1 <= args.quorum <= len({w.raw for w in witnesses}), "the quorum is not between 1 and the witnesses")
        with open(args.bundle, "rb") as file:
            data = file.read()
    except (Bad, OSError, UnicodeDecodeError) as error:
        parser.error(str(error))
    results, code = verify(data, key, witnesses, args.quorum, args.strict)
    if args.json:
        print(json.dumps({"checks": results, "exit": code}, ensure_ascii=False))
    else:
        for r in results:
            print(f"{r['name']:<12} {r['result']:<14} {r['basis']:<16} {r['detail']}")
    return code


if __name__ == "__main__":
    sys.exit(main())
