import { type RiskLevel, riskLevel } from '../../contracts/risk.ts';

const rank = (level: RiskLevel): number => riskLevel.options.indexOf(level);

export const isAtLeast = (level: RiskLevel, threshold: RiskLevel): boolean => rank(level) >= rank(threshold);

/** `low` of an empty list. */
export const highest = (levels: readonly RiskLevel[]): RiskLevel =>
  levels.reduce<RiskLevel>((top, level) => (isAtLeast(level, top) ? level : top), 'low');
