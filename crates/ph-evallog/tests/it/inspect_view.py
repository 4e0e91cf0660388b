"""Serves a folder of logs with Inspect's own viewer and asks it what its page asks; reads the same logs with Inspect's
Python functions; prints what was seen as JSON. What does not fit together ends it with an error.

The page opens a log of this format by itself, from ranges of bytes: `RemoteLog` does the same with the same checks.
"""

import json
import os
import socket
import struct
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

# Inspect talks on stdout too; the answer must stand there alone.
answer, sys.stdout = sys.stdout, sys.stderr

import zstandard  # noqa: E402
from inspect_ai._view.fastapi_server import view_server  # noqa: E402
from inspect_ai.log import (  # noqa: E402
    read_eval_log,
    read_eval_log_sample,
    read_eval_log_sample_summaries,
)

ZSTANDARD = 93
SAMPLES_MAX = 24
START_SECONDS_MAX = 60

folder = sys.argv[1]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
base = f"http://127.0.0.1:{port}/api"
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(path, expected=200):
    try:
        with opener.open(base + path, timeout=60) as response:
            status, body = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    assert status == expected, f"{path}: {status} instead of {expected}: {body[:300]}"
    return body


def quoted(text):
    return urllib.parse.quote(str(text), safe="")


def serve():
    server = threading.Thread(target=view_server, args=(folder,), kwargs={"port": port}, daemon=True)
    server.start()
    until = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            return json.loads(get("/app-config"))
        except urllib.error.URLError:
            assert server.is_alive() and time.monotonic() < until, "the viewer does not start"
            time.sleep(0.05)


class RemoteLog:
    """A log read as the page reads it: through ranges of bytes, believing the directory at the end."""

    def __init__(self, name):
        self.name = quoted(name)
        self.size = json.loads(get(f"/log-info/{self.name}"))["size"]
        mark, _, _, _, _, length, start, _ = struct.unpack("<4s4H2LH", self.read(self.size - 22, 22))
        assert mark == b"PK\5\6", "the directory's end is not at the end"
        self.entries = self.directory(self.read(start, length))

    def read(self, start, length):
        data = get(f"/log-bytes/{self.name}?start={start}&end={start + length - 1}")
        assert len(data) == length
        return data

    def directory(self, data):
        entries, at = {}, 0
        while at < len(data):
            fields = struct.unpack_from("<4s6H3L5H2L", data, at)
            mark, method, packed, length = fields[0], fields[4], fields[8], fields[9]
            name_length, extra, comment, start = fields[10], fields[11], fields[12], fields[16]
            assert mark == b"PK\1\2" and 0xFFFFFFFF not in (packed, length, start)
            name = data[at + 46 : at + 46 + name_length].decode()
            entries[name] = (method, packed, length, start, name_length)
            at += 46 + name_length + extra + comment
        return entries

    def entry(self, name):
        method, packed, length, start, name_length = self.entries[name]
        fields = struct.unpack("<4s5H3L2H", self.read(start, 30))
        assert fields[0] == b"PK\3\4", name
        assert (fields[3], fields[9]) == (method, name_length), f"{name}: header and directory differ"
        assert fields[2] & 8 or (fields[7], fields[8]) == (packed, length), f"{name}: sizes differ"
        assert method == ZSTANDARD, name
        data = self.read(start + 30 + name_length + fields[10], packed)
        text = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
        assert len(text) == length, name
        return json.loads(text)


def spread(items):
    step = max(1, -(-len(items) // SAMPLES_MAX))
    return items[::step]


def same_sample(raw, sample):
    """The entry that the page shows, and Inspect's object of it."""
    assert (raw["id"], raw["epoch"]) == (sample.id, sample.epoch)
    assert len(raw["messages"]) == len(sample.messages)
    assert [event["event"] for event in raw["events"]] == [event.event for event in sample.events]
    assert set(raw.get("scores") or {}) == set(sample.scores or {})
    calls = [call.function for message in sample.messages for call in getattr(message, "tool_calls", None) or []]
    return {
        "id": sample.id,
        "epoch": sample.epoch,
        "messages": len(sample.messages),
        "calls": calls,
        "reply": sample.output.completion,
        "error": sample.error.message if sample.error else None,
        "limit": sample.limit.type if sample.limit else None,
        "scores": sorted(sample.scores or {}),
    }


def seen_by_page(name):
    header = json.loads(get(f"/logs/{quoted(name)}?header-only=0"))
    assert not header.get("samples")
    whole = json.loads(get(f"/logs/{quoted(name)}?header-only=100"))
    log = RemoteLog(name)
    assert get(f"/log-size/{quoted(name)}") == str(log.size).encode()
    assert len(get(f"/log-download/{quoted(name)}")) == log.size
    inside = log.entry("header.json")
    assert inside["status"] == header["status"] == whole["status"]
    assert inside["results"]["total_samples"] == header["results"]["total_samples"]
    summaries = log.entry("summaries.json")
    journalled = [name for name in log.entries if name.startswith("_journal/summaries/")]
    assert sum(len(log.entry(name)) for name in journalled) == len(summaries) == len(whole["samples"] or [])
    get(f"/pending-samples?log={quoted(name)}", 404)
    return log, header, summaries, len(journalled)


def examined(handle):
    name = handle["name"]
    path = urllib.parse.unquote(urllib.parse.urlparse(name).path)
    log, header, summaries, flushes = seen_by_page(name)
    python = read_eval_log(path)
    assert python.status == header["status"] == read_eval_log(path, header_only=True).status
    assert handle["task"] == python.eval.task and handle["task_id"]
    read = read_eval_log_sample_summaries(path)
    keys = [(summary["id"], summary["epoch"]) for summary in summaries]
    assert sorted(keys) == sorted((summary.id, summary.epoch) for summary in read)
    assert sorted(keys) == sorted((sample.id, sample.epoch) for sample in python.samples or [])
    samples = []
    for id, epoch in spread(keys):
        raw = log.entry(f"samples/{id}_epoch_{epoch}.json")
        samples.append(same_sample(raw, read_eval_log_sample(path, id, epoch)))
        get(f"/pending-sample-data?log={quoted(name)}&id={quoted(id)}&epoch={epoch}", 404)
    return {
        "path": path,
        "task": python.eval.task,
        "model": python.eval.model,
        "status": python.status,
        "summaries": len(summaries),
        "flushes": flushes,
        "ended_in_error": sum(1 for summary in read if summary.error),
        "ended_by_limit": sum(1 for summary in read if summary.limit),
        "samples": samples,
    }


def main():
    serve()
    asked = f"log_dir={quoted(folder)}"
    assert json.loads(get("/log-dir"))["log_dir"]
    assert json.loads(get("/events?loaded_time=0&last_eval_time=0")) is not None
    assert json.loads(get(f"/eval-set?{asked}")) is None
    get(f"/flow?{asked}", 404)
    files = json.loads(get(f"/log-files?{asked}"))["files"]
    listed = json.loads(get(f"/logs?{asked}"))["files"]
    assert sorted(file["name"] for file in files) == sorted(file["name"] for file in listed)
    headers = json.loads(get("/log-headers?" + "&".join(f"file={quoted(file['name'])}" for file in files)))
    assert len(headers) == len(files)
    json.dump([examined(file) for file in files], answer)
    answer.flush()


try:
    main()
    code = 0
except Exception:
    traceback.print_exc()
    code = 1
# The viewer runs until its process ends; its thread is not waited for.
sys.stderr.flush()
os._exit(code)
