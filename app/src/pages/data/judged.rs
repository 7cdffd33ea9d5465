//! The other lists: documents dropped by the last cleaning, and a sample judged by the current recipe.

use super::documents::{TURNING, TwoLineRow, list_ui, turning_ui};
use super::flow::counted;
use super::*;
use glasshouse_protocol::cleaning::{DroppedDocument, JudgedDocument};

impl DataPage {
    /// Documents dropped by the last cleaning, by stage.
    pub(super) fn dropped_list_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, bottom: f32) {
        let cleaning = &context.state.cleaning;
        self.stage_filter_ui(ui, context);
        let page = cleaning.dropped_page(self.dropped_by.as_deref(), self.dropped_offset);
        let found = cleaning.dropped.as_ref().map_or(0, |dropped| dropped.found);
        let dropped = |_| format!("{} dropped", counted(found as u64));
        caption(ui, page.map_or_else(|| "Listing documents…".to_owned(), dropped));
        let nothing = page.is_some_and(<[_]>::is_empty).then_some("Nothing was dropped here.");
        let rows = page.unwrap_or_default().iter().map(|dropped| {
            (self.dropped_row(context, dropped), self.looks_at(&dropped.id), looked_dropped(dropped))
        });
        if let Some(chosen) = list_ui(ui, "dropped", (bottom - TURNING, nothing), context.palette, rows) {
            self.looked = Some(chosen);
        }
        turning_ui(ui, &mut self.dropped_offset, found);
    }

    fn stage_filter_ui(&mut self, ui: &mut Ui, context: &Context<'_>) {
        let cleaning = &context.state.cleaning;
        let Some(report) = &cleaning.report else { return };
        let before = self.dropped_by.clone();
        let all = format!("All stages ({})", report.dropped());
        let shown = before.as_deref().map_or(all.as_str(), |stage| cleaning.title(stage)).to_owned();
        let stages = report.stages.iter().filter(|stage| stage.removed.documents > 0).map(|stage| {
            let text = format!("{} ({})", cleaning.title(&stage.about.name), stage.removed.documents);
            (Some(stage.about.name.clone()), text)
        });
        let choices: Vec<_> = std::iter::once((None, all)).chain(stages).collect();
        let (head, width) = (("Stage that dropped documents", &*shown), Some(ui.available_width()));
        choice_or(ui, head, &mut self.dropped_by, width, &choices);
        if self.dropped_by != before {
            self.dropped_offset = 0;
        }
    }

    fn dropped_row(&self, context: &Context<'_>, dropped: &DroppedDocument) -> TwoLineRow {
        let palette = context.palette;
        let title = context.state.cleaning.title(&dropped.rule);
        let below = if self.dropped_by.is_some() { &dropped.reason } else { &dropped.source };
        TwoLineRow {
            name: format!("Dropped {}, by {title}: {}", dropped.id, dropped.reason),
            first: lit_text(&format::in_one_line(&dropped.excerpt), &[], None, 13.0, palette),
            below: below.clone(),
            mark: self
                .dropped_by
                .is_none()
                .then(|| (Some(icons::ICON_BLOCK), title.to_owned(), palette.failure)),
            hover: format!("{}\n{title}: {}", dropped.id, dropped.reason),
        }
    }

    /// A sample of the raw documents, with the current recipe's verdicts.
    pub(super) fn sample_list_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, bottom: f32) {
        let cleaning = &context.state.cleaning;
        let Some(sample) = &cleaning.judgement else { return quiet_text(ui, "Judging a sample…") };
        let all = counted(sample.documents as u64);
        caption(ui, format!("{} of {all} kept by the current recipe", sample.kept));
        let rows = sample
            .judged
            .iter()
            .map(|judged| (sample_row(context, judged), self.looks_at(&judged.id), looked_judged(judged)));
        if let Some(chosen) = list_ui(ui, "sample", (bottom, None), context.palette, rows) {
            self.looked = Some(chosen);
        }
    }

    fn looks_at(&self, id: &str) -> bool {
        self.looked.as_ref().is_some_and(|looked| looked.id == id)
    }

    /// Shows the previous or next document of the list that the shown one is from.
    pub(super) fn turn_looked(&mut self, forward: bool, context: &mut Context<'_>) {
        let cleaning = &context.state.cleaning;
        let list: Vec<Looked> = match self.listed(context) {
            Listed::Sample => {
                cleaning.judgement.iter().flat_map(|sample| sample.judged.iter().map(looked_judged)).collect()
            }
            Listed::Dropped => {
                cleaning.dropped.iter().flat_map(|dropped| &dropped.documents).map(looked_dropped).collect()
            }
            Listed::Text => context.state.documents.page.iter().filter_map(looked_kept).collect(),
        };
        let place =
            list.iter().position(|looked| Some(&looked.id) == self.looked.as_ref().map(|looked| &looked.id));
        let next = match place {
            Some(place) if forward => place.checked_add(1),
            Some(place) => place.checked_sub(1),
            None => Some(0),
        };
        if let Some(looked) = next.and_then(|next| list.into_iter().nth(next)) {
            // Closing the comparison shows the document compared last.
            let page = &context.state.documents.page;
            let read = page.iter().find(|document| document.id.as_ref() == Some(&looked.id));
            if let (Listed::Text, Some(number)) = (self.listed(context), read.map(|document| document.number))
            {
                self.read(number, context);
            }
            self.looked = Some(looked);
        }
    }
}

fn looked_dropped(dropped: &DroppedDocument) -> Looked {
    Looked {
        id: dropped.id.clone(),
        source: dropped.source.clone(),
        dropped: Some((dropped.rule.clone(), dropped.reason.clone())),
    }
}

/// A document kept by a cleaning; `None` if it was never cleaned.
pub fn looked_kept(document: &DocumentSummary) -> Option<Looked> {
    let id = document.id.clone()?;
    Some(Looked { id, source: document.file.clone(), dropped: None })
}

fn looked_judged(judged: &JudgedDocument) -> Looked {
    Looked { id: judged.id.clone(), source: judged.source.clone(), dropped: judged.dropped.clone() }
}

fn sample_row(context: &Context<'_>, judged: &JudgedDocument) -> TwoLineRow {
    let palette = context.palette;
    let (mark, fate) = match &judged.dropped {
        Some((stage, reason)) => {
            let title = context.state.cleaning.title(stage);
            let mark = (Some(icons::ICON_BLOCK), title.to_owned(), palette.failure);
            (mark, format!("dropped by {title}: {reason}"))
        }
        None => ((Some(icons::ICON_CHECK), "kept".to_owned(), palette.accent), "kept".to_owned()),
    };
    TwoLineRow {
        name: format!("Sample {}, {fate}", judged.id),
        first: lit_text(&format::in_one_line(&judged.excerpt), &[], None, 13.0, palette),
        below: judged.source.clone(),
        mark: Some(mark),
        hover: format!("{}\n{fate}", judged.id),
    }
}
