//! The interface for scripts: a browser page's `window.glasshouse`, and the tests that drive it.

use super::App;
use serde_json::{Value, json};

impl App {
    /// A summary of the state: open page, device, documents and their cleaning, and the run in training.
    pub fn summary(&self) -> Value {
        let state = &self.state;
        let training = &state.training;
        json!({
            "page": self.page.key(),
            "device": state.engine.as_ref().map(|engine| &engine.device),
            "storage": state.engine.as_ref().map(|engine| &engine.storage),
            "projects": state.projects.list,
            "project": state.projects.open.as_ref().map(|open| &open.summary),
            "documents": state.documents.overview.as_ref().map(|overview| json!({
                "files": overview.files.len(),
                "documents": overview.documents,
                "cleaned": overview.cleaned,
            })),
            "cleaning": {
                "phase": state.cleaning.progress.as_ref().map(|progress| &progress.phase),
                "sample": state.cleaning.judgement.as_ref().map(|sample| json!({
                    "documents": sample.documents,
                    "kept": sample.kept,
                })),
                "report": state.cleaning.report.as_ref().map(|report| json!({
                    "documents": report.raw.documents,
                    "kept": report.kept.documents,
                    "dropped": report.dropped(),
                })),
            },
            "training": {
                "state": training.state,
                "run": training.run.as_ref().map(|run| &run.name),
                "step": training.step(),
                "steps": training.steps(),
                "loss": training.run.as_ref().and_then(|run| run.train_loss),
                "saved": training.saved,
                "val_loss": training.evaluations.last().map(|evaluation| evaluation.val_loss),
                "sample": training.samples.last().map(|sample| &sample.text),
            },
            "waiting": state.waiting.len(),
            "messages": state.messages.iter().map(|message| &message.error).collect::<Vec<_>>(),
            "busy": state.busy,
            "lost": state.lost,
        })
    }
}
