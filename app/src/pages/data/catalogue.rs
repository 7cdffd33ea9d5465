//! Public corpora: description, licence, and download into the project.

use super::*;
use crate::state::Fetching;
use egui::Hyperlink;

/// Why a web page only links to corpora instead of fetching them.
const IN_A_BROWSER: &str =
    "A web page cannot read other sites. Download a corpus with the browser, then drop the file here.";

impl DataPage {
    /// The list, while it is open.
    pub(super) fn catalogue_ui(&mut self, ui: &Ui, context: &mut Context<'_>) {
        if !self.corpora {
            return;
        }
        let asked = |command: &Command| matches!(command, Command::ListCorpora);
        if context.state.catalogue.corpora.is_none() && !context.state.is_waiting(asked) {
            context.outbox.send(Command::ListCorpora);
        }
        let mut close = false;
        let shown = dialog(ui.ctx(), "public corpora").show(ui.ctx(), |ui| {
            let window = ui.ctx().content_rect().size();
            ui.set_width((window.x - 64.0).min(680.0));
            egui::Sides::new().show(
                ui,
                |ui| section(ui, "Public corpora"),
                |ui| close = plain(ui, None, "Close").clicked(),
            );
            quiet_text(ui, "Each has a checksum and a licence with its permitted uses.");
            if !FOLDERS {
                hint_line(ui, IN_A_BROWSER);
            }
            let state = context.state;
            let Some(corpora) = &state.catalogue.corpora else { return spinning(ui, "Listing them…") };
            scrolled("corpora", window.y * 0.6).show(ui, |ui| {
                for corpus in corpora {
                    ui.add_space(space::SMALL);
                    close |= corpus_ui(ui, context, corpus);
                }
            });
        });
        self.corpora = !(close || shown.should_close());
    }

    /// Progress of a download in the list of files.
    pub(super) fn fetching_ui(&self, ui: &mut Ui, context: &mut Context<'_>) {
        let Some(fetching) = &context.state.catalogue.fetching else { return };
        let Fetching { request, name, done, total, verifying, retrying } = fetching;
        let share = (*total > 0).then(|| *done as f32 / *total as f32);
        let words = match retrying {
            Some(reason) => format!("{name}: {reason}; trying again"),
            None if *verifying => format!("Comparing {name} with its checksum"),
            None => format!("Fetching {name}: {} of {}", format::bytes(*done), format::bytes(*total)),
        };
        if working(ui, &words, share.or(Some(0.0)), Some("Stop fetching")) {
            context.outbox.send(Command::Cancel { request: *request });
        }
    }
}

/// A corpus with its download button. Returns whether it was clicked.
fn corpus_ui(ui: &mut Ui, context: &mut Context<'_>, corpus: &CorpusSummary) -> bool {
    let mut added = false;
    let size = if corpus.exact {
        format::bytes(corpus.bytes)
    } else {
        format!("about {}", format::bytes(corpus.bytes))
    };
    raised(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(RichText::new(&corpus.title).text_style(theme::strong()));
        quiet_text(ui, &corpus.sentence);
        caption(ui, format!("{size} · {} · {}", corpus.format, corpus.licence));
        if !corpus.note.is_empty() {
            caption(ui, &corpus.note);
        }
        if FOLDERS {
            let ready = context.state.catalogue.fetching.is_none();
            let words = format!("Add {}", corpus.title);
            added = pressed(ui, ready, |ui| plain(ui, icons::ICON_DOWNLOAD, &words));
            if added {
                let name = corpus.name.clone();
                context.outbox.send(Command::FetchCorpus { name, to: None, add: true });
            }
        } else {
            let words = format!("Download {}", corpus.title);
            ui.add(Hyperlink::from_label_and_url(words, &corpus.address).open_in_new_tab(true));
        }
    });
    added
}
