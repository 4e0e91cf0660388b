"""What Inspect reads in a log, in the shape in which the test describes what our reader reads."""

import math


def number(value):
    if isinstance(value, str):
        return {"C": 1.0, "P": 0.5}.get(value, 0.0)
    return None if math.isnan(value) else float(value)


def described(path, log):
    samples = {}
    for sample in log.samples or []:
        samples[f"{sample.id}/{sample.epoch}"] = {
            "messages": len(sample.messages),
            "inputs": [len(event.input) for event in sample.events if event.event == "model"],
            "scores": {name: number(score.value) for name, score in (sample.scores or {}).items()},
            "error": sample.error is not None,
            "limit": sample.limit is not None,
            "text": [message.text for message in sample.messages],
        }
    return {"path": path, "status": log.status, "model": log.eval.model, "samples": samples}
