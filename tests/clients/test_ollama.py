"""Ollama's own client for Python against a server. ONEIROS_OLLAMA names its listener, as http://127.0.0.1:11434."""

import json
import os
import unittest

import ollama

client = ollama.Client(host=os.environ["ONEIROS_OLLAMA"], timeout=120)
MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "Name three colours of the sea."}]
BRIEF = {"num_predict": 16, "temperature": 0, "seed": 1}


def weather(place: str) -> str:
    """The weather of a place.

    Args:
      place: where
    """
    return place


class Ollama(unittest.TestCase):
    def test_the_models_are_listed(self):
        names = [model.model for model in client.list().models]
        self.assertIn(MODEL + ":latest", names)
        self.assertEqual(names, [model.model for model in client.ps().models])
        self.assertIn("completion", client.show(MODEL).capabilities)

    def test_a_dialog(self):
        whole = client.chat(MODEL + ":latest", QUESTION, options=BRIEF)
        self.assertTrue(whole.done and whole.message.content and whole.eval_count and whole.total_duration)
        pieces = list(client.chat(MODEL, QUESTION, options=BRIEF, stream=True))
        self.assertTrue("".join(piece.message.content for piece in pieces))
        self.assertEqual([piece.done for piece in pieces], [False] * (len(pieces) - 1) + [True])
        self.assertIn(pieces[-1].done_reason, ("stop", "length"))

    def test_a_schema_and_tools(self):
        schema = {"type": "object", "properties": {"place": {"type": "string", "maxLength": 20}},
                  "required": ["place"], "additionalProperties": False}
        answer = client.chat(MODEL, QUESTION, format=schema, options={**BRIEF, "num_predict": 200})
        self.assertIn("place", json.loads(answer.message.content))
        self.assertTrue(client.chat(MODEL, QUESTION, tools=[weather], options=BRIEF, think=False).done)
        call = {"function": {"name": "weather", "arguments": {"place": "sea"}}}

        def told(result):
            said = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_name": "weather", "content": result}]
            return client.chat(MODEL, [*QUESTION, *said], tools=[weather], options=BRIEF)

        brief, long = told("rain"), told("rain, and in the evening a storm from the north with hail")
        self.assertTrue(brief.message.content)
        self.assertGreater(long.prompt_eval_count, brief.prompt_eval_count + 8, "the model reads what the tool returned")

    def test_thinking(self):
        self.assertNotIn("thinking", client.show(MODEL).capabilities)
        for think in (True, False, "low"):
            answer = client.chat(MODEL, QUESTION, think=think, options=BRIEF)
            self.assertTrue(answer.message.content and not answer.message.thinking, "this model does not think")
        thought = [*QUESTION, {"role": "assistant", "content": "Blue.", "thinking": "The sea is blue."}, *QUESTION]
        self.assertTrue(client.chat(MODEL, thought, options=BRIEF).done)

    def test_a_prompt(self):
        answer = client.generate(MODEL, "Name a colour.", system="Be brief.", options=BRIEF, keep_alive="5m")
        self.assertTrue(answer.response and answer.prompt_eval_count)
        raw = client.generate("gemma3-270m", "Once upon a time", raw=True, options=BRIEF, stream=True)
        self.assertTrue("".join(piece.response for piece in raw))
        self.assertEqual(client.generate(MODEL, "").done_reason, "load")

    def test_vectors(self):
        many = client.embed("multilingual-e5-small", ["a dream", "a sea"])
        self.assertEqual([len(vector) for vector in many.embeddings], [384, 384])
        one = client.embeddings("multilingual-e5-small", "a dream").embedding
        self.assertAlmostEqual(sum(a * b for a, b in zip(one, many.embeddings[0])), 1, places=4)
        self.assertEqual(len(client.embed("multilingual-e5-small", "long " * 3000).embeddings), 1)
        self.assertEqual(len(client.embed("multilingual-e5-small", "").embeddings), 0)

    def test_refusals_are_told(self):
        for wrong, status in [
            (lambda: client.chat("nothing", QUESTION), 404),
            (lambda: client.chat(MODEL, QUESTION, options={"temperature": -1}), 400),
            (lambda: client.chat(MODEL, QUESTION, options={"num_ctx": 1_000_000}), 400),
            (lambda: client.chat(MODEL, QUESTION, options={"mirostat": 1}), 400),
            (lambda: client.generate(MODEL, "a", suffix="b"), 400),
        ]:
            with self.assertRaises(ollama.ResponseError) as refused:
                wrong()
            self.assertEqual(refused.exception.status_code, status)
            self.assertGreater(len(refused.exception.error), 10)


if __name__ == "__main__":
    unittest.main()
