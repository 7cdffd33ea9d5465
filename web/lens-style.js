// The style of <glasshouse-lens>, in the colours of the application.

const DARK = `--ground: #0E1412; --raised: #1D2723; --hairline: #2B3833; --text: #E7EFEA; --quiet: #9DACA4; --accent: #5FCF92;
  --second: #E69F00; --failure: #E2705D; color-scheme: dark`;
const LIGHT = `--ground: #F5F8F5; --raised: #EDF3EE; --hairline: #D5DFD8; --text: #14201A; --quiet: #5A6A62; --accent: #16834F;
  --second: #A86400; --failure: #B03A2A; color-scheme: light`;

export const STYLE = `
:host { display: block; ${LIGHT} }
@media (prefers-color-scheme: dark) { :host { ${DARK} } }
:host([theme=light]) { ${LIGHT} }
:host([theme=dark]) { ${DARK} }
:host([hidden]), [hidden] { display: none !important }
figure { position: relative; margin: 0; padding: 12px; border-radius: 10px; background: var(--ground); color: var(--text); font: 13px/1.5 system-ui, sans-serif;
  overflow: hidden }
.state { margin: 0 0 8px; color: var(--quiet) }
.picture, .tables { overflow-x: auto; position: relative }
.away { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
figcaption { display: flex; gap: 12px; align-items: center; justify-content: space-between; margin-top: 8px; min-height: 36px }
.said { color: var(--quiet); overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--hairline); border-radius: 6px; cursor: pointer }
figcaption button { flex: none; min-height: 36px; padding: 4px 12px }
button[aria-pressed=true] { border-color: var(--accent) }
button:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
table { border-collapse: collapse; margin: 0 0 12px; font-variant-numeric: tabular-nums }
caption { text-align: left; color: var(--quiet); padding: 4px 0 }
th, td { border: 1px solid var(--hairline); padding: 2px 6px; text-align: right; white-space: pre; font-weight: normal }
th { color: var(--quiet) }
.token, .word { font-family: ui-monospace, monospace; white-space: pre; text-align: left }
canvas { display: block; width: 100%; image-rendering: pixelated; background: var(--raised); border-radius: 4px }
.heads { display: grid; gap: 4px; margin: 12px 0; max-width: 480px }
.heads button { padding: 1px; min-height: 20px }
.map { display: grid; grid-template-columns: max-content max-content; justify-content: start; max-height: 560px; overflow: auto; margin-bottom: 12px; color: var(--quiet);
  font: 11px ui-monospace, monospace }
.map canvas { border-radius: 0 }
.map span { overflow: hidden; text-overflow: ellipsis; white-space: pre }
.rows { position: sticky; left: 0; z-index: 1; display: grid; grid-auto-rows: var(--side); max-width: 120px; padding-right: 6px; background: var(--ground) }
.rows span { line-height: var(--side); text-align: right }
.map i { position: sticky; left: 0; bottom: 0; z-index: 2; background: var(--ground) }
.columns { position: sticky; bottom: 0; display: grid; grid-auto-flow: column; grid-auto-columns: var(--side); justify-content: start; max-height: 92px;
  padding-top: 4px; background: var(--ground) }
.columns span { writing-mode: vertical-rl; line-height: var(--side); max-height: 88px }
.points { max-width: 480px; margin-bottom: 12px }
.points svg { display: block; width: 100%; background: var(--raised); border-radius: 4px; font: 3px ui-monospace, monospace }
.beside { display: flex; flex-wrap: wrap; gap: 0 16px }
.beside > * { flex: 1 1 220px; min-width: 0 }
.more { min-height: 36px; padding: 4px 12px; margin: 0 8px 12px 0 }
.strip { position: relative; display: flex; flex-wrap: wrap; gap: 18px 2px; padding-top: 18px }
.strip svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; overflow: visible }
.strip path { fill: none; stroke: var(--accent); stroke-width: 2 }
.strip .token { position: relative; padding: 2px 3px; min-height: 28px; isolation: isolate; overflow: hidden }
.token::before, .heat::before { content: ""; position: absolute; inset: 0; background: var(--accent); opacity: calc(var(--heat, 0) * .5); z-index: -1 }
.heat { position: relative; isolation: isolate }
.bars { display: grid; grid-template-columns: minmax(0, auto) minmax(60px, 1fr) auto; gap: 4px 8px; align-items: center; font-variant-numeric: tabular-nums }
.bars .word { overflow: hidden; text-overflow: ellipsis }
.bars > :nth-child(3n) { white-space: nowrap }
.bar { position: relative; height: 16px; background: var(--raised); border-radius: 3px }
.bar i { position: absolute; top: 0; bottom: 0; background: var(--accent); border-radius: 3px }
.bar i.second { top: 10px; background: var(--second) }
.bar i.negative { background: var(--second) }
`;
