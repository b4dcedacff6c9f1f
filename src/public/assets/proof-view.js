// The check of a recording in this browser.
import { isManifest, prove, sha256Hex, showFindings } from './proof.js';
import { $, icon, make } from './tools.js';
import { fill, words } from './words.js';

const text = words.proof;
const icons = { yes: 'proven', no: 'unproven', bad: 'dead' };

/** Downloads all files, computes their SHA-256, and says what is proven, in the place of the button's section. */
export async function check(button) {
  const place = button.closest('.sec-body');
  const status = make('p', { role: 'status' });
  const result = make('div', { class: 'proof-result' }, status);
  $('.proof-result', place)?.remove();
  place.prepend(result);
  button.disabled = true;
  try {
    result.append(...(await findings(button.dataset, status)));
    $('.proof-intro', place)?.remove();
    await showTrail();
  } catch (error) {
    status.textContent = `${text.broken} ${error}`;
  } finally {
    button.textContent = text.again;
    button.disabled = false;
    button.focus({ preventScroll: true });
    // The result stands above the button: a browser keeps in place what it has in sight.
    $('h2', place.parentElement).scrollIntoView({ block: 'nearest' });
  }
}

/** The check counts as listening: the trail says so. */
async function showTrail() {
  const response = await fetch(location.href).catch(() => undefined);
  const html = response?.ok ? await response.text().catch(() => '') : '';
  const fresh = $('[aria-labelledby=trail]', new DOMParser().parseFromString(html, 'text/html'));
  if (fresh) $('[aria-labelledby=trail]').replaceWith(fresh);
}

async function findings({ prove: path, zone, known }, status) {
  const { manifest, computed } = await readAll(path, status);
  if (!isManifest(manifest)) {
    status.textContent = text.noManifest;
    return [];
  }
  const style = { dateStyle: 'medium', timeStyle: 'medium', timeZone: zone };
  const format = new Intl.DateTimeFormat(document.documentElement.lang, style);
  // Short names as the pages have them: EST, not GMT-5.
  const names = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'short' });
  const nameOf = (ms) => names.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value;
  const formatTime = (ms) => `${format.format(ms)} ${nameOf(ms)}`;
  const found = await prove(manifest, computed, { formatTime, knownKeys: known.split(' ') });
  status.textContent = fill(text.checked, { time: formatTime(Date.now()) });
  status.className = 'proof-head';
  return showFindings(found, (state) => icon(icons[state]));
}

async function readAll(path, status) {
  const response = await fetch(path).catch(() => undefined);
  const manifest = response?.ok ? await response.json().catch(() => undefined) : undefined;
  const computed = new Map();
  for (const { key, format, bytes, sha256 } of isManifest(manifest) ? manifest.files : []) {
    const file = document.querySelector(`[data-sha256="${CSS.escape(sha256)}"]`)?.dataset.path;
    const body =
      file &&
      (await download(file, (done) => {
        status.textContent = fill(text.running, {
          format: format.toUpperCase(),
          done: size(done),
          whole: size(bytes),
        });
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
