#!/usr/bin/env python3
"""Tries `verify_bundle.py` on bundles that are right, damaged, or made by an operator who cheats with the right key.

    python3 -m unittest test_verify_bundle
"""
import json, os, subprocess, sys, tempfile, unittest
from make_bundle import NOW, Maker, Signer, b64, make_log, write
from formats import Bad, Vkey, jcs, pack, parse_json, sha256
from verify_bundle import FAILED, verify

LEDGER_KEY, WITNESS = Maker().key.vkey, Maker().witnesses[0].vkey
OTHER = Signer("example.org/lab", bytes(31) + b"\x63")


def look(data, key=LEDGER_KEY, witnesses=(WITNESS,), quorum=None, strict=False):
    results, code = verify(data, key and Vkey(key, 1), [Vkey(w, 4) for w in witnesses], quorum, strict)
    return {r["name"]: r for r in results}, code


def sealed(maker, change=None, key=None, without=()):
    """The bundle of a maker, its members changed by `change` before the operator seals it."""
    members = maker.members(without)
    if change:
        members = change(members) or members
    return write(maker.seal(members, key))


class Case(unittest.TestCase):
    def check(self, data, code, failed=(), unchecked=(), says="", **how):
        """Exit code, and exactly these checks FAILED; `unchecked` are among the ones that are not checkable."""
        results, got = look(data, **how)
        lines = "\n".join(f"{r['name']} {r['result']} {r['basis']} {r['detail']}" for r in results.values())
        self.assertEqual(got, code, lines)
        self.assertEqual({n for n, r in results.items() if r["result"] == FAILED}, set(failed.split() if failed else ()), lines)
        for name in unchecked.split() if unchecked else ():
            self.assertEqual(results[name]["result"], "not checkable", lines)
        self.assertIn(says, lines)


class Right(Case):
    def test_all_is_well(self):
        self.check(sealed(Maker().usual()), 0)
        self.check(sealed(Maker().usual()), 8, strict=True)

    def test_nobody_vouches(self):
        self.check(sealed(Maker().usual()), 8, key=None, unchecked="key", says="no key given")
        self.check(sealed(Maker().usual()), 8, witnesses=(), unchecked="witnesses", says="no witness given")

    def test_quorum(self):
        seeds = [bytes(31) + bytes([n]) for n in (2, 3, 4)]
        everyone = Maker(witness_seeds=seeds)
        names = [w.vkey for w in everyone.witnesses]
        some = Maker(witness_seeds=seeds[:2]).usual()
        self.check(sealed(everyone.usual()), 0, witnesses=names)
        self.check(sealed(some), 0, witnesses=names, quorum=2)
        self.check(sealed(some), 7, "witnesses", witnesses=names, quorum=3, says="2 of the 3 witnesses")

    def test_one_key_under_two_names_is_one_witness(self):
        twice = Maker(witness_seeds=[bytes(31) + b"\2"] * 2)
        self.check(sealed(twice.usual()), 7, "witnesses", witnesses=[w.vkey for w in twice.witnesses], quorum=2)

    def test_rotation(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.rotate(b"\7" * 32)
        maker.open_run(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 0, key=maker.current.vkey)
        self.check(sealed(maker), 7, "key", key=maker.key.vkey)

    def test_withheld(self):
        maker = Maker().usual()
        maker.number = 2
        maker.withhold = {"report.html"}
        self.check(sealed(maker), 8, unchecked="parts", says="withheld: report.html")
        maker.withhold = {"plan.json", "runs/r1/log-000.eval"}
        self.check(sealed(maker), 8, unchecked="plan runs samples parts", says="withheld: runs/r1/log-000.eval")
        maker.withhold, maker.samples = set(), {"r1": None}
        self.check(sealed(maker), 8, unchecked="samples", says="key or logs withheld: r1")

    def test_entry_left_out(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run(), maker.close_run()
        maker.append("body.destroyed", {"by": [], "entry": 9, "reason": "a test"})
        maker.attest(), maker.head()
        self.check(sealed(maker), 0)
        self.check(sealed(maker, without=(4,)), 8, unchecked="complete plan_first")

    def test_command(self):
        with tempfile.TemporaryDirectory() as folder:
            path, script = os.path.join(folder, "a.proof"), os.path.join(os.path.dirname(os.path.abspath(__file__)), "verify_bundle.py")
            with open(path, "wb") as file:
                file.write(sealed(Maker().usual()))
            with open(os.path.join(folder, "key"), "w") as file:
                file.write(LEDGER_KEY + "\n")
            run = lambda *args: subprocess.run([sys.executable, script, path, *args], capture_output=True, text=True)
            done = run("--key", os.path.join(folder, "key"), "--witness", WITNESS, "--json")
            self.assertEqual((done.returncode, json.loads(done.stdout)["exit"]), (0, 0), done.stderr)
            self.assertEqual(run().returncode, 8)
            self.assertEqual(run("--key", "rubbish").returncode, 2)


class Damaged(Case):
    """Whoever has no key can change nothing."""

    def test_every_byte(self):
        data = sealed(Maker().usual())
        for at in range(len(data)):
            bad = bytearray(data)
            bad[at] ^= 1 << at % 8
            self.assertEqual(look(bytes(bad))[1], 7, f"byte {at}")

    def test_cut_and_extended(self):
        data = sealed(Maker().usual())
        for at in range(0, len(data), 7):
            self.assertEqual(look(data[:at])[1], 7)
        self.check(data + b"\0", 7, "container " + ALL_BUT_CONTAINER)
        self.check(b"\0" + data, 7, "container " + ALL_BUT_CONTAINER)

    def test_every_byte_of_content(self):
        """With the container made anew, so that the seal has to see it."""
        members = Maker().usual().seal(Maker().usual().members())
        for name, content in members.items():
            for at in range(0, len(content), 3):
                changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]
                results, code = look(write(members | {name: changed}))
                self.assertEqual(code, 7, f"{name} at {at}")
                self.assertTrue(FAILED in (results["seal"]["result"], results["container"]["result"]), f"{name} at {at}")

    def test_number_in_report(self):
        members = Maker().usual().seal(Maker().usual().members())
        members["parts/report.json"] = members["parts/report.json"].replace(b"0.75", b"0.85")
        self.check(write(members), 7, "seal parts", says="`report.json` is not what was attested")

    def test_members_gone_added_swapped(self):
        whole = Maker().usual().seal(Maker().usual().members())
        for name in whole:
            self.assertEqual(look(write({n: c for n, c in whole.items() if n != name}))[1], 7, name)
        self.check(write(whole | {"parts/extra": b""}), 7, "seal parts")
        self.check(write(whole | {"note.txt": b""}), 7, "container " + ALL_BUT_CONTAINER)
        one, two = "entries/00000003.json", "entries/00000004.json"
        self.assertEqual(look(write(whole | {one: whole[two], two: whole[one]}))[1], 7)

    def test_second_signature_on_the_seal(self):
        members = Maker().usual().seal(Maker().usual().members())
        seal = json.loads(members["seal.json"])
        seal["signatures"] += seal["signatures"]
        self.check(write(members | {"seal.json": jcs(seal)}), 7, "seal")

    def test_wrong_key(self):
        self.check(sealed(Maker().usual()), 7, "key", key=OTHER.vkey)
        self.check(sealed(Maker().usual(), key=OTHER), 7, "seal")


class Cheating(Case):
    """What an operator can try who has the ledger's key, and seals what is false."""

    def test_every_byte_that_witnesses_cover(self):
        maker = Maker().usual()
        for name, content in maker.members().items():
            if name == "edition.json":
                continue
            for at in range(0, len(content), 3):
                def flip(members):
                    members[name] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]
                try:
                    data = sealed(maker, flip)
                except (ValueError, IndexError):
                    continue  # a head so broken that it cannot be sealed
                code = look(data)[1]
                cosignature_renamed = name.startswith("heads/") and code == 8
                self.assertTrue(code == 7 or cosignature_renamed, f"{name} at {at}: {code}")

    def test_entries_swapped_duplicated_changed(self):
        def swap(m):
            m["entries/00000003.json"], m["entries/00000004.json"] = m["entries/00000004.json"], m["entries/00000003.json"]
        def swap_with_index(m):
            one, two = (json.loads(m[f"entries/0000000{n}.json"]) for n in (3, 4))
            m["entries/00000003.json"], m["entries/00000004.json"] = jcs(two | {"index": 3}), jcs(one | {"index": 4})
        def duplicate(m):
            m["entries/00000003.json"] = jcs(json.loads(m["entries/00000002.json"]) | {"index": 3})
        def later(m):
            entry = json.loads(m["entries/00000002.json"])
            entry["event"]["at"] += 1
            m["entries/00000002.json"] = jcs(entry)
        self.check(sealed(Maker().usual(), swap), 7, "entries parts", says="entry 3")
        self.check(sealed(Maker().usual(), later), 7, "entries", says="entry 2 is not in the ledger")
        for change in (swap_with_index, duplicate):
            self.assertEqual(look(sealed(Maker().usual(), change))[0]["entries"]["result"], FAILED)

    def test_report_changed_and_sealed(self):
        def better(m):
            m["parts/report.json"] = m["parts/report.json"].replace(b"0.75", b"0.85")
        self.check(sealed(Maker().usual(), better), 7, "parts", says="`report.json` is not what was attested")

    def test_plan_changed_and_sealed(self):
        def other(m):
            m["parts/plan.json"] += b" "
        self.check(sealed(Maker().usual(), other), 7, "plan parts")

    def test_log_changed(self):
        def change(m):
            m["parts/runs/r1/log-001.eval"] = m["parts/runs/r1/log-000.eval"]
        self.check(sealed(Maker().usual(), change), 7, "runs samples parts", says="`runs/r1/log-001.eval`")

    def test_split_heads(self):
        """A head of size 2 from another history, signed and cosigned all the same."""
        other = Maker()
        other.parts["plan.json"] += b" "
        fork = other.usual().notes[2]
        self.check(sealed(Maker().usual(), lambda m: m.update({"heads/0000000002.note": fork})), 7, "consistency entries", says="head 2 is not a past")

    def test_rolled_back(self):
        """The last head is gone, or is one of before."""
        maker = Maker().usual()
        def older(m):
            m["heads/0000000005.note"] = m["heads/0000000002.note"]
        self.check(sealed(maker, older), 7, "container " + ALL_BUT_CONTAINER)
        maker.notes.pop(5)
        self.check(sealed(maker), 7, "runs samples parts", says="entry 4 attests no report")

    def test_an_older_edition_still_verifies(self):
        """A limit of the format, held here so that nobody forgets: a bundle cannot show that it is the newest."""
        old = sealed(Maker().usual())
        newer = Maker().usual()
        newer.parts["report.json"] = b'{"rate":"0.25"}'
        newer.attest(2), newer.head()
        self.check(sealed(newer), 0)
        self.check(old, 0)

    def test_first_attestation_beside_a_second(self):
        maker = Maker().usual()
        first, parts = maker.attested, dict(maker.parts)
        maker.parts["report.json"] = b'{"rate":"0.25"}'
        maker.attest(2), maker.head()
        maker.attested, maker.parts = first, parts
        self.check(sealed(maker), 0, says="attested again in [5]")

    def test_head_without_signature(self):
        maker = Maker().usual()
        maker.notes[2] = maker.notes[2].replace(b"example.org/lab ", b"example.org/bal ")
        self.check(sealed(maker), 7, "heads")

    def test_cosignature_wrong(self):
        maker = Maker().usual()
        lines = maker.notes[5].decode().split("\n")
        lines[-2] = lines[-2][:-6] + ("A" if lines[-2][-6] != "A" else "B") + lines[-2][-5:]
        maker.notes[5] = "\n".join(lines).encode()
        self.assertEqual(look(sealed(maker))[1], 7)

    def test_witness_missing(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head([]), maker.open_run(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 8, says="no quorum cosigned the plan")
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run(), maker.close_run(), maker.attest(), maker.head([])
        self.check(sealed(maker), 7, "witnesses")

    def test_plan_witnessed_too_late(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(time=NOW // 1000 + 31)
        maker.open_run(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 8, says="no quorum cosigned the plan")

    def test_plan_after_run(self):
        maker = Maker()
        maker.open_ledger(), maker.open_run(), maker.lock_plan(), maker.head(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "plan_first", says="before its plan was locked")

    def test_no_head_between_plan_and_run(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.open_run(), maker.head(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "plan_first", says="no head covers the plan")

    def test_two_plans(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(bytes(32)), maker.lock_plan(), maker.head()
        maker.open_run(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "plan", says="2 different plans")

    def test_run_never_closed_or_resumed_from_nowhere(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run(), maker.open_run("r2"), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "runs", says="`r2` was opened but never closed")
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run(resumed=True), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "plan_first", says="begun before it was recorded")

    def test_run_kind_changed(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run(kind="exploratory"), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "runs", says="another kind")

    def test_statement_signed_by_another(self):
        maker = Maker()
        maker.open_ledger()
        maker.current = OTHER
        maker.lock_plan()
        maker.current = maker.key
        maker.head(), maker.open_run(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "statements plan plan_first", says="the plan of entry 1 is not signed")

    def test_rotation_of_a_thief(self):
        """The new key is in the ledger, but the old one did not sign."""
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head()
        maker.current = OTHER
        rotated = OTHER.envelope("rotation", {}, {"origin": maker.origin, "size": 2}, OTHER)
        maker.append("key.rotated", {"new": OTHER.vkey, "old": LEDGER_KEY, "rotation": rotated})
        maker.open_run(), maker.close_run(), maker.attest(), maker.head()
        self.check(sealed(maker), 7, "statements", key=OTHER.vkey)

    def test_edition_one_withholds(self):
        maker = Maker().usual()
        maker.withhold = {"report.html"}
        self.check(sealed(maker), 7, "parts")

    def test_extra_log_in_the_list(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run(), maker.close_run()
        maker.parts["runs/r1/log-002.eval"] = b""
        maker.attest(), maker.head()
        self.check(sealed(maker), 7, "runs", says="belongs to no closed run")


    def run_of(self, logs=(("a",),), **how):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run()
        maker.close_run(logs=logs, **how), maker.attest(), maker.head()
        return maker

    def test_samples_that_are_not_the_log_s(self):
        maker = Maker().usual()
        maker.samples["r1"] = "00" * 32
        self.check(sealed(maker), 7, "samples", says="do not give the root")
        maker.samples = {}
        self.check(sealed(maker), 7, "samples", says="not the samples of every closed run")
        self.check(sealed(self.run_of(size=2)), 7, "samples", says="`r1` has 1 samples, not 2")
        self.check(sealed(self.run_of(logs=((),))), 0, says="0 samples")

    def test_logs_that_two_readers_would_read_in_two_ways(self):
        log = make_log(("a", "b"))
        twice = log.replace(b"samples/1_epoch", b"samples/0_epoch")
        self.check(sealed(self.run_of(logs=(twice,))), 7, "samples", says="a sample twice")
        hidden = log.replace(b"samples/1_epoch", b"elsewhere_epoch", 1)
        self.assertEqual(look(sealed(self.run_of(logs=(hidden,))))[0]["samples"]["result"], FAILED)
        overlap = bytearray(log)
        first = log.index(b"samples/0", log.index(b"PK\1\2")) - 46
        at = log.index(b"samples/1", log.index(b"PK\1\2")) - 46
        overlap[at + 42:at + 46] = overlap[first + 42:first + 46]
        self.assertEqual(look(sealed(self.run_of(logs=(bytes(overlap),))))[0]["samples"]["result"], FAILED)

    def test_proofs_for_another_head_or_missing(self):
        def without(which, n):
            def change(m):
                proofs = json.loads(m["proofs.json"])
                del proofs[which][n]
                m["proofs.json"] = jcs(proofs)
            return change
        self.check(sealed(Maker().usual(), without("consistency", "2")), 7, "consistency")
        self.check(sealed(Maker().usual(), without("inclusion", "4")), 7, "entries")

    def test_origin_of_another(self):
        maker = Maker()
        maker.origin = "example.org/labs/a1"
        self.check(sealed(maker.usual()), 7, "key", says="does not lie below")

    def test_ledger_as_its_own_witness(self):
        maker = Maker(witness_seeds=(bytes(31) + b"\1",)).usual()
        self.check(sealed(maker), 7, "witnesses", witnesses=[maker.witnesses[0].vkey], says="the ledger itself")

    def test_report_before_the_run_was_closed(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.open_run()
        events = list(maker.events)
        maker.close_run()
        closed, maker.events = maker.events[-1], events
        maker.attest(), maker.events.append(closed), maker.head()
        self.check(sealed(maker), 7, "runs", says="after the report was attested")


class Lying(Case):
    """Statements that are signed as they should be, and say what they should not."""

    def lie(self, kind, lie, *checks, says="", steps="plan head run closed attested head"):
        maker = Maker()
        maker.lies[kind] = lie
        play(maker, steps)
        self.check(sealed(maker), 7, " ".join(checks), says=says, key=maker.current.vkey)

    def test_statements(self):
        with_file = lambda name: lambda s, p: (s | {name: bytes(32)}, p)
        self.lie("plan", lambda s, p: ({"plan.txt": s["plan.json"]}, p), "statements", "plan", "plan_first")
        self.lie("run", with_file("other.txt"), "statements", "runs", "samples")
        self.lie("run", with_file("runs/r1/log-003.eval"), "statements", "runs", "samples")
        self.lie("samples", lambda s, p: (s, p | {"run": "r2"}), "statements", "runs", "samples")
        self.lie("edition", lambda s, p: ({"parts": bytes(32)}, p), "statements", "parts")
        self.lie("seal", lambda s, p: (s, p | {"size": 4}), "seal")
        rotated = "plan head rotate run closed attested head"
        self.lie("rotation", lambda s, p: (s | {"old": bytes(32)}, p), "statements", steps=rotated)
        self.lie("rotation", lambda s, p: (s, p | {"origin": "example.org/lab/a2"}), "statements", steps=rotated)

    def test_types(self):
        self.lie("run", lambda s, p: (s, p | {"errors": True}), "statements", "runs", "samples", says="`errors` is no int")
        self.lie("plan", lambda s, p: (s, p | {"seed": "07"}), "statements", "plan", "plan_first", says="`seed` is no decimal")
        def one(m):
            m["entries/00000001.json"] = jcs(json.loads(m["entries/00000001.json"]) | {"index": True})
        self.check(sealed(Maker().usual(), one), 7, "entries")

    def test_run_of_another_plan(self):
        maker = Maker()
        maker.plan_digest = "sha256:" + "00" * 32
        self.check(sealed(play(maker)), 7, "plan_first")

    def test_list_not_sorted(self):
        def reverse(_, predicate):
            listed = predicate["parts"][::-1]
            return {"parts": sha256(jcs(listed))}, predicate | {"parts": listed}
        self.lie("edition", reverse, "parts", says="not sorted")

    def test_envelope_of_another_type(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan()
        maker.events[1]["body"]["plan"]["payloadType"] = "application/json"
        self.assertEqual(look(sealed(play(maker, "head run closed attested head", False)))[0]["statements"]["result"], FAILED)

    def test_order_of_runs(self):
        self.check(sealed(play(Maker(), "plan head run closed closed attested head")), 7, "statements", says="closes `r1` again")
        self.check(sealed(play(Maker(), "plan head closed attested head")), 7, "runs", says="never opened")
        self.check(sealed(play(Maker(), "plan head run closed resumed attested head")), 7, "runs", says="opened after it was closed")
        self.check(sealed(play(Maker(), "plan head run resumed closed attested head")), 0)
        self.check(sealed(play(Maker(), "plan head run explored closed attested head")), 7, "plan_first runs", says="changed its kind")

    def test_keys(self):
        self.check(sealed(Maker().usual(), without=(0,)), 7, "key", says="entry 0")
        maker = Maker().usual()
        maker.current = OTHER
        self.check(sealed(maker), 7, "key", key=OTHER.vkey, says="is not the ledger's")
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head(), maker.rotate(b"\7" * 32)
        maker.events[3 - 1]["body"]["old"] = OTHER.vkey
        play(maker, "run closed attested head", False)
        self.assertEqual(look(sealed(maker), key=maker.current.vkey)[0]["key"]["result"], FAILED)

    def test_heads_of_two_ledgers(self):
        maker = Maker()
        maker.open_ledger(), maker.lock_plan(), maker.head()
        maker.origin = "example.org/lab/a2"
        self.check(sealed(play(maker, "run closed attested head", False)), 7, "key", says="different ledgers")

    def test_earliest_cosignature_counts(self):
        maker = Maker()
        late = play(maker, "plan head").notes[2]
        again = Maker()
        again.open_ledger(), again.lock_plan(), again.head(time=NOW // 1000 + 90)
        maker.notes[2] = again.notes[2] + late.decode().split("\n")[-2].encode() + b"\n"
        self.check(sealed(play(maker, "run closed attested head", False)), 0)

    def test_members(self):
        def index(m):
            m["entries/00000002.json"] = jcs(json.loads(m["entries/00000002.json"]) | {"index": 7})
        def more(m):
            proofs = json.loads(m["proofs.json"])
            proofs["inclusion"]["7"] = []
            m["proofs.json"] = jcs(proofs)
        def part(m):
            edition = json.loads(m["edition.json"])
            edition["parts"]["more.json"] = None
            m["edition.json"] = jcs(edition)
        self.check(sealed(Maker().usual(), index), 7, "entries")
        self.check(sealed(Maker().usual(), more), 7, "entries")
        self.check(sealed(Maker().usual(), part), 7, "parts", says="other parts than were attested")
        members = Maker().usual().seal(Maker().usual().members())
        unsorted = b"".join(pack(sorted(members.items(), reverse=True)))
        self.check(unsorted, 7, "container " + ALL_BUT_CONTAINER, says="out of order")


def play(maker, steps="plan head run closed attested head", opening=True):
    """A ledger by the names of its events."""
    moves = {"plan": maker.lock_plan, "head": maker.head, "run": maker.open_run, "closed": maker.close_run, "attested": maker.attest,
             "resumed": lambda: maker.open_run(resumed=True), "rotate": lambda: maker.rotate(b"\7" * 32),
             "explored": lambda: maker.open_run(kind="exploratory", resumed=True)}
    if opening:
        maker.open_ledger()
    for step in steps.split():
        moves[step]()
    return maker


class Primitives(unittest.TestCase):
    def test_json(self):
        for bad in (b'{"a":1,"a":1}', b"1.0", b"1e3", b"NaN", b"-0", b"01", b"9007199254740992", b'"\\u0041"', b'"\\ud800"', b"\xef\xbb\xbf1",
                    b'{"b":1,"a":1}', b"[1, 2]", b"1\n", b'"\\/"', b"[" * 100_000):
            with self.assertRaises(Bad, msg=bad[:20]):
                parse_json(bad, "it")
        self.assertEqual(jcs({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}).decode(),
                         '{"\\r":2,"1":4,"\x80":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}')

    def test_keys(self):
        Vkey(LEDGER_KEY, 1)
        small = Signer("a", bytes(32))
        for y in (0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18):
            small.raw = y.to_bytes(32, "little")
            encoded = b"\1" + small.raw
            text = f"a+{sha256(b'a', bytes([10]), encoded)[:4].hex()}+{b64(encoded)}"
            with self.assertRaises(Bad):
                Vkey(text, 1)
        for bad in (LEDGER_KEY + "A", LEDGER_KEY.replace("lab", "bal"), "a", WITNESS):
            with self.assertRaises(Bad):
                Vkey(bad, 1)


ALL_BUT_CONTAINER = "seal key heads witnesses consistency entries complete statements plan plan_first runs samples parts numbers pages"

if __name__ == "__main__":
    unittest.main()
