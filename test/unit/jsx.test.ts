import { describe, test } from 'vitest';
import { type Child, Fragment, jsx } from '../../src/http/pages/jsx.ts';

const textOf = (...parameters: Parameters<typeof jsx>) => String(jsx(...parameters));

describe('jsx()', () => {
  test.for([
    ['text', 'a', 'a'],
    ['what HTML reads', `<b>&"'</b>`, '&#60;b&#62;&#38;&#34;&#39;&#60;/b&#62;'],
    ['a number', 0, '0'],
    ['an empty string', '', ''],
    ['true', true, ''],
    ['false', false, ''],
    ['null', null, ''],
    ['nothing', undefined, ''],
    ['a list of lists', ['a', ['<', [1]], null, false], 'a&#60;1'],
    ['an element', jsx('b', null, '<'), '<b>&#60;</b>'],
    ['elements in a list', [jsx('b', null), '&'], '<b></b>&#38;'],
  ] as const)('writes %s between tags', ([, children, html], { expect }) => {
    expect(textOf('p', null, children)).toBe(`<p>${html}</p>`);
  });

  test.for([
    ['text', 'x y', ' a="x y"'],
    ['what would end it', `"><script>'`, ' a="&#34;&#62;&#60;script&#62;&#39;"'],
    ['a number', 0, ' a="0"'],
    ['an empty string', '', ' a=""'],
    ['true', true, ' a'],
    ['false', false, ''],
    ['undefined', undefined, ''],
    ['null', null, ''],
  ] as const)('writes %s as an attribute', ([, a, html], { expect }) => {
    expect(textOf('p', { a })).toBe(`<p${html}></p>`);
  });

  test.for([
    ['a', { href: 'javascript:alert(1)' }],
    ['a', { href: 'https://other.example/' }],
    ['a', { href: '//other.example/' }],
    ['form', { action: 'data:,' }],
    ['img', { src: '' }],
    ['p', { style: 'color: red' }],
    ['p', { onclick: 'alert(1)' }],
  ] as const)('writes no %s with %j', ([tag, attributes], { expect }) => {
    expect(() => textOf(tag, attributes)).toThrow(TypeError);
    expect(textOf('a', { href: '/x?y#z' })).toBe('<a href="/x?y#z"></a>');
    expect(textOf('use', { href: '#x' })).toBe('<use href="#x"></use>');
  });

  test('takes no object for HTML that is not made by an element', ({ expect }) => {
    const forged = { toString: () => '<script>' };
    expect(() => textOf('p', null, forged as never)).toThrow(TypeError);
    expect(textOf('p', { a: forged })).toBe('<p a="&#60;script&#62;"></p>');
  });

  test('calls a component with its properties and children, and ends no void element', ({ expect }) => {
    const Box = ({ name, children }: Record<string, unknown>) =>
      jsx('div', { class: String(name) }, children as string);
    expect(textOf(Box, { name: 'x' }, '<')).toBe('<div class="x">&#60;</div>');
    const Own = ({ children }: { readonly children?: Child }) => jsx('b', null, children ?? 'none');
    expect([textOf(Own, null), textOf(Own, null, 'one'), textOf(Own, null, '')]).toEqual([
      '<b>none</b>',
      '<b>one</b>',
      '<b></b>',
    ]);
    expect(textOf('input', { name: 'q' })).toBe('<input name="q">');
    expect(String(jsx(Fragment, null, 'a', jsx('br', null)))).toBe('a<br>');
    expect(
      textOf(
        'p',
        null,
        jsx(() => null, null),
      ),
    ).toBe('<p></p>');
  });
});
