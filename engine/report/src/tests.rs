use super::*;
use glasshouse_protocol::blocks::{Bar, Excerpt, Fact, Section, Series};
use glasshouse_protocol::cleaning::table::Unit;
use glasshouse_protocol::cleaning::{TextChange, TextFate};
use glasshouse_protocol::evaluation::{CalibrationBin, Cell, Metric, Passage, Table};

/// Markup, quotes, control characters and a right-to-left override.
const HOSTILE: &str = "</style></pre><script>alert(1)</script><img src=x onerror=\"alert('2')\">&amp;\u{0}\u{1b}[31m\u{202e}gnp.exe";

fn metric(name: &str, value: f64, interval: [f64; 2]) -> Metric {
    let name = name.to_owned();
    Metric { name, value: Some(value), interval: Some(interval), count: 12, ..Metric::default() }
}

/// Every kind of block; all texts are `text`.
fn every(text: &str) -> Vec<Block> {
    let own = || text.to_owned();
    let table = Table::new(
        text,
        ["one", "two", "three", "four"],
        [[
            text.into(),
            Cell::Corpus(0.5.into(), Unit::Share),
            (&metric(text, 0.5, [0.25, 0.75])).into(),
            Cell::Passage(Passage { prompt: format!("{text} end"), token: " end".to_owned() }),
        ]],
    );
    let groups = vec![(own(), metric(text, 2.0, [1.0, 3.0])), (own(), metric(text, 1.0, [f64::NAN, 2.0]))];
    let series = |axis| Series { title: own(), axis, groups: groups.clone(), mean: Some(1.5) };
    let changes =
        [TextFate::Same, TextFate::Removed, TextFate::Added].map(|fate| TextChange { fate, text: own() });
    let blocks = vec![
        Block::Text(own()),
        Block::Note(own()),
        Block::Warning(own()),
        Block::List(vec![own()]),
        Block::Figures(vec![Fact::new(text, text).exact(text).note(text)]),
        Block::Facts(vec![Fact::new(text, text).exact(text).note(text)]),
        Block::Metrics(vec![metric(text, f64::INFINITY, [0.0, 1.0])]),
        Block::Table(table),
        Block::Bars(vec![Bar { name: own(), length: 1.0, text: own() }]),
        Block::Series(series(Some(own()))),
        Block::Series(series(None)),
        Block::Reliability(vec![CalibrationBin { count: 12, ..CalibrationBin::default() }]),
        Block::Code(own()),
        Block::Excerpt(Excerpt { reason: own(), text: changes.into(), ..Excerpt::new(text, text, "") }),
    ];
    let closed = Block::Section(Section::new(text, blocks.clone()).closed());
    let sections =
        ["First", "Second"].map(|title| Section::new(title, blocks.iter().cloned().chain([closed.clone()])));
    sections.into_iter().filter_map(Section::block).collect()
}

fn page(blocks: &[Block], text: &str) -> String {
    Page { kind: "card", title: text, lead: text, blocks, footer: text, version: text, has_script: true }
        .html()
}

/// Tags of a page with their attributes, as a browser would tokenize them, without the texts between.
fn tags(page: &str) -> Vec<&str> {
    let body = page.split_once("</head>").unwrap().1.rsplit_once("<script>").unwrap().0;
    body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect()
}

#[test]
fn hostile_texts_stay_texts_in_every_block() {
    let page = page(&every(HOSTILE), HOSTILE);
    assert_eq!((page.matches("<script").count(), page.matches("</style>").count()), (1, 1));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for tag in tags(&page) {
        let outside_quotes: String = tag.split('"').step_by(2).collect();
        assert!(!tag.starts_with("img") && !outside_quotes.contains("onerror"), "{tag}");
    }
    assert!(!page.chars().any(|letter| matches!(letter, '\0' | '\u{1b}' | '\u{202e}')));
    assert!(!page.contains("NaN") && !page.contains(">inf"));
}

#[test]
fn every_tag_is_closed_and_every_link_leads_into_the_page() {
    let page = page(&every("plain"), "plain");
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(&page) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes what is open");
        } else if !tag.ends_with('/') && !matches!(name, "br") {
            open.push(name);
        }
    }
    assert_eq!(open, ["body"], "closed after the script, which is cut off");
    for word in ["http:", "https:", "url(", "@import", "src=", "@font-face", "fetch("] {
        assert!(!page.contains(word), "the page contains {word}");
    }
    let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["first", "second"]);
    assert!(links.iter().all(|link| page.contains(&format!("id=\"{link}\""))));
}

#[test]
fn a_page_runs_a_script_only_where_it_has_one() {
    let (blocks, text) = (every(HOSTILE), "plain");
    let page = Page {
        kind: text,
        title: text,
        lead: text,
        blocks: &blocks,
        footer: text,
        version: text,
        has_script: false,
    };
    assert!(!page.html().contains("<script") && !page.html().contains("script-src"));
}

#[test]
fn long_tables_are_cut_and_say_so() {
    let rows = (0..1040_u64).map(|number| [format!("row-{number}").into(), number.into()]);
    let page = page(&[Block::Table(Table::new("Long", ["Name", "Count"], rows))], "plain");
    assert!(page.contains("And 1,000 more rows") && page.contains("row-39<") && !page.contains("row-40<"));
}

#[test]
fn labels_of_a_chart_are_whole_and_bars_have_data() {
    let of = |labels: Vec<String>| {
        let groups = labels.into_iter().map(|label| (label, metric("plain", 2.0, [1.0, 3.0]))).collect();
        let series = Series { axis: Some("times seen".to_owned()), groups, ..Series::default() };
        page(&[Block::Series(series)], "plain")
    };
    let labels = ["10 to 99", "100 to 999", "1,000 to 9,999", "10,000 to 99,999"];
    let drawn = of(labels.map(str::to_owned).to_vec());
    for label in labels {
        assert!(drawn.contains(&format!(" text-anchor=\"middle\">{label}</text>")), "{label}");
    }
    assert!(
        drawn.contains("<text x=\"590.4\" y=\"212\" text-anchor=\"middle\">10,000 to 99,999<"),
        "beyond the edge"
    );
    let long = of(vec!["x".repeat(40); 30]);
    assert_eq!(long.matches(&format!(">{}…</text>", "x".repeat(23))).count(), 4);
    let bins = [0, 9, 10].map(|count| CalibrationBin { count, ..CalibrationBin::default() });
    let drawn = page(&[Block::Reliability(bins.to_vec())], "plain");
    assert_eq!(drawn.matches("<rect class=\"bar\"").count(), 1);
}
