//! Tables that both the page and the terminal show.

use super::{CleaningReport, CorpusCell, CorpusTable, Unit, number};

/// The change from one amount to another with its sign; empty if they are equal.
pub(super) fn change(before: u64, after: u64, write: fn(u64) -> String) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Less => format!("-{}", write(before - after)),
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", write(after - before)),
    }
}

pub(super) fn steps(report: &CleaningReport) -> CorpusTable {
    let some = |count: u64, text: String| CorpusCell::from(if count == 0 { String::new() } else { text });
    let rows = report.stages.iter().filter(|stage| stage.acted()).map(|stage| {
        let (removed, changed) = (stage.removed.documents, stage.edited.before.documents);
        [
            stage.about.title.as_str().into(),
            some(removed, number::whole(removed)),
            some(removed, number::percent(number::ratio(removed, stage.before.documents))),
            some(changed, number::whole(changed)),
            change(stage.before.bytes, stage.after().bytes, number::bytes).into(),
        ]
    });
    let columns = [
        ("Step", Unit::Text),
        ("Removed", Unit::Count),
        ("Of its input", Unit::Share),
        ("Changed", Unit::Count),
        ("Text", Unit::Bytes),
    ];
    CorpusTable::new([""; 3], columns, rows)
}

pub(super) fn personal(report: &CleaningReport) -> CorpusTable {
    let rows = report.personal.iter().map(|class| {
        [
            class.class.replace('_', " ").into(),
            class.treatment.as_str().into(),
            number::whole(class.found).into(),
            number::whole(class.documents).into(),
        ]
    });
    let columns = [
        ("Personal data", Unit::Text),
        ("Treatment", Unit::Text),
        ("Found", Unit::Count),
        ("Documents", Unit::Count),
    ];
    CorpusTable::new([""; 3], columns, rows)
}

pub(super) fn files(report: &CleaningReport) -> CorpusTable {
    let rows = report.inputs.iter().map(|input| {
        [
            input.path.as_str().into(),
            input.format.as_str().into(),
            input.bytes.into(),
            number::whole(input.documents).into(),
        ]
    });
    let columns =
        [("File", Unit::Text), ("Format", Unit::Text), ("Size", Unit::Bytes), ("Documents", Unit::Count)];
    CorpusTable::new([""; 3], columns, rows)
}
