// The form: models and their signatures, inputs, one call at a time.

import { element, showAnswer } from "./answer.js";
import { grpcurlLine, pythonLine } from "./calls.js";
import { pixelsOf, readImage, toBase64 } from "./images.js";
import { readSignatures, shapeText } from "./signature.js";

const byId = (id) => document.getElementById(id);
const server = { grpc: "", tls: false, token: false, models: [] };
let signatures = {};
let fields = [];
const made = new Map();
let asked = Promise.resolve();
let choices = 0;

function headers() {
  const token = byId("token").value;
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function readJson(response) {
  const text = await response.text();
  const finite = text.replaceAll(/"(?:[^"\\]|\\.)*"|NaN|-?Infinity/g, (token) =>
    ({ NaN: "null", Infinity: "1e999", "-Infinity": "-1e999" })[token] ?? token);
  let answer;
  try {
    answer = JSON.parse(finite);
  } catch {
    throw new Error(`the server answered ${response.status} and no JSON`);
  }
  if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
  return answer;
}

function fail(error) {
  byId("error").textContent = error.message;
  byId("error").hidden = false;
  byId("state").value = "";
}

function urlOf(model) {
  return `../v1/models/${encodeURIComponent(model)}`;
}

async function start() {
  byId("error").hidden = true;
  try {
    Object.assign(server, await readJson(await fetch("models.json", { headers: headers() })));
  } catch (error) {
    if (error.status === 401) byId("token-label").hidden = false;
    throw error;
  }
  byId("server").textContent = `gRPC at ${server.grpc}`;
  const options = server.models.map(({ name, available }) =>
    new Option(available ? name : `${name} (not available)`, name));
  byId("model").replaceChildren(...options);
  const wanted = new URLSearchParams(location.search).get("model");
  const first = server.models.find(({ name }) => name === wanted)
    ?? server.models.find(({ available }) => available);
  if (first === undefined) throw new Error("no model is available yet; reload this page in a moment");
  byId("model").value = first.name;
  await chooseModel();
}

async function chooseModel() {
  byId("error").hidden = true;
  clearAnswer();
  const model = byId("model").value;
  const choice = ++choices;
  signatures = {};
  showSignatures();
  const metadata = await readJson(await fetch(`${urlOf(model)}/metadata`, { headers: headers() }));
  if (choice !== choices) return;
  signatures = readSignatures(metadata);
  showSignatures();
}

function showSignatures() {
  const names = Object.keys(signatures).sort((one, other) =>
    (other === "serving_default") - (one === "serving_default") || one.localeCompare(other));
  byId("signature").replaceChildren(...names.map((name) => new Option(name)));
  chooseSignature();
}

// Inputs of one name and form are shared by all signatures, so that a picture is chosen once.
function chooseSignature() {
  clearAnswer();
  fields = (signatures[byId("signature").value]?.inputs ?? []).map((input) => {
    const key = `${input.name} ${input.kind} ${shapeText(input)} ${input.optional}`;
    if (!made.has(key)) made.set(key, makeField(input));
    return made.get(key);
  });
  byId("inputs").replaceChildren(...fields.map(({ node }) => node));
  if (fields.length && fields.every(({ value }) => value !== null)) submit();
}

function clearAnswer() {
  byId("answer").replaceChildren();
  byId("calls").hidden = true;
  byId("state").value = "";
}

function makeField(input) {
  const about = element("span", { className: "about" }, `${shapeText(input)}${input.optional ? ", may be left out" : ""}`);
  const isPicture = input.kind === "file" || input.kind === "pixels";
  const node = element("label", {}, element("span", {}, input.name, " ", about));
  const field = { input, node, value: null };
  if (isPicture) {
    node.append(dropZone(field));
  } else {
    field.area = element("textarea", { spellcheck: false, name: input.name });
    if (input.kind === "json") field.area.placeholder = "as JSON, for example [[1.5, 2]]";
    node.append(field.area);
  }
  return field;
}

function dropZone(field) {
  const chooser = element("input", { type: "file", accept: "image/*", name: field.input.name });
  const shown = element("span", {}, "Drop, paste or choose a picture");
  const zone = element("span", { className: "drop" }, chooser, shown);
  field.take = async (file) => {
    byId("error").hidden = true;
    try {
      field.value = { ...(await readImage(file)), name: file.name || "pasted.png" };
    } catch (error) {
      fail(error);
      return;
    }
    const url = URL.createObjectURL(file);
    const image = element("img", { src: url, alt: field.value.name });
    image.addEventListener("load", () => URL.revokeObjectURL(url));
    const note = field.value.changed ? `${field.value.name}, sent as PNG` : field.value.name;
    shown.replaceChildren(image, element("span", { className: "about" }, note));
    if (missing().length === 0) submit();
  };
  chooser.addEventListener("change", () => chooser.files.length && field.take(chooser.files[0]));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) field.take(event.dataTransfer.files[0]);
  });
  return zone;
}

function isEmpty({ value, area, input }) {
  return area === undefined ? value === null : input.kind === "json" && !area.value.trim();
}

function missing() {
  return fields.filter((field) => isEmpty(field) && !field.input.optional);
}

// What each input is given: its description, what it is called in a line of code, and its JSON in the request.
function given() {
  return fields.filter((field) => !isEmpty(field)).map(({ input, value, area }) => {
    const isScalar = input.sizes !== null && input.sizes.length === 0;
    const row = (single) => (isScalar ? single : [single]);
    if (input.kind === "file") return { ...input, file: value.name, sent: row({ b64: toBase64(value.bytes) }) };
    if (input.kind === "pixels") return { ...input, file: value.name, sent: [pixelsOf(value.bitmap, input.sizes)] };
    if (input.kind === "text") return { ...input, text: area.value, sent: row(area.value) };
    try {
      const json = JSON.parse(area.value);
      return { ...input, json, sent: json };
    } catch (error) {
      throw new Error(`${input.name} is no JSON: ${error.message}`);
    }
  });
}

// One call at a time; what was chosen meanwhile is asked once the answer is there.
function submit() {
  asked = asked.then(() => ask().catch(fail));
}

async function ask() {
  byId("error").hidden = true;
  const [model, signatureName] = [byId("model").value, byId("signature").value];
  const absent = missing().map(({ input }) => input.name);
  if (absent.length) throw new Error(`nothing is given for ${absent.join(", ")}`);
  const values = given();
  const body = JSON.stringify({
    signature_name: signatureName,
    inputs: Object.fromEntries(values.map(({ name, sent }) => [name, sent])),
  });
  byId("ask").disabled = true;
  byId("state").value = "asking ...";
  const begin = performance.now();
  try {
    const response = await fetch(`${urlOf(model)}:predict`, { method: "POST", body, headers: headers() });
    const { outputs } = await readJson(response);
    const inAll = performance.now() - begin;
    const inServer = Number(/dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "")?.[1]);
    const signature = signatures[signatureName];
    const named = signature.outputs.length === 1 ? { [signature.outputs[0].name]: outputs } : outputs;
    const picture = fields.find(({ value }) => value !== null)?.value.bitmap ?? null;
    if (model !== byId("model").value || signatureName !== byId("signature").value) return;
    showAnswer(byId("answer"), named, signature, picture);
    byId("state").value = `${inServer.toFixed(1)} ms in the server, ${inAll.toFixed(1)} ms in all`;
    showCalls(model, signatureName, values);
  } finally {
    byId("ask").disabled = false;
  }
}

function showCalls(model, signatureName, values) {
  byId("python").textContent = pythonLine(server, model, signatureName, values);
  byId("grpcurl").textContent = grpcurlLine(server, model, signatureName, values)
    ?? "Pixels are too many for a line; a signature that takes encoded images has one.";
  byId("calls").hidden = false;
}

byId("model").addEventListener("change", () => chooseModel().catch(fail));
byId("token").addEventListener("change", () => start().catch(fail));
byId("signature").addEventListener("change", chooseSignature);
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
  const field = fields.find(({ take, value }) => take !== undefined && value === null) ?? fields.find(({ take }) => take);
  if (file !== undefined && field !== undefined) field.take(file);
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
start().catch(fail);
