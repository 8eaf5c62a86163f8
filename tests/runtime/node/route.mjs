// Routes vectors with the policy of a bundle: node route.mjs BUNDLE VECTORS.json, decisions as JSON on stdout.
// The members of a bundle are stored as they are, so that twenty lines read them without a ZIP library.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const ort = createRequire(process.env.TRACER_NODE_MODULES)("onnxruntime-web/wasm");
ort.env.wasm.numThreads = 1;

function members(file) {
  const found = {};
  for (let at = 0; file.readUInt32LE(at) === 0x04034b50; ) {
    const size = file.readUInt32LE(at + 18);
    const start = at + 30 + file.readUInt16LE(at + 26) + file.readUInt16LE(at + 28);
    found[file.toString("utf8", at + 30, at + 30 + file.readUInt16LE(at + 26))] = file.subarray(start, start + size);
    at = start + size;
  }
  return found;
}

const bundle = members(readFileSync(process.argv[2]));
const manifest = JSON.parse(bundle["bundle.json"]);
for (const [name, { sha256 }] of Object.entries(manifest.members)) {
  if (createHash("sha256").update(bundle[name]).digest("hex") !== sha256) throw new Error(`${name} was changed`);
}

const vectors = JSON.parse(readFileSync(process.argv[3])).map((row) => row.map(Number));
const session = await ort.InferenceSession.create(bundle["policy.onnx"]);
const embedding = new ort.Tensor("float32", Float32Array.from(vectors.flat()), [vectors.length, manifest.dimension]);
const { label, handled, score, stage, reason } = await session.run({ embedding });

const reasons = ["handled", "low_score", "out_of_distribution", "denied_label", "unavailable"];
const decisions = vectors.map((_, row) => ({
  label: handled.data[row] ? manifest.labels[Number(label.data[row])] : null,
  handled: Boolean(handled.data[row]),
  score: score.data[row],
  stage: handled.data[row] ? Number(stage.data[row]) : null,
  reason: reasons[Number(reason.data[row])],
}));
console.log(JSON.stringify(decisions));
