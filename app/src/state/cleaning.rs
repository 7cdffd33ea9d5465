//! The data bench: the recipe, its effect on a sample, and the result of the last cleaning.

use glasshouse_protocol::cleaning::report::{CleaningReport, Stage};
use glasshouse_protocol::cleaning::{
    CleaningProgress, CleaningStart, CleaningStep, ComparedDocument, DroppedDocument, RecipeSummary,
    SampleJudgement, SampleStage, StageCard,
};
use glasshouse_protocol::{Command, ErrorKind, ErrorReport, Event, Preview, answer};

/// Maximum undo steps of the recipe.
const KEPT: usize = 100;

/// Everything the engine reported about the open project's bench.
#[derive(Debug, Default)]
pub struct Cleaning {
    /// `None` before it was requested.
    pub recipe: Option<RecipeSummary>,
    /// Previous recipes as TOML, latest last.
    pub before: Vec<String>,
    /// The recipe's effect on a sample.
    pub judgement: Option<SampleJudgement>,
    pub compared: Option<ComparedDocument>,
    /// Number of comparisons so far, to detect a new one.
    pub comparisons: u64,
    pub request: Option<u64>,
    pub progress: Option<CleaningProgress>,
    pub stopping: bool,
    /// Documents already processed by the interrupted cleaning that this one resumes.
    pub resumed: Option<u64>,
    pub report: Option<Box<CleaningReport>>,
    /// Number of reports so far, to detect a new one.
    pub reports: u64,
    /// A page of the documents that it dropped.
    pub dropped: Option<answer::Dropped>,
    pub failed: Option<ErrorReport>,
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
            Event::Previewed(Preview::Sample { judgement }) => self.judgement = Some(judgement.clone()),
            Event::Previewed(Preview::Document { document }) => {
                self.compared = Some(document.clone());
                self.comparisons += 1;
            }
            Event::Cleaning(CleaningStep::Started { start: CleaningStart::Resumed { documents } }) => {
                self.resumed = Some(*documents);
            }
            Event::Cleaning(CleaningStep::Progress(progress)) => self.progress = Some(*progress),
            Event::Cleaning(CleaningStep::Done { report }) => {
                // This also ends a cleaning requested by a script.
                self.end();
                self.report = Some(report.clone());
                self.reports += 1;
                self.dropped = None;
            }
            Event::Dropped(dropped) => self.dropped = Some(dropped.clone()),
            Event::Documents { overview, .. } if !overview.cleaned && self.report.is_some() => {
                self.report = None;
                self.reports += 1;
                self.dropped = None;
            }
            Event::Finished if asked == Some(&Command::Clean) => self.end(),
            Event::Failed { error } if asked == Some(&Command::Clean) => {
                // A cancellation is not a failure.
                self.failed = (error.kind != ErrorKind::Cancelled).then(|| error.clone());
                self.end();
            }
            Event::Project { .. } => *self = Self::default(),
            _ => {}
        }
    }

    /// Stores a recipe. If it equals the last previous one, the change was undone; otherwise it is a new change.
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

    pub fn sample(&self, stage: &str) -> Option<&SampleStage> {
        self.judgement.as_ref()?.stages.iter().find(|sample| sample.name == stage)
    }

    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.report.as_ref()?.stages.iter().find(|stage| stage.about.name == name)
    }

    pub fn card(&self, stage: &str) -> Option<&StageCard> {
        self.recipe.as_ref()?.cards.iter().find(|card| card.name == stage)
    }

    pub fn title<'a>(&'a self, stage: &'a str) -> &'a str {
        let card = self.card(stage).map(|card| card.title.as_str());
        card.or_else(|| Some(self.stage(stage)?.about.title.as_str())).unwrap_or(stage)
    }

    /// The page of dropped documents for a stage (`None` for all) and offset, if it is the loaded one.
    pub fn dropped_page(&self, stage: Option<&str>, offset: usize) -> Option<&[DroppedDocument]> {
        let dropped = self.dropped.as_ref()?;
        (dropped.stage.as_deref() == stage && dropped.offset == offset)
            .then_some(dropped.documents.as_slice())
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

    fn done(report: CleaningReport) -> Event {
        Event::Cleaning(CleaningStep::Done { report: Box::new(report) })
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
        cleaning.apply(None, &Event::Project { opened: None });
        assert!(cleaning.recipe.is_none() && cleaning.before.is_empty());
    }

    #[test]
    fn a_cleaning_has_progress_until_it_ends() {
        let mut cleaning = Cleaning::default();
        let share = |cleaning: &Cleaning| cleaning.progress.as_ref().and_then(CleaningProgress::share);
        cleaning.sent(1, &Command::Clean);
        assert!(cleaning.progress.is_some() && share(&cleaning).is_none());
        let phase = Phase::Reading;
        let progress = CleaningProgress { phase, done: 30, total: 120, documents: 12, kept: 9 };
        cleaning.apply(Some(&Command::Clean), &Event::Cleaning(CleaningStep::Progress(progress)));
        cleaning.apply(Some(&Command::ShowRecipe), &Event::Finished);
        assert_eq!(share(&cleaning), Some(0.25), "another request ended");
        cleaning.apply(Some(&Command::Clean), &done(CleaningReport::default()));
        assert!(cleaning.progress.is_none(), "the report is there");
        cleaning.apply(Some(&Command::Clean), &Event::Finished);
        cleaning.apply(None, &listed(true));
        assert!(cleaning.progress.is_none() && cleaning.report.is_some());
        cleaning.apply(None, &listed(false));
        assert!(cleaning.report.is_none(), "raw documents have no report");
    }

    #[test]
    fn a_page_of_dropped_documents_answers_its_own_question_alone() {
        let mut cleaning = Cleaning::default();
        let (stage, documents) = (Some("length".to_owned()), Vec::new());
        let page = answer::Dropped { stage, offset: 50, found: 60, documents };
        cleaning.apply(None, &Event::Dropped(page));
        for (stage, offset, is_here) in
            [(Some("length"), 50, true), (None, 50, false), (Some("length"), 0, false)]
        {
            assert_eq!(cleaning.dropped_page(stage, offset).is_some(), is_here, "{stage:?} {offset}");
        }
        cleaning.apply(None, &done(CleaningReport::default()));
        assert!(cleaning.dropped.is_none(), "they were dropped by an earlier cleaning");
    }

    #[test]
    fn a_stage_is_called_by_its_card_else_by_its_report_else_by_its_name() {
        let (mut cleaning, name) = (Cleaning::default(), "length".to_owned());
        assert_eq!(cleaning.title("length"), "length");
        let mut stage = Stage::default();
        (stage.about.name, stage.about.title) = (name.clone(), "Length as it was".to_owned());
        cleaning.apply(None, &done(CleaningReport { stages: vec![stage], ..CleaningReport::default() }));
        assert_eq!(cleaning.title("length"), "Length as it was");
        let card = StageCard { name, title: "Length".to_owned(), ..StageCard::default() };
        let recipe = RecipeSummary { cards: vec![card], ..RecipeSummary::default() };
        cleaning.apply(None, &Event::Recipe { recipe });
        assert_eq!(cleaning.title("length"), "Length");
    }
}
