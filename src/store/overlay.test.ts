import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOverlay } from './overlay.ts';
import { toUsageMetric } from './rows.ts';
import { wireRow } from './testing/fake-client.ts';

const row = (facts: Parameters<typeof wireRow>[0] = {}) => toUsageMetric(wireRow(facts));

describe('the overlay', () => {
  it('adds up what is under way', () => {
    const overlay = createOverlay();
    overlay.begin(row(), 'a', 1);
    overlay.begin(row(), 'b', 2);
    expect(overlay.show(row()).consumed).toBe(13);
  });

  it('leaves a row alone that nothing is under way for', () => {
    const known = row();
    expect(createOverlay().show(known)).toBe(known);
  });

  it('takes exactly the refused event back', () => {
    const overlay = createOverlay();
    overlay.begin(row(), 'a', 1);
    overlay.begin(row(), 'b', 2);
    overlay.settle('api_calls', 'b', false);
    expect(overlay.show(row()).consumed).toBe(11);
    overlay.settle('api_calls', 'a', false);
    expect(overlay.show(row()).consumed).toBe(10);
  });

  it('counts one key once', () => {
    const overlay = createOverlay();
    overlay.begin(row(), 'a', 1);
    overlay.begin(row(), 'a', 1);
    expect(overlay.show(row()).consumed).toBe(11);
  });

  it('does not show what the known limit rules out', () => {
    const overlay = createOverlay();
    overlay.begin(row({ consumed: 99 }), 'a', 2);
    expect(overlay.show(row({ consumed: 99 })).consumed).toBe(99);
  });

  it('shows overage where it is allowed', () => {
    const overlay = createOverlay();
    const known = row({ consumed: 99, overage_allowed: true });
    overlay.begin(known, 'a', 2);
    expect(overlay.show(known)).toMatchObject({ consumed: 101, overage: 1, status: 'exceeded' });
  });

  it('begins a new period with what the server says', () => {
    const overlay = createOverlay();
    overlay.begin(row(), 'a', 1);
    const next = row({ consumed: 0, period_start: '2026-03-01T00:00:00.000Z' });
    expect(overlay.show(next)).toBe(next);
  });

  it('never counts an event twice nor goes backwards, whenever rows and answers arrive', () => {
    // The server records each event; its row may be seen before or after the answer, or not at all.
    const step = fc.record({
      quantity: fc.integer({ min: 1, max: 3 }),
      rowFirst: fc.boolean(),
      others: fc.nat({ max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.integer({ min: 1, max: 4 }), (steps, width) => {
        const overlay = createOverlay();
        let truth = 0;
        let known = row({ consumed: 0, limit: null });
        let shown = 0;
        const look = (sent: number) => {
          const { consumed } = overlay.show(known);
          expect(consumed).toBeGreaterThanOrEqual(shown);
          expect(consumed).toBeLessThanOrEqual(truth + sent);
          shown = consumed;
        };
        for (let first = 0; first < steps.length; first += width) {
          const batch = steps.slice(first, first + width);
          let unrecorded = 0;
          batch.forEach(({ quantity }, index) => {
            overlay.begin(known, `${first + index}`, quantity);
            unrecorded += quantity;
            look(unrecorded);
          });
          batch.forEach(({ quantity, rowFirst, others }, index) => {
            truth += quantity + others;
            unrecorded -= quantity;
            if (rowFirst) known = row({ consumed: truth, limit: null });
            look(unrecorded);
            known = row({ consumed: truth, limit: null });
            overlay.settle('api_calls', `${first + index}`, true);
            look(unrecorded);
          });
          expect(overlay.show(known).consumed).toBe(truth);
        }
      }),
    );
  });
});
