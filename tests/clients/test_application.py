"""`llm`, a command-line application, told of a server as its own manual says. ONEIROS_BASE names the server."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MODELS = """
- model_id: local
  model_name: gpt-4o-mini
  api_base: "{base}/v1"
"""
LLM = pathlib.Path(sys.executable).parent / "llm"


class Application(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        pathlib.Path(self.folder.name, "extra-openai-models.yaml").write_text(MODELS.format(base=os.environ["ONEIROS_BASE"]))

    def tearDown(self):
        self.folder.cleanup()

    def llm(self, *arguments, stdin=""):
        environment = {**os.environ, "LLM_USER_PATH": self.folder.name}
        ended = subprocess.run([LLM, *arguments], input=stdin, capture_output=True, text=True, env=environment, timeout=120)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout

    def test_a_question_an_answer_and_a_further_question(self):
        brief = ["-m", "local", "-o", "max_tokens", "16", "-o", "temperature", "0"]
        streamed = self.llm(*brief, "Name three colours of the sea.")
        self.assertTrue(streamed.strip())
        self.assertEqual(streamed.strip(), self.llm(*brief, "--no-stream", "Name three colours of the sea.").strip())
        self.assertTrue(self.llm("-c", "-o", "max_tokens", "8", "And of the wood?").strip())
        self.assertIn("Name three colours", self.llm("logs", "-n", "3"))

    def test_text_from_a_pipe_with_a_system_prompt(self):
        answer = self.llm("-m", "local", "-s", "Summarise in one sentence.", "-o", "max_tokens", "16", stdin="I was flying over a river.")
        self.assertTrue(answer.strip())


if __name__ == "__main__":
    unittest.main()
