//! The report of a cleaning as blocks.

use super::TextChange;
use super::report::{CleaningReport, Cluster, Duplicates, Stage};
use super::table::{CorpusCell, Unit};
use crate::blocks::{Bar, Block, Excerpt, Fact, Section};
use crate::evaluation::{Cell, Table};
use crate::quantity::{bytes, count, counted, percent, things, whole};

/// Computes the changes from one text to another.
pub type Diff<'a> = &'a dyn Fn(&str, &str) -> Vec<TextChange>;

pub fn blocks(report: &CleaningReport, diff: Diff<'_>) -> Vec<Block> {
    let samples = report.samples.iter().map(|sample| {
        let words = counted(sample.amount.words, "word");
        Block::Excerpt(Excerpt::new(&sample.id, format!("{} · {words}", sample.source), &sample.excerpt))
    });
    let recipe = Block::Code(report.recipe.toml.trim_end().to_owned());
    let about = format!(
        "All settings of {}. Saved as a file and passed with --recipe, it produces the same output from the same files.",
        report.recipe.name
    );
    let parts = [
        Some(stages(report, diff)),
        Some(personal(report)),
        Some(Section::new(
            "Copies",
            report.duplicates.iter().filter_map(|found| copies(found, diff).block()),
        )),
    ];
    let last = [
        Some(Section::new("Samples of the kept documents", samples)),
        Some(troubles(report)),
        Some(files(report)),
        Some(Section::new("Recipe", [Block::Note(about), recipe])),
    ];
    let sections = parts.into_iter().flatten().chain(tables(report)).chain(last.into_iter().flatten());
    head(report).into_iter().chain(sections.filter_map(Section::block)).collect()
}

/// What a terminal shows at the end of a cleaning.
pub fn summary(report: &CleaningReport) -> Vec<Block> {
    let steps = steps(report);
    let idle = report.stages.iter().filter(|stage| !stage.acted() && !stage.about.is_off).count();
    let idle = (idle > 0 && !steps.rows.is_empty())
        .then(|| Block::Note(format!("{} found nothing", counted(idle as u64, "further step"))));
    let copies = report.duplicates.iter().map(|found| Fact::new(&found.title, groups(found))).collect();
    let tables = [Some(Block::Table(steps)), idle, Some(Block::Facts(copies))];
    let personal = Block::Table(personal_table(report));
    let all = head(report).into_iter().chain(tables.into_iter().flatten()).chain([personal]);
    let mut troubles = troubles(report);
    // Their kinds are enough.
    troubles.blocks.retain(|block| !matches!(block, Block::Section(_)));
    all.chain(troubles.block()).collect()
}

/// Warnings and totals.
pub fn head(report: &CleaningReport) -> Vec<Block> {
    let (kept, raw) = (&report.kept, &report.raw);
    let figures = [
        ("Documents", "document", whole as fn(u64) -> String, kept.documents, raw.documents),
        ("Words", "word", count, kept.words, raw.words),
        ("Text", "byte", bytes, kept.bytes, raw.bytes),
    ];
    let figures = figures.map(|(name, thing, write, kept, raw)| {
        Fact::new(name, format!("{} of {}", write(kept), write(raw)))
            .exact(format!("{} of {}", whole(kept), counted(raw, thing)))
            .note(format!("{} kept", percent(ratio(kept, raw))))
    });
    let size = report.inputs.iter().map(|input| input.bytes).sum();
    let about = format!(
        "Cleaned with the recipe {} from {}, {}.",
        report.recipe.name,
        counted(report.inputs.len() as u64, "file"),
        bytes(size)
    );
    let warnings = report.warnings().into_iter().map(Block::Warning);
    warnings.chain([Block::Figures(figures.into()), Block::Note(about)]).collect()
}

/// Bytes of text that are kept, and those that each group of stages took.
fn flow(report: &CleaningReport) -> Vec<Bar> {
    let groups = report.stages.chunk_by(|one, next| one.about.group == next.about.group).map(|group| {
        let taken = group.iter().map(|stage| stage.before.bytes.saturating_sub(stage.after().bytes)).sum();
        (format!("{} took", group.first().map_or("", |stage| stage.about.group.title())), taken)
    });
    let parts: Vec<(String, u64)> =
        [("Kept".to_owned(), report.kept.bytes)].into_iter().chain(groups).collect();
    let all = parts.iter().map(|(_, size)| size).sum();
    let bar = |(name, size): (String, u64)| Bar {
        name,
        length: size as f64,
        text: format!("{} ({})", bytes(size), percent(ratio(size, all))),
    };
    parts.into_iter().filter(|(_, size)| *size > 0).map(bar).collect()
}

/// Tables of the corpus, and the lengths as bars.
pub fn tables(report: &CleaningReport) -> Vec<Section> {
    let section = |table: &super::table::CorpusTable| {
        let lengths = if table.key == "length" { lengths(table) } else { Vec::new() };
        let bars = (!lengths.is_empty()).then_some(Block::Bars(lengths));
        [Block::Table(Table { title: String::new(), ..Table::from(table) })].into_iter().chain(bars)
    };
    report.tables.iter().map(|table| Section::new(&table.title, section(table))).collect()
}

fn lengths(table: &super::table::CorpusTable) -> Vec<Bar> {
    let counts = |row: &[CorpusCell]| -> Vec<u64> {
        let cells = table.columns.iter().zip(row).filter(|(column, _)| column.unit == Unit::Count);
        cells.map(|(_, cell)| cell.number().unwrap_or_default() as u64).collect()
    };
    let bar = |row: &Vec<CorpusCell>| match counts(row)[..] {
        [raw, kept, ..] => Some(Bar {
            name: row.first().map(|cell| cell.text(Unit::Text)).unwrap_or_default(),
            length: kept as f64,
            text: format!("{} of {} kept", whole(kept), whole(raw)),
        }),
        _ => None,
    };
    table.rows.iter().filter_map(bar).collect()
}

/// A row for each stage that did something.
fn steps(report: &CleaningReport) -> Table {
    let some = |count: u64, cell: Cell| if count == 0 { Cell::from("") } else { cell };
    let rows = report.stages.iter().filter(|stage| stage.acted()).map(|stage| {
        let (removed, changed) = (stage.removed.documents, stage.edited.before.documents);
        let share = Cell::Corpus(ratio(removed, stage.before.documents).into(), Unit::Share);
        [
            stage.about.title.as_str().into(),
            some(removed, removed.into()),
            some(removed, share),
            some(changed, changed.into()),
            change(stage.before.bytes, stage.after().bytes, bytes).into(),
        ]
    });
    Table::new("", ["Step", "Removed", "Of its input", "Changed", "Text"], rows)
}

fn stages(report: &CleaningReport, diff: Diff<'_>) -> Section {
    let (acted, others): (Vec<_>, Vec<_>) =
        report.stages.iter().partition(|stage| stage.acted() || !stage.counters.is_empty());
    let (off, idle): (Vec<_>, Vec<_>) = others.into_iter().partition(|stage| stage.about.is_off);
    let groups = acted.chunk_by(|one, next| one.about.group == next.about.group).filter_map(|group| {
        let heading = group.first()?.about.group.title();
        Section::new(heading, group.iter().filter_map(|one| stage(one, diff).block())).block()
    });
    let line = |stage: &Stage| match stage.about.threshold.as_str() {
        "" => stage.about.title.clone(),
        threshold => format!("{}: {threshold}", stage.about.title),
    };
    let lists = [("Ran and found nothing", idle), ("Switched off in this recipe", off)];
    let lists = lists.into_iter().filter(|(_, stages)| !stages.is_empty()).filter_map(|(title, stages)| {
        Section::new(title, [Block::List(stages.into_iter().map(line).collect())]).block()
    });
    let about = "In order: each step saw only the output of the steps before it. Its example documents are a fixed random sample.";
    let first = [Block::Note(about.to_owned()), Block::Table(steps(report)), Block::Bars(flow(report))];
    let all = first.into_iter().chain(groups).chain(lists);
    Section::new("What each step removed", all.take(if report.stages.is_empty() { 0 } else { usize::MAX }))
}

fn stage(stage: &Stage, diff: Diff<'_>) -> Section {
    let (about, removed, edited) = (&stage.about, &stage.removed, &stage.edited);
    let mut blocks = Vec::new();
    if !about.sentence.is_empty() {
        blocks.push(Block::Text(about.sentence.clone()));
    }
    let sources: Vec<&str> = [&about.threshold, &about.paper]
        .map(String::as_str)
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    if !sources.is_empty() {
        blocks.push(Block::Note(sources.join(" · ")));
    }
    let mut facts = Vec::new();
    if removed.documents > 0 {
        let share = percent(ratio(removed.documents, stage.before.documents));
        let words = things(removed.words, "word");
        let sizes = format!("{} {words} · {}", count(removed.words), bytes(removed.bytes));
        let documents = counted(removed.documents, "document");
        facts.push(Fact::new("Removed", format!("{documents} · {share} of its input · {sizes}")));
    }
    if edited.before.documents > 0 {
        let change = |before, after, write: fn(u64) -> String| match change(before, after, write) {
            same if same.is_empty() => "±0".to_owned(),
            change => change,
        };
        let words = change(edited.before.words, edited.after.words, count);
        let size = change(edited.before.bytes, edited.after.bytes, bytes);
        let documents = counted(edited.before.documents, "document");
        facts.push(Fact::new("Changed", format!("{documents} · {words} words · {size}")));
    }
    facts.extend(stage.counters.iter().map(|own| Fact::new(own.name.replace('_', " "), whole(own.count))));
    blocks.push(Block::Facts(facts));
    let victims = stage.victims.iter().map(|victim| {
        let note = format!("{} · {}", victim.source, counted(victim.words, "word"));
        let excerpt = Excerpt::new(&victim.id, note, &victim.excerpt);
        Block::Excerpt(Excerpt { reason: victim.reason.clone(), ..excerpt })
    });
    // Some stages record no texts.
    let changes: Vec<_> = stage.changes.iter().filter(|change| change.before != change.after).collect();
    let changed = changes.iter().map(|change| {
        let excerpt = Excerpt::new(&change.id, &change.source, "");
        Block::Excerpt(Excerpt { text: diff(&change.before, &change.after), ..excerpt })
    });
    let of = |shown: usize, all: u64, done: &str| match shown as u64 {
        1 if all == 1 => format!("The document that it {done}"),
        shown if shown >= all => format!("All {all} documents that it {done}"),
        shown => format!("{shown} of {} documents that it {done}", whole(all)),
    };
    let removed = Section::new(of(stage.victims.len(), removed.documents, "removed"), victims);
    let changed = Section::new(of(changes.len(), edited.before.documents, "changed"), changed);
    blocks.extend([removed, changed].into_iter().filter_map(|section| section.closed().block()));
    Section::new(&about.title, blocks).note(&about.name)
}

fn personal_table(report: &CleaningReport) -> Table {
    let rows = report.personal.iter().map(|class| {
        let name = class.class.replace('_', " ");
        [name.into(), class.treatment.as_str().into(), class.found.into(), class.documents.into()]
    });
    Table::new("", ["Personal data", "Treatment", "Found", "Documents"], rows)
}

fn personal(report: &CleaningReport) -> Section {
    let samples = report.personal.iter().filter_map(|class| {
        let samples = class.samples.iter().map(|one| Block::Excerpt(Excerpt::new(&one.id, "", &one.masked)));
        Section::new(format!("Masked samples: {}", class.class.replace('_', " ")), samples).closed().block()
    });
    let about = "Personal data never reached the output. The samples are masked.";
    let first = [Block::Note(about.to_owned()), Block::Table(personal_table(report))];
    let shown = if report.personal.is_empty() { 0 } else { usize::MAX };
    Section::new("Personal data", first.into_iter().chain(samples).take(shown))
}

fn groups(found: &Duplicates) -> String {
    match found.clusters {
        0 => "none were found".to_owned(),
        clusters => {
            format!("{} of {} in all", counted(clusters, "group"), counted(found.documents, "document"))
        }
    }
}

pub fn copies(found: &Duplicates, diff: Diff<'_>) -> Section {
    let memory = found.bytes_per_document.map(|size| Fact::new("Memory per document", bytes(size)));
    let facts = [Fact::new("Copies", groups(found))].into_iter().chain(memory).collect();
    let sizes = found.sizes.iter().map(|size| [size.size.into(), size.clusters.into()]);
    let sizes = Block::Table(Table::new("", ["Documents in a group", "Groups"], sizes));
    // Groups of the same size have the same title.
    let group = |(place, cluster)| Section { key: format!("group-{place}"), ..members(cluster, diff) };
    let largest = found.largest.iter().enumerate().filter_map(|own| group(own).closed().block());
    let first = [Block::Note(found.method.clone()), Block::Facts(facts), sizes];
    Section::new(&found.title, first.into_iter().chain(largest)).note("one document of each group was kept")
}

/// A group: the kept document in full, the others by their differences.
fn members(cluster: &Cluster, diff: Diff<'_>) -> Section {
    let kept = cluster.members.iter().find(|member| member.kept).map(|member| member.excerpt.as_str());
    let rest = cluster.size.saturating_sub(cluster.members.len() as u64);
    let excerpts = cluster.members.iter().map(|member| {
        let how = match member.similarity.filter(|_| !member.kept) {
            Some(share) => format!(" · {} similar, {}", percent(share), member.found_by),
            None if member.kept => format!(" · kept: {}", cluster.reason),
            None => String::new(),
        };
        let note = format!("{} · {}{how}", member.source, counted(member.words, "word"));
        let own = &member.excerpt;
        let text = match kept {
            Some(kept) if kept == own && !member.kept => Vec::new(),
            kept => diff(kept.unwrap_or(own), own),
        };
        Block::Excerpt(Excerpt { text, ..Excerpt::new(&member.id, note, "") })
    });
    let more =
        (rest > 0 && !cluster.members.is_empty()).then(|| Block::Note(format!("and {} more", whole(rest))));
    Section::new(counted(cluster.size, "similar document"), excerpts.chain(more))
}

/// Files and records that could not be read.
pub fn troubles(report: &CleaningReport) -> Section {
    let troubles = &report.troubles;
    let kinds = &troubles.kinds;
    let fact = |kind: &super::report::TroubleKind| {
        let more = match kind.count {
            1 => String::new(),
            count => format!("and {} more of this kind", whole(count - 1)),
        };
        Fact::new(&kind.first.place, more).note(&kind.first.reason)
    };
    let others = troubles.count.saturating_sub(kinds.iter().map(|kind| kind.count).sum());
    let others =
        (others > 0).then(|| Block::Note(format!("and {} of other kinds, in report.json", whole(others))));
    let facts = (!kinds.is_empty()).then(|| Block::Facts(kinds.iter().map(fact).collect()));
    let listed = troubles.listed.iter().filter(|_| kinds.len() < troubles.listed.len());
    let listed = listed.map(|one| [one.place.as_str().into(), one.reason.as_str().into()]);
    let listed = Table::new("", ["Place", "Reason"], listed);
    let listed =
        Section::new("All of them", (!listed.rows.is_empty()).then_some(Block::Table(listed))).closed();
    let note = counted(troubles.count, "place");
    Section::new("Unreadable files and parts", facts.into_iter().chain(others).chain(listed.block()))
        .note(note)
}

fn files(report: &CleaningReport) -> Section {
    let rows = report.inputs.iter().map(|input| {
        let size = Cell::Corpus(input.bytes.into(), Unit::Bytes);
        [input.path.as_str().into(), input.format.as_str().into(), size, input.documents.into()]
    });
    let table = Table::new("", ["File", "Format", "Size", "Documents"], rows);
    Section::new("Files", (!table.rows.is_empty()).then_some(Block::Table(table)))
}

/// A fraction; 0 if `whole` is 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The change from one amount to another with its sign; empty if they are equal.
fn change(before: u64, after: u64, write: fn(u64) -> String) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Less => format!("−{}", write(before - after)),
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", write(after - before)),
    }
}
