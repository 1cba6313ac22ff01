// Takes LiteRT models from the server one after the other, runs each in LiteRT.js and sends back what came of it.
// The address says where: page.html?accelerator=webgpu; by default it is the CPU, in WASM.
import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";

const accelerator = new URLSearchParams(location.search).get("accelerator") ?? "wasm";
const loaded = loadLiteRt("/core/wasm/", { threads: false });

const ARRAYS = { float32: Float32Array, int32: Int32Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array };

function tensor(name, { type, dims, data }) {
  if (!ARRAYS[type]) throw new Error(`${name} is ${type}, of which the page makes no tensor`);
  const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
  return new Tensor(new ARRAYS[type](bytes.buffer), dims);
}

async function plain(value) {
  const held = await value.copyTo("wasm");
  const data = held.toTypedArray();
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (const each of bytes) text += String.fromCharCode(each);
  const { dtype, layout } = value.type;
  held.delete();
  return { type: dtype, dims: Array.from(layout.dimensions), data: btoa(text) };
}

async function run({ model, feeds }) {
  await loaded;
  const bytes = new Uint8Array(await (await fetch(model)).arrayBuffer());
  const compiled = await loadAndCompile(bytes, { accelerator });
  const given = {};
  try {
    if (accelerator !== "wasm" && !compiled.isFullyAccelerated) throw new Error(`not wholly on ${accelerator}`);
    for (const { name } of compiled.getInputDetails()) {
      const host = tensor(name, feeds[name]);
      given[name] = accelerator === "wasm" ? host : await host.moveTo(accelerator);
    }
    const results = await compiled.run(given);
    const outputs = {};
    for (const [name, value] of Object.entries(results)) {
      outputs[name] = await plain(value);
      value.delete();
    }
    return { outputs };
  } finally {
    for (const value of Object.values(given)) value.delete();
    compiled.delete();
  }
}

for (;;) {
  const job = await (await fetch("/job")).json();
  const result = await run(job).catch((error) => ({ error: String(error?.message ?? error) }));
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
}
