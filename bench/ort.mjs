// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime, one thread, as a peer of bench_accel (bench/peer.h says how the two talk).
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';

const [model, input, output] = process.argv.slice(2);
let session, feeds;
try {
  const require = createRequire(resolve(process.env.FG_ORT_ROOT ?? 'build/bench') + '/');
  const ort = require('onnxruntime-node');
  session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const bytes = readFileSync(input);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const shape = process.env.FG_PEER_SHAPE.split('x').map(Number);
  feeds = { [session.inputNames[0]]: new ort.Tensor('float32', values, shape) };
  const first = await session.run(feeds);
  const names = [...session.outputNames].sort();
  const parts = names.map((name) => Buffer.from(new Float32Array(first[name].data).buffer));
  writeFileSync(output, Buffer.concat(parts));
} catch (why) {
  console.log(String(why.message).split('\n')[0]);
  process.exit(1);
}
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
