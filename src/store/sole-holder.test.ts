import { describe, expect, it } from 'vitest';
import { ManualClock } from '../client/testing/clocks.ts';
import { PULSE_MS, SILENCE_MS, SILENCE_SPREAD_MS, whileSoleHolder } from './sole-holder.ts';
import { FakeBrowser, type FakeTab } from './testing/fake-browser.ts';

const TAKEOVER_MS = SILENCE_MS + SILENCE_SPREAD_MS;

function setUp() {
  const clock = new ManualClock();
  const browser = new FakeBrowser({ clock });
  /** Which tabs run the task right now, and by their own belief. */
  const running: string[] = [];

  function ask(name: string, tab: FakeTab = browser.openTab()) {
    const asking = new AbortController();
    let end: () => void = () => undefined;
    const task = async (lost: AbortSignal) => {
      running.push(name);
      await new Promise<void>((resolve) => {
        end = resolve;
        lost.addEventListener('abort', () => resolve());
      });
      running.splice(running.indexOf(name), 1);
    };
    const parts = { browser: tab, clock: tab.clock, random: () => 0.5 };
    const done = whileSoleHolder('lock', parts, asking.signal, task);
    done.catch(() => undefined);
    return { tab, done, leave: () => asking.abort(new Error('enough')), end: () => end() };
  }
  return { clock, browser, running, ask };
}

describe('of all tabs that ask', () => {
  it('the first one runs its task', async () => {
    const { clock, running, ask } = setUp();
    ask('a');
    ask('b');
    await clock.advance(10 * TAKEOVER_MS);
    expect(running).toEqual(['a']);
  });

  it('the next one does when that task ends', async () => {
    const { clock, running, ask } = setUp();
    const first = ask('a');
    ask('b');
    await clock.advance(0);
    first.end();
    await clock.advance(0);
    expect(running).toEqual(['b']);
  });

  it('the next one does when that tab closes', async () => {
    const { clock, running, ask } = setUp();
    const first = ask('a');
    ask('b');
    await clock.advance(0);
    first.tab.close();
    await clock.advance(0);
    expect(running.at(-1)).toBe('b');
  });

  it('the next one takes over when that tab freezes, within 5 s', async () => {
    const { clock, running, ask } = setUp();
    const first = ask('a');
    ask('b');
    await clock.advance(PULSE_MS - 1);
    first.tab.freeze();
    await clock.advance(TAKEOVER_MS);
    expect(running).toEqual(['a', 'b']);
    expect(TAKEOVER_MS).toBeLessThan(5_000);
  });

  it('the frozen one stops once it thaws', async () => {
    const { clock, running, ask } = setUp();
    const first = ask('a');
    ask('b');
    await clock.advance(0);
    first.tab.freeze();
    await clock.advance(TAKEOVER_MS);
    first.tab.thaw();
    await clock.advance(0);
    expect(running).toEqual(['b']);
    await first.done;
  });

  it('only one takes over, however many wait', async () => {
    const { clock, browser, running, ask } = setUp();
    const first = ask('a');
    for (const name of ['b', 'c', 'd', 'e']) ask(name);
    await clock.advance(0);
    first.tab.close();
    await clock.advance(3 * TAKEOVER_MS);
    expect(running.filter((name) => name !== 'a')).toHaveLength(1);
    expect(browser.lockCount).toBe(1);
  });

  it('one that leaves the queue never runs', async () => {
    const { clock, running, ask } = setUp();
    const first = ask('a');
    const second = ask('b');
    await clock.advance(0);
    second.leave();
    await expect(second.done).rejects.toThrow('enough');
    first.end();
    await clock.advance(TAKEOVER_MS);
    expect(running).toEqual([]);
  });

  it('none leaves a timer, channel or lock behind', async () => {
    const { clock, browser, ask } = setUp();
    const first = ask('a');
    const second = ask('b');
    await clock.advance(0);
    second.leave();
    first.end();
    await clock.advance(0);
    expect([clock.timerCount, browser.channels.size, browser.lockCount]).toEqual([0, 0, 0]);
  });
});
