"""Reads the stub's replies with the official SDKs, so that our client and our stub do not merely agree with each other.

Usage: check_stub.py PORT. Prints the number of checks; a failed one ends it with a traceback.
Pydantic's warnings are errors: a reply that the SDK's models only tolerate is not good enough.
"""

import json
import sys

import anthropic
import openai
from anthropic.types import Message
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

BASE = f"http://127.0.0.1:{int(sys.argv[1])}"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
ARGUMENTS = {"city": "stub", "days": 1}
TOOL_RESULT = "rain"
THOUGHTS = "The prompt asks for an answer. I repeat what it says."
checks = 0


def check(found, expected):
    """Fails unless the two are equal."""
    global checks
    checks += 1
    assert found == expected, f"{found!r} is not {expected!r}"


def strict(model, value):
    """Fails unless the value is what the SDK's model says: its types and its literals, checked anew."""
    check(type(value), model)
    model.model_validate(value.model_dump(by_alias=True), strict=False)


def raised(call, kind, status):
    """Fails unless the call raises this kind of error with this status."""
    try:
        call()
    except kind as error:
        check(getattr(error, "status_code", None) or getattr(error, "code", None), status)
        return error
    raise AssertionError(f"no {kind.__name__}")


def openai_chat(client):
    def ask(prompt, **options):
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}], **options)

    whole = ask("hello there", logprobs=True, top_logprobs=2)
    strict(ChatCompletion, whole)
    check(whole.object, "chat.completion")
    check(whole.choices[0].message.content, "echo: hello there")
    check(whole.choices[0].finish_reason, "stop")
    check([entry.token for entry in whole.choices[0].logprobs.content], ["echo:", " hello", " there"])
    check([len(entry.top_logprobs) for entry in whole.choices[0].logprobs.content], [2, 2, 2])
    check(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
    check(whole.usage.completion_tokens, 3)
    check(ask("x [[stub:cached=2]]").usage.prompt_tokens_details.cached_tokens, 2)
    check(ask("x [[stub:words=9]]", max_completion_tokens=4).choices[0].finish_reason, "length")
    check(ask("x [[stub:refuse]]").choices[0].message.refusal, "I can't help with that.")
    check(ask("x [[stub:filter]]").choices[0].finish_reason, "content_filter")
    thinking = ask("why?", reasoning_effort="low")
    check(thinking.choices[0].message.reasoning_content, THOUGHTS)
    check(thinking.usage.completion_tokens_details.reasoning_tokens, 11)
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA, "strict": True}}
    check(json.loads(ask("x", response_format=form).choices[0].message.content), ARGUMENTS)

    chunks = list(ask("hello there", stream=True, stream_options={"include_usage": True}, logprobs=True))
    for chunk in chunks:
        strict(ChatCompletionChunk, chunk)
    check("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), "echo: hello there")
    check(chunks[-1].usage.completion_tokens, 3)
    check([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop")
    check(all(c.usage is None for c in ask("hello there", stream=True)), True)
    openai_chat_tools(client)


def openai_chat_tools(client):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "strict": True}}]
    messages = [{"role": "user", "content": "weather? [[stub:tool]]"}]
    whole = client.chat.completions.create(model="m", messages=messages, tools=tools)
    strict(ChatCompletion, whole)
    message = whole.choices[0].message
    check(whole.choices[0].finish_reason, "tool_calls")
    check(message.content, None)
    check(message.tool_calls[0].function.name, "weather")
    check(json.loads(message.tool_calls[0].function.arguments), ARGUMENTS)
    with client.chat.completions.stream(model="m", messages=messages, tools=tools) as stream:
        streamed = stream.get_final_completion().choices[0].message.tool_calls[0]
    check((streamed.function.name, json.loads(streamed.function.arguments)), ("weather", ARGUMENTS))
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": TOOL_RESULT}
    after = [*messages, message.model_dump(exclude_none=True), result]
    final = client.chat.completions.create(model="m", messages=after, tools=tools)
    check(final.choices[0].message.content, "tool says: rain")


def openai_responses(client):
    def ask(prompt, **options):
        return client.responses.create(model="m", input=prompt, **options)

    whole = ask("hello there", include=["message.output_text.logprobs"], top_logprobs=2)
    strict(Response, whole)
    check((whole.status, whole.output_text), ("completed", "echo: hello there"))
    check(len(whole.output[0].content[0].logprobs[0].top_logprobs), 2)
    check((whole.usage.output_tokens, whole.usage.output_tokens_details.reasoning_tokens), (3, 0))
    check(ask("x [[stub:cached=2]]").usage.input_tokens_details.cached_tokens, 2)
    check(ask("x [[stub:words=9]]", max_output_tokens=4).incomplete_details.reason, "max_output_tokens")
    check(ask("x [[stub:filter]]").incomplete_details.reason, "content_filter")
    check(ask("x [[stub:refuse]]").output[0].content[0].refusal, "I can't help with that.")
    thinking = ask("why?", reasoning={"effort": "low", "summary": "auto"})
    strict(Response, thinking)
    check((thinking.output[0].type, thinking.output[0].summary[0].text), ("reasoning", THOUGHTS))

    for prompt, options in [("hello there", {}), ("why? [[stub:reasoning]]", {}), ("x [[stub:refuse]]", {})]:
        with client.responses.stream(model="m", input=prompt, **options) as stream:
            events = list(stream)
            final = stream.get_final_response()
        check([event.sequence_number for event in events], list(range(len(events))))
        check((events[0].type, events[-1].type), ("response.created", "response.completed"))
        check(final.output_text, ask(prompt).output_text)
    openai_responses_tools(client)


def openai_responses_tools(client):
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}]
    asked = [{"role": "user", "content": "weather? [[stub:tool]]"}]
    whole = client.responses.create(model="m", input=asked, tools=tools)
    strict(Response, whole)
    called = whole.output[0]
    check((called.type, called.name, json.loads(called.arguments)), ("function_call", "weather", ARGUMENTS))
    with client.responses.stream(model="m", input=asked, tools=tools) as stream:
        deltas = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
        check(json.loads(stream.get_final_response().output[0].arguments), ARGUMENTS)
    check(json.loads("".join(deltas)), ARGUMENTS)
    result = {"type": "function_call_output", "call_id": called.call_id, "output": TOOL_RESULT}
    after = [*asked, called.model_dump(exclude_none=True), result]
    check(client.responses.create(model="m", input=after, tools=tools).output_text, "tool says: rain")


def anthropic_messages(client):
    def ask(prompt, **options):
        options = {"max_tokens": 3000, **options}
        return client.messages.create(model="m", messages=[{"role": "user", "content": prompt}], **options)

    whole = ask("hello there", system="Be brief.")
    strict(Message, whole)
    check((whole.content[0].text, whole.stop_reason), ("echo: hello there", "end_turn"))
    check(whole.usage.output_tokens, 3)
    cached = ask("x [[stub:cached=2]]").usage
    check((cached.cache_read_input_tokens, cached.input_tokens > 0), (2, True))
    check(ask("[[stub:words=9]]", max_tokens=4).stop_reason, "max_tokens")
    stopped = ask("[[stub:words=9]]", stop_sequences=["w3"])
    check((stopped.stop_reason, stopped.stop_sequence, stopped.content[0].text), ("stop_sequence", "w3", "w1 w2 "))
    check(ask("x [[stub:refuse]]").stop_reason, "refusal")
    thinking = ask("why?", thinking={"type": "enabled", "budget_tokens": 1024})
    strict(Message, thinking)
    check([block.type for block in thinking.content], ["thinking", "text"])
    check(thinking.content[0].thinking, THOUGHTS)

    asked = [{"role": "user", "content": "why? [[stub:reasoning]]"}]
    with client.messages.stream(model="m", max_tokens=3000, messages=asked) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    strict(Message, final.__class__ is Message and final or Message.model_validate(final.model_dump()))
    check((kinds[0], kinds[-1]), ("message_start", "message_stop"))
    check([block.type for block in final.content], ["thinking", "text"])
    check((final.content[1].text, final.content[0].thinking), ("echo: why?", THOUGHTS))
    check(bool(final.content[0].signature), True)
    check((final.stop_reason, final.usage.output_tokens), ("end_turn", 13))
    anthropic_tools(client)


def anthropic_tools(client):
    options = {"model": "m", "max_tokens": 3000, "tools": [{"name": "weather", "input_schema": SCHEMA}]}
    asked = [{"role": "user", "content": "weather? [[stub:tool]]"}]
    whole = client.messages.create(messages=asked, **options)
    strict(Message, whole)
    check(whole.stop_reason, "tool_use")
    check((whole.content[0].name, whole.content[0].input), ("weather", ARGUMENTS))
    with client.messages.stream(messages=asked, **options) as stream:
        final = stream.get_final_message()
    check((final.stop_reason, final.content[0].input), ("tool_use", ARGUMENTS))
    result = {"type": "tool_result", "tool_use_id": whole.content[0].id, "content": TOOL_RESULT}
    after = [
        *asked,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in whole.content]},
        {"role": "user", "content": [result]},
    ]
    check(client.messages.create(messages=after, **options).content[0].text, "tool says: rain")


def google_generate(client):
    def ask(prompt, **options):
        config = genai_types.GenerateContentConfig(**options)
        return client.models.generate_content(model="m", contents=prompt, config=config)

    whole = ask("hello there", response_logprobs=True, logprobs=2, system_instruction="Be brief.")
    check(whole.text, "echo: hello there")
    check(whole.candidates[0].finish_reason, genai_types.FinishReason.STOP)
    usage = whole.usage_metadata
    check((usage.candidates_token_count, usage.total_token_count), (3, usage.prompt_token_count + 3))
    logprobs = whole.candidates[0].logprobs_result
    check([entry.token for entry in logprobs.chosen_candidates], ["echo:", " hello", " there"])
    check([len(entry.candidates) for entry in logprobs.top_candidates], [2, 2, 2])
    check(ask("x [[stub:cached=2]]").usage_metadata.cached_content_token_count, 2)
    limited = ask("[[stub:words=9]]", max_output_tokens=4)
    check(limited.candidates[0].finish_reason, genai_types.FinishReason.MAX_TOKENS)
    check(ask("[[stub:filter]]").candidates[0].finish_reason, genai_types.FinishReason.SAFETY)
    thinking = ask("why?", thinking_config=genai_types.ThinkingConfig(include_thoughts=True))
    check((thinking.candidates[0].content.parts[0].thought, thinking.text), (True, "echo: why?"))
    check(thinking.usage_metadata.thoughts_token_count, 11)
    form = {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
    check(json.loads(ask("x", **form).text), ARGUMENTS)

    chunks = list(client.models.generate_content_stream(model="m", contents="hello there"))
    check("".join(chunk.text or "" for chunk in chunks), "echo: hello there")
    check([bool(chunk.candidates[0].finish_reason) for chunk in chunks], [False] * (len(chunks) - 1) + [True])
    check(chunks[-1].usage_metadata.candidates_token_count, 3)
    google_tools(client)


def google_tools(client):
    declared = genai_types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
    off = genai_types.AutomaticFunctionCallingConfig(disable=True)
    tools = [genai_types.Tool(function_declarations=[declared])]
    options = {"model": "m", "config": {"tools": tools, "automatic_function_calling": off}}
    asked = genai_types.UserContent("weather? [[stub:tool]]")
    whole = client.models.generate_content(contents=[asked], **options)
    check((whole.function_calls[0].name, whole.function_calls[0].args), ("weather", ARGUMENTS))
    chunks = client.models.generate_content_stream(contents=[asked], **options)
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    check([(call.name, call.args) for call in calls], [("weather", ARGUMENTS)])
    result = genai_types.Part.from_function_response(name="weather", response={"result": TOOL_RESULT})
    after = [asked, whole.candidates[0].content, genai_types.UserContent(result)]
    check(client.models.generate_content(contents=after, **options).text, "tool says: rain")


def errors(chat, messages, google):
    """The errors become what the SDKs call them."""
    cases = [
        ("context_too_long", 400, openai.BadRequestError, anthropic.BadRequestError, genai_errors.ClientError),
        ("unauthorized", 401, openai.AuthenticationError, anthropic.AuthenticationError, genai_errors.ClientError),
        ("forbidden", 403, openai.PermissionDeniedError, anthropic.PermissionDeniedError, genai_errors.ClientError),
        ("not_found", 404, openai.NotFoundError, anthropic.NotFoundError, genai_errors.ClientError),
        ("rate_limited", 429, openai.RateLimitError, anthropic.RateLimitError, genai_errors.ClientError),
        ("server_error", 500, openai.InternalServerError, anthropic.InternalServerError, genai_errors.ServerError),
        ("unavailable", 503, openai.InternalServerError, anthropic.InternalServerError, genai_errors.ServerError),
        ("overloaded", 529, openai.InternalServerError, anthropic.InternalServerError, genai_errors.ServerError),
    ]
    for fault, status, in_openai, in_anthropic, in_google in cases:
        model = f"m~{fault}"
        asked = [{"role": "user", "content": "x"}]
        error = raised(lambda: chat.chat.completions.create(model=model, messages=asked), in_openai, status)
        check(error.code == "context_length_exceeded", fault == "context_too_long")
        raised(lambda: chat.responses.create(model=model, input="x"), in_openai, status)
        raised(lambda: messages.messages.create(model=model, messages=asked, max_tokens=9), in_anthropic, status)
        raised(lambda: google.models.generate_content(model=model, contents="x"), in_google, status)


def main():
    chat = openai.OpenAI(base_url=f"{BASE}/v1", api_key="k", max_retries=0, timeout=60)
    messages = anthropic.Anthropic(base_url=BASE, api_key="k", max_retries=0, timeout=60)
    google = genai.Client(api_key="k", http_options=genai_types.HttpOptions(base_url=BASE, timeout=60_000))
    check([model.id for model in chat.models.list()], ["stub"])
    check([model.id for model in messages.models.list()], ["stub"])
    check([model.name for model in google.models.list()], ["models/stub"])
    openai_chat(chat)
    openai_responses(chat)
    anthropic_messages(messages)
    google_generate(google)
    errors(chat, messages, google)
    print(checks)


main()
