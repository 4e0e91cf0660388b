"""Runs two small tasks with Inspect on a served model, over each dialect, and prints what Inspect recorded as JSON.

Arguments: the model's name as it is served, the items, the folder of the logs. Addresses are in the environment.
"""

import json
import sys

# Inspect talks on stdout too; the answer must stand there alone.
answer, sys.stdout = sys.stdout, sys.stderr

from inspect_ai import Task, eval  # noqa: E402
from inspect_ai.dataset import Sample, json_dataset  # noqa: E402
from inspect_ai.model import GenerateConfig  # noqa: E402
from inspect_ai.scorer import includes, match, value_to_float  # noqa: E402
from inspect_ai.solver import generate, use_tools  # noqa: E402
from inspect_ai.tool import tool  # noqa: E402

served, items, folder = sys.argv[1:]
# Once again after a failure, not without end.
greedy = GenerateConfig(temperature=0, max_tokens=24, max_retries=1, timeout=120)


@tool
def weather():
    async def execute(city: str):
        """Looks up the weather in a city.

        Args:
          city: the city
        """
        return f"For {city}: sunny."

    return execute


@tool
def price():
    async def execute(item: str):
        """Looks up the price of an item in coins.

        Args:
          item: the item
        """
        return "The tool says 25."

    return execute


def questions():
    return Task(
        name="questions", dataset=json_dataset(items), solver=generate(), scorer=[match(), includes()], config=greedy
    )


def lookups():
    asked = [("Could you find the weather in Oslo?", "sunny"), ("Please look up the price of the kettle for me.", "25")]
    return Task(
        name="lookups",
        dataset=[Sample(id=f"lookup-{n}", input=text, target=word) for n, (text, word) in enumerate(asked)],
        solver=[use_tools(weather(), price()), generate()],
        scorer=[match(), includes()],
        config=greedy,
    )


def described(log):
    number = value_to_float()
    samples = {}
    for sample in log.samples:
        calls = [call.function for message in sample.messages for call in getattr(message, "tool_calls", None) or []]
        samples[str(sample.id)] = {
            "reply": sample.output.completion,
            "calls": calls,
            "scores": {name: number(score.value) for name, score in sample.scores.items()},
        }
    path = log.location.removeprefix("file://")
    return {"path": path, "model": log.eval.model, "task": log.eval.task, "samples": samples}


# With its usual settings, so that nothing but the address is changed; over a stream into the other format of log; over
# the other dialect.
ways = [
    ("chat", f"openai-api/ph/{served}", "eval", {}),
    ("stream", f"openai-api/ph/{served}", "json", {"stream": True}),
    ("messages", f"anthropic/ph/{served}", "eval", {}),
]
found = []
for way, model, log_format, arguments in ways:
    logs = eval(
        [questions(), lookups()],
        model=model,
        model_args=arguments,
        log_dir=f"{folder}/{way}",
        log_format=log_format,
        display="none",
    )
    for log in logs:
        assert log.status == "success", f"{way}: {log.error}"
        found.append({"way": way, **described(log)})
json.dump(found, answer)
answer.flush()
