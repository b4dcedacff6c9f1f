declare module '@20minutes/s3rver' {
  import type { AddressInfo } from 'node:net';

  /** As far as the bench uses it; the package brings no types. */
  export default class S3rver {
    constructor(options: {
      address: string;
      port: number;
      directory: string | undefined;
      silent: boolean;
      configureBuckets: { name: string; configs: string[] }[];
    });
    run(): Promise<AddressInfo>;
  }
}
