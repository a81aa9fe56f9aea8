/** The standard normal distribution, as the BCa interval needs it. */

/**
 * P(Z <= z): for |z| < 3 the series of Abramowitz & Stegun 26.2.11, beyond it the continued fraction 26.2.14. The
 * error is below 1e-13 of the tail.
 */
export function normalCdf(z: number): number {
  if (Number.isNaN(z)) return Number.NaN;
  if (Math.abs(z) >= 3) return z > 0 ? 1 - upperTail(z) : upperTail(-z);
  // Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/(3*5) + ...)
  let term = z;
  let sum = z;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 + sum * density(z);
}

/**
 * The z with P(Z <= z) = p: bisection of `normalCdf`, to the last bit that it resolves. -Infinity at 0, Infinity at 1.
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p === 0) return Number.NEGATIVE_INFINITY;
  if (p === 1) return Number.POSITIVE_INFINITY;
  if (p === 0.5) return 0;
  let [low, high] = [-40, 40];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function density(z: number): number {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
}

/** P(Z > z) for large z. */
function upperTail(z: number): number {
  let fraction = z;
  for (let k = 100; k >= 1; k--) fraction = z + k / fraction;
  return density(z) / fraction;
}
