import type { JSX as Hono } from 'hono/jsx';

/** A piece of HTML that is safe as it is: only elements make one. */
class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand between the tags of an element; text is escaped. */
export type Child = Html | string | number | boolean | null | undefined | readonly Child[];

type Props = Readonly<Record<string, unknown>> & { readonly children?: Child };

/** Elements without an end. @see https://html.spec.whatwg.org/multipage/syntax.html#void-elements */
const VOID = new Set(['meta', 'link', 'input', 'br']);

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function htmlOf(child: Child): string {
  if (child instanceof Html) return child.toString();
  if (typeof child === 'object' && child !== null) return child.map(htmlOf).join('');
  return child === undefined || child === null || typeof child === 'boolean' ? '' : escaped(String(child));
}

/** Attributes that name a place: one in the vault, or in the page itself. */
const ADDRESSES = new Set(['href', 'src', 'action']);

/** `true` stands for the attribute alone; without a value, or with `false`, there is none. */
function attribute([name, value]: readonly [string, unknown]): string {
  if (value === undefined || value === null || value === false) return '';
  const isElsewhere = ADDRESSES.has(name) && !/^(\/(?!\/)|#)/.test(String(value));
  if (isElsewhere || /^(style|on.+)$/.test(name))
    throw new TypeError(`The attribute ${name} has no such value`);
  return value === true ? ` ${name}` : ` ${name}="${escaped(String(value))}"`;
}

/** Makes an element of HTML, or calls a component. TypeScript writes JSX as calls of this. */
export function jsx(
  tag: string | ((props: Props) => Html | null),
  props: Readonly<Record<string, unknown>> | null,
  ...children: readonly Child[]
): Html | null {
  // One without children has none, which is not the same as an empty list of them.
  if (typeof tag === 'function') return tag({ ...props, ...(children.length > 0 && { children }) });
  const start = `<${tag}${Object.entries(props ?? {})
    .map(attribute)
    .join('')}>`;
  return new Html(VOID.has(tag) ? start : `${start}${htmlOf(children)}</${tag}>`);
}

/** `<>…</>` */
export function Fragment({ children }: { readonly children?: Child }): Html {
  return new Html(htmlOf(children));
}

/** What TypeScript allows in JSX: the elements of HTML that Hono's types know, and those of SVG that the pages use. */
export declare namespace jsx {
  namespace JSX {
    type Element = Html | null;
    interface IntrinsicElements extends Hono.IntrinsicElements {
      svg: Props;
      use: Props;
      g: Props;
      line: Props;
      rect: Props;
      text: Props;
    }
    interface ElementChildrenAttribute {
      children: Child;
    }
  }
}
