const INTRODUCTION = `/*
 * The design tokens of the BillingOS elements with their defaults. The elements need none of this: it is here to be
 * copied and changed. Anything a page says itself goes before it, in whichever order the sheets come.
 */`;

/** A keyword that would be about the token itself, where the elements mean it for what they use the token for. */
const KEYWORD = /^(inherit|initial|unset)$/;

/** The public tokens as a style sheet, read off where the elements use them with a fallback. */
export function tokensSheet(generatedBy: string, cssText: string): string {
  const lines = [...defaultsIn(cssText)].map(([name, value]) =>
    KEYWORD.test(value) ? `  /* ${name}: ${value} */` : `  ${name}: ${value};`,
  );
  return `/* ${generatedBy} */\n\n${INTRODUCTION}\n:where(:root) {\n${lines.join('\n')}\n}\n`;
}

function defaultsIn(cssText: string): Map<string, string> {
  const uses = cssText.matchAll(/var\((--billing-[\w-]+),\s*/g);
  return new Map(Array.from(uses, (use) => [use[1] ?? '', upToBracket(cssText, use.index + use[0].length)]));
}

/** The text up to the bracket that closes what is open at `start`. */
function upToBracket(text: string, start: number): string {
  let depth = 1;
  let end = start;
  for (; end < text.length; end += 1) {
    if (text[end] === '(') depth += 1;
    if (text[end] === ')') depth -= 1;
    if (depth === 0) break;
  }
  return text.slice(start, end);
}
