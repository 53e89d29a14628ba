// Pictures that a person chose, as the server can decode them, and pixels as pictures.

const DECODED_BY_SERVER = new Set(["image/png", "image/jpeg", "image/gif", "image/bmp"]);
const ORIENTATION_TAG = 0x0112;

// The file as it is where the server can decode it; else, or where a camera marked it as turned, a PNG of it.
export async function readImage(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (bitmap === null) throw new Error(`${file.name} is no picture that this browser can show`);
  if (DECODED_BY_SERVER.has(file.type) && orientation(bytes) === 1) return { bytes, bitmap, changed: false };
  const blob = await canvasOf(bitmap, bitmap.width, bitmap.height).convertToBlob({ type: "image/png" });
  return { bytes: new Uint8Array(await blob.arrayBuffer()), bitmap, changed: true };
}

export function toBase64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export function imageType(bytes) {
  const starts = (...values) => values.every((value, index) => bytes[index] === value);
  if (starts(0x89, 0x50, 0x4e, 0x47)) return "image/png";
  if (starts(0xff, 0xd8, 0xff)) return "image/jpeg";
  if (starts(0x47, 0x49, 0x46, 0x38)) return "image/gif";
  if (starts(0x42, 0x4d)) return "image/bmp";
  return null;
}

// Nested lists [height][width][channels] of 0 to 255; a size below 0 is the picture's own.
export function pixelsOf(bitmap, [, height, width, channels]) {
  const [rows, columns] = [height < 0 ? bitmap.height : height, width < 0 ? bitmap.width : width];
  const { data } = canvasOf(bitmap, columns, rows).getContext("2d").getImageData(0, 0, columns, rows);
  const pixel = (at) => (channels === 1
    ? [Math.round(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2])]
    : [data[at], data[at + 1], data[at + 2]]);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => pixel(4 * (row * columns + column))));
}

// A canvas of [height][width] or [height][width][channels] numbers; `paint` gives red, green, blue, opacity.
export function paintedCanvas(values, paint) {
  const canvas = document.createElement("canvas");
  canvas.className = "picture";
  canvas.height = values.length;
  canvas.width = values[0].length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  values.flat().forEach((value, index) => image.data.set(paint(value), 4 * index));
  context.putImageData(image, 0, 0);
  return canvas;
}

function canvasOf(bitmap, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

// How a JPEG's EXIF says it is turned, 1 to 8; 1 is upright, and what has no EXIF.
function orientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return 1;
  try {
    for (let at = 2; view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
      const isExif = view.getUint16(at) === 0xffe1 && view.getUint32(at + 4) === 0x45786966;
      if (isExif) return orientationInExif(view, at + 10);
      if (view.getUint16(at) === 0xffda) return 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

function orientationInExif(view, start) {
  const little = view.getUint16(start) === 0x4949;
  const directory = start + view.getUint32(start + 4, little);
  const count = view.getUint16(directory, little);
  for (let entry = directory + 2; entry < directory + 2 + 12 * count; entry += 12) {
    if (view.getUint16(entry, little) === ORIENTATION_TAG) return view.getUint16(entry + 8, little);
  }
  return 1;
}
