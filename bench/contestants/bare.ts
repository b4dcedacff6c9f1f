const BLOCK_BYTES = 512 * 1024;
const LEAST_BYTES = 128 * 1024;

/**
 * The least that a copy into R2 can be: `put` of the body of a response, with its length known. Answers when it is
 * done; the link stands in the query. With `checksum` in it, the least that also makes a SHA-256 on the way.
 */
export default {
  async fetch(request: Request, { RECORDINGS }: { RECORDINGS: R2Bucket }): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const link = query.get('link');
    if (link === null) return new Response('ready');
    const { headers, body } = await fetch(link);
    const bytes = Number(headers.get('content-length'));
    const audio = query.has('checksum') && body !== null ? digested(body, bytes) : body;
    const object = await RECORDINGS.put(`bare/${crypto.randomUUID()}.wav`, audio);
    return Response.json({ bytes: object?.size });
  },
  async queue(): Promise<void> {},
};

/** The same bytes, seen by a digest before they go on. */
function digested(source: ReadableStream<Uint8Array>, lengthBytes: number): ReadableStream {
  const { readable, writable } = new FixedLengthStream(lengthBytes);
  const to = writable.getWriter();
  pass(source, to).catch((error: unknown) => to.abort(error)); // Then the put fails.
  return readable;
}

async function pass(source: ReadableStream<Uint8Array>, to: WritableStreamDefaultWriter): Promise<void> {
  const reader = source.getReader({ mode: 'byob' });
  const digest = new crypto.DigestStream('SHA-256').getWriter();
  for (let buffer = new ArrayBuffer(BLOCK_BYTES); ; ) {
    const { value } = await reader.readAtLeast(LEAST_BYTES, new Uint8Array(buffer));
    if (value === undefined || value.byteLength === 0) break;
    await digest.write(value);
    await to.write(value);
    buffer = value.buffer;
  }
  await digest.close();
  await to.close();
}
