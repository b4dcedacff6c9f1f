import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';

/**
 * A server without Workers, after the pages of Sautikit's documentation: Node's own server, `createHmac`, and the
 * AWS SDK's `lib-storage` to a bucket. With `COPY=off` it answers, and copies nothing.
 * @see https://www.sautikit.com/developers/guides/record-and-stream-to-s3
 */
const { SAUTIKIT_WEBHOOK_SECRET: secret = '', S3_ENDPOINT: endpoint = '', COPY: copy = 'on' } = process.env;

const client = new S3Client({
  endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
});

const server = createServer(async (request, response) => {
  const body = await bodyOf(request);
  if (!isGenuine(body, String(request.headers['x-sautikit-signature']))) {
    response.writeHead(401).end();
    return;
  }
  const { data } = JSON.parse(body.toString());
  response.writeHead(200).end();
  if (copy === 'on') store(data.recording_id, data.download_url).then(tell, tell);
});

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function isGenuine(body: Buffer, signature: string): boolean {
  const [, time, mac] = /^t=(\d+),v1=(.*)$/.exec(signature) ?? [];
  return createHmac('sha256', secret).update(body).update(`.${time}`).digest('hex') === mac;
}

async function store(id: string, link: string): Promise<string> {
  const { body } = await fetch(link);
  if (body === null) throw new Error('Nothing came');
  const file = { Bucket: 'recordings', Key: `${id}.wav`, Body: Readable.from(body) };
  await new Upload({ client, params: file }).done();
  return 'stored';
}

/** One line for each copy, which the bench waits for. */
function tell(outcome: unknown): void {
  console.log(JSON.stringify({ outcome: String(outcome) }));
}

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify(server.address())));
