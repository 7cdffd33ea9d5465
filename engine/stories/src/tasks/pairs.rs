//! Wrong answers to tasks, so that preferences can be learned: each is right for another task of the same kind and level.

use super::{Task, TaskKind};
use std::collections::{HashMap, VecDeque};

/// Answers of a kind and level that are remembered.
const REMEMBERED: usize = 32;

/// The answers to the last tasks, of which one is wrong for the next.
#[derive(Debug, Default)]
pub struct WrongAnswers {
    last: HashMap<(TaskKind, u8), VecDeque<String>>,
}

impl WrongAnswers {
    /// The latest of the answers before that the task's check gives the lowest score, below that of the task's own; `None` where there is
    /// none yet.
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
