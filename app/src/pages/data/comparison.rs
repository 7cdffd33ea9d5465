//! Compares a document with its cleaned version: removed passages are struck through, and the margin shows the verdicts of all
//! stages.

use super::leaves::parts_ui;
use super::*;
use crate::widgets::icon_button as button;
use glasshouse_protocol::cleaning::{TextFate, Verdict, VerdictKind};

/// Maximum line width in points: about 72 characters of the reading size.
const MAX_LINE_WIDTH: f32 = 72.0 * 7.4;
/// Width in points of the margin with the verdicts, if it fits.
const MARGIN: f32 = 176.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    pub id: String,
    pub source: String,
    /// The stage that dropped it in a cleaning, and the reason.
    pub dropped: Option<(String, String)>,
}

impl DataPage {
    /// The stage that drops the document, and the reason: from the current sample, else from the last cleaning.
    fn fate(&self, context: &Context<'_>) -> Option<(String, String)> {
        let looked = self.looked.as_ref()?;
        let sample = context.state.cleaning.judgement.as_ref();
        let judged = sample.and_then(|sample| sample.judged.iter().find(|judged| judged.id == looked.id));
        match judged {
            Some(judged) if self.listed(context) == Listed::Sample => judged.dropped.clone(),
            _ => looked.dropped.clone(),
        }
    }

    pub(super) fn comparison_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, height: f32) {
        let Some(looked) = self.looked.clone() else { return };
        let cleaning = &context.state.cleaning;
        let compared = cleaning.compared.as_ref().filter(|compared| compared.id == looked.id);
        let fate = self.fate(context);
        card(ui, |ui| {
            ui.set_min_height(height - 32.0);
            let top = ui.cursor().top();
            self.looked_head_ui(ui, context, &looked);
            if let Some((stage, reason)) = &fate {
                dropped_ui(ui, context.state.cleaning.title(stage), reason);
            }
            let Some(compared) = compared else { return quiet_text(ui, "Comparing…") };
            self.passages.take(cleaning.comparisons, &compared.changes);
            let named = fate.as_ref().map(|(stage, _)| stage);
            let lines_ui = |ui: &mut Ui, joined| verdicts_ui(ui, context, &compared.verdicts, named, joined);
            let wide = ui.available_width() >= MARGIN + 360.0;
            if !wide {
                lines_ui(ui, true);
            }
            let left = (height - 32.0 - (ui.cursor().top() - top)).max(160.0);
            let texts = ui.available_width() - if wide { MARGIN + space::LARGE } else { 0.0 };
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::LARGE;
                column(ui, texts, |ui| {
                    let salt = ("compared", &looked.id, self.passages.open);
                    scrolled(salt, left).auto_shrink(false).show(ui, |ui| {
                        ui.set_max_width(ui.available_width().min(MAX_LINE_WIDTH));
                        if compared.changes.iter().all(|change| change.fate == TextFate::Same) {
                            caption(ui, "The recipe leaves this text unchanged.");
                        }
                        let mut job = self.passages.job(&compared.changes, context.palette, 15.0);
                        job.wrap.max_width = ui.available_width();
                        ui.add(Label::new(job).selectable(true));
                        let count = self.passages.count();
                        parts_ui(ui, &mut self.passages.open, count);
                        if compared.cut {
                            caption(ui, "Only the first 200 kB are compared here; cleaning covers all.");
                        }
                    });
                });
                if wide {
                    column(ui, MARGIN, |ui| {
                        let area = scrolled(("verdicts", &looked.id), left).auto_shrink(false);
                        area.show(ui, |ui| lines_ui(ui, false));
                    });
                }
            });
        });
    }

    fn looked_head_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, looked: &Looked) {
        let pressed = line_ui(
            ui,
            |ui| {
                let close = button(ui, icons::ICON_CLOSE, "Close the comparison").clicked();
                let next = icon_button(ui, true, icons::ICON_CHEVRON_RIGHT, "Next document");
                let previous = icon_button(ui, true, icons::ICON_CHEVRON_LEFT, "Previous document");
                (close, (next || previous).then_some(next))
            },
            |ui| {
                let name = RichText::new(&looked.id).text_style(theme::strong());
                ui.add(Label::new(name).truncate()).on_hover_text(&looked.id);
            },
        );
        caption(ui, &looked.source);
        let (close, turned) = pressed;
        if let Some(forward) = turned {
            self.turn_looked(forward, context);
        }
        if close {
            self.looked = None;
        }
    }
}

/// Why a document is dropped, in the failure colour with an icon and words.
fn dropped_ui(ui: &mut Ui, title: &str, reason: &str) {
    let palette = Palette::of(ui);
    Frame::new()
        .fill(theme::mix(palette.panel, palette.failure, 0.10))
        .corner_radius(theme::CONTROL_CORNER)
        .inner_margin(Margin::symmetric(10, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_top(|ui| {
                ui.label(icons::ICON_BLOCK.rich_text().size(17.0).color(palette.failure));
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    head(ui, &format!("Dropped by {title}"));
                    ui.add(Label::new(reason).wrap());
                });
            });
        });
}

/// The stages' verdicts on a document except that of the stage `named` above, a line for each; stages that keep it
/// share a line if `joined`.
fn verdicts_ui(
    ui: &mut Ui,
    context: &Context<'_>,
    verdicts: &[Verdict],
    named: Option<&String>,
    joined: bool,
) {
    let palette = context.palette;
    let title = |verdict: &Verdict| context.state.cleaning.title(&verdict.stage).to_owned();
    let all = |on: bool, kind: VerdictKind| {
        verdicts.iter().filter(move |verdict| verdict.on == on && verdict.verdict == kind)
    };
    ui.spacing_mut().item_spacing.y = space::TIGHT;
    for verdict in all(true, VerdictKind::Drops).filter(|verdict| Some(&verdict.stage) != named) {
        let text = format!("{} would drop it too: {}", title(verdict), verdict.reason);
        line(ui, icons::ICON_BLOCK, palette.failure, &text);
    }
    for verdict in all(true, VerdictKind::Edits) {
        line(ui, icons::ICON_EDIT, palette.accent, &format!("{} changes it", title(verdict)));
    }
    for verdict in all(false, VerdictKind::Drops) {
        let text = format!("{}, which is off, would drop it: {}", title(verdict), verdict.reason);
        line(ui, icons::ICON_BLOCK, palette.quiet, &text);
    }
    let keeps: Vec<String> = all(true, VerdictKind::Keeps).map(title).collect();
    if joined && !keeps.is_empty() {
        line(ui, icons::ICON_CHECK, palette.quiet, &format!("Kept by {}", keeps.join(", ")));
    } else {
        keeps.iter().for_each(|name| line(ui, icons::ICON_CHECK, palette.quiet, &format!("{name} keeps it")));
    }
    if joined {
        ui.add_space(space::TIGHT);
    }
}

/// A small line with an icon. If the icon is muted, so is the text.
fn line(ui: &mut Ui, icon: MaterialIcon, colour: Color32, text: &str) {
    let palette = Palette::of(ui);
    let words = if colour == palette.quiet { palette.quiet } else { palette.text };
    icon_line(ui, icon, colour, RichText::new(text).text_style(theme::caption()).color(words));
}
