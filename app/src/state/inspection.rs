//! Inspections of models: the tensors of views, read from the bytes that accompany the events.

use super::*;
use glasshouse_protocol::inspect::{Detail, TokenText};
use std::rc::Rc;

#[derive(Debug, Default)]
pub struct Inspections {
    /// The latest answers, by request number.
    pub answers: BTreeMap<u64, Rc<InspectionAnswer>>,
    /// The latest answer of each view, for any request.
    pub latest: BTreeMap<View, (Rc<InspectionAnswer>, Rc<ViewData>)>,
    /// Error messages, by request number.
    pub failures: BTreeMap<u64, String>,
    /// Notices about requests, one sentence each.
    pub notices: BTreeMap<u64, Vec<String>>,
}

#[derive(Debug, PartialEq)]
pub struct InspectionAnswer {
    pub prompt: String,
    pub settings: InspectSettings,
    /// The answer without the tensors' entries.
    pub inspection: Inspection,
    /// The views with their numbers, in the order of the request.
    pub views: Vec<Rc<ViewData>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ViewData {
    pub view: View,
    pub tensors: Vec<Tensor>,
    /// Content other than tensors.
    pub details: Vec<Detail>,
    /// One sentence each.
    pub notices: Vec<String>,
    pub ms: f64,
}

/// Maximum stored answers: both columns of a comparison, and one of each for the next.
const MAX_ANSWERS: usize = 4;
/// Maximum stored failures, and notices.
const MAX_MESSAGES: usize = 64;

impl Inspections {
    pub fn apply(&mut self, request: Option<u64>, asked: Option<&Command>, event: &Event, bytes: &[Vec<u8>]) {
        // Inspections belong to the open project.
        if matches!(event, Event::Project { .. }) {
            *self = Self::default();
        }
        let (Some(id), Some(Command::Inspect { prompt, settings, .. })) = (request, asked) else { return };
        match event {
            Event::Inspected { inspection } => {
                let views = views(inspection, bytes);
                let (prompt, settings) = (prompt.clone(), (**settings).clone());
                let answer =
                    Rc::new(InspectionAnswer { prompt, settings, inspection: (**inspection).clone(), views });
                for data in &answer.views {
                    self.latest.insert(data.view, (answer.clone(), data.clone()));
                }
                self.answers.insert(id, answer);
                keep(&mut self.answers, MAX_ANSWERS);
            }
            Event::Failed { error } => {
                self.failures.insert(id, error.message.clone());
                keep(&mut self.failures, MAX_MESSAGES);
            }
            Event::Notice { text, .. } => self.note(id, text.clone()),
            Event::CharactersLost { characters } => {
                let words = crate::format::capitalized(&super::writing::lost(characters));
                self.note(id, format!("{words}."));
            }
            _ => {}
        }
    }

    fn note(&mut self, id: u64, sentence: String) {
        let said = self.notices.entry(id).or_default();
        // A postponed request repeats its notices.
        if !said.contains(&sentence) {
            said.push(sentence);
        }
        keep(&mut self.notices, MAX_MESSAGES);
    }
}

/// Drops the oldest entries beyond `most`.
fn keep<T>(known: &mut BTreeMap<u64, T>, most: usize) {
    while known.len() > most {
        known.pop_first();
    }
}

/// The views of an answer, with tensor entries from `bytes` in the order of the tensors.
fn views(inspection: &Inspection, bytes: &[Vec<u8>]) -> Vec<Rc<ViewData>> {
    let mut bytes = bytes.iter();
    let of = |seen: &glasshouse_protocol::inspect::Inspected| {
        let tensors = seen.tensors.iter();
        let tensors = tensors.map(|summary| Tensor::new(summary, bytes.next().map_or(&[], Vec::as_slice)));
        Rc::new(ViewData {
            view: seen.view,
            tensors: tensors.collect(),
            details: seen.details.clone(),
            notices: seen.notices.clone(),
            ms: seen.ms,
        })
    };
    inspection.views.iter().map(of).collect()
}

impl ViewData {
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        let named = self.tensors.iter().find(|tensor| tensor.summary.name == name);
        named.filter(|tensor| !tensor.floats.is_empty() || !tensor.integers.is_empty())
    }

    /// A tensor's floats; empty if there is no such tensor.
    pub fn floats(&self, name: &str) -> &[f32] {
        self.tensor(name).map_or(&[], |tensor| &tensor.floats)
    }

    /// A tensor's integers; empty if there is no such tensor.
    pub fn integers(&self, name: &str) -> &[u32] {
        self.tensor(name).map_or(&[], |tensor| &tensor.integers)
    }

    /// The distinct tokens whose ids occur in the tensors.
    pub fn tokens(&self) -> &[TokenText] {
        let tokens = self.details.iter().find_map(picked!(Detail::Tokens { tokens } => tokens.as_slice()));
        tokens.unwrap_or_default()
    }

    pub fn text_of(&self, id: u32) -> Option<&str> {
        self.tokens().iter().find(|token| token.id == id).map(|token| token.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::inspect::{ElementKind, Inspected, TensorSummary};
    use glasshouse_protocol::{ErrorKind, ErrorReport, WeightSource};

    fn asked(views: &[View]) -> Command {
        Command::Inspect {
            source: WeightSource::Current,
            prompt: "a b".to_owned(),
            further: Vec::new(),
            views: views.to_vec(),
            settings: Box::new(InspectSettings { layer: Some(1), ..InspectSettings::default() }),
        }
    }

    fn tensor(name: &str, axes: &[(&str, usize)], element: ElementKind) -> TensorSummary {
        TensorSummary::new(name, "", axes, element)
    }

    fn seen(view: View, tensors: Vec<TensorSummary>) -> Inspected {
        let tokens = vec![TokenText { id: 7, text: " b".to_owned() }];
        let details = vec![Detail::Tokens { tokens }];
        Inspected::new(view, tensors, details, vec!["said".to_owned()], 2.5)
    }

    fn inspected(views: Vec<Inspected>) -> Event {
        let inspection = Inspection { step: 4, layers: 2, heads: 1, views, ..Inspection::default() };
        Event::Inspected { inspection: Box::new(inspection) }
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().copied().flat_map(f32::to_le_bytes).collect()
    }

    fn integers(values: &[u32]) -> Vec<u8> {
        values.iter().copied().flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn every_tensor_of_every_view_gets_its_bytes() {
        let mut inspections = Inspections::default();
        let tokens = seen(View::Tokens, vec![tensor("ids", &[("T", 2)], ElementKind::U32)]);
        let probabilities =
            tensor("probabilities", &[("L", 1), ("H", 2), ("T", 2), ("T", 2)], ElementKind::F32);
        let layers = tensor("layers", &[("L", 1)], ElementKind::U32);
        let attention = seen(View::Attention, vec![probabilities, layers]);
        let values = [1.0, 0.0, 0.25, 0.75, 1.0, 0.0, 0.5, 0.5];
        let bytes = [integers(&[3, 7]), floats(&values), integers(&[1])];
        let command = asked(&[View::Tokens, View::Attention]);
        inspections.apply(Some(4), Some(&command), &inspected(vec![tokens, attention]), &bytes);

        let answer = &inspections.answers[&4];
        assert_eq!((answer.prompt.as_str(), answer.settings.layer), ("a b", Some(1)));
        let [first, second] = answer.views.as_slice() else { panic!("{:?}", answer.views) };
        assert_eq!((first.integers("ids"), first.text_of(7), first.ms), (&[3, 7][..], Some(" b"), 2.5));
        assert_eq!(first.floats("ids"), [0.0; 0], "they are integers");
        assert_eq!(second.integers("layers"), [1]);
        let probabilities = second.tensor("probabilities").unwrap();
        assert_eq!(probabilities.at(&[0, 1]), [1.0, 0.0, 0.5, 0.5]);
        assert_eq!(probabilities.at(&[0, 0, 1]), [0.25, 0.75]);
        assert_eq!(probabilities.at(&[0, 1, 1, 1]), [0.5]);
        assert_eq!((probabilities.at(&[1]), probabilities.at(&[0, 2])), (&[][..], &[][..]));
        assert_eq!((probabilities.size(1), probabilities.size(4)), (2, 0));
        assert_eq!(probabilities.text(2), "0.25");
        assert!(Rc::ptr_eq(&inspections.latest[&View::Attention].0, answer));
    }

    #[test]
    fn a_tensor_of_too_few_bytes_has_no_entries() {
        let mut inspections = Inspections::default();
        let summary = || tensor("norms", &[("P", 3)], ElementKind::F32);
        for (id, bytes) in [(1, vec![floats(&[1.0, 2.0])]), (2, Vec::new())] {
            let event = inspected(vec![seen(View::Weights, vec![summary()])]);
            inspections.apply(Some(id), Some(&asked(&[View::Weights])), &event, &bytes);
            let data = &inspections.answers[&id].views[0];
            assert!(data.tensor("norms").is_none() && data.tensors[0].floats.is_empty(), "{data:?}");
        }
    }

    #[test]
    fn what_failed_and_what_was_left_out_stand_beside_their_request_and_old_answers_go() {
        let mut inspections = Inspections::default();
        let command = asked(&[View::Head]);
        let error = ErrorReport::new(ErrorKind::Refused, "there is no head 9; the nearest is 1 (0 to 1)");
        inspections.apply(Some(3), Some(&command), &Event::Failed { error: error.clone() }, &[]);
        assert!(inspections.failures[&3].contains("the nearest is 1"));
        inspections.apply(Some(4), Some(&Command::ListRuns), &Event::Failed { error }, &[]);
        assert!(!inspections.failures.contains_key(&4), "it was asked for something else");
        let lost = Event::CharactersLost { characters: "ß".to_owned() };
        inspections.apply(Some(5), Some(&command), &lost, &[]);
        assert_eq!(inspections.notices[&5], ["“ß” is left out: the vocabulary lacks the character."]);
        for id in 10..20 {
            inspections.apply(Some(id), Some(&command), &inspected(Vec::new()), &[]);
        }
        let kept: Vec<u64> = inspections.answers.keys().copied().collect();
        assert_eq!(kept, [16, 17, 18, 19]);
        inspections.apply(None, None, &Event::Project { opened: None }, &[]);
        assert!(inspections.answers.is_empty() && inspections.failures.is_empty());
    }
}
