//! What a run that tunes learns from.

use crate::format;
use crate::link::{FOLDERS, Wish};
use crate::pages::{Context, PageName};
use crate::widgets::{plain, quiet, quiet_text, segmented};
use egui::Ui;
use egui_material_icons::icons;
use glasshouse_protocol::{Command, LearnsFrom, Objective};

/// Files that are named one by one.
const NAMED: usize = 6;

pub(super) fn data_ui(ui: &mut Ui, context: &mut Context<'_>, learns_from: &mut LearnsFrom) {
    ask(context);
    if context.draft.train.objective.is_text() {
        *learns_from = LearnsFrom::Documents;
    } else {
        let mut choices = vec![(LearnsFrom::Documents, "Files"), (LearnsFrom::Feedback, "Feedback")];
        if FOLDERS {
            choices.push((LearnsFrom::Tasks, "Instruction tasks"));
        }
        // Tasks have one answer each.
        if context.draft.train.objective == Objective::Preference {
            choices.retain(|(choice, _)| *choice != LearnsFrom::Tasks);
        }
        if !choices.iter().any(|(choice, _)| choice == learns_from) {
            *learns_from = LearnsFrom::Documents;
        }
        segmented(ui, learns_from, &choices);
    }
    match learns_from {
        LearnsFrom::Documents => files_ui(ui, context),
        LearnsFrom::Feedback => {
            let words = match context.draft.train.objective {
                Objective::Preference => {
                    format!("{} of replies, of which one is better.", format::counted(pairs(context), "pair"))
                }
                _ => format!("{} that you found good or wrote better.", replies(learned(context))),
            };
            quiet_text(ui, words);
            if quiet(ui, icons::ICON_FORUM, "Go to Chat").clicked() {
                *context.go = Some(PageName::Chat);
            }
        }
        LearnsFrom::Tasks => {
            quiet_text(
                ui,
                "Questions about stories, summaries, labels, names, sums, and more, 20,000 of them, made up and with answers \
                 that can be checked.",
            );
        }
    }
}

/// Asks once for what is not known of the project's rows and files.
fn ask(context: &mut Context<'_>) {
    let state = context.state;
    if state.feedback.is_none() && !state.is_waiting(|command| matches!(command, Command::ListFeedback)) {
        context.outbox.send(Command::ListFeedback);
    }
    let lists = |command: &Command| matches!(command, Command::ListDocuments { .. });
    if state.documents.overview.is_none() && !state.is_waiting(lists) {
        let validation = context.draft.data.validation;
        context.outbox.send(Command::ListDocuments {
            search: String::new(),
            offset: 0,
            count: 1,
            validation,
        });
    }
}

/// Files that the objective can learn from.
fn files<'a>(context: &Context<'a>) -> Vec<&'a str> {
    let state = context.state;
    let all = state.documents.overview.iter().flat_map(|overview| &overview.files);
    let text = context.draft.train.objective.is_text();
    let has_rows =
        |name: &str| [".jsonl", ".ndjson"].iter().any(|ending| name.to_lowercase().ends_with(ending));
    all.map(|(name, _)| name.as_str()).filter(|name| text || has_rows(name)).collect()
}

fn files_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let (files, text) = (files(context), context.draft.train.objective.is_text());
    let words = match files.as_slice() {
        [] if text => "The embedded stories.".to_owned(),
        [] => "No file of conversations yet: JSON Lines, a conversation a line, as OpenAI, ShareGPT and Alpaca write them."
            .to_owned(),
        few if few.len() <= NAMED => few.join(", "),
        [first, .., last] => format!("{first}, …, {last}: {}", format::counted(files.len() as u64, "file")),
        [one] => (*one).to_owned(),
    };
    quiet_text(ui, words);
    if plain(ui, icons::ICON_UPLOAD_FILE, "Add files").clicked() {
        context.asks.wish = Some(Wish::AddDocuments);
    }
}

/// Replies among the feedback that supervised fine-tuning learns.
fn learned(context: &Context<'_>) -> u64 {
    let rows = context.state.feedback.iter().flatten();
    rows.filter(|row| row.learned().is_some()).count() as u64
}

fn replies(count: u64) -> String {
    format!("{} {}", format::whole(count), if count == 1 { "reply" } else { "replies" })
}

/// Pairs among the feedback, of which preferences are learned.
fn pairs(context: &Context<'_>) -> u64 {
    context.state.feedback.iter().flatten().filter(|row| !row.chosen.is_empty()).count() as u64
}

/// Why there is nothing to learn from, where that is so.
pub(super) fn missing(context: &Context<'_>, learns_from: LearnsFrom) -> Option<String> {
    let objective = context.draft.train.objective;
    let missing = match learns_from {
        LearnsFrom::Documents if objective.is_text() => None,
        LearnsFrom::Documents => files(context).is_empty().then_some("Add a file of rows to learn from."),
        LearnsFrom::Feedback if objective == Objective::Preference => {
            (pairs(context) == 0).then_some("Compare two replies on Chat first, or write a better one.")
        }
        LearnsFrom::Feedback => {
            (learned(context) == 0).then_some("Give a reply a thumb up on Chat first, or write a better one.")
        }
        LearnsFrom::Tasks => None,
    };
    missing.map(str::to_owned)
}
