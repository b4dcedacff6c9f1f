import { describe, test } from 'vitest';
import { fakeStandardWebhooksV1a } from '../../tools/fake-providers/standard-webhooks.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';

interface Proof {
  isManifest(json: unknown): boolean;
  matchFiles(
    manifest: { files: { key: string; format: string; sha256: string }[] },
    chosen: { name: string; sha256: string }[],
  ): { computed: Map<string, string>; others: string[] };
  prove(
    manifest: object,
    computed: Map<string, string>,
    options: object,
  ): Promise<{ state: string; title: string }[]>;
  sha256Hex(buffer: Uint8Array): Promise<string>;
}

/** A module of the browser, which has no types. */
const path = '../../src/public/assets/proof.js';
const { isManifest, matchFiles, prove, sha256Hex }: Proof = await import(path);

const bytes = new TextEncoder().encode('the audio');
const facts = {
  eventId: 'event-1',
  callId: 'call-1',
  recordingId: 'rec-1',
  links: { wav: 'https://cdn.example/1.wav' },
  endedMs: Date.UTC(2026, 5, 27),
};

/** A manifest as the vault writes it, with a genuine delivery. */
async function manifestOf(kind: 'telnyx' | 'standard-webhooks', more: object = {}) {
  const fake = kind === 'telnyx' ? fakeTelnyx : fakeStandardWebhooksV1a;
  const { trusted, signing } = await fake.newKey();
  const rawBody = fake.announce(facts);
  const body = new TextEncoder().encode(rawBody);
  const headers = await fake.sign(body, signing, 1_750_000_000, 'https://vault.example');
  return {
    schema: 1,
    provider: kind,
    recordingId: 'rec-1',
    callId: 'call-1',
    files: [{ key: 'a.wav', format: 'wav', sha256: await sha256Hex(bytes) }],
    delivery: { headers, rawBody, verifiedBy: { scheme: 'ed25519', publicKey: trusted } },
    ...more,
  };
}

type Manifest = Awaited<ReturnType<typeof manifestOf>>;

async function told(manifest: Manifest, options: object = {}) {
  const computed = new Map([['a.wav', await sha256Hex(bytes)]]);
  const findings = await prove(manifest, computed, options);
  const of = (state: string) => findings.filter((one) => one.state === state).map(({ title }) => title);
  return { yes: of('yes'), no: of('no'), bad: of('bad') };
}

describe('a proof', () => {
  test.for(['telnyx', 'standard-webhooks'] as const)(
    'of %s says whose key it was where that is known',
    async (kind, { expect }) => {
      const manifest = await manifestOf(kind);
      expect(isManifest(manifest)).toBe(true);
      const knownKeys = [manifest.delivery.verifiedBy.publicKey];
      expect(await told(manifest, { knownKeys })).toMatchObject({
        yes: [
          'The audio is unchanged.',
          `${kind} announced this recording.`,
          'The signed delivery is about this call.',
        ],
        bad: [],
      });
      const alone = await told(manifest);
      expect(alone.yes).toEqual([
        'The audio is unchanged.',
        'The delivery is as it was signed.',
        'The signed delivery is about this call.',
      ]);
      expect(alone.no).toContain(`That the key is that of ${kind}.`);
      expect(alone.no).toContain(
        'That audio and manifest were not both replaced, by someone with access to the bucket.',
      );
    },
  );

  test.for([
    ['another body', { rawBody: '{"data":{}}' }],
    ['another signature', { headers: { 'telnyx-timestamp': '1', 'telnyx-signature-ed25519': 'AAAA' } }],
    ['no signature', { headers: {} }],
    [
      'a signature that is no base64',
      { headers: { 'telnyx-timestamp': '1', 'telnyx-signature-ed25519': '%' } },
    ],
    ['a key that is none', { verifiedBy: { scheme: 'ed25519', publicKey: 'AAAA' } }],
    ['a key that is no base64', { verifiedBy: { scheme: 'ed25519', publicKey: '%' } }],
  ] as const)('with %s says that the signature does not fit', async ([, more], { expect }) => {
    const manifest = await manifestOf('telnyx');
    const changed: Manifest = Object.assign({}, manifest, { delivery: { ...manifest.delivery, ...more } });
    expect(isManifest(changed)).toBe(true);
    const { yes, bad } = await told(changed, {
      knownKeys: ['AAAA', '%', manifest.delivery.verifiedBy.publicKey],
    });
    expect(yes).toEqual(['The audio is unchanged.']);
    expect(bad).toEqual(['The signature of telnyx does not fit the delivery.']);
  });

  test('takes the ids of the event alone for those of the call', async ({ expect }) => {
    const named = 'The signed delivery is about this call.';
    for (const ids of [
      { recordingId: 'call.recording.saved' },
      { recordingId: 'call-1' },
      { callId: 'rec-1' },
      { recordingId: 'Y2FsbHZhdWx0IGRlbW8=' },
    ])
      expect((await told(await manifestOf('telnyx', ids))).yes, JSON.stringify(ids)).not.toContain(named);
    // The vault's own addition, where several recordings have one id.
    expect((await told(await manifestOf('telnyx', { recordingId: 'rec-1~_event-1' }))).yes).toContain(named);
  });

  test.for([
    ['telnyx', { start_time: '2026-06-27T10:06:00.000000Z' }],
    ['standard-webhooks', { started_at: '2026-06-27T10:06:00Z' }],
  ] as const)(
    'of %s compares the numbers and the start with the signed ones',
    async ([kind, start], { expect }) => {
      const fake = kind === 'telnyx' ? fakeTelnyx : fakeStandardWebhooksV1a;
      const { trusted, signing } = await fake.newKey();
      const ids = { recording_id: 'rec-1', call_id: 'call-1', call_session_id: 'call-1' };
      const payload = { ...ids, from: '+15550100', to: '+15550199', ...start };
      const rawBody = JSON.stringify(
        kind === 'telnyx'
          ? { data: { event_type: 'call.recording.saved', payload } }
          : { type: 'call.recording.ready', data: payload },
      );
      const headers = await fake.sign(new TextEncoder().encode(rawBody), signing, 1_750_000_000, '');
      const delivery = { headers, rawBody, verifiedBy: { scheme: 'ed25519', publicKey: trusted } };
      const facts = { from: '+15550100', to: '+15550199', startedAt: '2026-06-27T10:06:00.000Z' };
      const told_ = async (more: object) => told(await manifestOf(kind, { delivery, ...facts, ...more }));

      const { yes, no } = await told_({});
      expect(yes).toContain('As in the signed delivery: caller, called number, start.');
      expect(no.filter((title) => title.startsWith('Not as'))).toEqual([]);
      const forged = await told_({ from: '+15550111', startedAt: '2026-05-01T00:00:00Z' });
      expect(forged.yes).toContain('As in the signed delivery: called number.');
      expect(forged.no).toContain('Not as in the signed delivery: caller, start.');
      // Of another call nothing is said to be as in its delivery.
      expect((await told_({ callId: 'another' })).yes.join()).not.toContain('As in');
      const without = await told_({ from: undefined, to: undefined, startedAt: undefined });
      expect([...without.yes, ...without.no].join()).not.toMatch(/as in the signed/i);
    },
  );

  test('takes each delivery with its own key, and announces nothing by one of another call', async ({
    expect,
  }) => {
    const manifest = await manifestOf('telnyx');
    const forged = (await manifestOf('telnyx')).delivery;
    const knownKeys = [manifest.delivery.verifiedBy.publicKey];
    const files = manifest.files.map((file) => ({ ...file, delivery: forged }));
    const both = await told(Object.assign({}, manifest, { files }), { knownKeys });
    expect(both.yes.filter((title) => title === 'telnyx announced this recording.')).toHaveLength(1);
    expect(both.no).toContain('That the key is that of telnyx.');

    const other = await told(await manifestOf('telnyx', { callId: 'another' }), { knownKeys });
    expect(other.yes).not.toContain('telnyx announced this recording.');
    const another = await manifestOf('telnyx', { recordingId: 'another' });
    const { yes } = await told(another, { knownKeys: [another.delivery.verifiedBy.publicKey] });
    expect(yes).toContain('telnyx signed the delivery.');
    expect(yes).not.toContain('telnyx announced this recording.');
  });

  test.for([
    ['telnyx', { data: { event_type: 'call.recording.saved', id: 'e', payload: { recording_id: 'rec-1' } } }],
    ['telnyx', 'RecordingSid=rec-1&RecordingStatus=completed'],
    ['standard-webhooks', { type: 'call.recording.ready', data: { recording_id: 'rec-1' } }],
  ] as const)(
    'of %s names the call by the recording where the event does not',
    async ([kind, said], { expect }) => {
      const fake = kind === 'telnyx' ? fakeTelnyx : fakeStandardWebhooksV1a;
      const { trusted, signing } = await fake.newKey();
      const rawBody = typeof said === 'string' ? said : JSON.stringify(said);
      const headers = await fake.sign(new TextEncoder().encode(rawBody), signing, 1_750_000_000, '');
      const delivery = { headers, rawBody, verifiedBy: { scheme: 'ed25519', publicKey: trusted } };
      const manifest = await manifestOf(kind, { callId: 'rec-1', delivery });
      expect((await told(manifest)).yes).toContain('The signed delivery is about this call.');
    },
  );

  test('of an HMAC, a shared secret or an audit proves no announcement', async ({ expect }) => {
    const manifest = await manifestOf('telnyx');
    for (const [provider, verifiedBy] of [
      ['twilio', { scheme: 'x', secretFingerprint: 'f' }],
      ['your-bank', {}],
      ['constructor', { publicKey: manifest.delivery.verifiedBy.publicKey }],
      ['telnyx', { scheme: 'x', evidence: 'shared secret' }],
      ['telnyx', undefined],
    ] as const) {
      const changed = Object.assign({}, manifest, {
        provider,
        delivery: { ...manifest.delivery, verifiedBy },
      });
      expect((await told(changed)).yes, provider).toEqual(['The audio is unchanged.']);
    }
  });

  test.for([
    null,
    [],
    { schema: 1 },
    { files: [] },
    { files: [{}] },
    { delivery: undefined },
    { delivery: { headers: {}, rawBodyBase64: '%' } },
    { delivery: { headers: {}, verifiedBy: null } },
    { delivery: { headers: { a: 1 } } },
    { provider: 'Your Bank' },
    { recordingId: 1 },
  ])('is made of no %j', async (part, { expect }) => {
    const isWhole = part === null || Array.isArray(part) || 'schema' in part;
    expect(isManifest(isWhole ? part : { ...(await manifestOf('telnyx')), ...part })).toBe(false);
  });
});

describe('files that were chosen', () => {
  const manifest = {
    files: [
      { key: '1.wav', format: 'wav', sha256: 'a' },
      { key: '2.wav', format: 'wav', sha256: 'a' },
      { key: '1.mp3', format: 'mp3', sha256: 'b' },
    ],
  };

  test('are matched by their SHA-256, else once by their format', ({ expect }) => {
    const match = (...chosen: [name: string, sha256: string][]) => {
      const { computed, others } = matchFiles(
        manifest,
        chosen.map(([name, sha256]) => ({ name, sha256 })),
      );
      return [Object.fromEntries(computed), others];
    };
    expect(match(['x.wav', 'a'])).toEqual([{ '1.wav': 'a', '2.wav': 'a' }, []]);
    expect(match(['bad.mp3', 'z'], ['good.mp3', 'b'])).toEqual([{ '1.mp3': 'b' }, ['bad.mp3']]);
    expect(match(['good.mp3', 'b'], ['bad.mp3', 'z'])).toEqual([{ '1.mp3': 'b' }, ['bad.mp3']]);
    expect(match(['CALL.MP3', 'z'])).toEqual([{ '1.mp3': 'z' }, []]);
    expect(match(['other.txt', 'z'])).toEqual([{}, ['other.txt']]);
  });
});
