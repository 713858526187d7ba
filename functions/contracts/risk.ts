import { z } from 'zod';

/** In rising order. */
export const riskLevel = z.enum(['low', 'medium', 'high', 'critical']);
export type RiskLevel = z.infer<typeof riskLevel>;
