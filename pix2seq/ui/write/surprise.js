// How improbable something written is: the sum of −ln p over its tokens, in nats. A sentence's
// probability is the product of its tokens', so sums compare sentences and rows.

/**
 * @param {{logprob: number}[]} tokens
 */
export const surpriseOf = (tokens) => tokens.reduce((sum, token) => sum - token.logprob, 0);

const TOPS = [4, 6, 8, 12, 16, 24, 36];

/**
 * The height of a scale in nats that holds all of `values`: no bar is cut off at the top.
 * @param {number[]} values
 */
export const scaleTop = (values) => {
  const most = Math.max(...values, 0);
  return TOPS.find((top) => most <= top) ?? Math.ceil(most / 12) * 12;
};
