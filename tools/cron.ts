/** Runs a local vault's cron, which `wrangler dev` never does by itself; `timeMs` is the time it was meant for. */
export async function runCron(vaultUrl: string, timeMs = Date.now()): Promise<void> {
  const response = await fetch(`${vaultUrl}/cdn-cgi/local/scheduled?cron=*+*+*+*+*&time=${timeMs}`);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`Cannot run the cron: status ${response.status}`);
}
