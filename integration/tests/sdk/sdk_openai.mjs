// npm's `openai`: the situations of situations.py, told in the same way.
// usage: node sdk_openai.mjs BASE_URL PACKAGE_JSON (beside the node_modules that hold the package)

import { createRequire } from "node:module";

const [baseUrl, packages] = process.argv.slice(2);
const { default: OpenAI } = createRequire(packages)("openai");
const messages = [{ role: "user", content: "Which report mentions the new warehouse?" }];

function chat(headers, cap, retries, options = {}) {
  const client = new OpenAI({
    baseURL: `${baseUrl}/v1`,
    apiKey: "test",
    defaultHeaders: headers,
    ...(retries ? {} : { maxRetries: 0 }),
  });
  return client.chat.completions.create({
    model: "gpt-4o-mini",
    messages,
    max_completion_tokens: cap,
    ...options,
  });
}

async function whole(headers, cap, retries) {
  const answer = await chat(headers, cap, retries);
  return { text: answer.choices[0].message.content, total: answer.usage.total_tokens };
}

async function streamed(headers, cap, retries) {
  const options = { stream: true, stream_options: { include_usage: true } };
  let [text, total] = ["", null];
  for await (const chunk of await chat(headers, cap, retries, options)) {
    text += chunk.choices[0]?.delta.content ?? "";
    total = chunk.usage?.total_tokens ?? total;
  }
  return { text, total };
}

const team = { "x-genops-team": "openai-js" };
const situations = [
  ["whole", whole, team, 50, true],
  ["streamed", streamed, team, 50, true],
  ["exhausted", whole, team, 5_000, true],
  ["exhausted_streamed", streamed, team, 5_000, true],
  ["nameless", whole, {}, 50, true],
  ["hurried", whole, { ...team, "x-genops-feature": "burst" }, 50, false],
];
for (const [situation, call, headers, cap, retries] of situations) {
  let told = {};
  // The first hurried call leaves too little for the next, unless the minute ends between them.
  for (let tries = situation === "hurried" ? 4 : 1; tries > 0 && !told.error; tries -= 1) {
    try {
      told = await call({ ...headers, "x-genops-project": `openai-js-${situation}` }, cap, retries);
    } catch (error) {
      if (!(error instanceof OpenAI.APIError)) throw error;
      const { status, code, type } = error;
      const retry_after = error.headers.get("retry-after");
      told = { error: error.constructor.name, status, code, type, retry_after, message: error.error.message };
    }
  }
  console.log(JSON.stringify({ sdk: "openai-js", situation, ...told }));
}
