"""Reads a log in every way that Inspect has and prints what it saw as JSON."""

import json
import os
import sys

from inspect_ai.log import (
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample,
    read_eval_log_sample_summaries,
)

path = sys.argv[1]
header = read_eval_log(path, header_only=True)
log = read_eval_log(path, resolve_attachments=True)
summaries = read_eval_log_sample_summaries(path)
samples = []
for sample in log.samples:
    alone = read_eval_log_sample(path, sample.id, sample.epoch, resolve_attachments=True)
    assert alone.model_dump_json() == sample.model_dump_json(), sample.id
    models = [event for event in alone.events if event.event == "model"]
    inputs = [event.input for event in models]
    samples.append(
        {
            "id": sample.id,
            "epoch": sample.epoch,
            "error": sample.error.message if sample.error else None,
            "limit": sample.limit.type if sample.limit else None,
            "events": len(sample.events),
            "inputs": [len(messages) for messages in inputs],
            "first_input": inputs[0][0].text if inputs and inputs[0] else None,
        }
    )
print(
    json.dumps(
        {
            "listed": len(list_eval_logs(os.path.dirname(path))),
            "status": header.status,
            "header_samples": header.samples,
            "total": header.results.total_samples,
            "summaries": len(summaries),
            "samples": samples,
        }
    )
)
