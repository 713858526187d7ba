import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CpuShares, Machine } from './machine.ts';
import { type Bar, holds, quantile, type Row } from './measurement.ts';

export interface Report {
  readonly started_at: string;
  readonly seconds: number;
  readonly full: boolean;
  readonly machine: Machine;
  readonly cpu: CpuShares | null;
  readonly rows: readonly (Row & { readonly measurement: string })[];
  readonly failures: readonly { readonly measurement: string; readonly reason: string }[];
}

const DIRECTORY = join(import.meta.dirname, '../../.airlock/bench');

/** Where the report was written, with every sample. */
export function writeReport(report: Report): string {
  mkdirSync(DIRECTORY, { recursive: true });
  const file = join(DIRECTORY, `${report.started_at.replaceAll(':', '-')}.json`);
  const rows = report.rows.map((row) => ({
    ...row,
    what: row.what.trim(),
    n: row.samples.length,
    p50: quantile(row.samples, 'p50'),
    p95: quantile(row.samples, 'p95'),
    p99: quantile(row.samples, 'p99'),
    max: Math.max(...row.samples),
    bars: row.bars.map((bar) => ({ ...bar, holds: holds(row, bar) })),
  }));
  writeFileSync(file, `${JSON.stringify({ ...report, rows }, null, 2)}\n`);
  return file;
}

export function printReport(report: Report): void {
  const { machine, cpu } = report;
  console.log(
    `\n${machine.cores} cores (${machine.processor}), ${machine.memory_gib} GiB, node ${machine.node}, load average ${machine.load_average} before`,
  );
  console.log(cpu ? `cpu over the run: ${cpu.busy_percent} % busy, ${cpu.steal_percent} % stolen` : 'cpu over the run: unknown');
  if (machine.load_average > machine.cores / 2) console.log('THE MACHINE WAS BUSY WITH OTHER WORK: times are upper bounds.');
  console.log('');
  printTable(['what', 'n', 'p50', 'p95', 'max', '', 'baseline p50', 'bar', 'holds'], report.rows.map(cellsOf));
  for (const row of report.rows.filter(({ note }) => note)) console.log(`  ${row.what.trim()}: ${row.note}`);
  for (const baseline of new Set(report.rows.flatMap((row) => row.baseline?.what ?? []))) console.log(`  baseline: ${baseline}`);
  for (const { measurement, reason } of report.failures) console.log(`\nNOT MEASURED  ${measurement}: ${reason}`);
}

function cellsOf(row: Row): string[] {
  const figures = [quantile(row.samples, 'p50'), quantile(row.samples, 'p95'), Math.max(...row.samples)];
  return [
    row.what,
    String(row.samples.length),
    ...figures.map((value) => short(value)),
    row.unit,
    row.baseline ? baselineCell(row, row.baseline) : '',
    row.bars.map(barText).join(', '),
    row.bars.length === 0 ? '' : row.bars.every((bar) => holds(row, bar)) ? 'yes' : 'NO',
  ];
}

/** Times also as a ratio to their baseline: what can be compared between machines. */
function baselineCell(row: Row, baseline: { readonly samples: readonly number[] }): string {
  const base = quantile(baseline.samples, 'p50');
  return row.unit === '×' ? short(base) : `${short(base)} (${short(quantile(row.samples, 'p50') / base)} ×)`;
}

const barText = ({ quantile: which, atMost, because }: Bar): string =>
  `${which} ≤ ${short(atMost)}${because ? ` (${because})` : ''}`;

const short = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 0.01 ? value.toFixed(2) : value.toPrecision(1);

const NUMERIC_COLUMNS = new Set([1, 2, 3, 4]);

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        NUMERIC_COLUMNS.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  console.log(line(head));
  console.log(widths.map((width) => '─'.repeat(width)).join('  '));
  for (const row of rows) console.log(line(row));
  console.log('');
}
