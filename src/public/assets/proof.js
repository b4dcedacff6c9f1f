// What can be proven of a recording, in a browser: without callvault, and without a network.
import { words } from './words.js';

const text = words.proof;

/** Deliveries that Ed25519 signs: the bytes that were signed, the signatures in base64, and when, in seconds. */
const signed = {
  telnyx: ({ headers }, body) => ({
    start: `${headers['telnyx-timestamp']}|`,
    body,
    signatures: [headers['telnyx-signature-ed25519']],
    at: headers['telnyx-timestamp'],
  }),
  'standard-webhooks': ({ headers }, body) => ({
    start: `${headers['webhook-id']}.${headers['webhook-timestamp']}.`,
    body,
    signatures: (headers['webhook-signature'] ?? '')
      .split(' ')
      .flatMap((one) => one.match(/^v1a,(.+)$/)?.[1] ?? []),
    at: headers['webhook-timestamp'],
  }),
};

const secrets = {
  sautikit: 'SAUTIKIT_WEBHOOK_SECRET',
  twilio: 'TWILIO_AUTH_TOKEN',
  plivo: 'PLIVO_AUTH_TOKEN',
  'standard-webhooks': 'STANDARD_WEBHOOKS_SECRET',
};

const bytesOf = (base64) => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
const hexOf = (buffer) =>
  [...new Uint8Array(buffer)].map((one) => one.toString(16).padStart(2, '0')).join('');

export const sha256Hex = async (buffer) => hexOf(await crypto.subtle.digest('SHA-256', buffer));

const rawBodyOf = ({ rawBody, rawBodyBase64 }) =>
  rawBodyBase64 === undefined ? new TextEncoder().encode(rawBody ?? '') : bytesOf(rawBodyBase64);

/** `true`, `false`, or `undefined` where this browser cannot tell. */
async function verifyEd25519(publicKey, { start, body, signatures }) {
  let key;
  try {
    key = await crypto.subtle.importKey('raw', bytesOf(publicKey), { name: 'Ed25519' }, false, ['verify']);
  } catch (error) {
    return error.name === 'NotSupportedError' ? undefined : false;
  }
  const message = new Uint8Array(await new Blob([start, body]).arrayBuffer());
  for (const signature of signatures) {
    try {
      if (await crypto.subtle.verify('Ed25519', key, bytesOf(signature), message)) return true;
    } catch {
      // It is no base64: then it is none that fits.
    }
  }
  return false;
}

/** Every string that a delivery says: the values of its JSON, or of its form. */
function saidBy(body) {
  const raw = new TextDecoder().decode(body);
  try {
    const said = [];
    JSON.parse(raw, (_, value) => {
      said.push(String(value));
      return value;
    });
    return said;
  } catch {
    return [...new URLSearchParams(raw).values()];
  }
}

/**
 * Says what is proven and what is not, from the manifest and the SHA-256 of each file that was computed here, by its key;
 * `undefined` of a file that could not be read. Each finding has a state: `yes`, `no` or `bad`.
 */
export async function prove(
  manifest,
  computed,
  { formatTime = (ms) => new Date(ms).toISOString(), missing = text.missing } = {},
) {
  const provider = manifest.provider;
  const found = manifest.files.map((file) => audioFinding(file, computed, missing));
  const good = found.filter(({ state }) => state === 'yes').map(({ format }) => format);
  const findings = found.filter(({ state }) => state !== 'yes');
  if (good.length > 0) {
    const [title, say] = text.unchanged;
    findings.unshift({ state: 'yes', title, say: say(good.join(', ')) });
  }
  // A file that a later delivery announced has one of its own.
  const deliveries = [manifest.delivery, ...manifest.files.flatMap(({ delivery }) => delivery ?? [])];
  for (const delivery of deliveries)
    findings.push(...(await deliveryFindings(delivery, manifest, formatTime)));
  if (good.length > 0) findings.push(finding('no', text.together));
  findings.push(finding('no', text.audio(provider)));
  if (manifest.fromApi?.from ?? manifest.fromApi?.to) findings.push(finding('no', text.numbers(provider)));
  findings.push(finding('no', text.speaker));
  return findings;
}

function finding(state, [title, say], more = {}) {
  return { state, title, say, ...more };
}

function audioFinding({ key, format: name, sha256 }, computed, missing) {
  const format = name.toUpperCase();
  const own = computed.get(key);
  if (own === undefined) return finding('bad', missing(format), { format });
  if (own !== sha256)
    return finding('bad', text.changed(format), { format, inManifest: sha256, computed: own });
  return { state: 'yes', format };
}

async function deliveryFindings(delivery, manifest, formatTime) {
  const { provider } = manifest;
  const kind = provider.replace(/\..*/, '');
  const { verifiedBy } = delivery;
  if (verifiedBy === undefined) return [finding('no', text.byAudit(provider))];
  if (verifiedBy.evidence === 'shared secret') return [finding('no', text.sharedSecret(provider))];
  const body = rawBodyOf(delivery);
  const about = aboutFinding(saidBy(body), manifest);
  if (verifiedBy.publicKey === undefined)
    return [
      finding('yes', text.genuine(provider)),
      about,
      finding('no', text.toOthers(provider, secrets[kind] ?? '')),
    ];
  const message = signed[kind]?.(delivery, body);
  const isValid = message && (await verifyEd25519(verifiedBy.publicKey, message));
  if (isValid === undefined) return [finding('no', text.cannotVerify)];
  if (!isValid) return [finding('bad', text.notAnnounced(provider))];
  const at = Number(message.at) * 1000;
  return [
    finding('yes', text.announced(provider, verifiedBy.publicKey, at > 0 ? formatTime(at) : '')),
    about,
  ];
}

/** Some providers name no recording: its id is then made of two values that they say. */
function isSaid(said, id) {
  const isMade = (one) => one !== '' && id.startsWith(`${one}_`) && said.includes(id.slice(one.length + 1));
  return said.includes(id) || said.some(isMade);
}

function aboutFinding(said, manifest) {
  const names = Object.entries(text.names).map(([name, label]) => ({
    label,
    isSaid: isSaid(said, manifest[name]),
  }));
  const of = (isSaid) =>
    names
      .filter((one) => one.isSaid === isSaid)
      .map(({ label }) => label)
      .join(` ${text.and} `);
  const [title, say] = of(false) === '' ? text.about : text.notAbout;
  return of(false) === '' ? finding('yes', [title, say(of(true))]) : finding('no', [title, say(of(false))]);
}

const groups = [
  ['bad', 'failed'],
  ['yes', 'proven'],
  ['no', 'unproven'],
];

/** The findings as elements; `icon` makes that of a state. */
export function showFindings(findings, icon) {
  return groups.flatMap(([state, name]) => {
    const ours = findings.filter((one) => one.state === state);
    if (ours.length === 0) return [];
    const heading = document.createElement('h3');
    heading.textContent = text[name];
    const list = document.createElement('ul');
    list.className = 'proof';
    list.append(...ours.map((one) => itemOf(one, icon)));
    return [heading, list];
  });
}

function itemOf({ state, title, say, inManifest, computed }, icon) {
  const item = document.createElement('li');
  item.className = state;
  const words_ = document.createElement('p');
  const strong = document.createElement('b');
  strong.textContent = title;
  words_.append(strong, say ? ` ${say}` : '');
  for (const [label, value] of inManifest
    ? [
        [text.inManifest, inManifest],
        [text.computed, computed],
      ]
    : []) {
    const code = document.createElement('code');
    code.className = 'id';
    code.textContent = value;
    words_.append(document.createElement('br'), `${label}: `, code);
  }
  item.append(icon(state), words_);
  return item;
}
