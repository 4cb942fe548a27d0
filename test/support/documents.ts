import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './packed.ts';

/** What people read: the README, the guides, and the packages' own READMEs. */

export interface Document {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of code. */
export interface CodeBlock {
  readonly path: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

const FENCE = /^( *)```(.*)\n([^]*?)^\1```$/gm;

const GUIDES = readdirSync(join(ROOT, 'docs')).filter((file) => file.endsWith('.md'));
const PACKAGES = readdirSync(join(ROOT, 'packages'));

export const DOCUMENTS: readonly Document[] = [
  'README.md',
  ...GUIDES.map((file) => `docs/${file}`),
  ...PACKAGES.map((name) => `packages/${name}/README.md`),
].map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

export function documentAt(path: string): Document {
  return DOCUMENTS.find((document) => document.path === path) ?? { path, text: '' };
}

/** The blocks of these languages, or all of them. */
export function codeBlocksIn(...languages: readonly string[]): CodeBlock[] {
  const blocks = DOCUMENTS.flatMap(codeBlocksOf);
  return languages.length === 0 ? blocks : blocks.filter(({ language }) => languages.includes(language));
}

/** For `test.each`: blocks by where they stand. */
export function named(blocks: readonly CodeBlock[]): [string, CodeBlock][] {
  return blocks.map((block) => [`${block.path}:${block.line}`, block]);
}

function codeBlocksOf({ path, text }: Document): CodeBlock[] {
  return Array.from(text.matchAll(FENCE), ({ index, 1: indent = '', 2: language = '', 3: code = '' }) => ({
    path,
    line: text.slice(0, index).split('\n').length + 1,
    language,
    code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** The links of a document to other files of the repository and to headings, as they resolve. */
export function linksOf({ path, text }: Document): { file: string; heading: string | undefined }[] {
  const prose = text.replaceAll(FENCE, '');
  const targets = Array.from(
    prose.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g),
    (match) => match[1] ?? match[2] ?? '',
  );
  return targets
    .filter((target) => !/^https?:/.test(target))
    .map((target) => {
      const [file = '', heading] = target.split('#');
      return { file: file === '' ? path : relative(ROOT, join(ROOT, path, '..', file)), heading };
    });
}

/** What links to the headings of a document are made of, as GitHub makes them. */
export function headingsOf({ text }: Document): string[] {
  return Array.from(text.replaceAll(FENCE, '').matchAll(/^#+ (.*)$/gm), ([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
