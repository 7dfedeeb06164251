// SPDX-License-Identifier: Apache-2.0
// ort.mjs MODEL.onnx INPUT.f32 OUTPUT.f32: the peer in bench_accel, one thread. Writes the first
// run's outputs, prints "ready", then answers each line "RUNS" with one JSON line of times in ms.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';

const require = createRequire(resolve(process.env.FG_ORT_ROOT) + '/');
const ort = require('onnxruntime-node');
const [model, input, output] = process.argv.slice(2);

const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
});
const bytes = readFileSync(input);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const shape = process.env.FG_ORT_SHAPE.split('x').map(Number);
const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', values, shape) };

const first = await session.run(feeds);
const parts = session.outputNames.map((name) => Buffer.from(new Float32Array(first[name].data).buffer));
writeFileSync(output, Buffer.concat(parts));
console.log('ready');

for await (const line of createInterface({ input: process.stdin })) {
  const times = [];
  for (let k = 0; k < Number(line); k++) {
    const start = process.hrtime.bigint();
    await session.run(feeds);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  console.log(JSON.stringify(times.map((t) => Number(t.toFixed(4)))));
}
