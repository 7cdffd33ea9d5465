//! The data of a fine-tuning run.

use super::settings::propose_length;
use crate::pages::prelude::*;
use crate::state::MIN_ROWS;
use egui::TextWrapMode;

/// For an estimate without a tokenizer: English with a small vocabulary.
const CHARACTERS_PER_TOKEN: f64 = 3.0;

/// Maximum number of files named individually.
const NAMED: usize = 6;

/// Number of rows from which several share a window: of fewer, a step would read each several times.
const PACKED: u64 = 1_000;

#[derive(Debug, Default)]
pub struct DataRequests {
    /// Revision of the feedback, and change count of the documents, when requested.
    feedback: Option<u64>,
    documents: Option<u64>,
}

impl DataRequests {
    /// Requests unknown rows and files of the project, once.
    pub fn want(&mut self, context: &mut Context<'_>) {
        let state = context.state;
        let (revision, changes) = (state.feedback.revision, state.documents.changes);
        if state.feedback.rows.is_none() && self.feedback.replace(revision) != Some(revision) {
            context.outbox.send(Command::ListFeedback);
        }
        if state.documents.overview.is_none() && self.documents.replace(changes) != Some(changes) {
            let (search, validation) = (String::new(), context.draft.data.validation);
            context.outbox.send(Command::ListDocuments { search, offset: 0, count: 1, validation });
        }
    }
}

fn tasks(objective: Objective) -> String {
    let with = match (objective.learns_pairs(), objective.answers_prompts()) {
        (true, _) => "each with a correct and a wrong answer",
        (_, true) => "with checks of the answers",
        _ => "with checkable answers",
    };
    format!("20,000 generated tasks: questions about stories, summaries, labels, sums and more, {with}.")
}

fn choices(objective: Objective, recipe: Option<&TuningRecipe>) -> Vec<(LearnsFrom, &'static str)> {
    let mut choices = vec![(LearnsFrom::Documents, "Files")];
    match objective {
        // Feedback does not apply to rules.
        Objective::Text | Objective::Reward | Objective::Distil => {}
        Objective::Classify | Objective::Preference | Objective::Chat => {
            choices.push((LearnsFrom::Feedback, "Feedback"));
        }
    }
    if recipe.is_some() || objective.learns_tasks() {
        choices
            .push((LearnsFrom::Tasks, if recipe.is_some() { "Generated rows" } else { "Instruction tasks" }));
    }
    choices
}

pub fn data_ui(ui: &mut Ui, context: &mut Context<'_>, from: &mut LearnsFrom, recipe: Option<&TuningRecipe>) {
    let choices = choices(context.draft.train.objective, recipe);
    if !choices.iter().any(|(choice, _)| choice == from) {
        *from = LearnsFrom::Documents;
    }
    let before = *from;
    if choices.len() > 1 {
        segmented(ui, from, &choices);
    }
    if *from != before {
        propose_length(context.draft, *from, recipe);
    }
    context.draft.train.chat.packing = rows(context, *from).is_none_or(|rows| rows >= PACKED);
    match from {
        LearnsFrom::Documents => files_ui(ui, context),
        LearnsFrom::Feedback => feedback_ui(ui, context),
        LearnsFrom::Tasks => {
            let words = match recipe {
                Some(_) => {
                    "Generated rows about the world of the built-in stories, for a first try.".to_owned()
                }
                None => tasks(context.draft.train.objective),
            };
            quiet_text(ui, words);
        }
    }
}

/// The number of rows of feedback for the objective.
fn told(context: &Context<'_>) -> usize {
    let (train, said) = (&context.draft.train, &context.state.feedback);
    match train.objective {
        Objective::Preference if train.judges_answers() => said.judged,
        Objective::Preference => said.pairs,
        Objective::Classify => said.labelled,
        _ => said.learned,
    }
}

/// The number of the person's own rows; `None` for generated ones and until it is known.
fn rows(context: &Context<'_>, from: LearnsFrom) -> Option<u64> {
    let overview = context.state.documents.overview.as_ref();
    match from {
        LearnsFrom::Documents => Some(overview?.rows.iter().map(|file| file.rows).sum()),
        LearnsFrom::Feedback => Some(told(context) as u64),
        LearnsFrom::Tasks => None,
    }
}

fn feedback_ui(ui: &mut Ui, context: &mut Context<'_>) {
    if let Some(reason) = &context.state.feedback.failed {
        hint_line(ui, &format!("The feedback could not be read: {}.", reason.trim_end_matches('.')));
    } else {
        let (told, train) = (told(context) as u64, &context.draft.train);
        let words = match train.objective {
            Objective::Preference if train.judges_answers() => format!("{} with your rating.", replies(told)),
            Objective::Preference => {
                format!("{} of replies with your preference.", format::counted(told, "pair"))
            }
            Objective::Classify => format!("{} with your label.", format::counted(told, "text")),
            _ => format!("{} rated good or rewritten by you.", replies(told)),
        };
        quiet_text(ui, words);
    }
    if quiet(ui, icons::ICON_FORUM, "Go to Chat").clicked() {
        *context.go = Some(PageName::Chat);
    }
}

pub fn files<'a>(context: &Context<'a>) -> Vec<&'a str> {
    let state = context.state;
    let overview = state.documents.overview.as_ref();
    let objective = context.draft.train.objective;
    let (text, endings) = (objective.learns_text(), objective.row_endings());
    let has_rows = |name: &str| endings.iter().any(|ending| name.to_lowercase().ends_with(ending));
    let all = overview.iter().flat_map(|overview| &overview.files).map(|(name, _)| name.as_str());
    let is_text = |name: &str| overview.is_none_or(|overview| !overview.holds_rows(name));
    if text {
        return all.filter(|name| is_text(name)).collect();
    }
    let (texts, rows): (Vec<&str>, Vec<&str>) =
        all.filter(|name| has_rows(name)).partition(|name| is_text(name));
    // Texts may be rows, too.
    if rows.is_empty() { texts } else { rows }
}

/// Whether the project has the person's own data for the objective.
pub fn has_own(context: &Context<'_>) -> bool {
    if context.draft.train.objective.learns_text() {
        context.state.documents.overview.as_ref().is_some_and(|overview| !overview.embedded)
    } else {
        !files(context).is_empty()
    }
}

/// Message for a project without suitable files.
fn without_files(objective: Objective) -> &'static str {
    match objective {
        Objective::Text | Objective::Distil => "The built-in stories.",
        Objective::Chat => {
            "No file of conversations yet: JSON Lines, one conversation per line, in the format of OpenAI, ShareGPT or Alpaca."
        }
        Objective::Preference => {
            "No file of preferences yet: JSON Lines, with `prompt`, `chosen` and `rejected` in each line, in TRL's format; for KTO, `prompt`, \
             `completion` and `label`."
        }
        Objective::Reward => {
            "No file of prompts yet: JSON Lines, with `prompt` in each line, and `check` or `answer` for rules."
        }
        Objective::Classify => {
            "No file of labelled texts yet: JSON Lines or a table (.csv), with `text` and `label`."
        }
    }
}

fn files_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let files = files(context);
    let rows = context.state.documents.overview.iter().flat_map(|overview| &overview.rows);
    let rows: Vec<&RowFile> = rows.filter(|file| files.contains(&file.name.as_str())).collect();
    if !rows.is_empty() {
        rows.iter().for_each(|file| rows_ui(ui, context, file));
    } else {
        texts_ui(ui, context, &files);
    }
    if plain(ui, icons::ICON_UPLOAD_FILE, "Add files").clicked() {
        context.asks.wish = Some(Wish::AddDocuments);
    }
}

/// A file of rows: its size, its first row, and its removal.
fn rows_ui(ui: &mut Ui, context: &mut Context<'_>, file: &RowFile) {
    let name = &file.name;
    let remove = format!("Remove {name}");
    let removed = line_ui(
        ui,
        |ui| icon_button(ui, !super::busy(context), icons::ICON_DELETE, &remove),
        |ui| {
            let text = RichText::new(name).text_style(theme::strong());
            ui.add(Label::new(text).wrap_mode(TextWrapMode::Truncate)).on_hover_text(name);
        },
    );
    if removed {
        context.asks.remove = Some(name.clone());
    }
    let tokenizer = context.state.tokenizer.summary.as_ref();
    let each = tokenizer.map_or(CHARACTERS_PER_TOKEN, |tokenizer| tokenizer.bytes_per_token.max(0.1));
    let tokens = format::quantity(file.characters as f64 / each);
    quiet_text(ui, format!("{}, about {tokens} tokens", format::counted(file.rows, "row")));
    let preview = Label::new(RichText::new(&file.preview).monospace()).wrap_mode(TextWrapMode::Truncate);
    ui.add(preview).on_hover_text("The first row. The Data page shows all.");
}

fn texts_ui(ui: &mut Ui, context: &Context<'_>, files: &[&str]) {
    let words = match files {
        [] => without_files(context.draft.train.objective).to_owned(),
        few if few.len() <= NAMED => few.join(", "),
        [first, .., last] => format!("{first}, …, {last}: {}", format::counted(files.len() as u64, "file")),
        [one] => (*one).to_owned(),
    };
    quiet_text(ui, words);
}

fn replies(count: u64) -> String {
    format!("{} {}", format::whole(count), if count == 1 { "reply" } else { "replies" })
}

/// Warnings if the run reads its rows too often.
pub fn repeats(context: &Context<'_>, from: LearnsFrom) -> Vec<String> {
    let draft = &*context.draft;
    let rows = match from {
        LearnsFrom::Documents => {
            let plan = context.state.planning.plan_of(draft);
            return plan.map(|plan| plan.proportions.clone()).unwrap_or_default();
        }
        LearnsFrom::Tasks => return Vec::new(),
        LearnsFrom::Feedback => told(context),
    };
    let of_step = (draft.train.batch_size * draft.train.accumulate) as u64;
    let read = draft.train.epochs.is_none() && rows > 0;
    draft.repeats(rows as u64, of_step, "row").filter(|_| read).into_iter().collect()
}

/// Why there is no data to learn from, if so.
pub fn missing(context: &Context<'_>, from: LearnsFrom, recipe: Option<&TuningRecipe>) -> Option<String> {
    let objective = context.draft.train.objective;
    let missing = match from {
        LearnsFrom::Documents if objective.learns_text() => None,
        LearnsFrom::Documents => files(context).is_empty().then_some("Add a file of training rows."),
        LearnsFrom::Feedback if matches!(objective, Objective::Text | Objective::Reward | Objective::Distil) => {
            Some("This objective cannot be trained on feedback. Choose files.")
        }
        LearnsFrom::Feedback => (told(context) < MIN_ROWS).then_some(match objective {
            Objective::Preference if context.draft.train.judges_answers() => {
                "Rate at least two replies on the Chat page first; the last one is held out."
            }
            Objective::Preference => {
                "Compare replies on the Chat page first, or write better ones: at least two pairs; the last one is held out."
            }
            Objective::Classify => {
                "Label texts on Chat first, under What to label next: at least two, with different labels."
            }
            _ => {
                "Rate at least two replies on the Chat page as good first, or write better ones; the last one is held out."
            }
        }),
        LearnsFrom::Tasks if recipe.is_some() || objective.learns_tasks() => None,
        LearnsFrom::Tasks => Some("There are no instruction tasks for this objective. Choose files."),
    };
    missing.map(str::to_owned)
}
