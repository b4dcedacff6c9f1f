// The check of a recording in this browser.
import { prove, sha256Hex, showFindings } from './proof.js';
import { $, icon, make } from './tools.js';
import { words } from './words.js';

const text = words.proof;
const icons = { yes: 'proven', no: 'unproven', bad: 'dead' };

/** Downloads all files, computes their SHA-256, and says what is proven, in the place of the button's section. */
export async function check(button) {
  const place = button.closest('.sec-body');
  button.disabled = true;
  const status = make('p', { role: 'status' });
  place.querySelector('.proof-result')?.remove();
  const result = make('div', { class: 'proof-result' }, status);
  place.prepend(result);
  const { manifest, computed } = await readAll(button.dataset.prove, status);
  const style = { dateStyle: 'medium', timeStyle: 'long', timeZone: button.dataset.zone };
  const format = new Intl.DateTimeFormat('en-GB', style);
  const formatTime = (ms) => format.format(ms);
  const findings = manifest ? await prove(manifest, computed, { formatTime }) : [];
  status.textContent = text.checked(formatTime(Date.now()));
  status.className = 'proof-head';
  result.append(...showFindings(findings, (state) => icon(icons[state])));
  $('.proof-intro', place)?.remove();
  button.textContent = text.again;
  button.disabled = false;
  button.focus();
}

async function readAll(path, status) {
  const response = await fetch(path).catch(() => undefined);
  const manifest = response?.ok ? await response.json() : undefined;
  const computed = new Map();
  for (const { key, format, bytes, sha256 } of manifest?.files ?? []) {
    const file = document.querySelector(`[data-sha256="${CSS.escape(sha256)}"]`)?.dataset.path;
    const body =
      file &&
      (await download(file, (done) => {
        status.textContent = text.running(format.toUpperCase(), size(done), size(bytes));
      }));
    if (body) computed.set(key, await sha256Hex(body));
  }
  return { manifest, computed };
}

const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** `undefined` where the connection breaks. */
async function download(path, progress) {
  try {
    const response = await fetch(path);
    if (!response.ok) return undefined;
    const parts = [];
    let done = 0;
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      done += part.value.byteLength;
      progress(done);
    }
    return await new Blob(parts).arrayBuffer();
  } catch {
    return undefined;
  }
}
