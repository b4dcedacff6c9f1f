const LOOK_MS = 100;

/** How far the resident memory of a runtime rises, in MB, while something is done. */
export async function peakGrowthMb(residentBytes: () => number, work: () => Promise<void>): Promise<number> {
  const before = residentBytes();
  let peak = before;
  const look = () => {
    peak = Math.max(peak, residentBytes());
  };
  const timer = setInterval(look, LOOK_MS);
  await work().finally(() => clearInterval(timer));
  look();
  return (peak - before) / 1e6;
}
