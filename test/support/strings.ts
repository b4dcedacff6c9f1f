import words from '../../src/public/assets/words.json' with { type: 'json' };

/** As the worker serves them to a browser, for modules that run in Node. */
export const strings = words.browser;
