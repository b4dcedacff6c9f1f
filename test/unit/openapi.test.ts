import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, test } from 'vitest';
import { openApi, routes } from '../../tools/openapi.ts';
import { root } from '../../tools/wrangler.ts';

const document = JSON.stringify(openApi());

async function problemsOf(source: string) {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const problems = await lintFromString({ source, config });
  return problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]);
}

describe('the description of the API', () => {
  test('has no problem in the eyes of a linter, which finds one in a changed description', async ({
    expect,
  }) => {
    expect(await problemsOf(document)).toEqual([]);
    expect(await problemsOf(document.replace('"operationId":"listTokens",', ''))).not.toEqual([]);
    expect(await problemsOf(document.replace('{recordingId}', '{id}'))).not.toEqual([]);
  });

  test('is the one that the worker serves', ({ expect }) => {
    const served = readFileSync(join(root, 'src', 'public', 'openapi.json'), 'utf8');

    expect(JSON.parse(served)).toEqual(JSON.parse(document));
  });

  test('has every route that the code has', ({ expect }) => {
    const files = {
      'recordings.ts': '/api/recordings',
      'shares.ts': '/api/recordings',
      'tokens.ts': '/api/tokens',
      'stats.ts': '/api/stats',
      'export.ts': '/api/export',
      '../operations.ts': '/api',
    };
    const found = Object.entries(files).flatMap(([file, base]) => {
      const text = readFileSync(join(root, 'src', 'http', 'api', file), 'utf8');
      const matches = text.matchAll(/^\w+\.(get|post|delete|put|patch)\(\s*'([^']+)'/gm);
      return Array.from(matches, ([, method, path = '']) => {
        const whole = `${base}${path === '/' ? '' : path}`;
        return `${method} ${whole.replace(/:(\w+)/g, '{$1}')}`;
      });
    });
    const described = Object.entries(routes).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );

    const beside = ['head /api/recordings/{source}/{recordingId}/audio/{format}', 'get /api/openapi.json'];
    expect([...found, ...beside].sort()).toEqual(described.sort());
  });
});
