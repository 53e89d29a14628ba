// The call that was made, as a line of Python and as a line of a shell.

const VALUE_FIELD_OF = {
  DT_FLOAT: "float_val", DT_DOUBLE: "double_val", DT_BOOL: "bool_val", DT_INT8: "int_val", DT_INT16: "int_val",
  DT_INT32: "int_val", DT_UINT8: "int_val", DT_INT64: "int64_val", DT_UINT32: "uint32_val", DT_UINT64: "uint64_val",
};

// Each of `given` is an input's description with its value: {kind, name, ...; file, text or json}.
export function pythonLine(server, model, signatureName, given) {
  const imports = ["from kzoo.serving import Client"];
  if (given.some(({ kind }) => kind === "file")) imports.unshift("from pathlib import Path");
  if (given.some(({ kind }) => kind === "pixels" || kind === "json")) imports.unshift("import numpy as np");
  if (given.some(({ kind }) => kind === "pixels")) imports.splice(1, 0, "from PIL import Image");
  const inputs = given.map((input) => `${quoted(input.name)}: ${pythonValue(input)}`).join(", ");
  const signature = signatureName === "serving_default" ? "" : `, signature=${quoted(signatureName)}`;
  const call = `Client(${quoted(server.grpc)}).predict(${quoted(model)}, {${inputs}}${signature})`;
  return `${imports.join("; ")}; print(${call})`;
}

function pythonValue({ kind, dtype, sizes, file, text, json }) {
  const isScalar = sizes !== null && sizes.length === 0;
  if (kind === "file") return isScalar ? `Path(${quoted(file)}).read_bytes()` : `[Path(${quoted(file)}).read_bytes()]`;
  if (kind === "text") return isScalar ? quoted(text) : `[${quoted(text)}]`;
  if (kind === "json") return `np.array(${pythonLiteral(json)}, np.${dtype === "string" ? "object_" : numpyName(dtype)})`;
  const [, height, width, channels] = sizes;
  const picture = `Image.open(${quoted(file)}).convert("${channels === 1 ? "L" : "RGB"}")`;
  const sized = height < 0 ? picture : `${picture}.resize((${width}, ${height}))`;
  const array = `np.asarray(${sized}, np.${numpyName(dtype)})`;
  return channels === 1 ? `${array}[None, :, :, None]` : `${array}[None]`;
}

function numpyName(dtype) {
  return dtype === "bool" ? "bool_" : dtype;
}

function pythonLiteral(json) {
  return JSON.stringify(json).replaceAll(/"(?:[^"\\]|\\.)*"|true|false/g, (token) =>
    ({ true: "True", false: "False" })[token] ?? token);
}

// null where the call has pixels: those are too many for a line.
export function grpcurlLine(server, model, signatureName, given) {
  if (given.some(({ kind }) => kind === "pixels")) return null;
  const files = [];
  const inputs = Object.fromEntries(given.map((input) => [input.name, tensor(input, files)]));
  const request = JSON.stringify({ model_spec: { name: model, signature_name: signatureName }, inputs });
  const format = request.replaceAll("%", "%%").replaceAll(/"FILE-\d+"/g, '"%s"').replaceAll("\\", "\\\\");
  const encoded = files.map((file) => ` "$(base64 < ${shellQuoted(file)} | tr -d '\\n')"`).join("");
  const security = server.tls ? "-insecure" : "-plaintext";
  const token = server.token ? ' -H "authorization: Bearer $TOKEN"' : "";
  return `printf ${shellQuoted(format)}${encoded} | grpcurl ${security}${token} -d @ ${server.grpc} `
    + "tensorflow.serving.PredictionService/Predict";
}

function tensor({ kind, enumName, sizes, file, text, json }, files) {
  const isScalar = sizes !== null && sizes.length === 0;
  const value = kind === "json" ? json : isScalar ? 0 : [0];
  const tensorShape = { dim: shapeOf(value).map((size) => ({ size })) };
  if (kind === "file") return { dtype: enumName, tensor_shape: tensorShape, string_val: [`FILE-${files.push(file)}`] };
  const values = kind === "text" ? [text] : [json].flat(Infinity);
  const field = VALUE_FIELD_OF[enumName] ?? "string_val";
  const written = field === "string_val" ? values.map(utf8Base64) : values;
  return { dtype: enumName, tensor_shape: tensorShape, [field]: written };
}

function shapeOf(value) {
  const shape = [];
  for (let inner = value; Array.isArray(inner); [inner] = inner) shape.push(inner.length);
  return shape;
}

function utf8Base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function quoted(text) {
  return JSON.stringify(text);
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
