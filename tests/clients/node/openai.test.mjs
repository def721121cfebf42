// OpenAI's own client for Node against a server. ONEIROS_BASE names it, as http://127.0.0.1:8420.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { test } from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.ONEIROS_BASE}/v1`, apiKey: "none", maxRetries: 0, timeout: 120_000 });
const messages = [{ role: "user", content: "Name three colours of the sea." }];
const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      strict: true,
      parameters: {
        type: "object",
        properties: { place: { type: "string", maxLength: 20 } },
        required: ["place"],
        additionalProperties: false,
      },
    },
  },
];

test("a dialog is answered whole and in chunks", async () => {
  const asked = { model: "gpt-4o-mini", messages, max_tokens: 16, temperature: 0, ignore_eos: true };
  const whole = await client.chat.completions.create(asked);
  let told = "";
  let usage;
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })) {
    told += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.ok(told && whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("a tool is called", async () => {
  const stream = client.chat.completions.stream({ model: "gpt-4o", messages, tools, tool_choice: "required", max_tokens: 80 });
  const call = (await stream.finalChatCompletion()).choices[0].message.tool_calls[0];
  assert.ok("place" in JSON.parse(call.function.arguments));
});

test("a stream that is left does no harm", async () => {
  const stream = await client.chat.completions.create({ model: "gpt-4o", messages, stream: true, ignore_eos: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  assert.ok((await client.models.list()).data.length >= 4);
});

test("vectors are unpacked", async () => {
  const packed = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a dream"] });
  const floats = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a dream"], encoding_format: "float" });
  assert.equal(packed.data[0].embedding.length, 384);
  packed.data[0].embedding.forEach((number, index) => assert.ok(Math.abs(number - floats.data[0].embedding[index]) < 1e-5));
});

test("a recording is heard", async () => {
  const file = createReadStream(process.env.ONEIROS_RECORDING);
  const heard = await client.audio.transcriptions.create({ model: "whisper-1", file, response_format: "verbose_json" });
  assert.match(heard.text.toLowerCase(), /bridge/);
  assert.ok(heard.segments.length > 0);
});

test("a response is told as events", async () => {
  const kinds = [];
  const stream = await client.responses.create({ model: "gpt-4o", input: "Name a colour.", max_output_tokens: 16, stream: true });
  for await (const event of stream) kinds.push(event.type);
  assert.equal(kinds[0], "response.created");
  assert.ok(["response.completed", "response.incomplete"].includes(kinds.at(-1)), kinds.at(-1));
  const whole = await client.responses.create({ model: "gpt-4o", input: "Name a colour.", max_output_tokens: 16 });
  assert.ok(whole.output_text.length > 0);
});

test("refusals are errors of their kind", async () => {
  await assert.rejects(client.chat.completions.create({ model: "gpt-9", messages }), OpenAI.NotFoundError);
  await assert.rejects(client.chat.completions.create({ model: "gpt-4o", messages, top_p: 7 }), (error) => error.param === "top_p");
  await assert.rejects(client.completions.create({ model: "gpt-4o", prompt: "a", suffix: "b" }), (error) => error.param === "suffix");
});
