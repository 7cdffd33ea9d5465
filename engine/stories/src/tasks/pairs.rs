//! Wrong answers to tasks, for preference pairs: each is the right answer to another task of the same kind and level.

use super::{Task, TaskKind};
use std::collections::{HashMap, VecDeque};

/// Number of answers remembered per kind and level.
const REMEMBERED: usize = 32;

/// The answers to the previous tasks, from which the wrong ones are chosen.
#[derive(Debug, Default)]
pub struct WrongAnswers {
    last: HashMap<(TaskKind, u8), VecDeque<String>>,
}

impl WrongAnswers {
    /// The remembered answer with the lowest score by the task's check, if that is below the score of the task's own answer; of
    /// several, the latest. `None` if there is none yet.
    pub fn for_task(&mut self, task: &Task) -> Option<String> {
        let last = self.last.entry((task.kind, task.level)).or_default();
        let right = task.check.score(task.answer());
        let scored = last.iter().map(|answer| (answer, task.check.score(answer)));
        let wrong = scored.filter(|(_, score)| *score < right).min_by(|(_, a), (_, b)| a.total_cmp(b));
        let wrong = wrong.map(|(answer, _)| answer.clone());
        if !last.iter().any(|answer| answer == task.answer()) {
            last.push_front(task.answer().to_owned());
            last.truncate(REMEMBERED);
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TaskOptions, TaskSplit};
    use super::*;

    #[test]
    fn nearly_every_task_has_a_wrong_answer_of_its_kind_that_its_check_knows_as_one() {
        let mut answers = WrongAnswers::default();
        let (mut found, mut tasks) = (0, 0);
        for task in TaskOptions::default().stream(TaskSplit::Train).take(2000) {
            tasks += 1;
            if let Some(wrong) = answers.for_task(&task) {
                assert!(task.check.score(&wrong) < task.check.score(task.answer()), "{task:?}: {wrong}");
                found += 1;
            }
        }
        assert!(found * 10 > tasks * 9, "{found} of {tasks}");
    }
}
