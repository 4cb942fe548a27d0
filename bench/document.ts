import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { drawn, meetsTarget, spreadText, targetText, type Results } from './figures.ts';

/** Writes docs/performance.md, and its plots, from the last results of each program. */

const ROOT = join(import.meta.dirname, '..');
const RESULTS = join(import.meta.dirname, 'results');
const PAGE = join(ROOT, 'docs/performance.md');
const PLOTS = 'images/performance';

const TITLES: Record<string, string> = {
  bars: 'Many bars on a page',
  http: 'The API over HTTP',
  ledger: 'The ledger, by 256 callers at once',
  overload: 'Too much at once',
  paint: 'The first usage on screen',
  pgbench: 'Batches on PostgreSQL, beside pgbench',
  size: 'What the drop-in weighs',
  start: 'Starting',
  stored: 'A full store',
  stream: 'Live usage, up to the screen',
};

/** What the figures of a program do not say by themselves. */
const NOTES: Record<string, string> = {
  size: 'Bodies, compressed by brotli, of what is built. Tests hold them to the bytes that were reached.',
  overload:
    'Requests come at a rate that waits for no reply: to a store that takes a few events each 20 ms, and to a server ' +
    'whose processor is what there is too little of. What the store cannot take is turned away with 503 and when to come ' +
    'again. For want of processor nothing is refused, and requests wait in their connections: a refusal takes four ' +
    'fifths of what an answer does, so that a server which turned away what made its event loop late came to 42 % of ' +
    'its best at 1.2 times that, and to 14 % at three times. Where more is recorded than at its best, that is so because ' +
    'its best is measured with 64 callers who wait, and what comes in larger crowds is committed in larger batches. ' +
    'The noisy tenant asks for five times its share, the other for half of its own; the same in ' +
    'simulated time, where only the rules count, is `test/proofs/overload.test.ts`.',
  bars:
    'The hand-written bars have the markup, the style sheets and the transitions of the elements, for most of the time ' +
    'goes into laying out what is seen.',
  paint:
    'On a line of 1.6 Mbit/s and 150 ms and a processor slowed four times, for a new visitor. Asked for ' +
    'ahead is as in [Script tag](script-tag.md#on-slow-lines): by a preload of the session and `billingos-ahead.js`.',
  stored:
    'On the full store events go to neighbours, as on the empty one, which shows what its size costs; and to customers ' +
    'apart, each of whose counters is written with a page of its own, where neighbours share theirs: a transaction ' +
    'then writes a page of 4 or 8 kB to the log for every event, which is what the difference is. So it is in every ' +
    'store that is laid out in pages.',
  stream:
    'From the reply to an event until a bar on a page of its customer has painted it, while each of the other streams ' +
    'is that of another customer; the 99th percentile.',
};

/** The last results of each program whose figures have targets. */
function lastResults(): [string, Results][] {
  const last = new Map<string, string>();
  for (const file of readdirSync(RESULTS).sort()) {
    const [, program] = /^([a-z-]+?)-\d{4}-.*\.json$/.exec(file) ?? [];
    if (program !== undefined) last.set(program, file);
  }
  return [...last]
    .map(([program, file]): [string, Partial<Results>] => [
      program,
      JSON.parse(readFileSync(join(RESULTS, file), 'utf8')) as Partial<Results>,
    ])
    .filter((entry): entry is [string, Results] => entry[1].figures !== undefined);
}

function section([program, { configuration, figures }]: [string, Results]): string {
  const rows = figures.map((figure) => {
    const [median, range] = spreadText(figure);
    const mark = { true: '✓', false: '✗', null: '' }[
      String(meetsTarget(figure)) as 'true' | 'false' | 'null'
    ];
    return `| ${[figure.name, figure.reference, targetText(figure), median, range, mark].join(' | ')} |`;
  });
  const facts = Object.entries(configuration).map(([name, value]) => `${name}: ${value}`);
  const title = TITLES[program] ?? program;
  const note = NOTES[program];
  return `## ${title}

${note === undefined ? '' : `${note}\n\n`}${caution(configuration)}| figure | held against | target | median | lowest–highest | met |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

![${title}: each figure beside its target](${PLOTS}/${program}.svg)

\`npm run bench -- ${program}\`, with ${facts.join('; ')}.
`;
}

/** From here on, processes waited for each other, and a ratio says more of who won than of the code. */
const BUSY_MAX = 0.25;

function caution({ busy = 0 }: Results['configuration']): string {
  return Number(busy) <= BUSY_MAX
    ? ''
    : `**The machine was busy with other work, ${busy} times what it can do: these figures are not to be relied on.**\n\n`;
}

const INTRODUCTION = `<!-- Generated by npm run bench; the words are in bench/document.ts. -->

# Performance

Each figure is a ratio to a named reference that is measured in the same run, on the same machine, in turn with it: the
median of the rounds, and how far they lay apart. So they can be compared between machines, where requests a second
cannot. To measure them again, on a machine that does nothing else,
and write this page from what was found:

\`\`\`sh
npm run bench
\`\`\`

Requests come from a process of their own, on the last processor where that can be asked for, over connections that are
kept alive. Where a rate is given they come at that rate whatever comes back, and a latency counts from the instant that
its request was due, so that a server that stalls is not spared the requests that it kept from being sent. How late the
generator itself was is printed beside it: a latency is worth nothing where that comes near it.
`;

const HOT_PATH = `## Where a request's time goes

A bare server needs some 13 µs of its main thread for a request, and as much again of the other processor for whoever
asks. The API's main thread needs some 28 for an event, of which 20 are Node's HTTP and the kernel's; the thread that
writes to SQLite 25, of which SQLite itself takes a quarter, the kernel another, and most of the rest the driver, value by
value. With whoever asks that is 66 µs of two processors, and so 30 000 events a second, 0.45 of the bare server, if
nobody ever waited for anybody. 64 callers who wait for their replies do wait, each for a commit under way and for its
own, and leave a quarter of both processors idle; 256 keep them busy. At half that load the two threads, and whoever
asks, have two processors between them: most of the slowest hundredth is a thread that waits for its turn, which the bare
server, alone on its processor, never does. On PostgreSQL, one by one, the main thread needs some 43 and PostgreSQL 38; in
batches of 100 they need 17 and 26, and PostgreSQL's are what a row of the event, one of its key and one of its counter
take, where pgbench writes one row and no other: of a batch of 30, in each event's time, 4 to 8 go into locking its
counter, 6 into its row, 5 into its key, 7 into its counter and the rest into beginning, verifying and committing. That is
the floor here: with whoever asks it is 94 µs of two processors, 21 000 a second or 0.29 of the bare server if nobody ever
waited. A quarter of both is idle, with one batch of a tenant at once or four, of 20 events or of 90: a commit waits for
the disk a quarter of the time, and what could run waits for its processor while the other one is idle, PostgreSQL a third
of the time and the main thread a tenth. At half the load a batch is some ten events, and what each batch costs, whatever
its size, is half of the main thread's 75 µs an event, and of PostgreSQL's 70: so the slowest hundredth waits longer than
on SQLite, and where a checkpoint of PostgreSQL's is under way, which writes to the same disk, as long as that takes. A check
on PostgreSQL takes 24 µs of the main thread, five more than on SQLite, for the driver's rows, and keeps it busy 95 % of
the time: 34 000 to 40 000 a second, where half of the bare server are 41 000. These were looked at, in processor time:

| what | measured | done |
| --- | --- | --- |
| Router, Fetch objects and their adapter, in front of track, batch and check | main thread, busy machine: 67–75 µs a request, and 54–67 without | those routes are answered straight from Node's request, by the same code |
| Checks one by one | 113 µs a check on SQLite, 300 and 250 of PostgreSQL's own | read together, as events are written together: 57 and 62, and next to nothing of PostgreSQL's |
| Plans read anew for every batch on PostgreSQL | one round trip, and 27 columns a customer | known from before, and held against their revisions by the statement that was there already |
| Begin, locks and verification of a batch, each waited for | with the above 161–206 µs an event of the API's and 110–130 of PostgreSQL's | sent together: 128–130 and 120; 1.6 times the events a second on a busy machine |
| The write of a batch and its commit, each waited for; a key that is taken meanwhile found by \`on conflict do nothing\` and a count | half the load: median 3.0 ms, and 2.6 without; write statement 21 → 18 µs of PostgreSQL's an event; 5 % more events a second | sent together; a key that is taken fails the statement, and so all of it |
| Begin, locks and verification written to the socket in one piece; verification without the columns of an event that is rarely there | no difference that shows; 3.5 → 3.0 µs of PostgreSQL's | no |
| Batches of a tenant at once that have no customer in common, three or four of them, from 8 or 16 commands in place of 32 | as many events a second, 14 to 16 thousand | no |
| Events and counters to PostgreSQL as two arrays of records, in place of 30 of values | write statement 20.7 → 21.6 µs an event | no |
| Counters updated where they were locked, by \`ctid\` | write statement 20.7 → 16.6 µs an event | no: a join, which PostgreSQL may choose to make by reading the whole table |
| Plans of statements made once and never for the values at hand, \`force_generic_plan\` | for statements of 8 rows, asked by themselves, 250 → 100 µs; under load, where they are made once already, nothing | no |
| The log of SQLite moved into its file by the thread that writes | 6 ms for every 1 400 events, in which nothing is committed | moved beside it, on a thread of the driver's |
| Objects with a getter of their own, one a request: V8 makes a hidden class for each, which keeps the whole request until the next full collection | busy machine, an event: main thread 46–50 → 38–40 µs, threads that collect 12 → 5; of each 11 MB that were allocated 2.8 survived, and 0.5 without | a method in its place |
| Rows of a check on PostgreSQL with 7 columns in place of 13, and with one text to be split; its batches, of some 30, a turn of the event loop later, and those of tracking | between 4 % less of the main thread and as much; the text 8 % more; none, of either store | no |
| Objects that begin as a spread and are added to, \`{ ...given, more }\`: from Node 20's compiled code each comes with a hidden class of its own | 0.4 to 3 µs each, in place of 0.05 to 0.2; of what a check allocated 4 % lived on, and 0.02 % without; 35 000 → 41 000 checks a second | spelled out, or assigned |
| Maps that live long and lose what they got: each time they are laid out anew the old table stays behind in the old generation, and with it all that was in it, whole requests, until the next full collection | at half load, an event: of what was allocated 1.1 % lived on, and 0.05 % without; a full collection every 2 s, and none in a minute; minor ones 2.4 → 1.0 ms; the slowest hundredth 16 → 6 ms; main thread 33 → 28 µs | what waits in arrays, tenants remembered |
| What V8 took for long-lived, and made in the old generation, where it held what it referred to | an event: of what was allocated 1.4 % lived on, and 0.02 % without; minor collections take two thirds of the time | \`--no-allocation-site-pretenuring\`, set where the API starts |
| The period of an event or a check, computed anew, for a check twice | 0.7 µs each; a tenth of a check | the last one of each anchor is known |
| Rows for SQLite in chunks of 16, and the rest one by one | 16 rows are one call of the driver's; of 25 rows 9 were nine | in chunks of 32 and its halves: writing thread 22.6 → 20 µs an event |
| A second batch at hand for SQLite's thread only when 32 commands wait | at half load 50 µs of its time an event in place of 57, the median 1.5 ms in place of 1.8 | no: a tenant alone waits less, but no less beside a noisy one, and so 1.9 times as long there |
| One batch of a tenant at a time on PostgreSQL | the main thread and PostgreSQL in turns | two: 1.4 times as many events in batches over 1 000 counters, 1.1 times to one; not for reads, of which two at once were a sixth slower than one |
| For each request an object of twenty closures, its tenant's ledger | 3 KB; with 1 000 requests at once a fifth of what outlived two collections | a class |
| Commands and verdicts to and from the writing thread | 5.8 µs an event as objects, more where V8 takes an array for one with holes, as all of \`flatMap\`'s are | 3.1 as values without their names |
| Printing the reply | 3.7 → 1.8 µs: instants are remembered, as most are the ends of periods; members' names quoted once; one text in place of 60 pieces, which had outlived the function | yes; one template in place of a walk through the document would take 0.9 more, and be a second truth |
| Batches on PostgreSQL, 16 of 100 at once: arrays as literals, replies printed one after the other and each in one piece | an event of the API's: main thread 26 → 20 µs, threads that collect 14 → 6 | yes |
| Waiting callers told some at a time, so that what a reply was made of is let go of before the next are made | with 1 000 requests at once 6.7 → 5.7 KB of each outlive two collections | yes |
| A larger space for what is new, \`--max-semi-space-size\` | with 64 requests at once nothing; with 3 000 an event takes 100 µs of processor time with Node's 16, 58 with 64, 56 with 128; 1.2 times the best is 82, 104 and 105 % of it, 68 once with 128 and 99, 107 and 114 with 64; three times the best takes 169–194 MB with 64, 231–314 with 128 | 64 where the API is served: see \`docs/self-hosting.md\` |
| 64 to 256 requests in hand at once, connections beyond them paused until one is answered | as much outlives two collections, and the pausing costs | no |
| Hashing the secret key | 0.84 → 0.24 µs with one-shot \`hash\`; its checksum, 0.5, only where it is not known yet | yes |
| Checking the body with zod | 0.6 µs | left: a second, hand-written check could gain less than that |
| \`begin\` and \`rollback\` as prepared statements | 1.1 → 2.1 µs | no: slower |
| Fewer threads for collection | slower where many requests wait: 1.2 times the best is 82 % of it with none beside the main thread, 91 % with one | no |
| Smaller batches, 64 to 250 | where many requests wait 1.2 times the best is 81 to 92 % of it | no |
`;

const BROWSER = `## Where a page's time goes

**The first usage on screen.** A page that prints one number makes three round trips one after the other, itself, the
session and the numbers; the drop-in makes a fourth, its script. (The browser's question whether the page may ask another
origin is one more of both pages, which the emulated line does not delay.) Where the processor cost nothing, the fourth
alone came to 1.4 times the bare page, which is the floor of a page with no tag but the drop-in's: who would ask sooner
has to be there sooner. \`billingos-ahead.js\` is, 1 kB that asks for the numbers while the drop-in is on its way; with
the session preloaded its numbers and the drop-in come at about the same time, and the picture is there some 0.13 s
after either. What that goes into, not slowed:

| what | ms |
| --- | --- |
| compiling the script: on another thread, while it comes | – |
| evaluating it, which defines the elements | 5 |
| drawing skeletons | 9.5 |
| laying them out | 4.5 |
| what has come of session and numbers, up to the picture | 8 |
| laying that out, and painting it | 5.5 |

The first number that a browser writes, or the first question about what locales it has, takes it 12 to 18 ms more, for
it looks through all of them: while the skeletons were drawn that was a third of all of this, and now it is done while
the drop-in is on its way. These were tried:

| what | measured | done |
| --- | --- | --- |
| Asking for the session before the elements are defined | 75 B; it leaves with the script's first statement, and not after all of them | yes |
| Writing a number in the script that asks ahead, once it has asked | 13 B; 1.25 times the bare page → 1.15, 0.6 times React's → 0.56 | yes |
| Preloading the session, and no more | 0.1 of the bare page | with the next one |
| Asking for session and numbers by a small script of their own | with the session preloaded 1.5 times the bare page → 1.25 | yes, for pages that name it |
| ofetch, outbox, tabs, stream and nudges after the first picture | 16 kB fewer before it | yes |
| What chunks share in the entry, not in a file of its own | one round trip fewer | yes |
| Rows without Lit's \`repeat\`, and the nudge's texts with the nudge | 1.1 kB | yes; rows that a new plan adds or drops reuse each other's elements |
| What is loaded after the first picture as one file, not two | 0.35 kB in all, and a request fewer | yes |
| Tracking, upkeep and the errors that answers call for after the first picture as well | 2.8 kB fewer before it, 0.4 more of client and store in all, since files compress worse apart | no: a tab that had to wait for them heard of a refusal too late, and its event, asked for again after an upgrade, counted behind later ones |
| What was asked for ahead handed over with its text read already, to be drawn before the first layout | no difference that shows | no |
| A second minifier, Terser in two passes | 0.3 kB before it, 0.7 in all | no: not worth a step of the build |

**Script.** Of the 25.1 kB before the first number Lit and its context are some 5, client and store 9, of which
tracking is 1.3; what the elements share 5, texts and styles 2, the display 2.3, the bar 1.2, provider and drop-in 1.2.
In 14.0 kB there would be 9 beside Lit for all of that. Putting off all that can be put off came to 22.4 kB, as above;
what is left reads a number, draws it and says it in its language, or says why there is none, which has to work where
nothing more can be loaded. Less than that is a second way to draw, beside the elements, and so a second truth. Of the
42 kB in all, ofetch is 3.6, the nudge 6.5, and outbox, tabs and the live line 5.4.

**Many bars.** When all of 1 000 bars change, they take 118 ms of the main thread, and hand-written ones that look the
same 125: style 26 and 28, layout 46 and 41, scripts some 35 and 16. Half of the style is the start of 1 000
transitions: 12 and 14 where motion is reduced. Of the scripts' 35 ms formatting numbers is 8.5, writing attributes
6.8, Lit's comparing some 14, and the store 3. Hand-written DOM of the same markup without any style sheet, which is
another picture, takes 65.
`;

mkdirSync(join(ROOT, 'docs', PLOTS), { recursive: true });
const results = lastResults();
for (const [program, { figures }] of results)
  writeFileSync(join(ROOT, 'docs', PLOTS, `${program}.svg`), drawn(figures));
const text = [INTRODUCTION, ...results.map(section), HOT_PATH, BROWSER].join('\n');
writeFileSync(PAGE, await format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' }));
console.log(`Written to ${PAGE}`);
