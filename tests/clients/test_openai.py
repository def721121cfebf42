"""OpenAI's own client for Python against a server. ONEIROS_BASE names it, as http://127.0.0.1:8420."""

import base64
import json
import os
import struct
import threading
import unittest
from typing import Literal

import openai
from openai import OpenAI
from pydantic import BaseModel, Field

BASE = os.environ["ONEIROS_BASE"]
client = OpenAI(base_url=BASE + "/v1", api_key="none", timeout=120, max_retries=0)
QUESTION = [{"role": "user", "content": "Name three colours of the sea."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "maxLength": 20}},
            "required": ["place"],
            "additionalProperties": False,
        },
    },
}


class Dream(BaseModel):
    place: Literal["sea", "wood"]
    people: int = Field(ge=0, le=9)


class Chat(unittest.TestCase):
    def test_an_answer(self):
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, max_tokens=16, temperature=0, seed=3)
        self.assertTrue(answer.choices[0].message.content)
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length"))
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertTrue(answer.id.startswith("chatcmpl-") and answer.system_fingerprint)

    def test_a_stream(self):
        asked = dict(model="gpt-4o-mini", messages=QUESTION, max_tokens=16, temperature=0)
        told, usage, endings = "", None, []
        for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                told += choice.delta.content or ""
                endings += [choice.finish_reason] if choice.finish_reason else []
        self.assertTrue(told and endings in (["stop"], ["length"]))
        self.assertTrue(0 < usage.completion_tokens <= 16)
        with client.chat.completions.stream(**asked) as stream:
            deltas = "".join(event.delta for event in stream if event.type == "content.delta")
            self.assertEqual(stream.current_completion_snapshot.choices[0].message.content, deltas)

    def test_several_answers_with_probabilities(self):
        answer = client.chat.completions.create(
            model="gpt-4o", messages=QUESTION, n=3, max_completion_tokens=8, logprobs=True, top_logprobs=2, user="ann"
        )
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        for choice in answer.choices:
            written = b"".join(bytes(token.bytes) for token in choice.logprobs.content)
            # A character that the last token begins is not told.
            self.assertEqual(written.decode(errors="ignore"), choice.message.content)
            self.assertTrue(all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in choice.logprobs.content))

    def test_a_schema_as_a_class(self):
        answer = client.chat.completions.parse(model="gpt-4o", messages=QUESTION, response_format=Dream, max_tokens=80, temperature=0)
        self.assertIsInstance(answer.choices[0].message.parsed, Dream)

    def test_any_object(self):
        answer = client.chat.completions.create(
            model="gpt-4o", messages=QUESTION, response_format={"type": "json_object"}, max_tokens=400, temperature=0, frequency_penalty=1
        )
        if answer.choices[0].finish_reason == "stop":
            self.assertIsInstance(json.loads(answer.choices[0].message.content), dict)

    def test_a_tool_is_called_and_its_answer_read(self):
        asked = dict(model="gpt-4o", tools=[WEATHER], max_tokens=80)
        first = client.chat.completions.create(messages=QUESTION, tool_choice="required", **asked)
        message = first.choices[0].message
        self.assertEqual(first.choices[0].finish_reason, "tool_calls")
        call = message.tool_calls[0]
        self.assertIn("place", json.loads(call.function.arguments))
        answer = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
        second = client.chat.completions.create(messages=[*QUESTION, message, answer], parallel_tool_calls=False, **asked)
        self.assertTrue(second.choices)

    def test_a_streamed_call(self):
        named = {"type": "function", "function": {"name": "weather"}}
        with client.chat.completions.stream(model="gpt-4o", messages=QUESTION, tools=[WEATHER], tool_choice=named, max_tokens=80) as stream:
            final = stream.get_final_completion()
        self.assertEqual(final.choices[0].message.tool_calls[0].function.name, "weather")

    def test_refusals_are_exceptions_of_their_kind(self):
        with self.assertRaises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="gpt-9", messages=QUESTION)
        self.assertEqual(unknown.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as wrong:
            client.chat.completions.create(model="gpt-4o", messages=QUESTION, temperature=9)
        self.assertEqual(wrong.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as unsupported:
            client.chat.completions.create(model="gpt-4o", messages=QUESTION, audio={"voice": "alloy", "format": "wav"})
        self.assertEqual(unsupported.exception.param, "audio")
        with self.assertRaises(openai.BadRequestError) as long:
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "the sea " * 5000}])
        self.assertEqual(long.exception.code, "context_length_exceeded")

    def test_a_crowd_that_comes_again_is_served(self):
        patient = OpenAI(base_url=BASE + "/v1", api_key="none", timeout=120, max_retries=20)
        answers = []

        def ask(number):
            answers.append(patient.chat.completions.create(model="gpt-4o", messages=QUESTION, max_tokens=2, user=str(number)))

        crowd = [threading.Thread(target=ask, args=[number]) for number in range(100)]
        [one.start() for one in crowd]
        [one.join() for one in crowd]
        self.assertEqual(len(answers), 100)


class Others(unittest.TestCase):
    def test_models(self):
        models = {model.id: model for model in client.models.list()}
        self.assertIn("gpt-4o", sum((model.aliases for model in models.values()), []))
        self.assertEqual(client.models.retrieve("whisper-1").task, "transcription")

    def test_a_text_is_continued(self):
        answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["Once", "Twice"], max_tokens=4, logprobs=1)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1])
        told = "".join(chunk.choices[0].text for chunk in client.completions.create(model="gpt-4o", prompt="Once", stream=True))
        self.assertTrue(told)

    def test_vectors(self):
        # Without a format the client asks for base64 and unpacks it.
        packed = client.embeddings.create(model="text-embedding-3-small", input=["a dream", "a sea"])
        floats = client.embeddings.create(model="text-embedding-3-small", input=["a dream", "a sea"], encoding_format="float", dimensions=384)
        for one, other in zip(packed.data, floats.data):
            for a, b in zip(one.embedding, other.embedding):
                self.assertAlmostEqual(a, b, places=5)
        self.assertAlmostEqual(sum(number * number for number in floats.data[0].embedding), 1, places=3)
        raw = client.embeddings.with_raw_response.create(model="text-embedding-ada-002", input="a dream", encoding_format="base64")
        vector = base64.b64decode(json.loads(raw.text)["data"][0]["embedding"])
        self.assertAlmostEqual(struct.unpack("<f", vector[:4])[0], packed.data[0].embedding[0], places=5)
        with self.assertRaises(openai.BadRequestError):
            client.embeddings.create(model="text-embedding-3-small", input="a", dimensions=64)

    def test_a_recording(self):
        path = os.environ["ONEIROS_RECORDING"]
        hear = lambda **more: client.audio.transcriptions.create(model="whisper-1", file=open(path, "rb"), **more)
        self.assertIn("bridge", hear().text.lower())
        self.assertIn("-->", hear(response_format="srt"))
        self.assertTrue(hear(response_format="vtt", language="en").startswith("WEBVTT"))
        verbose = hear(response_format="verbose_json", timestamp_granularities=["word", "segment"], temperature=0, prompt="A golden key.")
        self.assertEqual(verbose.language, "english")
        self.assertTrue(verbose.segments[0].end > verbose.segments[0].start and verbose.segments[0].avg_logprob < 0)
        self.assertTrue(verbose.segments[0].tokens and verbose.segments[0].seek >= 0)
        words = verbose.words
        self.assertTrue(any("bridge" in word.word.lower() for word in words))
        self.assertTrue(all(one.start <= two.start for one, two in zip(words, words[1:])))

    def test_a_response(self):
        answer = client.responses.create(model="gpt-4o", instructions="Be brief.", input="Name a colour.", max_output_tokens=16, store=False)
        self.assertTrue(answer.output_text and answer.usage.output_tokens)
        self.assertIn(answer.status, ("completed", "incomplete"))
        conversation = [{"role": "user", "content": "Name a colour."}, *answer.output, {"role": "user", "content": "Another."}]
        again = client.responses.create(model="gpt-4o", input=[item if isinstance(item, dict) else item.model_dump(exclude_none=True) for item in conversation], max_output_tokens=16)
        self.assertTrue(again.output_text)
        parsed = client.responses.parse(model="gpt-4o", input="Describe a dream.", text_format=Dream, max_output_tokens=80, temperature=0)
        self.assertIsInstance(parsed.output_parsed, Dream)

    def test_a_streamed_response(self):
        with client.responses.stream(model="gpt-4o", input="Describe a dream.", text_format=Dream, max_output_tokens=80) as stream:
            deltas = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            self.assertEqual(stream.get_final_response().output_text, deltas)


if __name__ == "__main__":
    unittest.main()
