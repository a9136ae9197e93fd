// The style of a report: light and dark, for narrow and wide windows, and for paper.

/** Colours in light and in dark. Those of bench/results.svg, and the same family for the states. A test computes the contrasts. */
export const PALETTE = {
  page: ['#ffffff', '#0d1117'],
  raised: ['#f6f8fa', '#151b23'],
  text: ['#1f2328', '#e6edf3'],
  muted: ['#59636e', '#9198a1'],
  line: ['#d1d9e0', '#3d444d'],
  good: ['#1a7f37', '#3fb950'],
  open: ['#0969da', '#4493f8'],
  stopped: ['#9a6700', '#d29922'],
  bad: ['#d1242f', '#f85149'],
  much: ['#0969da', '#4493f8'],
  some: ['#4f9bee', '#2f6bb8'],
  little: ['#97c9ff', '#21477a'],
  kept: ['#8250df', '#ab7df8'],
  zero: ['#aeb7c1', '#5b636e'],
  free: ['#57ab8a', '#347d63'],
  before: ['#dfbf6a', '#7d6420'],
  none: ['#eef1f4', '#1f262e'],
  fault: ['#9a6700', '#d29922'],
  wrong: ['#d1242f', '#ff7b72'],
} as const;

function variables(index: 0 | 1): string {
  return Object.entries(PALETTE)
    .map(([name, colours]) => `--${name}:${colours[index]}`)
    .join(';');
}

const MARKS = ['much', 'some', 'little', 'kept', 'zero', 'free', 'before', 'none', 'fault']
  .map((kind) => `.m-${kind}{fill:var(--${kind})}`)
  .join('\n');

export const STYLE = `
:root{color-scheme:light dark;${variables(0)}}
@media (prefers-color-scheme:dark){:root{${variables(1)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:60rem;padding:2.5rem 1.5rem 4rem;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","Microsoft YaHei",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
p{margin:0 0 .5rem}
h1{margin:0 0 1.25rem;font-size:1.75rem;line-height:1.25;font-weight:600;letter-spacing:-.01em}
h2{margin:0 0 1rem;font-size:1.15rem;line-height:1.3;font-weight:600}
h3{margin:1.5rem 0 .5rem;font-size:.95rem;font-weight:600}
.kind{margin:0 0 .25rem;color:var(--muted);font-size:.8rem;letter-spacing:.06em;text-transform:uppercase}
section{margin-top:2.5rem;padding-top:1.5rem;border-top:1px solid var(--line)}
code,pre{font-family:ui-monospace,"SF Mono",SFMono-Regular,Consolas,"Liberation Mono",monospace;font-size:.87em}
small{color:var(--muted);font-size:.87em;white-space:nowrap}
.none{color:var(--muted);font-style:italic}
.verdict{display:flex;gap:1rem;padding:1.1rem 1.25rem;border:1px solid var(--line);border-left:4px solid var(--mood);border-radius:6px;background:var(--raised)}
.verdict p{white-space:pre-line}
.verdict p:last-child{margin-bottom:0}
.verdict svg{flex:none;width:2rem;height:2rem}
.verdict circle{fill:var(--mood)}
.verdict path{fill:none;stroke:var(--page);stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}
.verdict .outcome{margin-bottom:.25rem;font-size:1.15rem;line-height:1.3;padding-top:.3rem;font-weight:600;color:var(--mood)}
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1rem;margin:1.25rem 0 0;padding:0;list-style:none;color:var(--muted);font-size:.87rem}
.numbers strong{display:block;color:var(--text);font-size:1.35rem;line-height:1.3;font-weight:600}
.when{color:var(--muted);font-size:.87rem}
.good{--mood:var(--good)}
.open{--mood:var(--open)}
.stopped{--mood:var(--stopped)}
.bad{--mood:var(--bad)}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0 2.5rem}
.columns h3{margin-top:0}
.columns dl{margin-bottom:0}
dl{margin:0 0 1rem}
dl div{display:grid;grid-template-columns:minmax(7rem,11rem) 1fr;gap:0 1rem;padding:.28rem 0}
.columns dl div{grid-template-columns:6.5rem 1fr}
dt{color:var(--muted)}
dd{margin:0;min-width:0}
.scroll{overflow-x:auto;margin:1rem 0}
table{width:100%;border-collapse:collapse;font-size:.93rem}
caption{padding-bottom:.4rem;text-align:left;color:var(--muted);font-size:.87rem}
th,td{padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400;overflow-wrap:normal}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--muted);font-size:.87rem;vertical-align:bottom;white-space:nowrap}
.num{width:1%;padding-left:1rem;text-align:right;white-space:nowrap}
th.num:first-child{padding-left:0}
td time{white-space:nowrap}
td .name{overflow-wrap:anywhere}
th code{white-space:nowrap}
figure{margin:1.25rem 0}
figcaption{margin-top:.4rem;color:var(--muted);font-size:.87rem}
svg{display:block}
.bar{width:100%;height:1.25rem;margin-bottom:1rem;border-radius:4px}
.rate+figcaption{margin-top:.3rem}
.map{width:100%;height:auto}
.rate{width:100%;height:5rem;border-bottom:0}
.key{display:inline-block;width:.75em;height:.75em;margin-right:.6em;border-radius:2px}
.ends{display:flex;justify-content:space-between;margin-top:.3rem;color:var(--muted);font-size:.8rem}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.6rem 0 0;padding:0;list-style:none;font-size:.87rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.legend svg{width:.8rem;height:.8rem}
.m-wrong{fill:none;stroke:var(--wrong);stroke-width:2}
${MARKS}
.found{margin:.25rem 0 1rem;padding-left:1.2rem}
dd .found{margin-bottom:0}
.what{margin-bottom:.25rem}
pre{margin:0 0 1rem;padding:.7rem .9rem;border:1px solid var(--line);border-radius:6px;background:var(--raised);white-space:pre-wrap;overflow-wrap:anywhere}
:focus-visible{outline:2px solid var(--open);outline-offset:2px}
@media (max-width:34rem){
body{padding:1.25rem 1rem 2.5rem;font-size:14px}
h1{font-size:1.35rem}
dl div,.columns dl div{grid-template-columns:1fr}
dd{margin-bottom:.3rem}
.verdict{flex-direction:column;gap:.25rem}
.columns>div+div h3{margin-top:1.5rem}
.num small{display:block}
}
@page{margin:16mm 14mm 18mm}
@media print{
:root{color-scheme:light;${variables(0)}}
body{max-width:none;padding:0;font-size:9.5pt}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
h1{font-size:17pt}
.columns{grid-template-columns:1fr 1fr;gap:0 2rem}
.columns dl div{grid-template-columns:5.5rem 1fr}
.rate{height:3.5rem}
section{margin-top:1.4rem;padding-top:1rem}
h2,h3,caption,.what{break-after:avoid}
tr,figure,dl div,pre,.verdict,.legend li{break-inside:avoid}
thead{display:table-header-group}
.scroll{overflow:visible}
table{font-size:8.5pt}
th,td{padding:.25rem .6rem .25rem 0}
}
`;
