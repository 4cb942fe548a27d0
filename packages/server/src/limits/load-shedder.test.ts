import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT_EASE_MS, LATE_MS, loadShedder, PROBE_EVERY_MS, SHARE_MAX } from './load-shedder.ts';

/** @param ownUse how much of the time the process has a processor */
function shedderOf(ownUse = 1) {
  const clock = { now: 0 };
  const { probe, turnsAway } = loadShedder(
    () => clock.now,
    () => clock.now * ownUse,
  );
  return {
    clock,
    probe,
    turnsAway,
    /** So many probes, each so late. */
    probes(count: number, lateMs: number): void {
      for (let n = 0; n < count; n += 1) {
        clock.now += PROBE_EVERY_MS + lateMs;
        probe();
      }
    },
    /** Which of so many requests in a row are turned away, as a share. */
    share(requests = 1_000): number {
      return Array.from({ length: requests }, turnsAway).filter(Boolean).length / requests;
    },
  };
}

describe('load shedding', () => {
  it('turns nobody away while the loop is on time', () => {
    const shedder = shedderOf();
    shedder.probes(1_000, LATE_MS);
    expect(shedder.share()).toBe(0);
  });

  it('turns nobody away for one stall, however long', () => {
    const shedder = shedderOf();
    shedder.probes(1, 60_000);
    expect(shedder.share()).toBe(0);
  });

  it('turns nobody away while it is others that have the processor', () => {
    const shedder = shedderOf(0.1);
    shedder.probes(1_000, 10 * LATE_MS);
    expect(shedder.share()).toBe(0);
  });

  it('turns some away once the loop has been late for a while, and more the longer it is', () => {
    const shedder = shedderOf();
    const shares = Array.from({ length: 8 }, () => {
      shedder.probes(2, LATE_MS + 1);
      return shedder.share();
    });
    expect(shares[1]).toBe(0);
    expect(shares[7]).toBeGreaterThan(0.5);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  });

  it('lets someone through however late the loop is', () => {
    const shedder = shedderOf();
    shedder.probes(1_000, 10_000);
    expect(shedder.share()).toBeCloseTo(SHARE_MAX);
  });

  it('spreads what it turns away over what comes', () => {
    const shedder = shedderOf();
    while (shedder.share(100) < 0.5) shedder.probes(1, LATE_MS + 1);
    const turnedAway = Array.from({ length: 100 }, shedder.turnsAway);
    expect(turnedAway.map(String).join(' ')).not.toMatch(/false false|(true ){5}/);
  });

  it('leaves the share as it is between the marks', () => {
    const shedder = shedderOf();
    shedder.probes(10, LATE_MS + 1);
    const share = shedder.share();
    shedder.probes(100, (LATE_MS + AT_EASE_MS) / 2);
    expect(shedder.share()).toBeCloseTo(share, 2);
  });

  it('turns nobody away two seconds after the load has gone, whatever it was', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 5_000 }), { maxLength: 50 }), (lates) => {
        const shedder = shedderOf();
        for (const lateMs of lates) shedder.probes(1, lateMs);
        shedder.probes(2_000 / PROBE_EVERY_MS, 0);
        expect(shedder.share()).toBe(0);
      }),
    );
  });
});

/** A loop that takes in one turn all that came during the last one. That a refusal takes a fifth of an answer is assumed. */
describe('a loop with too little processor', () => {
  const ANSWER_MS = 0.1;
  const REFUSAL_MS = 0.02;
  const PEAK_PER_MS = 1 / ANSWER_MS;
  /** What the server has at most, each with one request at a time. */
  const CONNECTIONS_MAX = 10_000;
  const SETTLED_MS = 10_000;

  /** Requests at so many times what the loop can answer, for so long; then at half of what it can. */
  function run(times: number, runMs: number) {
    const shedder = shedderOf();
    const totals = { answered: 0, turnedAway: 0, lateMsMax: 0 };
    let arrived = 0;
    let probeAt = PROBE_EVERY_MS;
    /** One turn, in which all requests that have come are looked at. */
    const turn = (perMs: number): void => {
      const begun = shedder.clock.now;
      if (begun >= probeAt) {
        shedder.probe();
        probeAt = begun + PROBE_EVERY_MS;
      }
      let tookMs = 1;
      let left = arrived;
      for (; left >= 1; left -= 1) {
        const isTurnedAway = shedder.turnsAway();
        totals[isTurnedAway ? 'turnedAway' : 'answered'] += 1;
        tookMs += isTurnedAway ? REFUSAL_MS : ANSWER_MS;
      }
      shedder.clock.now += tookMs;
      arrived = Math.min(CONNECTIONS_MAX, left + tookMs * perMs);
      if (begun > SETTLED_MS) totals.lateMsMax = Math.max(totals.lateMsMax, tookMs);
    };
    while (shedder.clock.now < runMs) turn(times * PEAK_PER_MS);
    const loaded = { ...totals, perMs: totals.answered / shedder.clock.now };
    const ended = shedder.clock.now;
    let recovered = ended;
    while (shedder.clock.now < ended + 10_000) {
      const before = totals.turnedAway;
      turn(PEAK_PER_MS / 2);
      if (totals.turnedAway > before) recovered = shedder.clock.now;
    }
    return { ...loaded, percentOfPeak: (100 * loaded.perMs) / PEAK_PER_MS, recoveredMs: recovered - ended };
  }

  it('turns nobody away at nine tenths of what it can', () => {
    expect(run(0.9, 20_000).turnedAway).toBe(0);
  });

  it('at 1.2 times answers nine tenths of its best, and is in time again within five seconds', () => {
    const { percentOfPeak, lateMsMax, recoveredMs } = run(1.2, 120_000);
    expect(percentOfPeak).toBeGreaterThanOrEqual(90);
    expect(lateMsMax).toBeLessThan(3 * LATE_MS);
    expect(recoveredMs).toBeLessThanOrEqual(5_000);
  });

  it('at three times keeps its delay bounded, and is in time again within five seconds', () => {
    const { percentOfPeak, lateMsMax, recoveredMs } = run(3, 120_000);
    // What is turned away takes the rest: 40 % of the processor.
    expect(percentOfPeak).toBeGreaterThanOrEqual(45);
    expect(lateMsMax).toBeLessThan(3 * LATE_MS);
    expect(recoveredMs).toBeLessThanOrEqual(5_000);
  });
});
