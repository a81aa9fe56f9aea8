/** The beta distribution on the host, in float64: what the gradient of Dirichlet samples needs. */

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Gamma(x) for x > 0, by Lanczos' approximation (g = 7, nine terms): about 1e-14. */
export function logGammaOf(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGammaOf(1 - x);
  const shifted = x - 1;
  const base = shifted + 7.5;
  const series = LANCZOS.reduce((sum, c, i) => (i === 0 ? c : sum + c / (shifted + i)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(series);
}

/** The continued fraction of the incomplete beta function, by Lentz' method; it converges where x < (a + 1) / (a + b + 2). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      change = d * c;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return fraction;
}

/** ln I_x(a, b), the logarithm of the regularised incomplete beta function, for x below the turning point. */
function logLowerTail(x: number, a: number, b: number): number {
  const logBeta = logGammaOf(a) + logGammaOf(b) - logGammaOf(a + b);
  return a * Math.log(x) + b * Math.log1p(-x) - logBeta - Math.log(a) + Math.log(betaFraction(x, a, b));
}

/**
 * -(d I_x(a, b) / d a) / p(x; a, b) / (1 - x), p the density of Beta(a, b): what PyTorch's `_dirichlet_grad` approximates. The
 * derivative is a central difference of the logarithm of the smaller tail, so that nothing under- or overflows; its error is about 1e-8.
 *
 * @param x in (0, 1)
 */
export function betaSampleGradient(x: number, a: number, b: number): number {
  const step = 1e-4 * a;
  const slope = (tail: (a: number) => number) => (tail(a + step) - tail(a - step)) / (2 * step);
  if (x <= (a + 1) / (a + b + 2)) {
    return (-x * betaFraction(x, a, b) * slope((near) => logLowerTail(x, near, b))) / a;
  }
  // I_x(a, b) = 1 - I_{1-x}(b, a)
  return (x * betaFraction(1 - x, b, a) * slope((near) => logLowerTail(1 - x, b, near))) / b;
}
