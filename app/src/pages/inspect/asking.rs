//! Requests the views of the current choices: one request at a time, the newest choices next.

use super::Chosen;
use crate::pages::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Everything an answer depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    source: WeightSource,
    /// Distinguishes states of weights that change under the same name.
    moment: u64,
    prompt: String,
    settings: InspectSettings,
}

impl Key {
    /// Whether prompt and weights are these; other settings may differ.
    fn is_of(&self, prompt: &str, source: &WeightSource) -> bool {
        self.prompt == prompt && self.source == *source
    }
}

#[derive(Debug)]
pub struct Seen {
    request: u64,
    key: Key,
    pub answer: Rc<InspectionAnswer>,
    pub data: Rc<ViewData>,
}

impl Seen {
    /// Whether it concerns this prompt and these weights.
    pub fn is_of(&self, prompt: &str, source: &WeightSource) -> bool {
        self.key.is_of(prompt, source)
    }
}

#[derive(Debug)]
struct Pending {
    request: u64,
    column: usize,
    views: Vec<(View, Key)>,
}

#[derive(Debug, Default)]
struct ColumnView {
    seen: BTreeMap<View, Seen>,
    /// Failed views: what was requested, and the error message.
    failed: BTreeMap<View, (Key, String)>,
    notices: Vec<String>,
}

/// The answers of both columns, and the pending request.
#[derive(Debug, Default)]
pub struct Asking {
    columns: [ColumnView; 2],
    pending: Option<Pending>,
    /// Views that failed as part of a joint request, and are requested separately now.
    alone: BTreeSet<View>,
}

impl Asking {
    /// Takes in the answer to the last request, and requests the next outdated open views. `moment` distinguishes states of the
    /// weights in training.
    pub fn ask(&mut self, context: &mut Context<'_>, chosen: &Chosen, open: &[View], moment: u64) {
        self.ask_each(context, chosen, open, |_| moment);
    }

    /// Like [`ask`](Self::ask), with a separate moment per view.
    pub fn ask_each(
        &mut self,
        context: &mut Context<'_>,
        chosen: &Chosen,
        open: &[View],
        moment: impl Fn(View) -> u64,
    ) {
        self.take(context);
        if self.pending.is_some() || chosen.prompt.is_empty() {
            return;
        }
        let sources = [Some(&chosen.source), chosen.beside.as_ref()];
        for (column, source) in sources.into_iter().enumerate() {
            let Some(source) = source else { continue };
            let key = |view: View| Key {
                source: source.clone(),
                moment: match *source == WeightSource::Current
                    || view == View::Diff && chosen.source == WeightSource::Current
                {
                    true => moment(view),
                    false => 0,
                },
                prompt: chosen.prompt.clone(),
                settings: chosen.settings(&[view]),
            };
            // The differences are requested once, with the second model.
            let wants = |view: &View| {
                (*view != View::Diff || column > 0) && self.columns[column].wants(*view, &key(*view))
            };
            let stale: Vec<View> = open.iter().copied().filter(wants).collect();
            let views = match stale.first() {
                Some(first) if self.alone.contains(first) => vec![*first],
                _ => chosen.together(&stale).into_iter().filter(|view| !self.alone.contains(view)).collect(),
            };
            if views.is_empty() {
                continue;
            }
            let settings = Box::new(chosen.settings(&views));
            let (source, prompt, further) = (source.clone(), chosen.prompt.clone(), Vec::new());
            let keyed = views.iter().map(|view| (*view, key(*view))).collect();
            let command = Command::Inspect { source, prompt, further, views, settings };
            let request = context.outbox.send(command);
            self.pending = Some(Pending { request, column, views: keyed });
            return;
        }
    }

    fn take(&mut self, context: &Context<'_>) {
        let Some(Pending { request, column, views }) = self.pending.take() else { return };
        let inspections = &context.state.inspections;
        let shown = &mut self.columns[column];
        if let Some(answer) = inspections.answers.get(&request) {
            shown.notices = inspections.notices.get(&request).cloned().unwrap_or_default();
            for (view, key) in views {
                self.alone.remove(&view);
                shown.failed.remove(&view);
                if let Some(data) = answer.views.iter().find(|data| data.view == view) {
                    let seen = Seen { request, key, answer: answer.clone(), data: data.clone() };
                    shown.seen.insert(view, seen);
                } else {
                    shown
                        .failed
                        .insert(view, (key, "The engine's answer does not include this view.".to_owned()));
                }
            }
        } else if let Some(reason) = inspections.failures.get(&request) {
            if views.len() > 1 {
                // One of them cannot be shown; separate requests tell which.
                self.alone.extend(views.iter().map(|(view, _)| *view));
            } else {
                shown.failed.extend(views.into_iter().map(|(view, key)| (view, (key, reason.clone()))));
            }
        } else if context.state.waiting.contains_key(&request) {
            self.pending = Some(Pending { request, column, views });
        } else {
            let reason = "The engine did not answer.";
            shown.failed.extend(views.into_iter().map(|(view, key)| (view, (key, reason.to_owned()))));
        }
    }

    /// The latest answer for a view in a column, possibly older than the choices.
    pub fn seen(&self, column: usize, view: View) -> Option<&Seen> {
        self.columns.get(column)?.seen.get(&view)
    }

    pub fn failure(&self, column: usize, view: View) -> Option<&str> {
        self.columns.get(column)?.failed.get(&view).map(|(_, reason)| reason.as_str())
    }

    /// The latest answer for a view in a column; shows the failure of the last request, the answer's notices, or what is missing.
    pub fn seen_ui(&self, ui: &mut Ui, (column, view): (usize, View), prompt: &str) -> Option<&Seen> {
        let (failure, seen) = (self.failure(column, view), self.seen(column, view));
        if let Some(reason) = failure {
            let colour = Palette::of(ui).failure;
            icon_line(ui, icons::ICON_ERROR, colour, reason);
        } else if seen.is_none() {
            caption(ui, if prompt.is_empty() { super::text::NO_PROMPT } else { "Asking the model…" });
        }
        for notice in seen.iter().flat_map(|seen| &seen.data.notices) {
            caption(ui, notice);
        }
        seen
    }

    pub fn has_failed(&self, column: usize, view: View, prompt: &str, source: &WeightSource) -> bool {
        let failed = self.columns.get(column).and_then(|column| column.failed.get(&view));
        failed.is_some_and(|(key, _)| key.is_of(prompt, source))
    }

    pub fn notices(&self, column: usize) -> &[String] {
        self.columns.get(column).map_or(&[], |column| &column.notices)
    }

    /// A column's last answer, preferably for `prompt`. Its statements about prompt and weights apply to all views.
    pub fn last(&self, column: usize, prompt: &str) -> Option<&Seen> {
        let seen = &self.columns.get(column)?.seen;
        seen.values().max_by_key(|seen| (seen.key.prompt == prompt, seen.request))
    }

    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether a column shows these weights in every open view that did not fail.
    pub fn has_drawn(&self, column: usize, source: &WeightSource, open: &[View]) -> bool {
        let Some(column) = self.columns.get(column) else { return false };
        let of = |key: &Key| key.source == *source;
        open.iter().filter(|view| **view != View::Diff).all(|view| {
            column.seen.get(view).is_some_and(|seen| of(&seen.key))
                || column.failed.get(view).is_some_and(|(key, _)| of(key))
        })
    }
}

impl ColumnView {
    fn wants(&self, view: View, key: &Key) -> bool {
        let answered = self.seen.get(&view).is_some_and(|seen| seen.key == *key);
        let failed = self.failed.get(&view).is_some_and(|(of, _)| of == key);
        !answered && !failed
    }
}
