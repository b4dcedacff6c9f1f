// What can be proven of a recording, in a browser: without callvault, and without a network.
import { fill, words } from './words.js';

const text = words.proof;

const HEX = /^[0-9a-f]{64}$/;

/** Whether a JSON has what is read of a manifest: one that was chosen from a disk may be anything. */
export function isManifest(json) {
  const { schema, provider, recordingId, callId, files, delivery } = json ?? {};
  const isFile = ({ key, format, sha256 }) =>
    typeof key === 'string' && typeof format === 'string' && HEX.test(sha256);
  return (
    schema === 1 &&
    /^[a-z][a-z0-9-]*(\.[a-z0-9]+)?$/.test(provider) &&
    [recordingId, callId].every((id) => typeof id === 'string') &&
    Array.isArray(files) &&
    files.length > 0 &&
    files.every((file) => isFile(file ?? {})) &&
    [delivery, ...files.flatMap((file) => file.delivery ?? [])].every(isDelivery)
  );
}

function isDelivery(delivery) {
  const { headers, rawBody = '', rawBodyBase64 = '', verifiedBy = {} } = delivery ?? {};
  if (typeof verifiedBy !== 'object' || verifiedBy === null) return false;
  const { publicKey = '' } = verifiedBy;
  return (
    Object.values(headers ?? { none: undefined }).every((value) => typeof value === 'string') &&
    [rawBody, rawBodyBase64, publicKey].every((value) => typeof value === 'string') &&
    isBase64(rawBodyBase64)
  );
}

function isBase64(value) {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value);
}

/**
 * Matches files that were chosen with those of a manifest: by their SHA-256, else by their format. Gives the SHA-256 of each
 * by its key, and the names of those that are not of this recording.
 */
export function matchFiles({ files }, chosen) {
  const computed = new Map();
  const rest = [];
  for (const { name, sha256 } of chosen) {
    const same = files.filter((file) => file.sha256 === sha256);
    for (const { key } of same) computed.set(key, sha256);
    if (same.length === 0) rest.push({ name, sha256 });
  }
  const others = [];
  for (const { name, sha256 } of rest) {
    const format = name.toLowerCase().split('.').at(-1);
    const open = files.find((file) => file.format === format && !computed.has(file.key));
    if (open) computed.set(open.key, sha256);
    else others.push(name);
  }
  return { computed, others };
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
const hexOf = (buffer) =>
  [...new Uint8Array(buffer)].map((one) => one.toString(16).padStart(2, '0')).join('');

export const sha256Hex = async (buffer) => hexOf(await crypto.subtle.digest('SHA-256', buffer));

const rawBodyOf = ({ rawBody, rawBodyBase64 }) =>
  rawBodyBase64 === undefined ? new TextEncoder().encode(rawBody ?? '') : bytesOf(rawBodyBase64);

/** What a body says by name: its JSON, or else its form. */
function saidBy(body) {
  const raw = new TextDecoder().decode(body);
  try {
    return JSON.parse(raw) ?? {};
  } catch {
    return Object.fromEntries(new URLSearchParams(raw));
  }
}

/**
 * The providers whose deliveries Ed25519 signs: what stands before the body in what is signed, the signatures in base64,
 * when, in seconds, and what the signed event of a recording says of it: its ids, numbers and start.
 */
const signing = new Map([
  [
    'telnyx',
    {
      start: (headers) => `${headers['telnyx-timestamp']}|`,
      signatures: (headers) => [headers['telnyx-signature-ed25519']],
      at: (headers) => headers['telnyx-timestamp'],
      event(said) {
        if (said.RecordingSid)
          return {
            recordingIds: [said.RecordingSid],
            callIds: [said.CallSid],
            from: said.From,
            to: said.To,
          };
        const event = said.data ?? said;
        const payload = event.payload ?? {};
        if (!/recording/.test(event.event_type)) return undefined;
        const start = payload.recording_started_at ?? payload.start_time;
        return {
          recordingIds: [
            payload.recording_id,
            `${payload.call_leg_id}_${start}`,
            event.webhook_id ?? event.id,
          ],
          callIds: [
            payload.call_session_id,
            payload.call_leg_id,
            payload.call_control_id,
            payload.conference_id,
          ],
          from: payload.from,
          to: payload.to,
          startedAt: start,
        };
      },
    },
  ],
  [
    'standard-webhooks',
    {
      start: (headers) => `${headers['webhook-id']}.${headers['webhook-timestamp']}.`,
      signatures: (headers) =>
        (headers['webhook-signature'] ?? '').split(' ').flatMap((one) => one.match(/^v1a,(.+)$/)?.[1] ?? []),
      at: (headers) => headers['webhook-timestamp'],
      event({ type, data }) {
        if (!/recording/.test(type)) return undefined;
        const { recording_id, call_id, from, to, started_at: startedAt } = data ?? {};
        return { recordingIds: [recording_id], callIds: [call_id], from, to, startedAt };
      },
    },
  ],
]);

const secrets = new Map([
  ['sautikit', 'SAUTIKIT_WEBHOOK_SECRET'],
  ['twilio', 'TWILIO_AUTH_TOKEN'],
  ['plivo', 'PLIVO_AUTH_TOKEN'],
  ['standard-webhooks', 'STANDARD_WEBHOOKS_SECRET'],
]);

/** Of an account, such as `twilio.shop`, it ends in the account's name. */
function settingOf(provider) {
  const [kind, account] = provider.split('.');
  return `${secrets.get(kind) ?? ''}${account === undefined ? '' : `__${account.toUpperCase()}`}`;
}

/** `true`, `false`, or `undefined` where this browser has no Ed25519. */
async function verifyEd25519(publicKey, message, signatures) {
  const raw = publicKey.replace(/^whpk_/, '');
  if (!isBase64(raw)) return false;
  let key;
  try {
    key = await crypto.subtle.importKey('raw', bytesOf(raw), { name: 'Ed25519' }, false, ['verify']);
  } catch (error) {
    return error.name === 'NotSupportedError' ? undefined : false;
  }
  for (const signature of signatures.filter((one) => isBase64(one ?? '-')))
    if (await crypto.subtle.verify('Ed25519', key, bytesOf(signature), message)) return true;
  return false;
}

/**
 * Says what is proven and what is not, from the manifest and the SHA-256 of each file that was computed here, by its key.
 * Each finding has a state: `yes`, `no` or `bad`. `knownKeys` are the public keys that this vault has for the provider;
 * `missing` is said of a file without a SHA-256.
 */
export async function prove(manifest, computed, { formatTime = isoTime, missing, knownKeys = [] } = {}) {
  const { provider, files, delivery, fromApi } = manifest;
  const found = files.map((file) => audioFinding(file, computed, missing ?? missingFinding));
  const good = found.filter(({ state }) => state === 'yes').map(({ format }) => format);
  const findings = found.filter(({ state }) => state !== 'yes');
  if (good.length > 0) {
    findings.unshift(finding('yes', fill(text.unchanged, { formats: good.join(', ') })));
  }
  // A file that a later delivery announced has one of its own.
  for (const one of [delivery, ...files.flatMap((file) => file.delivery ?? [])])
    findings.push(...(await deliveryFindings(one, manifest, { formatTime, knownKeys })));
  if (good.length > 0) findings.push(finding('no', text.together));
  findings.push(finding('no', fill(text.audio, { provider })));
  if (fromApi?.from ?? fromApi?.to) findings.push(finding('no', fill(text.numbers, { provider })));
  findings.push(finding('no', text.speaker));
  return findings;
}

const isoTime = (ms) => new Date(ms).toISOString();

function finding(state, [title, say], more = {}) {
  return { state, title, say, ...more };
}

const missingFinding = (format) => finding('bad', fill(text.missing, { format }));

function audioFinding({ key, format: name, sha256 }, computed, missing) {
  const format = name.toUpperCase();
  const own = computed.get(key);
  if (own === undefined) return missing(format);
  if (own !== sha256)
    return finding('bad', fill(text.changed, { format }), { inManifest: sha256, computed: own });
  return { state: 'yes', format };
}

async function deliveryFindings(delivery, manifest, options) {
  const { provider } = manifest;
  const kind = provider.replace(/\..*/, '');
  const { verifiedBy } = delivery;
  if (verifiedBy === undefined) return [finding('no', fill(text.byAudit, { provider }))];
  if (verifiedBy.evidence === 'shared secret') return [finding('no', fill(text.sharedSecret, { provider }))];
  const scheme = signing.get(kind);
  if (verifiedBy.publicKey === undefined || scheme === undefined)
    return [finding('no', fill(text.toOthers, { provider, setting: settingOf(provider) }))];
  return signatureFindings({ delivery, scheme }, manifest, options);
}

/** A time that a `Date` can hold. */
const MAX_SECONDS = 8_640_000_000_000;

async function signatureFindings({ delivery, scheme }, manifest, { formatTime, knownKeys }) {
  const { provider } = manifest;
  const { headers, verifiedBy } = delivery;
  const body = rawBodyOf(delivery);
  const message = new Uint8Array(await new Blob([scheme.start(headers), body]).arrayBuffer());
  const isValid = await verifyEd25519(verifiedBy.publicKey, message, scheme.signatures(headers));
  if (isValid === undefined) return [finding('no', text.cannotVerify)];
  if (!isValid) return [finding('bad', fill(text.notAnnounced, { provider }))];
  const seconds = Number(scheme.at(headers));
  const time = seconds > 0 && seconds < MAX_SECONDS ? formatTime(seconds * 1000) : '';
  const signed = (texts) => {
    const [title, says] = fill(texts, { provider, key: verifiedBy.publicKey });
    return finding('yes', [title, time ? says + fill(text.signedOn, { time }) : says]);
  };
  const event = scheme.event(saidBy(body));
  const about = aboutFinding(event, manifest);
  // Those of the manifest are of the first delivery.
  const isFirst = about.state === 'yes' && delivery === manifest.delivery;
  const of = [about, ...(isFirst ? factFindings(event, manifest) : [])];
  if (knownKeys.includes(verifiedBy.publicKey)) {
    return [signed(about.state === 'yes' ? text.announced : text.signedBy), ...of];
  }
  return [signed(text.signed), ...of, finding('no', fill(text.whoseKey, { provider }))];
}

/** The numbers and the start that the manifest states: the same as in the signed event, or not. */
function factFindings(event, manifest) {
  const isSame = {
    from: event.from === manifest.from,
    to: event.to === manifest.to,
    startedAt: Date.parse(event.startedAt) === Date.parse(manifest.startedAt),
  };
  const namesOf = (wanted) =>
    Object.keys(isSame)
      .filter((name) => manifest[name] !== undefined && isSame[name] === wanted)
      .map((name) => text.factNames[name])
      .join(', ');
  const [same, others] = [namesOf(true), namesOf(false)];
  return [
    ...(same ? [finding('yes', fill(text.facts, { names: same }))] : []),
    ...(others ? [finding('no', fill(text.otherFacts, { names: others }))] : []),
  ];
}

/** The ids of the event itself: those that its sender chose, such as a client state, do not count. */
function aboutFinding(event, { recordingId, callId }) {
  const { recordingIds = [], callIds = [] } = event ?? {};
  // A call that the event does not name has the recording's id.
  const calls = callIds.some((id) => id !== undefined) ? callIds : recordingIds;
  // Where several recordings have one id, the vault adds the event's to it.
  const names = [recordingId, recordingId.replace(/~_.*$/, '')];
  const isSame = names.some((name) => recordingIds.includes(name)) && calls.includes(callId);
  return isSame ? finding('yes', text.about) : finding('no', text.notAbout);
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
  const sums = [
    [text.inManifest, inManifest],
    [text.computed, computed],
  ];
  for (const [label, value] of inManifest ? sums : []) {
    const code = document.createElement('code');
    code.className = 'id';
    code.textContent = value;
    words_.append(document.createElement('br'), `${label}: `, code);
  }
  item.append(icon(state), words_);
  return item;
}
