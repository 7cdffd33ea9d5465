//! Composition of the text: files, split, document lengths.

use super::flow::counted;
use super::*;
use egui::TextWrapMode;
use glasshouse_protocol::blocks;
use std::path::Path;

/// Minimum width of a file's line in points.
const FILE_WIDTH: f32 = 340.0;
/// Height in points from which the list of files scrolls.
const FILES_HEIGHT: f32 = 220.0;
const READ: &str = "Text, web pages, JSON, CSV, Parquet, PDF, WARC, dumps and source code, also compressed. Or drop files here.";

impl DataPage {
    pub(super) fn overview_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let overview = context.state.documents.overview.as_ref();
        let cleaned = overview.is_some_and(|overview| overview.cleaned);
        // The recipe already split cleaned documents.
        if !cleaned {
            self.split_ui(ui, context);
        }
        if let Some(overview) = overview {
            section_ui(ui, context, "data", &lengths(overview), |_, _| ());
        }
    }

    /// The files, and a place to drop more.
    pub(super) fn files_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let overview = state.documents.overview.as_ref();
        let own = self.own(context);
        let ((), zone) = card_with(ui, context.palette.panel, |ui| {
            match overview {
                None => quiet_text(ui, "Looking…"),
                Some(overview) => {
                    // Without own text, only rows are the project's.
                    let is_own = |(name, _): &&(String, u64)| !overview.embedded || overview.holds_rows(name);
                    let listed: Vec<&(String, u64)> = overview.files.iter().filter(is_own).collect();
                    if own {
                        line_ui(
                            ui,
                            |ui| caption(ui, "Drop more files here"),
                            |ui| head(ui, &format::counted(listed.len() as u64, "file")),
                        );
                    } else {
                        head(ui, "Drop your own text here");
                        let stories = "The built-in stories are used until then: short stories in simple English, enough for a first model.";
                        quiet_text(ui, if overview.embedded { stories } else { "There are no files yet." });
                    }
                    if !listed.is_empty() {
                        let gap = space::SECTION;
                        let (columns, width) =
                            columns_fit(ui.available_width(), FILE_WIDTH, gap, listed.len());
                        let width = width.min(2.0 * FILE_WIDTH);
                        let list = scrolled("files", FILES_HEIGHT).auto_shrink([false, true]);
                        list.show(ui, |ui| {
                            grid_ui(ui, (columns, width), gap, &listed, |ui, (name, bytes)| {
                                self.file_ui(ui, context, name, *bytes);
                                let wrong = overview.problems.iter().filter(|problem| problem.name == *name);
                                wrong.for_each(|problem| problem_ui(ui, problem));
                            });
                        });
                    }
                }
            }
            ui.horizontal_wrapped(|ui| {
                let icon = icons::ICON_UPLOAD_FILE;
                let pick = if own { plain(ui, icon, "Add files") } else { primary(ui, icon, "Add files") };
                if pick.on_hover_text(READ).clicked() {
                    context.asks.wish = Some(Wish::AddDocuments);
                }
                if FOLDERS && plain(ui, icons::ICON_FOLDER_OPEN, "Add a folder").clicked() {
                    context.asks.wish = Some(Wish::AddFolder);
                }
                if plain(ui, icons::ICON_CONTENT_PASTE, "Paste text").clicked() {
                    self.paste = Some(Paste::default());
                }
                if plain(ui, icons::ICON_PUBLIC, "Public corpora").clicked() {
                    self.corpora = true;
                }
            });
            self.fetching_ui(ui, context);
            if state.is_waiting(|command| matches!(command, Command::ChangeDocuments(_))) {
                spinning(ui, "Reading the files…");
            }
        });
        let stroke = Stroke::new(1.0, theme::mix(context.palette.hairline, context.palette.quiet, 0.4));
        widgets::dashed_frame(ui.painter(), zone.rect.shrink(3.0), stroke);
    }

    fn file_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, name: &str, bytes: u64) {
        let palette = context.palette;
        let held = is_held_out(context, name);
        let overview = context.state.documents.overview.as_ref();
        let divided = overview.is_some_and(|overview| overview.cleaned);
        // At least one file has to remain for training.
        let others = overview.map_or(0, |overview| {
            let alike = |file: &str| overview.holds_rows(file) == overview.holds_rows(name);
            let all = overview.files.iter().map(|(file, _)| file.as_str());
            all.filter(|file| *file != name && alike(file) && !is_held_out(context, file)).count()
        });
        let mut switched = false;
        let leaving = self.removal.pending().is_some_and(|(leaving, _)| leaving == name);
        let pressed = line_ui(
            ui,
            |ui| {
                let pressed = if leaving {
                    plain(ui, icons::ICON_UNDO, "Undo").clicked()
                } else {
                    let (free, remove) = (self.removal.pending().is_none(), format!("Remove {name}"));
                    let pressed = icon_button(ui, free, icons::ICON_DELETE, &remove);
                    if !divided {
                        let (icon, verb) = match held {
                            true => (icons::ICON_MODEL_TRAINING, "Train on"),
                            false => (icons::ICON_FACT_CHECK, "Hold out"),
                        };
                        switched = icon_button(ui, held || others > 0, icon, &format!("{verb} {name}"));
                    }
                    pressed
                };
                let purpose =
                    match (held && !divided, overview.is_some_and(|overview| overview.holds_rows(name))) {
                        (true, _) => "validation",
                        (false, true) => "fine-tuning rows",
                        (false, false) => "text",
                    };
                let words = match leaving {
                    true => "removed".to_owned(),
                    false => format!("{purpose} · {}", format::bytes(bytes)),
                };
                caption(ui, words);
                pressed
            },
            |ui| {
                let text = RichText::new(name);
                let text = if leaving { text.strikethrough().color(palette.quiet) } else { text };
                ui.add(Label::new(text).wrap_mode(TextWrapMode::Truncate)).on_hover_text(name);
            },
        );
        if switched {
            let files = &mut context.draft.data.validation_files;
            if held {
                files.retain(|file| !is_document(file, name));
            } else {
                files.push(name.to_owned());
            }
            // The list's next request depends on the split.
            let drafts = Drafts { train: context.draft.clone(), ..context.drafts.clone() };
            context.outbox.send(Command::SaveDrafts { drafts: Box::new(drafts) });
            self.listing.forget();
        }
        if pressed {
            match leaving {
                true => _ = self.removal.take(),
                false => self.removal.begin(ui, name.to_owned()),
            }
        }
    }

    fn split_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            head(ui, "Held out for validation");
            let files = context.state.documents.overview.iter().flat_map(|overview| &overview.files);
            let held: Vec<&str> =
                files.map(|(name, _)| name.as_str()).filter(|name| is_held_out(context, name)).collect();
            if !held.is_empty() {
                let words = format!("{}, instead of a share of the text.", held.join(", "));
                return caption(ui, &words);
            }
            let mut percent = context.draft.data.validation * 100.0;
            ui.spacing_mut().slider_width = (ui.available_width() - 92.0).max(80.0);
            let slider = Slider::new(&mut percent, 1.0..=50.0).step_by(1.0).fixed_decimals(0).suffix(" %");
            if widgets::slider(ui, slider).accessible_name("Share held out for validation").changed() {
                context.draft.data.validation = (percent / 100.0).clamp(0.01, 0.5);
            }
            caption(
                ui,
                "Holds out a random share of documents or rows, with duplicates kept together; of a single text, its end. The tokenizer is trained \
                 without them. The default is 10 %. To hold out a whole file instead, press Hold out next to it.",
            );
        });
    }
}

/// Whether a held-out file, given by name or by path in a project, is the document of that name.
fn is_document(held_out: &str, name: &str) -> bool {
    held_out == name || Path::new(held_out).ends_with(Path::new("documents").join(name))
}

fn is_held_out(context: &Context<'_>, name: &str) -> bool {
    context.draft.data.validation_files.iter().any(|file| is_document(file, name))
}

/// A problem with a file. The remove button is above, next to the file's name.
fn problem_ui(ui: &mut Ui, problem: &FileProblem) {
    let failure = Palette::of(ui).failure;
    let extent = if problem.partly { "Read in part" } else { "Not read" };
    // Reasons continue after the file's name, as in `is empty`; after a colon the verb goes.
    let reason = problem.reason.strip_prefix("is ").unwrap_or(&problem.reason);
    let text = RichText::new(format!("{extent}: {reason}.")).color(failure);
    icon_line(ui, icons::ICON_ERROR, failure, text);
}

/// Histogram of document lengths.
fn lengths(overview: &DocumentsOverview) -> Section {
    let bars = overview.lengths.iter().map(|(end, count)| blocks::Bar {
        name: format!("up to {} characters", format::whole(*end)),
        length: *count as f64,
        text: counted(*count),
    });
    Section::new("Document lengths", [Block::Bars(bars.collect())])
}
