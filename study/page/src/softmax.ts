// The softmax of one query, and how a gradient goes back through it.

/** J = diag(p) − p pᵀ: how each weight changes with each score. */
export function jacobian(p: number[]): number[][] {
    return p.map((pi, i) => p.map((pj, j) => (i === j ? pi : 0) - pi * pj));
}

/** ds = J dp = p ∘ (dp − Σ dp ∘ p), without making J. */
export function pullBack(p: number[], dp: number[]): number[] {
    const dot = p.reduce((sum, pi, i) => sum + pi * dp[i]!, 0);
    return p.map((pi, i) => (pi === 0 ? 0 : pi * (dp[i]! - dot)));
}
