import { priceList } from './prices.ts';
import { assumed, idleHourCounts, MINUTES_PER_MONTH, perRecording } from './scale-assumed.ts';

const HOURS_PER_MONTH = MINUTES_PER_MONTH / 60;

/** The columns of the bill, and what of the price list is in each. */
const columns: Readonly<Record<string, readonly string[]>> = {
  plan: ['plan'],
  'requests and CPU': ['request', 'CPU ms'],
  KV: ['KV read', 'KV write'],
  'R2 operations': ['R2 class A', 'R2 class B'],
  queue: ['queue operation'],
  'log lines': ['log line'],
  storage: ['R2 GB-month'],
};

export const billed = Object.keys(columns);

/** Dollars of a first month, column by column: what is used and not included. */
export function bill(perMinute: number): number[] {
  const prices = priceList();
  return Object.values(columns).map((names) =>
    names.reduce((sum, name) => {
      const { dollars, included } = prices.get(name) ?? { dollars: Number.NaN, included: 0 };
      return sum + Math.max(0, usedInMonth(name, perMinute) - included) * dollars;
    }, 0),
  );
}

function usedInMonth(what: string, perMinute: number): number {
  const recordings = perMinute * MINUTES_PER_MONTH;
  if (what === 'plan') return 1;
  if (what === 'R2 GB-month') return (recordings * assumed.recordingBytes) / 1e9;
  return recordings * perRecording(what) + (idleHourCounts.get(what) ?? 0) * HOURS_PER_MONTH;
}
