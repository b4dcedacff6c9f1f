import { runWrangler } from '../tools/wrangler.ts';

/** Fails when the generated `Env` is older than wrangler.toml. */
const { status, output } = runWrangler(['types', '--include-runtime=false', '--check']);
if (status !== 0) console.error(output);
process.exitCode = status;
