//! A disk on which one file operation fails, is slow or transfers half, or all from one on, either of those that read or of those that change
//! something: while a run trains and saves, while files are cleaned, and while a model is imported. Afterwards the same work succeeds with the
//! same result, and nothing that was finished before is lost.

use super::interposed::{Fault, SHORT, SLOW, failing};
use super::project::{
    RUN, SAVED, Sample, Snapshot, check_errors, check_losses, failures, generate, losses, play, restore,
    resume, snapshot, text, used,
};
use super::{Campaign, survive};
use glasshouse_corpus::recipe::Recipe;
use glasshouse_engine::data::stories;
use glasshouse_protocol::{Command, Event, ModelSource, Report};
use std::path::Path;

const ERRORS: [i32; 5] = [libc::ENOSPC, libc::EROFS, libc::EIO, SHORT, SLOW];
const READ_ERRORS: [i32; 5] = [libc::EIO, libc::EACCES, libc::ESTALE, SHORT, SLOW];

type Check<'sample> = dyn Fn(&[Report], &Path) -> Result<(), String> + 'sample;

/// Work on a folder that has a project `p`.
struct Work<'sample> {
    name: &'static str,
    commands: Vec<Command>,
    /// Checks the reports and the folder after the work was repeated without faults.
    check: Box<Check<'sample>>,
}

/// Files of a cleaning that depend on the documents only.
fn kept(folder: &Path) -> Snapshot {
    let mut files = snapshot(&folder.join("cleaned"));
    files.retain(|name, _| name.extension().is_some_and(|ending| ending == "jsonl"));
    files
}

fn imported(heard: &[Report]) -> bool {
    heard.iter().any(|report| matches!(report.event, Event::RunAdded { .. }))
}

#[test]
fn disk() {
    let sample = Sample::new();
    let folder = sample.folder.path().to_owned();
    let project = sample.project();
    let [model, ..] = sample.exports();
    let documents = folder.join("stories.txt");
    std::fs::write(&documents, stories::text(8000, 1)).unwrap();
    let clean = Command::CleanFiles {
        inputs: vec![documents],
        out: folder.join("cleaned"),
        recipe: Recipe::published("light").unwrap().to_toml().unwrap(),
        restart: false,
        force: false,
    };
    let import = Command::ImportModel {
        from: ModelSource::Path { path: model },
        context_length: None,
        for_comparison: false,
    };
    let before = snapshot(&folder);
    let written = text(&play(vec![used(&project), generate()]));
    assert_eq!(failures(&play(vec![clean.clone()])), [""; 0]);
    let cleaned = kept(&folder);
    assert!(!cleaned.is_empty());
    let works = [
        Work {
            name: "training",
            commands: vec![used(&project), resume()],
            check: Box::new(|heard, _| {
                let found = losses(heard);
                // The run may have finished in spite of the fault.
                let from = found.first_key_value().map_or(SAVED[1] + 1, |((step, _), _)| *step);
                if from <= SAVED[1] {
                    return Err(format!("the finished checkpoint is lost: it went on with step {from}"));
                }
                check_losses(&found, &sample.losses)
            }),
        },
        Work {
            name: "cleaning",
            commands: vec![clean],
            check: Box::new(|_, folder| match kept(folder) == cleaned {
                true => Ok(()),
                false => Err("other documents were kept".to_owned()),
            }),
        },
        Work {
            name: "import",
            commands: vec![used(&project), import],
            check: Box::new(
                |heard, _| if imported(heard) { Ok(()) } else { Err("no run was added".to_owned()) },
            ),
        },
    ];
    let mut each: Vec<(usize, bool, u64)> = Vec::new();
    for (number, work) in works.iter().enumerate() {
        for reads in [false, true] {
            restore(&folder, &before);
            let none = Fault { reads, from: u64::MAX, lasts: false, error: 0 };
            let (heard, count) = failing(none, || play(work.commands.clone()));
            assert_eq!(failures(&heard), [""; 0], "{}", work.name);
            println!("disk: {count} operations of {}, reads: {reads}", work.name);
            each.extend((0..count).map(|from| (number, reads, from)));
        }
    }
    let mut campaign = Campaign::new("disk", 300);
    while let Some(mut draw) = campaign.next_trial() {
        // Each operation in turn fails once, far apart, then random ones.
        let (number, reads, from) = match draw.trial as usize {
            trial if trial < each.len() => each[trial * 7919 % each.len()],
            _ => draw.of(&each),
        };
        let work = &works[number];
        let errors = if reads { READ_ERRORS } else { ERRORS };
        let fault = Fault { reads, from, lasts: draw.one_in(2), error: draw.of(&errors) };
        restore(&folder, &before);
        let (hit, _) = failing(fault, || survive(|| play(work.commands.clone())));
        let outcome = hit.and_then(|heard| {
            check_errors(&heard)?;
            if fault.error < 0 && !failures(&heard).is_empty() {
                return Err(format!("it failed: {:?}", failures(&heard)));
            }
            // What was there before can be used as it is.
            let heard = survive(|| play(vec![used(&project), generate()]))?;
            let found = text(&heard);
            let is_newer = found.0.is_some_and(|step| Some(step) > written.0);
            if found != written && !is_newer {
                return Err(format!("the model writes {found:?}: {:?}", failures(&heard)));
            }
            let again = survive(|| play(work.commands.clone()))?;
            check_errors(&again)?;
            match &failures(&again)[..] {
                [] => (work.check)(&again, &folder),
                failed => Err(format!("it cannot be repeated: {failed:?}")),
            }
        });
        campaign.judge(
            &draw,
            outcome.map_err(|reason| format!("{} with {fault:?} ({RUN}): {reason}", work.name)),
        );
    }
    campaign.end();
}
