"""Runs the task of the comparison with Inspect: one call a sample, scored by `includes`, with Inspect's own settings.

Arguments: the server's address, the items, the folder of the logs, the connections.
"""

import sys

from inspect_ai import Task, eval
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

address, items, logs, connections = sys.argv[1:]
task = Task(name="one-call", dataset=json_dataset(items), solver=generate(), scorer=includes())
[log] = eval(
    task,
    model="openai-api/stub/stub",
    model_base_url=address,
    model_args={"api_key": "none"},
    log_dir=logs,
    max_connections=int(connections),
    display="none",
)
assert log.status == "success", log.error
# The server's reply is the same for both, and so are the scores.
print(log.results.total_samples, log.results.scores[0].metrics["accuracy"].value)
