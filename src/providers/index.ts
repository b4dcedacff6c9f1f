import type { Provider } from './provider.ts';
import { sautikit } from './sautikit.ts';
import { telnyx } from './telnyx.ts';

export const providers: readonly Provider[] = [sautikit, telnyx];
