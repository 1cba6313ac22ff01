// Run one model in onnxjs, on its CPU backend: a line of JSON comes in on stdin, another one goes out on stdout.

const { readFileSync, writeSync } = require("fs");
const { InferenceSession, Tensor } = require(process.argv[2]);

const KINDS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, bool: Uint8Array };

function tensor({ kind, dims, data }) {
  const bytes = Buffer.from(data, "base64");
  if (!KINDS[kind]) throw new Error(`onnxjs has no tensors of ${kind}`);
  return new Tensor(new KINDS[kind](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), kind, dims);
}

async function run({ model, inputs }) {
  const session = new InferenceSession({ backendHint: "cpu" });
  await session.loadModel(new Uint8Array(readFileSync(model)));  // it would fetch a path
  const given = new Map(Object.entries(inputs).map(([name, each]) => [name, tensor(each)]));
  const results = {};
  for (const [name, { type, dims, data }] of await session.run(given)) {
    results[name] = { kind: type, dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") };
  }
  return { results };
}

run(JSON.parse(readFileSync(0, "utf8")))
  .catch((error) => ({ error: String((error && error.message) || error) }))
  .then((answer) => writeSync(1, `\n${JSON.stringify(answer)}\n`));
