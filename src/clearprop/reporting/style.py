"""The style sheet of the report: light, dark, on a phone, on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2430; --faint: #5d6878; --rule: #dde3ea; --soft: #f4f6f9;
  --a: #2f62ae; --b: #c2410c; --c: #0f7b6c; --d: #8367c7; --e: #a16207; --f: #be185d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15191f; --ink: #e8ecf2; --faint: #98a3b3; --rule: #323b47; --soft: #1d232b;
    --a: #7fb0f5; --b: #ff9a62; --c: #4fd1bd; --d: #b9a5f0; --e: #e3b341; --f: #f58ab8;
  }
  img.ink { filter: invert(1); }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "Noto Sans",
    "DejaVu Sans", "PingFang SC", "Microsoft YaHei", "Yu Gothic", "Noto Sans CJK SC", sans-serif;
}
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .75rem; }
section { margin-top: 2.5rem; padding-top: 1.5rem; border-top: 1px solid var(--rule); }
p { margin: .5rem 0; max-width: 46rem; }
ul { margin: .25rem 0; padding-left: 1.3rem; columns: 14rem; max-width: 46rem; }
.faint { color: var(--faint); }
p.faint, .tile { font-size: .875rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem 2.25rem; margin: 0; }
.figures dt { color: var(--faint); font-size: .875rem; }
.figures dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
figure { margin: 0; }
.grid-of-charts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 1.5rem 2rem; margin: 1rem 0;
}
figcaption .legend { display: block; font-size: .8125rem; color: var(--faint); min-height: 1.3em; }
.entry { margin-right: 1rem; white-space: nowrap; }
.key { display: inline-block; width: 1.3rem; margin-right: .35rem; vertical-align: middle; }
.key.line { border-top: 2.5px solid; }
.key.line.dashed { border-top-style: dashed; }
.key.line.thin { border-top-width: 1px; opacity: .6; }
.key.band { height: .7rem; }
.key.a { color: var(--a); } .key.b { color: var(--b); } .key.c { color: var(--c); }
.key.d { color: var(--d); } .key.e { color: var(--e); } .key.f { color: var(--f); }
.key.band.outer { background: var(--a); opacity: .22; }
.key.band.inner { background: var(--a); opacity: .45; }
svg.chart { display: block; width: 100%; height: auto; max-width: 34rem; overflow: visible; }
.chart text { font: 12.5px inherit; font-size: 12.5px; fill: var(--faint); }
.chart .end { text-anchor: end; }
.chart .middle { text-anchor: middle; }
.chart .grid { stroke: var(--rule); stroke-width: 1; fill: none; }
.chart .axis { stroke: var(--faint); stroke-width: 1; fill: none; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.chart .line.dashed { stroke-dasharray: 6 4; }
.chart .line.thin { stroke-width: .7; opacity: .4; }
.chart .line.a { stroke: var(--a); } .chart .dot.a { fill: var(--a); }
.chart .line.b { stroke: var(--b); } .chart .dot.b { fill: var(--b); }
.chart .line.c { stroke: var(--c); } .chart .dot.c { fill: var(--c); }
.chart .line.d { stroke: var(--d); } .chart .dot.d { fill: var(--d); }
.chart .line.e { stroke: var(--e); } .chart .dot.e { fill: var(--e); }
.chart .line.f { stroke: var(--f); } .chart .dot.f { fill: var(--f); }
.chart .dots { fill-opacity: .45; }
.chart .band { fill: var(--a); }
.chart .band.outer { opacity: .18; }
.chart .band.inner { opacity: .3; }
.wide { overflow-x: auto; margin: .75rem 0; }
.wide:focus-visible, summary:focus-visible { outline: 2px solid var(--a); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9375rem; }
th, td { padding: .3rem .7rem; text-align: left; border-bottom: 1px solid var(--rule); }
thead th, tbody th { font-weight: 600; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 600; }
.number { text-align: right; }
.confusion th, .confusion td { text-align: right; padding: .25rem .5rem; min-width: 2.6rem; }
.confusion td { border: 1px solid var(--paper); }
.confusion .corner { font-weight: 400; color: var(--faint); white-space: nowrap; }
.confusion .sum { color: var(--faint); padding-left: 1rem; }
.settings th { font-weight: 400; color: var(--faint); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: 1rem; }
.tile div { width: 84px; background: var(--soft); border-radius: 4px; }
.tile img { display: block; }
.ink, .sheet { image-rendering: pixelated; }
.sheet { display: block; max-width: 100%; height: auto; }
.sheet { padding: 6px; background: var(--soft); border-radius: 6px; }
details { margin-top: 1rem; }
summary { cursor: pointer; font-weight: 600; }
@media (max-width: 30rem) {
  .chart text { font-size: 16px; }
  .confusion .corner { white-space: normal; max-width: 4.2rem; }
  main { padding: 1rem .9rem 3rem; }
  .confusion th, .confusion td { padding: .2rem .3rem; min-width: 1.9rem; font-size: .8125rem; }
  .tiles { grid-template-columns: repeat(auto-fill, minmax(5.75rem, 1fr)); gap: .75rem; }
}
@media print {
  :root {
    --paper: #ffffff; --ink: #000000; --faint: #444444; --rule: #cccccc; --soft: #ffffff;
    --a: #2f62ae; --b: #c2410c; --c: #0f7b6c; --d: #8367c7; --e: #a16207; --f: #be185d;
  }
  img.ink { filter: none; }
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { border-top: 0; padding-top: 0; }
  figure, tr, .tile { break-inside: avoid; }
  h2 { break-after: avoid; }
  .wide { overflow: visible; }
  .wide svg { width: 100%; height: auto; }
}
"""
