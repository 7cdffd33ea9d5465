//! The person's settings of evaluations and audits.

use super::*;
use crate::link::{self, Chosen};
use glasshouse_protocol::evaluation::{AuditTopic, TaskRequest, is_description, metric_names};

/// Initial values of a document limit, and of a stride in tokens, when the person sets one.
const DOCUMENTS: usize = 200;
const STRIDE: usize = 64;
/// Rows per family of instruction tasks by default.
const FAMILY_ROWS: usize = 100;

#[derive(Clone, Debug, PartialEq)]
struct TaskFile {
    /// Path natively, file name in a browser.
    name: String,
    /// The bytes, in a browser.
    bytes: Option<Vec<u8>>,
    /// Metric names separated by commas; empty for the fitting ones.
    metrics: String,
}

#[derive(Debug, Default)]
pub struct Asking {
    evaluates: EvaluateSettings,
    audits: AuditSettings,
    files: Vec<TaskFile>,
    /// Display name of the file of sentence pairs.
    pairs: Option<String>,
    problem: Option<String>,
}

impl Asking {
    /// Adds task files; each replaces an earlier one of the same name.
    pub fn take_tasks(&mut self, files: Vec<Chosen>) {
        for Chosen { name, bytes } in files {
            match self.files.iter_mut().find(|file| file.name == name) {
                Some(file) => file.bytes = bytes,
                None => self.files.push(TaskFile { name, bytes, metrics: String::new() }),
            }
        }
    }

    /// Sets the file of sentence pairs: its path natively, its text in a browser.
    pub fn take_pairs(&mut self, files: Vec<Chosen>) {
        self.problem = None;
        let Some(Chosen { name, bytes }) = files.into_iter().next() else { return };
        let called = link::own_name(&name);
        match bytes.map(String::from_utf8) {
            None => self.audits.pairs = Some(name),
            Some(Ok(text)) => self.audits.pairs = Some(text),
            Some(Err(_)) => {
                self.problem = Some(format!("{called} is not UTF-8 text and was skipped."));
                return;
            }
        }
        self.pairs = Some(called);
    }

    /// Why nothing can be evaluated, if so.
    pub fn lack(&self) -> Option<&'static str> {
        let some = self.evaluates.likelihood || self.evaluates.suite || !self.files.is_empty();
        (!some).then_some("Choose at least one evaluation below.")
    }

    /// The command to evaluate, and the bytes of the task files. The text is the model's own, or that of the run `text_of`.
    pub fn evaluate(&self, source: WeightSource, text_of: Option<String>) -> (Command, Vec<Vec<u8>>) {
        let stem = |file: &TaskFile| file.name.rsplit_once('.').map(|(stem, _)| stem.to_owned());
        let (descriptions, mut rows): (Vec<&TaskFile>, Vec<&TaskFile>) =
            self.files.iter().partition(|file| is_description(&file.name));
        // A description without rows is refused by the engine.
        let described = |own: &&TaskFile| rows.iter().any(|rows| stem(rows) == stem(own));
        let alone: Vec<&TaskFile> = descriptions.iter().copied().filter(|own| !described(own)).collect();
        rows.extend(alone);
        let task = |file: &&TaskFile| {
            let metrics = metric_names(&file.metrics);
            let own = descriptions.iter().find(|own| stem(own) == stem(file) && own.name != file.name);
            let task = own.map(|own| match &own.bytes {
                Some(bytes) => String::from_utf8_lossy(bytes).into_owned() + "\n",
                None => own.name.clone(),
            });
            let task = task.unwrap_or_default();
            TaskRequest { file: file.name.clone(), task, metrics, ..TaskRequest::default() }
        };
        let mut settings = self.evaluates.clone();
        settings.tasks = rows.iter().map(task).collect();
        settings.baselines &= settings.likelihood;
        settings.text_of = text_of.filter(|_| settings.likelihood);
        let bytes = rows.iter().filter_map(|file| file.bytes.clone()).collect();
        (Command::Evaluate { source, settings: Box::new(settings) }, bytes)
    }

    pub fn audit(&self, source: WeightSource) -> Command {
        Command::Audit { source, settings: Box::new(self.audits.clone()) }
    }

    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if self.evaluates.likelihood {
            parts.push(match self.evaluates.documents {
                None => "the whole validation split".to_owned(),
                Some(count) => {
                    format!("{} of the validation split", format::counted(count as u64, "document"))
                }
            });
            if self.evaluates.baselines {
                parts.push("baselines".to_owned());
            }
        }
        if self.evaluates.suite {
            parts.push("the suite of tasks".to_owned());
        }
        if !self.files.is_empty() {
            parts.push(format::counted(self.files.len() as u64, "task file"));
        }
        parts.join(" · ")
    }

    pub fn audited(&self) -> String {
        let parts = match self.audits.sections.len() {
            0 => "all parts".to_owned(),
            count => format::counted(count as u64, "part"),
        };
        format!("{parts} · {}", format::counted(self.audits.samples as u64, "sample"))
    }

    pub fn evaluation_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let settings = &mut self.evaluates;
        ui.checkbox(&mut settings.likelihood, "Prediction of the validation split");
        if settings.likelihood {
            let mut all = settings.documents.is_none();
            field(ui, "Documents", "", None, |ui| {
                if segmented(ui, &mut all, &[(true, "All"), (false, "A part")]) {
                    settings.documents = (!all).then_some(DOCUMENTS);
                }
            });
            if let Some(count) = &mut settings.documents {
                own_number_ui(ui, EvaluateSettings::setting("documents"), count);
            }
            let mut half = settings.stride.is_none();
            field(ui, "Stride", "", None, |ui| {
                if segmented(ui, &mut half, &[(true, "Half a context"), (false, "Other")]) {
                    settings.stride = (!half).then_some(STRIDE);
                }
            });
            if let Some(stride) = &mut settings.stride {
                own_number_ui(ui, EvaluateSettings::setting("stride"), stride);
            }
            ui.checkbox(&mut settings.baselines, "Baselines: n-grams and compressors on the same text");
        }
        ui.add_space(space::TIGHT);
        ui.checkbox(&mut settings.suite, "Instruction tasks: every family, in held-out wordings");
        if settings.suite {
            let mut rows = settings.suite_rows.unwrap_or(FAMILY_ROWS);
            own_number_ui(ui, EvaluateSettings::setting("suite_rows"), &mut rows);
            settings.suite_rows = (rows != FAMILY_ROWS).then_some(rows);
        }
        ui.add_space(space::TIGHT);
        head(ui, "Task files");
        let mut removed = None;
        for (place, file) in self.files.iter_mut().enumerate() {
            let name = link::own_name(&file.name);
            if leave_out_ui(ui, &name, &file.name) {
                removed = Some(place);
            }
            field(ui, "Metrics", "", None, |ui| {
                let (name, width) = (format!("Metrics of {name}"), ui.available_width().min(280.0));
                let metrics = &mut file.metrics;
                ui.push_id(place, |ui| line_edit(ui, &name, "suited to the rows", width, metrics));
            });
        }
        if let Some(place) = removed {
            self.files.remove(place);
        }
        caption(ui, text::TASKS);
        if plain(ui, icons::ICON_UPLOAD_FILE, "Choose task files").clicked() {
            context.asks.wish = Some(Wish::TaskFiles);
        }
        ui.add_space(space::TIGHT);
        own_number_ui(ui, EvaluateSettings::setting("resamples"), &mut self.evaluates.resamples);
        own_number_ui(ui, EvaluateSettings::setting("seed"), &mut self.evaluates.seed);
    }

    pub fn audit_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        some_ui(ui, &mut self.audits.sections, &AuditTopic::ALL, AuditTopic::title);
        own_number_ui(ui, AuditSettings::setting("samples"), &mut self.audits.samples);
        own_number_ui(ui, AuditSettings::setting("seed"), &mut self.audits.seed);
        caption(ui, text::PAIRS);
        if self.pairs.as_ref().is_some_and(|name| leave_out_ui(ui, name, name)) {
            (self.pairs, self.audits.pairs) = (None, None);
        }
        if let Some(problem) = &self.problem {
            hint_line(ui, problem);
        }
        if plain(ui, icons::ICON_UPLOAD_FILE, "Choose pairs of sentences").clicked() {
            context.asks.wish = Some(Wish::SentencePairs);
        }
    }
}

/// A chosen file with a button to leave it out. Returns whether that was clicked.
fn leave_out_ui(ui: &mut Ui, name: &str, path: &str) -> bool {
    let right = |ui: &mut Ui| icon_button(ui, true, icons::ICON_CLOSE, &format!("Leave out {name}"));
    line_ui(ui, right, |ui| ui.add(Label::new(name).truncate()).on_hover_text(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(name: &str, bytes: Option<&[u8]>) -> Chosen {
        Chosen { name: name.to_owned(), bytes: bytes.map(<[u8]>::to_vec) }
    }

    #[test]
    fn task_files_go_with_their_bytes_in_order_and_metrics_by_name() {
        let mut asking = Asking::default();
        asking.take_tasks(vec![chosen("a.jsonl", Some(b"1")), chosen("b.csv", Some(b"2"))]);
        asking.take_tasks(vec![chosen("a.jsonl", Some(b"3"))]);
        asking.files[1].metrics = " Exact_match, f1 rule:regex=^[A-Z]".to_owned();
        let (command, bytes) = asking.evaluate(WeightSource::Current, None);
        assert_eq!(bytes, [b"3".to_vec(), b"2".to_vec()]);
        let Command::Evaluate { settings, .. } = command else { panic!("{command:?}") };
        let files: Vec<&str> = settings.tasks.iter().map(|task| task.file.as_str()).collect();
        assert_eq!((files, &settings.tasks[0].metrics), (vec!["a.jsonl", "b.csv"], &Vec::new()));
        assert_eq!(settings.tasks[1].metrics, ["exact_match", "f1", "rule:regex=^[A-Z]"]);
        assert!(settings.keep && settings.baselines && settings.documents.is_none());
        assert_eq!(asking.summary(), "the whole validation split · baselines · 2 task files");
    }

    #[test]
    fn a_description_goes_with_the_rows_of_its_name() {
        let mut asking = Asking::default();
        let files = [("qa.jsonl", "1"), ("qa.yaml", "task: qa"), ("b.csv", "2"), ("alone.yml", "task: b")];
        asking.take_tasks(files.map(|(name, text)| chosen(name, Some(text.as_bytes()))).to_vec());
        let (command, bytes) = asking.evaluate(WeightSource::Current, None);
        assert_eq!(bytes, [b"1".to_vec(), b"2".to_vec(), b"task: b".to_vec()]);
        let Command::Evaluate { settings, .. } = command else { panic!("{command:?}") };
        let tasks: Vec<_> =
            settings.tasks.iter().map(|task| (task.file.as_str(), task.task.as_str())).collect();
        assert_eq!(tasks, [("qa.jsonl", "task: qa\n"), ("b.csv", ""), ("alone.yml", "")]);
    }

    #[test]
    fn nothing_to_evaluate_is_said_and_baselines_need_the_text() {
        let mut asking = Asking::default();
        assert_eq!(asking.lack(), None);
        asking.evaluates.likelihood = false;
        assert!(asking.lack().is_some());
        asking.evaluates.suite = true;
        assert_eq!(asking.lack(), None);
        let text_of = Some("1-a".to_owned());
        let (Command::Evaluate { settings, .. }, _) = asking.evaluate(WeightSource::Current, text_of) else {
            panic!("no evaluation")
        };
        assert!(!settings.baselines && settings.suite && settings.text_of.is_none());
    }

    #[test]
    fn pairs_are_a_path_natively_and_text_in_a_browser() {
        let mut asking = Asking::default();
        asking.take_pairs(vec![chosen("/texts/pairs.jsonl", None)]);
        assert_eq!(asking.audits.pairs.as_deref(), Some("/texts/pairs.jsonl"));
        assert_eq!(asking.pairs.as_deref(), Some("pairs.jsonl"));
        asking.take_pairs(vec![chosen("own.jsonl", Some(b"{}"))]);
        assert_eq!(asking.audits.pairs.as_deref(), Some("{}"));
        asking.take_pairs(vec![chosen("photo.jsonl", Some(&[0xff, 0xfe]))]);
        assert_eq!(asking.pairs.as_deref(), Some("own.jsonl"), "what was chosen before stays");
        assert!(asking.problem.is_some_and(|problem| problem.contains("photo.jsonl")));
    }
}
