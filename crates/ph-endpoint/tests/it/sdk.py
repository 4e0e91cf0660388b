"""Talks to an endpoint by the official SDKs; ends with an assertion error where something is not as in-process."""

import sys

import anthropic
import openai

address = sys.argv[1]
MODEL = "org/tiny"
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}

client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
assert [model.id for model in client.models.list()] == [MODEL]
assert client.models.retrieve(MODEL).id == MODEL

ask = dict(model=MODEL, messages=[{"role": "user", "content": "hello"}], max_tokens=20, seed=2**64 - 1, temperature=1)
reply = client.chat.completions.create(**ask, logprobs=True, top_logprobs=2)
text = reply.choices[0].message.content
assert text and reply.usage.completion_tokens > 0
assert len(reply.choices[0].logprobs.content[0].top_logprobs) == 2
assert reply.choices[0].finish_reason in ("stop", "length")
chunks = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
assert chunks[-1].usage == reply.usage
with client.chat.completions.stream(**ask) as stream:
    for _ in stream:
        pass
    # `get_final_completion` raises where the reply was cut at its length, which a random model's often is.
    assert stream.current_completion_snapshot.choices[0].message.content == text
client.chat.completions.create(
    **ask, tools=[{"type": "function", "function": {"name": "weather", "parameters": TOOL}}], tool_choice="auto"
)

scored = client.completions.create(model=MODEL, prompt="hello", max_tokens=0, echo=True, logprobs=1)
assert scored.choices[0].text == "hello" and len(scored.choices[0].logprobs.token_logprobs) == 5
assert scored.choices[0].logprobs.token_logprobs[0] is None
pieces = client.completions.create(model=MODEL, prompt="hello", max_tokens=8, stream=True)
assert len([c for c in pieces]) > 1

for wrong, error in [
    (dict(model="other"), openai.NotFoundError),
    (dict(temperature=-1), openai.BadRequestError),
    (dict(n=2), openai.BadRequestError),
    (dict(messages=[{"role": "user", "content": "x" * 1000}]), openai.BadRequestError),
]:
    try:
        client.chat.completions.create(**{**ask, **wrong})
    except error as caught:
        assert caught.body["message"], caught
    else:
        raise AssertionError(f"{wrong} was accepted")

client = anthropic.Anthropic(base_url=address, api_key="none", max_retries=0)
# The SDK takes no temperature and knows no seed: both go in the body as they are.
ask = dict(
    model=MODEL,
    messages=[{"role": "user", "content": "hello"}],
    max_tokens=20,
    extra_body={"seed": 2**64 - 1, "temperature": 1.0},
)
message = client.messages.create(**ask)
assert message.content[0].text == text, (message.content[0].text, text)
assert message.stop_reason in ("end_turn", "max_tokens") and message.usage.input_tokens == reply.usage.prompt_tokens
with client.messages.stream(**ask) as stream:
    assert "".join(stream.text_stream) == text
    assert stream.get_final_message().usage.output_tokens == message.usage.output_tokens
count = client.messages.count_tokens(model=MODEL, messages=ask["messages"])
assert count.input_tokens == reply.usage.prompt_tokens
client.messages.create(**ask, system="be brief", tools=[{"name": "weather", "input_schema": TOOL}])
try:
    client.messages.create(**{**ask, "model": "other"})
except anthropic.NotFoundError as caught:
    assert caught.body["error"]["type"] == "not_found_error", caught.body
else:
    raise AssertionError("an unknown model was accepted")
print("all well")
