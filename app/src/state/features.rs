//! Dictionaries of the open project's models: what there is, the one in training, and features that were read.

use glasshouse_protocol::{Command, Event, answer};

#[derive(Debug, Default)]
pub struct Dictionaries {
    pub overview: Option<answer::Dictionaries>,
    pub training: Option<TrainingDictionary>,
    /// The last list of features, and the last card.
    pub list: Option<answer::Features>,
    pub card: Option<answer::Features>,
    pub steered: Option<answer::Steered>,
    pub graph: Option<answer::FeatureGraph>,
    pub influence: Option<answer::Influence>,
    /// Number of changes of the kept dictionaries, so that the page knows when to read them again.
    pub revision: u64,
}

#[derive(Debug, Default)]
pub struct TrainingDictionary {
    pub request: u64,
    /// As of the last measurement; `None` before the first answer.
    pub record: Option<answer::Dictionary>,
    pub stopping: bool,
}

impl Dictionaries {
    pub(super) fn sent(&mut self, id: u64, command: &Command) {
        match command {
            Command::TrainDictionary { .. } => {
                self.training = Some(TrainingDictionary { request: id, ..TrainingDictionary::default() });
            }
            Command::Cancel { request } => {
                let own = self.training.as_mut().filter(|own| own.request == *request);
                own.into_iter().for_each(|own| own.stopping = true);
            }
            _ => {}
        }
    }

    pub(super) fn apply(&mut self, request: Option<u64>, asked: Option<&Command>, event: &Event) {
        match event {
            Event::Dictionaries(found) => self.overview = Some(found.clone()),
            Event::Dictionary(record) => match &mut self.training {
                Some(own) if request == Some(own.request) => own.record = Some(record.clone()),
                _ => self.revision += 1,
            },
            Event::Features(found) if found.card.is_some() => self.card = Some(found.clone()),
            Event::Features(found) => self.list = Some(found.clone()),
            Event::Steered(steered) => self.steered = Some(steered.clone()),
            Event::FeatureGraph(found) => self.graph = Some(found.clone()),
            Event::Influence(found) => self.influence = Some(found.clone()),
            Event::Failed { .. } | Event::Finished
                if matches!(asked, Some(Command::TrainDictionary { .. })) =>
            {
                self.training = None;
                self.revision += 1;
            }
            Event::Project { .. } => *self = Self { revision: self.revision + 1, ..Self::default() },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{ErrorKind, ErrorReport, WeightSource};

    #[test]
    fn a_stopped_training_leaves_what_it_saved_to_be_read_again() {
        let mut state = Dictionaries::default();
        let train = Command::TrainDictionary { source: WeightSource::Current, settings: Box::default() };
        state.sent(3, &train);
        let record = answer::Dictionary { number: 2, ..answer::Dictionary::default() };
        state.apply(Some(3), Some(&train), &Event::Dictionary(record.clone()));
        assert_eq!((state.training.as_ref().unwrap().record.as_ref(), state.revision), (Some(&record), 0));
        state.sent(4, &Command::Cancel { request: 3 });
        assert!(state.training.as_ref().unwrap().stopping);
        let error = ErrorReport::new(ErrorKind::Cancelled, "it was cancelled");
        state.apply(Some(3), Some(&train), &Event::Failed { error });
        assert!(state.training.is_none() && state.revision == 1);
        // A feature got a name.
        state.apply(Some(5), None, &Event::Dictionary(record));
        assert_eq!(state.revision, 2);
    }
}
