import type { ApiAccess } from '../providers/api-client.ts';
import type { Requester } from '../shared/request.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { AllowedOrigins } from './url-policy.ts';

/** What the transfer of a recording needs of the outside. */
export interface TransferServices extends Requester {
  readonly recordings: Recordings;
  readonly memory: MemoryBudget;
  readonly origins: AllowedOrigins;
  /** By provider: each that has an API, with or without a key. */
  readonly apis: ReadonlyMap<string, ApiAccess>;
}

/** Renews the lease when it nears its end; `false` when another worker holds it. Called at each block. */
export type RenewLease = () => Promise<boolean>;
