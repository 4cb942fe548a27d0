import type { Page } from 'playwright-core';

/** What a screen reader has of a page, as an outline: one line a node, with its role, name and what else it says. */
export async function accessibilityTree(page: Page): Promise<string> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  // The tree has a meter's number, and not the text that is spoken instead.
  for (const node of nodes) {
    if (node.role?.value !== 'meter' || node.backendDOMNodeId === undefined) continue;
    const described = await session.send('DOM.describeNode', { backendNodeId: node.backendDOMNodeId });
    const { attributes = [] } = described.node;
    const at = attributes.indexOf('aria-valuetext');
    if (at >= 0) node.value = { type: 'string', value: attributes[at + 1] };
  }
  await session.detach();
  const known = new Map(nodes.map((node) => [node.nodeId, node]));

  function linesOf(ids: readonly string[], depth: number, spoken: string): string[] {
    const lines: string[] = [];
    let text = '';
    const endText = () => {
      // What a name has said already is not said again.
      if (text.trim() !== '' && text !== spoken) lines.push(indent(depth, `text "${text}"`));
      text = '';
    };
    for (const node of ids.map((id) => known.get(id)).filter((found) => found !== undefined)) {
      if (node.role?.value === 'StaticText') {
        text += textOf(node.name);
        continue;
      }
      const line = node.ignored ? undefined : lineOf(node);
      const below = node.childIds ?? [];
      endText();
      if (line === undefined) lines.push(...linesOf(below, depth, spoken));
      else lines.push(indent(depth, line), ...linesOf(below, depth + 1, textOf(node.name)));
    }
    endText();
    return lines;
  }

  return [...linesOf([nodes[0]?.nodeId ?? ''], 1, ''), ''].join('\n');
}

interface AxNode {
  role?: { value?: unknown };
  name?: { value?: unknown };
  description?: { value?: unknown };
  value?: { value?: unknown };
  properties?: { name: string; value: { value?: unknown } }[];
}

/** Roles that are only structure. */
const SILENT = new Set(['RootWebArea', 'generic', 'none']);
/** Properties that are heard, or that decide what is. */
const HEARD = new Set(['level', 'live', 'busy', 'modal', 'focused', 'url']);

function lineOf({ role, name, description, value, properties = [] }: AxNode): string | undefined {
  const what = textOf(role);
  if (what === '' || SILENT.has(what)) return undefined;
  const facts = properties
    .filter((property) => HEARD.has(property.name) && property.value.value !== false)
    .map((property) => `${property.name}: ${textOf(property.value)}`);
  const [called, about, now] = [textOf(name), textOf(description), textOf(value)];
  return [
    what,
    ...(called === '' ? [] : [`"${called}"`]),
    ...(now === '' ? [] : [`= "${now}"`]),
    ...(about === '' ? [] : [`described as "${about}"`]),
    ...facts.map((fact) => `[${fact}]`),
  ].join(' ');
}

function textOf(value: { value?: unknown } | undefined): string {
  const text = value?.value;
  if (typeof text !== 'string') return typeof text === 'number' || typeof text === 'boolean' ? `${text}` : '';
  // Where a link leads, without the address of this run's server.
  return text.replace(/^http:\/\/127\.0\.0\.1:\d+\/[^#]*/, '');
}

function indent(depth: number, line: string): string {
  return `${'  '.repeat(depth)}${line}`;
}
