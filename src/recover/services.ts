import type { ArchiveServices } from '../archive/services.ts';
import type { Source } from '../sources.ts';
import type { AuditStore } from '../storage/audit-store.ts';
import type { Holds } from '../storage/holds.ts';
import type { ReconcileCursor } from '../storage/reconcile-cursor.ts';
import type { ReindexStore } from '../storage/reindex-store.ts';

/** What the cron and the operator's commands need of the outside. */
export interface RecoverServices extends ArchiveServices {
  readonly sources: readonly Source[];
  readonly reconcileCursor: ReconcileCursor;
  readonly auditStore: AuditStore;
  readonly reindexStore: ReindexStore;
  readonly holds: Holds;
}
