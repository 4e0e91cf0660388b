"""Runs a small task with Inspect on its mock model, writes the log in every shape, prints what is in it as JSON."""

import glob
import json
import os
import subprocess
import sys
import zipfile

from described import described
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, accuracy, includes, scorer
from inspect_ai.solver import generate, solver, system_message, use_tools
from inspect_ai.tool import tool

folder = sys.argv[1]


@tool
def addition():
    async def execute(x: int, y: int):
        """Add two numbers.

        Args:
          x: one number
          y: the other
        """
        return x + y

    return execute


@scorer(metrics=[accuracy()])
def strange():
    async def score(state, target):
        return Score(value=float("nan"), explanation="lone \ud83d", metadata={"x": float("inf")})

    return score


@solver
def fails():
    async def solve(state, generate):
        if state.sample_id == "bad":
            raise RuntimeError("boom")
        return state

    return solve


def outputs():
    while True:
        for output in [
            ModelOutput.for_tool_call("mockllm/model", "addition", {"x": 1, "y": 1}),
            ModelOutput.from_content("mockllm/model", "The answer is 2. " + "and more " * 30),
        ]:
            output.usage = ModelUsage(input_tokens=5, output_tokens=3, total_tokens=8)
            yield output


def run(name, **options):
    task = Task(
        name="arith",
        dataset=[
            Sample(id="one", input="1+1? " + "please " * 30, target="2"),
            Sample(id="a/b \u00e9", input="1+1", target=["2", "3"]),
            Sample(id="bad", input="x", target="y"),
            Sample(id=7, input="choose", choices=["x", "y"], target="A"),
        ],
        solver=[system_message("Be brief. " * 20), use_tools(addition()), fails(), generate()],
        scorer=[includes(), strange()],
        epochs=2,
        metadata={"k": 1},
    )
    model = get_model("mockllm/model", custom_outputs=outputs())
    eval(task, model=model, log_dir=f"{folder}/{name}", display="none", fail_on_error=False, max_samples=1, **options)
    return glob.glob(f"{folder}/{name}/*")[0]


whole = run("whole")
limited = run("limited", message_limit=3)
plain = run("plain", log_format="json")
wanted = [described(path, read_eval_log(path, resolve_attachments=True)) for path in (whole, limited, plain)]

# The newer shape: every sample in pieces.
command = [sys.executable, "-m", "inspect_ai", "log", "convert-chunked", whole, "--output-dir", f"{folder}/pieces"]
subprocess.run(command, check=True, capture_output=True)
wanted.append({**wanted[0], "path": glob.glob(f"{folder}/pieces/*")[0]})

# A log that was never finished: without summaries and header.
unfinished = f"{folder}/unfinished.eval"
import inspect_ai._util.zipfile  # noqa: E402, F401  (teaches zipfile to read Zstandard)

with zipfile.ZipFile(whole) as old, zipfile.ZipFile(unfinished, "w") as new:
    for name in old.namelist():
        if name not in ("header.json", "summaries.json", "reductions.json"):
            new.writestr(name, old.read(name))
wanted.append({**wanted[0], "path": unfinished, "status": "started"})
print(json.dumps(wanted))
