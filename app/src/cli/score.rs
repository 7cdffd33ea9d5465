//! Scores a run on rows with known answers from a recipe or an exercise: questions answered by greedy decoding, and texts to
//! label. They are evaluated like any task.

use super::prelude::*;
use glasshouse_engine::protocol::evaluation::{TaskReport, TaskRequest};
use glasshouse_engine::protocol::recipes::{RecipeMetric, TuningRecipe};

/// Scores at or above this count as correct: sums of fractions are not exact.
const RIGHT: f64 = 1.0 - 1e-9;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Score {
    pub(super) rows: u64,
    /// Number of fully correct rows.
    pub(super) right: u64,
    /// Sum of the rows' scores, each from 0 to 1.
    pub(super) score: f64,
}

impl Score {
    fn add(&mut self, score: f64) {
        self.rows += 1;
        self.right += u64::from(score >= RIGHT);
        self.score += score;
    }

    pub(super) fn accuracy(&self) -> f64 {
        self.right as f64 / self.rows.max(1) as f64
    }

    pub(super) fn mean(&self) -> f64 {
        self.score / self.rows.max(1) as f64
    }

    /// `212 of 300 questions right (70.7 %)`, followed by the mean if partial answers count.
    pub(super) fn words(&self, thing: &str) -> String {
        let (is_partial, rows) = (self.score > self.right as f64 + 1e-6, counted(self.rows, thing));
        let mean = if is_partial { format!(", {:.3} on average", self.mean()) } else { String::new() };
        format!("{} of {rows} right ({}){mean}", self.right, percent(self.accuracy()))
    }
}

/// Scores of a project's run, on the device of the arguments.
impl TrainArguments {
    /// Scores the run's best checkpoint on the rows that it held out for a recipe.
    pub(super) fn score_held_out(&self, run: &RunSummary, recipe: &TuningRecipe) -> Result<Score> {
        let task = recipe.task().context("the recipe has no rows; the run's evaluations measure it")?;
        self.score(run, recipe.metric(), task, Vec::new())
    }

    pub(super) fn score_rows(
        &self,
        run: &RunSummary,
        metric: RecipeMetric,
        rows: &[String],
    ) -> Result<Score> {
        let metrics = metric.of_task().map(str::to_owned).into_iter().collect();
        let task = TaskRequest { file: "rows.jsonl".to_owned(), metrics, ..TaskRequest::default() };
        self.score(run, metric, task, vec![rows.join("\n").into_bytes()])
    }

    /// Step and validation loss per token of a run's evaluations, in order.
    pub(super) fn losses(&self, run: &RunSummary) -> Result<Vec<(u64, f64)>> {
        drive(session::Options::default(), async |engine| {
            trained::use_project(engine, &self.project, false).await?;
            let history = Command::ReadRun { run: Some(run.name.clone()), points: 1 };
            let history: answer::History = engine.ask_for(history).await?;
            let events = history.events.iter();
            Ok(events
                .filter_map(picked!(TrainEvent::Eval { step, val_loss, .. } => (*step, f64::from(*val_loss))))
                .collect())
        })
    }

    /// Evaluates a run's best checkpoint on a task without storing the result.
    fn score(
        &self,
        run: &RunSummary,
        metric: RecipeMetric,
        task: TaskRequest,
        files: Vec<Vec<u8>>,
    ) -> Result<Score> {
        let device = self.device.clone().unwrap_or_default();
        let options = session::Options { device, threads: self.threads, ..session::Options::default() };
        drive(options, async |engine| {
            trained::use_project(engine, &self.project, false).await?;
            let source = WeightSource::best_of(&run.name);
            if metric == RecipeMetric::Answers {
                let command = Command::OpenModel { source: source.clone(), weights: Some(WeightFormat::F32) };
                // The continuation of a question by a base model is not an answer.
                let advice =
                    "this is a base model without a chat template; fine-tune it with --objective chat first";
                ensure!(engine.ask_for::<answer::ModelOpened>(command).await?.chats, advice);
            }
            let (likelihood, baselines, keep) = (false, false, false);
            let plain = EvaluateSettings { likelihood, baselines, keep, ..EvaluateSettings::default() };
            let settings = Box::new(EvaluateSettings { tasks: vec![task], resamples: 0, ..plain });
            let command = Command::Evaluate { source, settings };
            let found: answer::Evaluations = engine.ask_for_with(command, files).await?;
            let mut tasks = found.evaluations.into_iter().flat_map(|evaluation| evaluation.tasks);
            score(&tasks.next().context("the engine returned no evaluation")?)
        })
    }
}

/// The score of a task's rows by the first metric, or by the second if that one counts partial answers.
fn score(task: &TaskReport) -> Result<Score> {
    if let Some((line, reason)) = task.broken.first() {
        anyhow::bail!("held-out row {line} cannot be measured: {reason}");
    }
    let mut score = Score::default();
    for answer in &task.answers {
        score.add(answer.scores.iter().rev().flatten().next().copied().unwrap_or_default());
    }
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::evaluation::TaskAnswer;

    #[test]
    fn rows_are_right_altogether_or_count_in_part() {
        let mut score = Score::default();
        [1.0, 0.5, 0.0, 1.0].into_iter().for_each(|row| score.add(row));
        assert_eq!((score.rows, score.right), (4, 2));
        assert!((score.accuracy() - 0.5).abs() < 1e-12 && (score.mean() - 0.625).abs() < 1e-12);
        assert_eq!(score.words("question"), "2 of 4 questions right (50.0 %), 0.625 on average");
        let whole = Score { rows: 1, right: 1, score: 1.0 };
        assert_eq!(whole.words("text"), "1 of 1 text right (100 %)");
    }

    #[test]
    fn a_task_counts_by_the_parts_of_answers_where_it_has_them_and_by_every_row() {
        let answer = |scores: &[f64]| TaskAnswer {
            scores: scores.iter().copied().map(Some).collect(),
            ..TaskAnswer::default()
        };
        let parts = [answer(&[1.0, 1.0]), answer(&[0.0, 0.5])];
        let mut task = TaskReport { answers: parts.to_vec(), ..TaskReport::default() };
        assert_eq!(score(&task).unwrap(), Score { rows: 2, right: 1, score: 1.5 });
        task.answers = vec![answer(&[1.0]), answer(&[0.0])];
        assert_eq!(score(&task).unwrap(), Score { rows: 2, right: 1, score: 1.0 });
        task.broken = vec![(7, "too long".to_owned())];
        assert!(score(&task).unwrap_err().to_string().contains("row 7"));
    }
}
