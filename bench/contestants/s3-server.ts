import S3rver from '@20minutes/s3rver';

/** The store of who has no R2: an S3 server from npm, in a folder. */
const server = new S3rver({
  address: '127.0.0.1',
  port: 0,
  directory: process.env.FOLDER,
  silent: true,
  configureBuckets: [{ name: 'recordings', configs: [] }],
});

console.log(JSON.stringify(await server.run()));
