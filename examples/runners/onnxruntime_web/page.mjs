// Takes models from the server one after the other, runs each by one provider and sends back what came of it.
// The address says which: page.html?bundle=ort.webgpu.min.mjs&provider=webgpu; by default it is WASM.
const given = new URLSearchParams(location.search);
const provider = given.get("provider") ?? "wasm";
const said = []; // by onnxruntime, which keeps what console.error is when it is loaded
console.error = (...words) => said.push(words.join(" "));
const ort = await import(`/dist/${given.get("bundle") ?? "ort.wasm.min.mjs"}`);

ort.env.wasm.numThreads = 1; // more would need a page that is isolated from other origins
ort.env.wasm.wasmPaths = "/dist/";
ort.env.logLevel = "error";

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: globalThis.Float16Array ?? Uint16Array,
  int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
};

function tensor({ type, dims, data }) {
  const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
  return new ort.Tensor(type, new ARRAYS[type](bytes.buffer), dims);
}

function plain({ type, dims, data }) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (const each of bytes) text += String.fromCharCode(each);
  return { type, dims, data: btoa(text) };
}

// The first node of a type that onnxruntime says it has placed on the CPU, or nothing.
function onCpu(type) {
  let placed = "";
  for (const line of said) {
    const [, provider] = line.match(/placed on \[(\w+)\]/) ?? [];
    placed = provider ?? placed;
    if (line.includes("All nodes placed on [CPUExecutionProvider]")) return type;
    const [, node, op] = line.match(/VerifyEachNodeIsAssignedToAnEp\]\s+((\w+) \(.*\))/) ?? [];
    if (placed === "CPUExecutionProvider" && op === type) return node;
  }
  return undefined;
}

async function run({ model, feeds, stays }) {
  said.length = 0;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    ...(stays ? { logSeverityLevel: 0 } : {}), // at which it says where nodes are placed
  });
  try {
    const left = stays && onCpu(stays);
    if (left) throw new Error(`${left} is placed on the CPU`);
    const inputs = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, tensor(value)]));
    const results = await session.run(inputs);
    return { outputs: Object.fromEntries(Object.entries(results).map(([name, value]) => [name, plain(value)])) };
  } finally {
    await session.release();
  }
}

for (;;) {
  const job = await (await fetch("/job")).json();
  const result = await run(job).catch((error) => ({ error: String(error?.message ?? error) }));
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
}
