//! The data bench: the recipe, what it makes of a sample, and what the last cleaning did.

use glasshouse_protocol::cleaning::report::{CleaningReport, Stage};
use glasshouse_protocol::cleaning::{
    CleaningProgress, CleaningStart, ComparedDocument, DroppedDocument, RecipeSummary, SampleJudgement,
    SampleStage, StageCard,
};
use glasshouse_protocol::{Command, ErrorKind, ErrorReport, Event};

/// Recipes that can be gone back to.
const KEPT: usize = 100;

/// Everything that the engine told of the open project's bench.
#[derive(Debug, Default)]
pub struct Cleaning {
    /// The recipe; `None` before it was shown.
    pub recipe: Option<RecipeSummary>,
    /// The recipes before it as TOML, the latest last.
    pub before: Vec<String>,
    /// What it makes of a sample.
    pub judgement: Option<SampleJudgement>,
    /// The document that was compared last.
    pub compared: Option<ComparedDocument>,
    /// Comparisons so far, by which another one is told from the one before.
    pub comparisons: u64,
    /// The request whose cleaning is under way.
    pub request: Option<u64>,
    /// How far it is.
    pub progress: Option<CleaningProgress>,
    /// It was cancelled.
    pub stopping: bool,
    /// Documents that a stopped cleaning, which this one resumes, had read.
    pub resumed: Option<u64>,
    /// What the last cleaning did, where the documents are cleaned.
    pub report: Option<Box<CleaningReport>>,
    /// Reports so far, by which another one is told from the one before.
    pub reports: u64,
    /// Documents that it dropped, a page of them at a time.
    pub dropped: Dropped,
    /// Why the last cleaning came to nothing.
    pub failed: Option<ErrorReport>,
}

/// A page of documents that were dropped.
#[derive(Debug, Default)]
pub struct Dropped {
    /// The stage that dropped them; `None` for all.
    pub stage: Option<String>,
    /// Documents passed over before the page.
    pub offset: usize,
    /// Documents found in all.
    pub found: usize,
    /// The page; `None` before it was listed.
    pub page: Option<Vec<DroppedDocument>>,
}

impl Cleaning {
    pub(super) fn sent(&mut self, id: u64, command: &Command) {
        match command {
            Command::Clean => {
                self.end();
                (self.request, self.progress) = (Some(id), Some(CleaningProgress::default()));
                self.failed = None;
            }
            Command::Cancel { request } if Some(*request) == self.request => self.stopping = true,
            _ => {}
        }
    }

    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match event {
            Event::Recipe { recipe } => self.take_recipe(recipe),
            Event::SampleJudged { judgement } => self.judgement = Some(judgement.clone()),
            Event::DocumentCompared { document } => {
                self.compared = Some(document.clone());
                self.comparisons += 1;
            }
            Event::CleaningStarted { start: CleaningStart::Resumed { documents } } => {
                self.resumed = Some(*documents);
            }
            Event::Cleaning { progress } => self.progress = Some(*progress),
            Event::Cleaned { report } => {
                // Also one that a script beside the application asked for is over with this.
                self.end();
                self.report = Some(report.clone());
                self.reports += 1;
                self.dropped = Dropped::default();
            }
            Event::Dropped { stage, offset, found, documents } => {
                self.dropped = Dropped {
                    stage: stage.clone(),
                    offset: *offset,
                    found: *found,
                    page: Some(documents.clone()),
                };
            }
            Event::Documents { overview, .. } if !overview.cleaned && self.report.is_some() => {
                self.report = None;
                self.reports += 1;
                self.dropped = Dropped::default();
            }
            Event::Finished if asked == Some(&Command::Clean) => self.end(),
            Event::Failed { error } if asked == Some(&Command::Clean) => {
                // What was cancelled is no failure.
                self.failed = (error.kind != ErrorKind::Cancelled).then(|| error.clone());
                self.end();
            }
            Event::ProjectOpened { .. } | Event::ProjectClosed => *self = Self::default(),
            _ => {}
        }
    }

    /// A recipe that is the one before the last takes a change back; another one is a change.
    fn take_recipe(&mut self, recipe: &RecipeSummary) {
        let now = self.recipe.take();
        if self.before.last() == Some(&recipe.toml) {
            self.before.pop();
        } else if let Some(now) = now
            && now.toml != recipe.toml
        {
            self.before.push(now.toml);
            if self.before.len() > KEPT {
                self.before.remove(0);
            }
        }
        self.recipe = Some(recipe.clone());
    }

    fn end(&mut self) {
        (self.request, self.progress, self.resumed) = (None, None, None);
        self.stopping = false;
    }

    /// What the sample says of a stage.
    pub fn sample(&self, stage: &str) -> Option<&SampleStage> {
        self.judgement.as_ref()?.stages.iter().find(|sample| sample.name == stage)
    }

    /// What the last cleaning did at a stage.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.report.as_ref()?.stages.iter().find(|stage| stage.about.name == name)
    }

    /// The card of a stage.
    pub fn card(&self, stage: &str) -> Option<&StageCard> {
        self.recipe.as_ref()?.cards.iter().find(|card| card.name == stage)
    }

    /// What people call a stage.
    pub fn title<'a>(&'a self, stage: &'a str) -> &'a str {
        let card = self.card(stage).map(|card| card.title.as_str());
        card.or_else(|| Some(self.stage(stage)?.about.title.as_str())).unwrap_or(stage)
    }
}

impl Dropped {
    /// The page that answers a question.
    pub fn page_of(&self, stage: Option<&str>, offset: usize) -> Option<&[DroppedDocument]> {
        let same = self.stage.as_deref() == stage && self.offset == offset;
        self.page.as_deref().filter(|_| same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::DocumentsOverview;
    use glasshouse_protocol::cleaning::Phase;

    fn recipe(toml: &str) -> Event {
        Event::Recipe { recipe: RecipeSummary { toml: toml.to_owned(), ..RecipeSummary::default() } }
    }

    fn listed(cleaned: bool) -> Event {
        let overview = DocumentsOverview { cleaned, ..DocumentsOverview::default() };
        Event::Documents { overview, search: String::new(), offset: 0, found: 0, documents: Vec::new() }
    }

    fn failed(kind: ErrorKind) -> ErrorReport {
        ErrorReport::new(kind, "stopped".to_owned())
    }

    #[test]
    fn each_change_of_the_recipe_can_be_taken_back() {
        let mut cleaning = Cleaning::default();
        for toml in ["a", "a", "b", "c"] {
            cleaning.apply(None, &recipe(toml));
        }
        assert_eq!(cleaning.before, ["a", "b"], "what was shown again is no change");
        cleaning.apply(None, &recipe("b"));
        assert_eq!(cleaning.before, ["a"], "the recipe before takes the change back");
        cleaning.apply(None, &recipe("a"));
        assert!(cleaning.before.is_empty());
        for number in 0..2 * KEPT {
            cleaning.apply(None, &recipe(&number.to_string()));
        }
        assert_eq!(cleaning.before.len(), KEPT);
        cleaning.apply(None, &Event::ProjectClosed);
        assert!(cleaning.recipe.is_none() && cleaning.before.is_empty());
    }

    #[test]
    fn a_cleaning_has_progress_until_it_ends() {
        let mut cleaning = Cleaning::default();
        cleaning.sent(1, &Command::Clean);
        assert_eq!(cleaning.progress.as_ref().and_then(CleaningProgress::share), None);
        let phase = Phase::Reading;
        let progress = CleaningProgress { phase, done: 30, total: 120, documents: 12, kept: 9 };
        let event = Event::Cleaning { progress };
        cleaning.apply(Some(&Command::Clean), &event);
        assert_eq!(cleaning.progress.as_ref().and_then(CleaningProgress::share), Some(0.25));
        cleaning.apply(Some(&Command::ShowRecipe), &Event::Finished);
        assert!(cleaning.progress.is_some(), "another request ended");
        cleaning.apply(Some(&Command::Clean), &Event::Cleaned { report: Box::default() });
        assert!(cleaning.progress.is_none(), "the report is there");
        cleaning.apply(Some(&Command::Clean), &Event::Finished);
        assert!(cleaning.progress.is_none() && cleaning.report.is_some());
        cleaning.apply(None, &listed(true));
        assert!(cleaning.report.is_some());
        cleaning.apply(None, &listed(false));
        assert!(cleaning.report.is_none(), "raw documents have no report");
    }

    #[test]
    fn a_cleaning_that_was_stopped_did_not_fail_and_one_that_failed_says_why() {
        let mut cleaning = Cleaning::default();
        let cancel = Command::Cancel { request: 2 };
        cleaning.sent(1, &cancel);
        assert!(!cleaning.stopping, "nothing is under way");
        cleaning.sent(2, &Command::Clean);
        cleaning.sent(3, &Command::Cancel { request: 1 });
        assert!(!cleaning.stopping, "another request was cancelled");
        cleaning.sent(4, &cancel);
        assert!(cleaning.stopping);
        cleaning.apply(Some(&Command::Clean), &Event::Failed { error: failed(ErrorKind::Cancelled) });
        assert!(cleaning.progress.is_none() && cleaning.failed.is_none());
        cleaning.sent(5, &Command::Clean);
        let start = CleaningStart::Resumed { documents: 7 };
        cleaning.apply(Some(&Command::Clean), &Event::CleaningStarted { start });
        assert_eq!(cleaning.resumed, Some(7));
        cleaning.apply(Some(&Command::Clean), &Event::Failed { error: failed(ErrorKind::Refused) });
        assert_eq!((cleaning.failed.take(), cleaning.resumed), (Some(failed(ErrorKind::Refused)), None));
        cleaning.sent(6, &Command::Clean);
        assert!(cleaning.failed.is_none());
    }

    #[test]
    fn a_page_of_dropped_documents_answers_its_own_question_alone() {
        let mut cleaning = Cleaning::default();
        let stage = Some("length".to_owned());
        cleaning.apply(None, &Event::Dropped { stage, offset: 50, found: 60, documents: Vec::new() });
        assert!(cleaning.dropped.page_of(Some("length"), 50).is_some());
        assert!(cleaning.dropped.page_of(None, 50).is_none());
        assert!(cleaning.dropped.page_of(Some("length"), 0).is_none());
        cleaning.apply(None, &Event::Cleaned { report: Box::default() });
        assert!(cleaning.dropped.page.is_none(), "they were dropped by an earlier cleaning");
    }

    #[test]
    fn a_stage_is_called_by_its_card_else_by_its_report_else_by_its_name() {
        let mut cleaning = Cleaning::default();
        assert_eq!(cleaning.title("length"), "length");
        let mut report = CleaningReport::default();
        let mut stage = Stage::default();
        (stage.about.name, stage.about.title) = ("length".to_owned(), "Length as it was".to_owned());
        report.stages.push(stage);
        cleaning.apply(None, &Event::Cleaned { report: Box::new(report) });
        assert_eq!(cleaning.title("length"), "Length as it was");
        let card =
            StageCard { name: "length".to_owned(), title: "Length".to_owned(), ..StageCard::default() };
        let recipe = RecipeSummary { cards: vec![card], ..RecipeSummary::default() };
        cleaning.apply(None, &Event::Recipe { recipe });
        assert_eq!(cleaning.title("length"), "Length");
    }
}
