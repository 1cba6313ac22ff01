// Times models in onnxruntime-web under node, one thread, in turn: node int8_wasm.mjs FOLDER_OF_ONNXRUNTIME_WEB TASK.json
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [folder, path] = process.argv.slice(2)
const ort = createRequire(`${folder}/package.json`)('.')
ort.env.wasm.numThreads = 1
const task = JSON.parse(readFileSync(path))
const sessions = []
for (const { file, session } of task.models) {
  const begun = performance.now()
  const options = { executionProviders: ['wasm'], extra: { session } }
  sessions.push([await ort.InferenceSession.create(readFileSync(file), options), performance.now() - begun])
}
const feeds = {}
for (const [name, { data, dims }] of Object.entries(task.feeds)) {
  feeds[name] = new ort.Tensor('float32', Float32Array.from(data), dims)
}
const run = async (session, repeats) => {
  const begun = process.cpuUsage()
  for (let i = 0; i < repeats; i++) await session.run(feeds)
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / 1000 / repeats
}
// The engine compiles what runs often once more, in a thread of its own, whose time would count as well.
const warm = async (session) => {
  const until = performance.now() + task.warming
  while (performance.now() < until) await session.run(feeds)
}
const repeats = []
for (const [session] of sessions) await warm(session)
for (const [session] of sessions) {
  repeats.push(Math.max(1, Math.round(task.block / Math.max(1e-3, await run(session, 3)))))
}
const rounds = []
const until = performance.now() + task.milliseconds
for (let round = 0; round < 5 || performance.now() < until; round++) {
  const row = []
  const order = [...sessions.keys()]
  for (const i of round % 2 ? order.reverse() : order) row[i] = await run(sessions[i][0], repeats[i])
  rounds.push(row)
}
console.log(JSON.stringify({ version: ort.env.versions.web, loading: sessions.map(([, time]) => time), rounds }))
