// What a signature takes and gives, read from the metadata that the server answers.

const IMAGE_NAME = /bytes|image|picture|photo/i;
const NUMPY_OF = {
  DT_FLOAT: "float32", DT_DOUBLE: "float64", DT_BOOL: "bool", DT_STRING: "string",
  DT_INT8: "int8", DT_INT16: "int16", DT_INT32: "int32", DT_INT64: "int64",
  DT_UINT8: "uint8", DT_UINT32: "uint32", DT_UINT64: "uint64",
};

export function describe(name, info) {
  const shape = info.tensor_shape;
  const sizes = shape.unknown_rank ? null : shape.dim.map((dimension) => Number(dimension.size));
  const dtype = NUMPY_OF[info.dtype] ?? info.dtype;
  return { name, enumName: info.dtype, dtype, sizes };
}

export function readSignatures(metadata) {
  const signatures = {};
  for (const [name, definition] of Object.entries(metadata.metadata.signature_def.signature_def)) {
    const inputs = sortedEntries(definition.inputs);
    if (!inputs.length) continue;
    const optional = new Set(Object.keys(definition.defaults ?? {}));
    signatures[name] = {
      inputs: inputs.map(([key, info]) => ({
        ...describe(key, info), kind: inputKind(describe(key, info)), optional: optional.has(key),
      })),
      outputs: sortedEntries(definition.outputs).map(([key, info]) => describe(key, info)),
    };
  }
  return signatures;
}

function sortedEntries(map) {
  return Object.entries(map ?? {}).sort(([one], [other]) => one.localeCompare(other));
}

export function shapeText({ dtype, sizes }) {
  if (sizes === null) return `${dtype} of any shape`;
  return `${dtype} [${sizes.map((size) => (size < 0 ? "?" : size)).join(", ")}]`;
}

// "file": the bytes of an encoded image; "pixels": its pixels; "text"; "json": numbers typed in.
function inputKind({ name, dtype, sizes }) {
  const rank = sizes === null ? 1 : sizes.length;
  if (dtype === "string" && rank <= 1) return IMAGE_NAME.test(name) ? "file" : "text";
  const channels = rank === 4 ? sizes[3] : 0;
  if (dtype !== "string" && dtype !== "bool" && (channels === 1 || channels === 3)) return "pixels";
  return "json";
}
