"""The formats under a `bundle.proof`: canonical JSON, the container, keys, notes, envelopes, commitments, Merkle trees.

For `verify_bundle.py` and `verify_vectors.py`. Bytes in, values or `Bad` out; no files, no clock, no network. Sources: docs/bundle.md,
RFC 8785, RFC 6962 and RFC 9162 section 2, C2SP signed-note, tlog-checkpoint and tlog-cosignature, DSSE, in-toto Statement v1.
Where the specification leaves a choice the stricter reading is taken; such places are marked `choice:`.
"""
import base64, hashlib, io, json, re, struct, zipfile, zlib
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STATEMENT, PAYLOAD_TYPE = "https://in-toto.io/Statement/v1", "application/vnd.in-toto+json"
# Member:type; `?` for "or null".
PREDICATES = {
    "plan": "kind:text locked_at:int plan:text seed:decimal targets:list tasks:list",
    "run": "completed_at:int? errors:int fingerprint:digest? kind:text plan:digest? run:text samples:int started_at:int status:text "
           "task:digest",
    "samples": "run:text size:int", "rotation": "origin:text size:int", "edition": "assessment:text number:int parts:list",
    "seal": "origin:text root:digest size:int"}
TYPES = {"text": lambda v: isinstance(v, str) and v != "", "int": lambda v: type(v) is int and v >= 0,
         "list": lambda v: isinstance(v, list), "decimal": lambda v: isinstance(v, str) and re.fullmatch("0|[1-9][0-9]*", v),
         "digest": lambda v: isinstance(v, str) and re.fullmatch("sha256:[0-9a-f]{64}", v)}


class Bad(Exception):
    """Something is wrong: the check has failed."""


def demand(condition, text):
    if not condition:
        raise Bad(text)


def sha256(*chunks):
    return hashlib.sha256(b"".join(chunks)).digest()


def fields(value, names, what):
    """`value`, if it is an object with these members and no others."""
    demand(isinstance(value, dict) and sorted(value) == sorted(names.split()), f"{what} is not an object of {names.split()}")
    return value


def number(value, what):
    demand(type(value) is int and value >= 0, f"{what} is not a number")
    return value


def unhex(text, what):
    demand(isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text), f"{what} is not 64 hex digits")
    return bytes.fromhex(text)


def digest(text, what):
    """The 32 bytes of `sha256:HEX`."""
    demand(isinstance(text, str) and text.startswith("sha256:"), f"{what} is not a digest")
    return unhex(text[7:], what)


def unbase64(text, what):
    """Strict RFC 4648 section 4: padding, no stray bits, nothing but the alphabet."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (AttributeError, ValueError):
        raise Bad(f"{what} is not base64") from None
    demand(base64.b64encode(raw).decode() == text, f"{what} is not base64 in its one form")
    return raw


# ---- RFC 8785 -------------------------------------------------------------------------------------------------------------

ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def jcs_text(value):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        demand(abs(value) < 2**53, "a number is beyond 2^53 - 1")
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(ESCAPES.get(ord(c)) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(jcs_text, value)) + "]"
    demand(isinstance(value, dict), f"canonical JSON has no {type(value).__name__}")
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(jcs_text(key) + ":" + jcs_text(value[key]) for key in keys) + "}"


def jcs(value):
    return jcs_text(value).encode("utf-8")


def refuse(text):
    raise Bad(f"`{text}` is no integer")


def distinct(pairs):
    demand(len(dict(pairs)) == len(pairs), "a member is named twice")
    return dict(pairs)


def read_json(data):
    """JSON of integers in which no member is named twice."""
    return json.loads(data.decode("utf-8"), object_pairs_hook=distinct, parse_float=refuse, parse_constant=refuse)


def parse_json(data, what):
    """Canonical JSON."""
    try:
        value = read_json(data)
        demand(jcs(value) == data, "not canonical")
    except (ValueError, RecursionError, Bad) as error:
        raise Bad(f"`{what}`: {error}") from None
    return value


# ---- The container --------------------------------------------------------------------------------------------------------

def pack(members):
    """The chunks of the one ZIP file that holds these `(name, content)`, in that order (ZIP64 per APPNOTE 4.5.3)."""
    offset, directory, big = 0, [], 0xFFFFFFFF
    for name, content in members:
        name, size, crc = name.encode(), len(content), zlib.crc32(content)
        wide = struct.pack("<QQ", size, size) if size >= big else b""
        far = struct.pack("<Q", offset) if offset >= big else b""
        def header(extra, made):
            version, extra = (45, struct.pack("<HH", 1, len(extra)) + extra) if extra else (20, b"")
            made = struct.pack("<H", version) if made else b""
            return made + struct.pack("<5H3L2H", version, 0x0800, 0, 0, 0x21, crc, *[min(size, big)] * 2, len(name), len(extra)), extra
        fixed, extra = header(wide, False)
        local = b"PK\3\4" + fixed + name + extra
        yield local
        yield content
        fixed, extra = header(wide + far, True)
        directory.append(b"PK\1\2" + fixed + struct.pack("<3H2L", 0, 0, 0, 0, min(offset, big)) + name + extra)
        offset += len(local) + size
    yield from directory
    count, size = len(directory), sum(map(len, directory))
    if count >= 0xFFFF or size >= big or offset >= big:
        yield b"PK\6\6" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, count, count, size, offset)
        yield b"PK\6\7" + struct.pack("<LQL", 0, offset + size, 1)
    yield b"PK\5\6" + struct.pack("<4H2LH", 0, 0, *[min(count, 0xFFFF)] * 2, min(size, big), min(offset, big), 0)


def unpack(data):
    """Name → content; reads the local headers one after the other and then demands that `pack` gives the same bytes."""
    members, at, last, view = {}, 0, "", memoryview(data)
    while data[at:at + 4] == b"PK\3\4":
        demand(at + 30 <= len(data), "a header is cut short")
        size, _, name_length, extra_length = struct.unpack_from("<2L2H", data, at + 18)
        start = at + 30 + name_length + extra_length
        if size == 0xFFFFFFFF and extra_length == 20:
            size, = struct.unpack_from("<Q", data, start - 16)
        name = data[at + 30:at + 30 + name_length].decode("ascii", "replace")
        segments = name.split("/")
        demand(len(name) <= 200 and all(re.fullmatch(r"[A-Za-z0-9._-]+", s) and s not in (".", "..") for s in segments),
               f"`{name}` is not a name")
        demand(name > last, f"`{name}` is out of order")
        # choice: a name that is also a folder of another cannot be unpacked, so it is refused.
        demand(not any("/".join(segments[:n]) in members for n in range(1, len(segments))), f"`{name}` lies below a file")
        demand(start + size <= len(data), f"`{name}` is cut short")
        members[name], at, last = view[start:start + size], start + size, name
    at = 0
    for chunk in pack(members.items()):
        demand(view[at:at + len(chunk)] == chunk, f"not the canonical bytes near {at}")
        at += len(chunk)
    demand(at == len(data), "bytes after the end record")
    return {name: bytes(content) for name, content in members.items()}


# ---- Keys, notes, envelopes, trees ----------------------------------------------------------------------------------------

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")


def point_ok(raw):
    """Canonical and not of small order (which has just these y)."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    return len(raw) == 32 and y < P and y not in (0, 1, P - 1, Y8, P - Y8)


def ed25519(key, signature, message):
    """RFC 8032 5.1.7, refusing what is malleable: S >= L, keys and R that are of small order or not canonical."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L or not (point_ok(key) and point_ok(signature[:32])):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


class Vkey:
    """A C2SP verifier key: `name+hash+base64(type || key)`; type 1 is a ledger's, 4 a witness's."""

    def __init__(self, text, kind):
        demand(isinstance(text, str) and text.count("+") >= 2, "a verifier key is `name+hash+key`")
        self.text = text
        self.name, hash_hex, encoded = text.split("+", 2)
        raw = unbase64(encoded, "the verifier key")
        self.raw, self.id = raw[1:], sha256(self.name.encode(), b"\n", raw)[:4]
        demand(self.name and not re.search(r"\s", self.name), "the key's name is empty or has spaces")
        demand(raw[:1] == bytes([kind]), f"`{self.name}` is not a key of type {kind}")
        demand(hash_hex == self.id.hex(), f"the hash of `{self.name}` is not that of its key")
        demand(point_ok(self.raw), f"the key of `{self.name}` is not a sound Ed25519 key")
        self.keyid = sha256(self.raw).hex()


class Note:
    """C2SP signed-note: the text and the signature lines `(name, key id, signature)`."""

    def __init__(self, data, what):
        try:
            note = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Bad(f"{what} is not UTF-8") from None
        text, gap, lines = note.rpartition("\n\n")
        self.text, self.signatures = text + "\n", []
        demand(gap and lines.endswith("\n"), f"{what} is not a note")
        demand(not re.search(r"[\x00-\x09\x0b-\x1f]", note), f"{what} has control characters")
        for line in lines[:-1].split("\n"):
            found = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
            demand(found, f"{what} has a line that is no signature")
            raw = unbase64(found[2], "a signature")
            demand(len(raw) > 4, f"{what} has a signature that is too short")
            self.signatures.append((found[1], raw[:4], raw[4:]))

    def by(self, key):
        return [signature for name, key_id, signature in self.signatures if (name, key_id) == (key.name, key.id)]

    def signed_by(self, key):
        """At least one signature of this key, and none that is wrong."""
        found = self.by(key)
        return bool(found) and all(ed25519(key.raw, signature, self.text.encode()) for signature in found)

    def cosigned_at(self, witness):
        """The earliest time in seconds, or None; raises where a cosignature in the witness's name is wrong."""
        times = []
        for raw in self.by(witness):
            time = int.from_bytes(raw[:8], "big")
            message = f"cosignature/v1\ntime {time}\n{self.text}".encode()
            demand(time < 2**63 and ed25519(witness.raw, raw[8:], message),
                   f"the cosignature of `{witness.name}` is wrong: {self.text.splitlines()[:2]}")
            times.append(time)
        return min(times, default=None)


class Head(Note):
    """A checkpoint: a note of origin, size and root."""

    def __init__(self, data, what):
        super().__init__(data, what)
        rows = self.text[:-1].split("\n")
        # choice: no extension lines; the specification has none and witnesses do not vouch for them.
        demand(len(rows) == 3 and rows[0], f"{what} is not a tree head")
        demand(re.fullmatch("[1-9][0-9]{0,15}", rows[1]), f"{what} has no size")  # choice: no head of the empty tree.
        self.origin, self.size, self.root = rows[0], int(rows[1]), unbase64(rows[2], "the root")
        demand(len(self.root) == 32, f"{what} has no root")


def pae(payload_type, body):
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def open_envelope(envelope, kind, keys, what):
    """Predicate and subjects (name → 32 bytes) of a `urn:proofhouse:KIND:v1` signed by these keys and no others."""
    fields(envelope, "payload payloadType signatures", what)
    demand(envelope["payloadType"] == PAYLOAD_TYPE, f"{what} is not an in-toto statement")
    payload = unbase64(envelope["payload"], what)
    signatures = envelope["signatures"]
    demand(isinstance(signatures, list) and len(signatures) == len(keys), f"{what} has not {len(keys)} signatures")
    by_id = {fields(s, "keyid sig", what)["keyid"]: unbase64(s["sig"], what) for s in signatures}
    for key in keys:
        demand(ed25519(key.raw, by_id.get(key.keyid, b""), pae(PAYLOAD_TYPE, payload)), f"{what} is not signed by `{key.name}`")
    statement = fields(parse_json(payload, what), "_type predicate predicateType subject", what)
    demand(statement["_type"] == STATEMENT and statement["predicateType"] == f"urn:proofhouse:{kind}:v1", f"{what} is no `{kind}`")
    subjects = {}
    for subject in statement["subject"]:
        name = fields(subject, "digest name", what)["name"]
        demand(isinstance(name, str) and name not in subjects, f"{what} names a subject twice")
        subjects[name] = unhex(fields(subject["digest"], "sha256", what)["sha256"], what)
    types = dict(pair.split(":") for pair in PREDICATES[kind].split())
    predicate = fields(statement["predicate"], " ".join(types), what)
    for name, kind_of in types.items():
        value = predicate[name]
        demand(value is None and kind_of.endswith("?") or TYPES[kind_of.rstrip("?")](value), f"{what}: `{name}` is no {kind_of}")
    return predicate, subjects


def commit(purpose, salt, content):
    return sha256(b"proofhouse/commitment/v1\n", purpose.encode(), b"\n", salt, sha256(content))


def leaf_hash(leaf):
    return sha256(b"\0", leaf)


def node_hash(left, right):
    return sha256(b"\1", left, right)


def tree_root(hashes):
    """RFC 6962 2.1, with a stack of whole subtrees."""
    stack = []
    for n, node in enumerate(hashes):
        while n & 1:
            node, n = node_hash(stack.pop(), node), n >> 1
        stack.append(node)
    node = stack.pop() if stack else sha256()
    while stack:
        node = node_hash(stack.pop(), node)
    return node


def root_by_inclusion(leaf, index, size, path):
    """The root that this path gives (RFC 9162 2.1.3.2), or None."""
    if not 0 <= index < size:
        return None
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


def consistent(old, old_root, new, new_root, path):
    """RFC 9162 2.1.4.2."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    if old & (old - 1) == 0:
        path = [old_root] + path
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for node in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = node_hash(node, first), node_hash(node, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, node)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and first == old_root and second == new_root


def sample_members(log, what):
    """The stored bytes of the members `samples/…` of a log, in the order of their local headers."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(log))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise Bad(f"`{what}` is not a log: {error}") from None
    end, found, names = 0, [], set()
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        at = info.header_offset
        demand(at >= end and log[at:at + 4] == b"PK\3\4" and at + 30 <= len(log), f"`{what}` has members that overlap")
        name_length, extra_length = struct.unpack_from("<2H", log, at + 26)
        start = at + 30 + name_length + extra_length
        end = start + info.compress_size
        demand(end <= archive.start_dir, f"`{what}` has members that overlap")
        if info.orig_filename.startswith("samples/"):
            name = log[at + 30:at + 30 + name_length]
            demand(name.startswith(b"samples/") and name not in names, f"`{what}` has a sample twice or under two names")
            names.add(name)
            found.append(log[start:end])
    return found
