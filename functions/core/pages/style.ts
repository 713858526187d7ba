import type { Html } from '../text/html.ts';

/** One column that fits a phone, in the colours the reader's system asks for. Contrast is at least 4.5 to 1 in both. */
export const STYLE: Html = {
  html: `
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1b1f; --soft: #55565c; --line: #c9cad1; --panel: #f4f4f7; --link: #0b4fb3;
  --act: #0b4fb3; --on-act: #fff; --bad: #a3161b; --bad-ground: #fdeceb; --warn: #7a4100; --warn-ground: #fff1dc; --good: #14602c; --good-ground: #e3f4e7; --mark: #ffe08a; }
@media (prefers-color-scheme: dark) { :root { --ground: #121316; --ink: #ececf0; --soft: #b4b5bd; --line: #44464f; --panel: #1d1e23; --link: #a9c7ff;
  --act: #a9c7ff; --on-act: #0a2148; --bad: #ffb4ab; --bad-ground: #3b1513; --warn: #ffcf94; --warn-ground: #35240c; --good: #9ddcab; --good-ground: #10301a; --mark: #6b5400; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 0 1rem 4rem; outline: none; }
h1 { font-size: 1.4rem; line-height: 1.3; overflow-wrap: anywhere; margin: 1.2rem 0 .6rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p, li, dd, td { overflow-wrap: anywhere; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--ground); padding: .5rem; z-index: 1; }
.bar { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; padding: .6rem 1rem; border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; text-decoration: none; color: var(--ink); margin-right: auto; padding: .4rem 0; }
.who { color: var(--soft); overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.alert, .note { padding: .75rem 1rem; border-radius: .5rem; }
.alert { background: var(--bad-ground); color: var(--bad); }
.note { background: var(--good-ground); color: var(--good); }
.warn { background: var(--warn-ground); color: var(--warn); padding: .75rem 1rem; border-radius: .5rem; }
.tag { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; border: 1px solid currentColor; font-size: .875rem; white-space: nowrap; }
.low, .approved { color: var(--good); } .medium { color: var(--warn); } .high, .critical, .denied, .expired { color: var(--bad); }
.tabs { display: flex; flex-wrap: wrap; gap: .25rem; padding: 0; list-style: none; }
.tabs a { display: block; padding: .5rem .8rem; border-radius: .5rem; }
.tabs a[aria-current] { background: var(--panel); color: var(--ink); font-weight: 600; }
.cards { list-style: none; padding: 0; }
.cards > li { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: .6rem 0; }
.cards h2 { margin: 0 0 .3rem; font-size: 1rem; }
dl.facts { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .3rem 1rem; margin: .5rem 0; }
dl.facts dt { color: var(--soft); } dl.facts dd { margin: 0; min-width: 0; }
@media (max-width: 34rem) { dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: .5rem; } }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; font: .875rem/1.5 ui-monospace, monospace; }
pre.lines { counter-reset: line; }
pre.lines span.l::before { counter-increment: line; content: counter(line); display: inline-block; min-width: 2.5em; margin-right: 1em; text-align: right; color: var(--soft); user-select: none; }
pre ins, pre del { display: block; text-decoration: none; } pre ins { background: var(--good-ground); } pre del { background: var(--bad-ground); }
mark { background: var(--mark); color: inherit; border-radius: .2rem; }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
form.panel, section.panel { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
fieldset { border: 0; margin: 0 0 1rem; padding: 0; } legend { font-weight: 600; padding: 0; }
label { display: block; margin: .6rem 0 .2rem; } label.choice { display: flex; gap: .6rem; align-items: center; min-height: 2.75rem; margin: 0; }
input, textarea { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--soft); border-radius: .4rem; padding: .6rem; width: 100%; }
input[type=radio] { width: 1.3rem; height: 1.3rem; flex: none; margin: 0; } input[type=number] { max-width: 14rem; }
button, .button { font: inherit; min-height: 2.75rem; padding: .6rem 1.2rem; border-radius: .5rem; border: 0; background: var(--act); color: var(--on-act); cursor: pointer; text-decoration: none; display: inline-block; }
button[disabled] { opacity: .6; cursor: progress; }
button.plain { background: none; color: var(--link); text-decoration: underline; padding: .4rem; }
summary { cursor: pointer; padding: .5rem 0; min-height: 2.75rem; }
`,
};
